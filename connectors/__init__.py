"""The adopter's world behind ports; `embedded` is the account platform that comes with the program."""
