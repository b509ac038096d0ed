"""Acme's own account platform, for account closure."""
