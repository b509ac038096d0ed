"""What the law makes the provider keep."""

from datetime import datetime


class MustRetain(Exception):
    """The law makes the provider keep it; `until` in UTC, None for as long as nobody knows.

    `because` is the ground, such as a paragraph of a tax law. The customer reads it, and the certificate has
    it: it names no person and no case. When the time is over the provider erases it: nobody asks again.
    """

    def __init__(self, because: str, until: datetime | None = None) -> None:
        super().__init__("the provider must retain it")
        self.because = because
        self.until = until
