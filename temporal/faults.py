"""What is wrong with the connection to Temporal. Light: whoever reports errors imports it."""


class ConnectionFault(Exception):
    """Temporal's settings, or a file that they name, can't be right; the message says what to do."""


class ServerUnreachable(Exception):
    """No Temporal server that lets us work answers; the message says which one and what to do."""
