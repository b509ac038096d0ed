"""What a subaccount's own closure does when the closure of its owner has come first."""

from activities.held import HeldClosure, Writing
from closure.errors import RefusalType, Refused
from closure.lifecycle import REVOCABLE
from closure.transitions import GOES_WITH_OWNER, taken_along
from records.claims import claim_of


async def leave_to_owner(closure: HeldClosure) -> None:
    """Ends a closure that nobody has confirmed for good once another has claimed its account."""
    if closure.state.stage not in REVOCABLE:
        return
    holder = await closure.read(lambda each: claim_of(each, closure.account_id))
    if holder in (None, closure.closure_id):
        return

    def leave(writing: Writing) -> None:
        owner = claim_of(writing.connection, closure.account_id)
        if writing.state.stage in REVOCABLE and owner is not None and owner != closure.closure_id:
            writing.apply(taken_along(writing.state, owner))

    await closure.write(leave)


def require_unclaimed(writing: Writing) -> None:
    """Raises `Refused` (`IRREVOCABLE`) when another closure has claimed the account."""
    if claim_of(writing.connection, writing.state.account_id) not in (None, writing.state.closure_id):
        raise Refused(
            RefusalType.IRREVOCABLE,
            GOES_WITH_OWNER,
            facts={"account_id": writing.state.account_id},
        )
