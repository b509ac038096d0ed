"""The starter's commands: they deliver a customer's words and print what came back; no rule is decided here."""
