"""Names that follow from what they name: always the same, in every run."""

import hashlib
from typing import Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

_LONGEST_PLACE: Final = 200


def workflow_id_of(provider: str, account_id: str) -> str:
    """The workflow id of an account's closures: one open closure for an account.

    A policy's provider has no slash, so that no two accounts share one.
    """
    return f"closure/{provider}/{account_id}"


def account_of_workflow(workflow_id: str) -> str | None:
    """The account whose closures have this workflow id; None for another workflow's."""
    kind, _, rest = workflow_id.partition("/")
    _, found, account_id = rest.partition("/")
    return account_id if kind == "closure" and found else None


def provider_of_workflow(workflow_id: str) -> str | None:
    """The provider whose account's closures have this workflow id; None for another workflow's."""
    return None if account_of_workflow(workflow_id) is None else workflow_id.split("/")[1]


def subaccount_closure_id(owner_closure_id: str, account_id: str) -> str:
    """The id of the closure of what an owner took along, never longer than an id may be."""
    return f"closure-{uuid5(NAMESPACE_URL, f'{owner_closure_id}/{account_id}').hex}"


def closure_of_effect(key: str) -> str:
    """The closure whose effect has this idempotency key; for another's key the id of none.

    Ids of closures have nothing that would be quoted.
    """
    return key.partition("/")[0]


def effect_key(closure_id: str, effect: str, *parts: str) -> str:
    """The idempotency key of an effect on a thing: no two things have the same, whatever their ids are."""
    place = [quote(part, safe="") for part in parts]
    written = "/".join(place)
    if len(written) > _LONGEST_PLACE:
        # No quoted part has a colon: a thing can't be called so that its key is this one.
        place = [f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"]
    return "/".join((quote(closure_id, safe=""), quote(effect, safe=""), *place))
