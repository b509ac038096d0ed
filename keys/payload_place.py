"""Where a payload belongs, so that what was sealed for one place is refused in another.

The SDK tells a codec of which workflow a payload is, and of which type of activity, if of any. It doesn't
tell start input, update, signal, query, memo, failure and result of one workflow from one another, nor input,
result, failure and heartbeat of one activity type in it, nor one run from another (continue-as-new, reset and
retry hand payloads on to the next run): those stay exchangeable. The namespace isn't bound, since tools that
replay a history elsewhere don't know it. An activity that somebody completes by its task token has no type in
its context: nothing here does that, and what was sealed so would be refused.
"""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from temporalio.converter import (
    ActivitySerializationContext,
    SerializationContext,
    WorkflowSerializationContext,
)


class PlaceKind(StrEnum):
    WORKFLOW = "workflow"
    ACTIVITY = "activity"


@dataclass(frozen=True)
class PayloadPlace:
    """A workflow, by its id, or a type of activity in it."""

    kind: PlaceKind
    workflow_id: str
    activity_type: str = ""

    def fingerprint(self) -> bytes:
        """What a payload states: hex digits of SHA-256, so that workflow ids are not repeated in payloads."""
        named = json.dumps([self.kind, self.workflow_id, self.activity_type])
        return hashlib.sha256(named.encode()).hexdigest().encode("ascii")

    def __str__(self) -> str:
        workflow = f"workflow {self.workflow_id}"
        return workflow if self.kind is PlaceKind.WORKFLOW else f"activity {self.activity_type} of {workflow}"


def place_of(context: SerializationContext) -> PayloadPlace | None:
    """The place that the context names; None for what is neither a workflow's nor an activity's."""
    if isinstance(context, WorkflowSerializationContext):
        return PayloadPlace(PlaceKind.WORKFLOW, context.workflow_id)
    if isinstance(context, ActivitySerializationContext):
        return PayloadPlace(PlaceKind.ACTIVITY, context.workflow_id or "", context.activity_type or "")
    return None
