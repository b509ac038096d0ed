"""The starter's commands: they deliver a customer's words and print what came back; none decides a rule."""
