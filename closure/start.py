"""What crosses Temporal on the way in: ids, and nothing that anybody would have to believe."""

from pydantic import Field

from closure.acts import ACT_ID
from closure.messages import IDENTIFIER
from closure.model import WireModel


class ClosureStart(WireModel):
    """The workflow's only argument: which closure of which installation. All else is in the record."""

    installation: str = Field(pattern=r"^[0-9a-f]{32}$")
    closure_id: str = Field(pattern=IDENTIFIER)


class ActUpdate(WireModel):
    """The only argument of the updates: which act of the record is to be carried out."""

    act_id: str = Field(pattern=ACT_ID)
