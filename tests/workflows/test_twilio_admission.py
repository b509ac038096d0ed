"""Who may close what, and what they must say first (T1, T2, T3, T8, T9)."""

import pytest

from closure.accounts import Access
from closure.errors import RefusalType
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import IdentityMethod
from connectors.embedded import tables
from connectors.embedded.ownership import move_account
from tests.workflows.house import House, HouseBuilder, eventually, refusal
from tests.workflows.test_twilio_closing import rejected
from tests.workflows.twilio import WORDS, of_house, retained, twilio_account

ROLES = ["administrator", "developer", "billing", "support"]


@pytest.mark.parametrize("role", ROLES)
async def test_t1_only_an_owner_may_close(house: House, role: str) -> None:
    closing = await twilio_account(house, users=[{"id": "u-1", "role": "owner"}, {"id": "u-2", "role": role}])
    error = await refusal(closing.close("u-2", acknowledgements=WORDS))
    assert error.type == RefusalType.ROLE_REFUSED
    assert "owner" in error.message
    assert (await closing.outcome()).outcome is Outcome.REFUSED
    assert await closing.access() is Access.OPEN


async def test_t1_an_administrator_cannot_confirm_what_an_owner_opened(house: House) -> None:
    closing = await twilio_account(house)
    await closing.ready(acknowledgements=WORDS)
    error = await refusal(closing.confirm(actor="u-2", proof_id=await closing.prove("u-2")))
    assert error.type == RefusalType.ROLE_REFUSED
    assert (await closing.status()).stage is Stage.READY
    assert await closing.access() is Access.OPEN


@pytest.mark.parametrize("mode", list(Mode))
async def test_t2_an_invoiced_account_is_refused_and_told_whom_to_contact(house: House, mode: Mode) -> None:
    closing = await twilio_account(house, kind="invoiced", resources=[{"id": "n-1", "product": "number"}])
    error = await refusal(closing.close(mode=mode, acknowledgements=WORDS))
    assert error.type == RefusalType.ACCOUNT_KIND_REFUSED
    assert "account manager" in error.message
    assert "Sales" in error.message
    ended = await closing.outcome()
    assert ended.outcome is Outcome.REFUSED
    assert ended.outcome_reason == error.message
    recorded = await house.records.get(closing.closure_id)
    assert recorded is not None
    assert recorded.document.outcome is Outcome.REFUSED
    assert await closing.access() is Access.OPEN
    assert len(await closing.rows(tables.resources)) == 1


async def test_t3_a_closed_account_refuses_everything_and_another_closure(house: House) -> None:
    closing = await twilio_account(house, subaccounts=[{"id": "t3-sub"}])
    other = await twilio_account(house)
    await retained(closing)
    error = await refusal(closing.withdraw())
    assert error.type == RefusalType.IRREVOCABLE
    assert (await refusal(closing.confirm())).type == RefusalType.IRREVOCABLE
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED
    for each in (closing, of_house(house, "t3-sub")):
        assert await each.access() is Access.CLOSED
        assert await rejected(each) == {RefusalType.ACCOUNT_CLOSED}
        assert (await refusal(each.start_again(acknowledgements=WORDS))).type == RefusalType.ACCOUNT_CLOSED
        with pytest.raises(Exception, match="stopped or closed"):
            await move_account(house.engine, each.account_id, other.account_id)


async def test_t8_a_code_is_no_password(house: House) -> None:
    closing = await twilio_account(house)
    code = await closing.prove(method=IdentityMethod.EMAIL_CODE)
    error = await refusal(closing.close(proof_id=code, acknowledgements=WORDS))
    assert error.type == RefusalType.IDENTITY_METHOD_REFUSED
    assert (await closing.outcome()).outcome is Outcome.REFUSED


async def test_t8_nothing_starts_without_a_proof(house: House) -> None:
    closing = await twilio_account(house)
    error = await refusal(closing.close(proof_id="of nobody", acknowledgements=WORDS))
    assert error.type == RefusalType.IDENTITY_PROOF_REQUIRED
    assert await closing.access() is Access.OPEN


@pytest.mark.parametrize(
    "said",
    [(), ("delete all account data and settings",), ("DELETE ALL ACCOUNT DATA AND SETTINGS ",), ("yes",)],
)
async def test_t9_the_option_must_be_chosen_word_by_word(house: House, said: tuple[str, ...]) -> None:
    closing = await twilio_account(house)
    error = await refusal(closing.close(acknowledgements=said))
    assert error.type == RefusalType.ACKNOWLEDGEMENT_REQUIRED
    assert error.details[0] == {"acknowledgements": ["DELETE ALL ACCOUNT DATA AND SETTINGS"]}
    assert await closing.access() is Access.OPEN
    assert (await closing.start_again(acknowledgements=WORDS)).stage is Stage.READY


async def test_t9_a_trial_account_acknowledges_every_box(house: House) -> None:
    closing = await twilio_account(house, kind="trial")
    boxes = closing.policy.acknowledgements["trial"]
    assert len(boxes) > 1
    for number, missing in enumerate(boxes):
        rest = boxes[:number] + boxes[number + 1 :]
        attempt = closing.close if number == 0 else closing.start_again
        error = await refusal(attempt(acknowledgements=rest))
        assert error.type == RefusalType.ACKNOWLEDGEMENT_REQUIRED
        assert error.details[0] == {"acknowledgements": [missing]}
    error = await refusal(closing.start_again(acknowledgements=WORDS))
    assert error.details[0] == {"acknowledgements": list(boxes)}
    assert (await closing.start_again(acknowledgements=boxes)).stage is Stage.READY


async def test_a_reason_is_not_asked_for(house: House) -> None:
    closing = await twilio_account(house)
    document = await closing.close(acknowledgements=WORDS)
    assert document.stage is Stage.READY
    assert document.checklist == ()
    await closing.confirm("")
    await closing.until(Stage.RETAINED)


async def test_a_closure_of_a_subaccount_cannot_be_confirmed_once_its_owner_stopped_it(
    houses: HouseBuilder,
) -> None:
    async with houses.open() as house:
        closing = await twilio_account(house, subaccounts=[{"id": "late", "users": OWNER}])
        sub = of_house(house, "late")
        await sub.ready(acknowledgements=WORDS)
        await retained(closing)
        error = await refusal(sub.confirm())
        assert error.type in (RefusalType.ITEMS_OUTSTANDING, RefusalType.PLAN_CHANGED)
        assert (await sub.status()).stage is Stage.BLOCKED
        await sub.withdraw()
        await eventually(
            lambda: house.records.open_closure("late"), lambda found: found is None, "its own closure ended"
        )
        await closing.end_of_retention()
        assert (await closing.outcome()).outcome is Outcome.DELETED
        assert await sub.access() is Access.CLOSED


OWNER = [{"id": "u-1", "role": "owner", "email": "sub@example.com"}]
