"""Whether a new check that was asked for has been made (A15)."""

from enum import StrEnum
from typing import Self

from closure.messages import StatusDocument


class Again(StrEnum):
    """The page only says that we have looked again where it is so."""

    LOOKED = "looked"
    NOT_YET = "not_yet"

    @classmethod
    def of(cls, document: StatusDocument, since: int) -> Self:
        """`since` is the number of the check that was known when a new one was asked for."""
        return cls.LOOKED if document.survey_number > since else cls.NOT_YET
