"""Who may close what, and what they must say first (T1, T2, T3, T8, T9)."""

import pytest

from closure.accounts import Access
from closure.errors import RefusalType
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import IdentityMethod
from connectors.embedded import tables
from connectors.embedded.ownership import move_account
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.twilio import WORDS, account_of, retained, twilio_account
from tests.workflows.test_twilio_closing import rejected

ROLES = ["administrator", "developer", "billing", "support"]


@pytest.mark.parametrize("role", ROLES)
async def test_t1_only_an_owner_may_close(installation: TestInstallation, role: str) -> None:
    closing = await twilio_account(
        installation, users=[{"id": "u-1", "role": "owner"}, {"id": "u-2", "role": role}]
    )
    error = await refusal(closing.close("u-2", acknowledgements=WORDS))
    assert error.type == RefusalType.ROLE_REFUSED
    assert "owner" in error.message
    assert (await closing.outcome()).outcome is Outcome.REFUSED
    assert await closing.access() is Access.OPEN


async def test_t1_an_administrator_cannot_confirm_what_an_owner_opened(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation)
    await closing.ready(acknowledgements=WORDS)
    error = await refusal(closing.confirm(actor="u-2", proof_id=await closing.prove("u-2")))
    assert error.type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY
    assert await closing.access() is Access.OPEN


@pytest.mark.parametrize("mode", list(Mode))
async def test_t2_an_invoiced_account_is_refused_and_told_whom_to_contact(
    installation: TestInstallation, mode: Mode
) -> None:
    closing = await twilio_account(
        installation, kind="invoiced", resources=[{"id": "n-1", "product": "number"}]
    )
    error = await refusal(closing.close(mode=mode, acknowledgements=WORDS))
    assert error.type == RefusalType.ACCOUNT_KIND_REFUSED
    assert "account manager" in error.message
    assert "Sales" in error.message
    ended = await closing.outcome()
    assert ended.outcome is Outcome.REFUSED
    assert ended.outcome_reason == error.message
    assert await installation.records.get(closing.closure_id) is None
    assert await closing.access() is Access.OPEN
    assert len(await closing.rows(tables.resources)) == 1


async def test_t3_a_closed_account_refuses_everything_and_another_closure(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation, subaccounts=[{"id": "t3-sub"}])
    other = await twilio_account(installation)
    await retained(closing)
    error = await refusal(closing.withdraw())
    assert error.type == RefusalType.IRREVOCABLE
    assert (await refusal(closing.confirm())).type == RefusalType.IRREVOCABLE
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    for each in (closing, account_of(installation, "t3-sub")):
        assert await each.access() is Access.CLOSED
        assert await rejected(each) == {RefusalType.ACCOUNT_CLOSED}
        assert (await refusal(each.close(acknowledgements=WORDS))).type == RefusalType.ACCOUNT_CLOSED
        with pytest.raises(Exception, match="stopped or closed"):
            await move_account(installation.database, each.account_id, other.account_id)


async def test_t8_a_code_is_no_password(installation: TestInstallation) -> None:
    closing = await twilio_account(installation)
    code = await closing.prove(method=IdentityMethod.EMAIL_CODE)
    error = await refusal(closing.close(proof_id=code, acknowledgements=WORDS))
    assert error.type == RefusalType.IDENTITY_METHOD_REFUSED
    assert (await closing.outcome()).outcome is Outcome.REFUSED


async def test_t8_nothing_starts_without_a_proof(installation: TestInstallation) -> None:
    closing = await twilio_account(installation)
    error = await refusal(closing.close(proof_id="of nobody", acknowledgements=WORDS))
    assert error.type == RefusalType.IDENTITY_PROOF_REQUIRED
    assert await closing.access() is Access.OPEN


@pytest.mark.parametrize(
    "said",
    [(), ("delete all account data and settings",), ("DELETE ALL ACCOUNT DATA AND SETTING",), ("yes",)],
)
async def test_t9_the_option_must_be_chosen_word_by_word(
    installation: TestInstallation, said: tuple[str, ...]
) -> None:
    closing = await twilio_account(installation)
    error = await refusal(closing.close(acknowledgements=said))
    assert error.type == RefusalType.ACKNOWLEDGEMENT_REQUIRED
    assert error.acknowledgements == ("DELETE ALL ACCOUNT DATA AND SETTINGS",)
    assert await closing.access() is Access.OPEN
    assert (await closing.close(acknowledgements=WORDS)).stage is Stage.READY


async def test_t9_a_trial_account_acknowledges_every_box(installation: TestInstallation) -> None:
    closing = await twilio_account(installation, kind="trial")
    boxes = closing.policy.acknowledgements["trial"]
    assert len(boxes) > 1
    for number, missing in enumerate(boxes):
        rest = boxes[:number] + boxes[number + 1 :]
        error = await refusal(closing.close(acknowledgements=rest))
        assert error.type == RefusalType.ACKNOWLEDGEMENT_REQUIRED
        assert error.acknowledgements == (missing,)
    error = await refusal(closing.close(acknowledgements=WORDS))
    assert error.acknowledgements == boxes
    assert (await closing.close(acknowledgements=boxes)).stage is Stage.READY


async def test_a_reason_is_not_asked_for(installation: TestInstallation) -> None:
    closing = await twilio_account(installation)
    document = await closing.close(acknowledgements=WORDS)
    assert document.stage is Stage.READY
    assert document.checklist == ()
    await closing.confirm("")
    await closing.until(Stage.RETAINED)


async def test_a_closure_of_a_subaccount_cannot_be_confirmed_once_its_owner_stopped_it(
    installations: InstallationBuilder,
) -> None:
    async with installations.open() as installation:
        closing = await twilio_account(installation, subaccounts=[{"id": "late", "users": OWNER}])
        sub = account_of(installation, "late")
        await sub.ready(acknowledgements=WORDS)
        await retained(closing)
        # Its own closure may be open still, have just ended, or be past that.
        await nothing_stops_it(sub)
        await sub.until(Stage.WITHDRAWN)
        await nothing_stops_it(sub)
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await sub.access() is Access.CLOSED


async def nothing_stops_it(sub: AccountDriver) -> None:
    """Whatever is done about the account is refused as what can't be undone any more."""
    for act in (sub.confirm(), sub.withdraw(), sub.closures.recheck(sub.account_id)):
        assert (await refusal(act)).type == RefusalType.IRREVOCABLE


OWNER = [{"id": "u-1", "role": "owner", "email": "sub@example.com"}]
