"""What can go wrong between a person and a closure, beyond a rule's refusal (`closure.errors.Refused`)."""


class NotAnswered(Exception):
    """Nobody took the act up in time: no worker is running, or it is busy.

    The act has lapsed and will not be carried out later; a withdrawal alone `stands`.
    """

    def __init__(self, message: str, *, closure_id: str, stands: bool = False) -> None:
        super().__init__(message)
        self.closure_id = closure_id
        self.stands = stands


class TakesLonger(Exception):
    """It was accepted and goes on, but is not done yet."""

    def __init__(self, message: str, *, account_id: str) -> None:
        super().__init__(message)
        self.account_id = account_id


class TemporalFailed(Exception):
    """The Temporal server could not be reached or failed; the message says how."""
