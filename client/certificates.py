"""Certificates as they were issued, or why there is none."""

from closure.certificate import CERTIFIED
from closure.errors import RefusalType, Refused
from closure.state import ClosureState
from records.certificates import KeptCertificate
from records.reading import ClosureRecords


async def issued_certificate(records: ClosureRecords, closure_id: str) -> KeptCertificate:
    """The certificate of this closure.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`, or `CERTIFICATE_NOT_ISSUED` with the reason.
    """
    kept = await records.certificate(closure_id)
    if kept is not None:
        return kept
    recorded = await records.get(closure_id)
    if recorded is None:
        raise Refused(
            RefusalType.CLOSURE_NOT_FOUND,
            f"there is no closure {closure_id}",
            facts={"closure_id": closure_id},
        )
    raise Refused(
        RefusalType.CERTIFICATE_NOT_ISSUED,
        _why_not(recorded.state),
        facts={"closure_id": closure_id, "account_id": recorded.state.account_id},
    )


def _why_not(state: ClosureState) -> str:
    closure, outcome = state.closure_id, state.outcome
    if outcome is None:
        return f"closure {closure} has not ended: it is {state.stage.value}"
    if outcome not in CERTIFIED:
        return f"closure {closure} ended {outcome.value}: nothing was changed, so there is no certificate"
    return (
        f"closure {closure} ended {outcome.value}, but its certificate is not signed yet; try again soon; "
        "if that lasts, look at the pending activity of its workflow in the Web UI"
    )
