"""What all pages stand on: sessions and cookies, forms, templates, languages, files that don't change."""
