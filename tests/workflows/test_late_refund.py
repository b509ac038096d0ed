"""A refund that the payment provider fails for longer than the retention holds up nothing but the end."""

from datetime import timedelta

from closure.accounts import Access
from closure.events import EventType
from closure.lifecycle import Outcome, Stage
from connectors.embedded import tables
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from tests.harness.books import holdings, moved, must_balance
from tests.harness.installation import TestInstallation
from tests.harness.waiting import eventually
from tests.workflows.test_certificates import password_proof, twilio_account

BEYOND = timedelta(seconds=30)


async def test_t5_t10_subaccounts_go_in_time_and_their_money_goes_back_all_the_same(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(installation, "one", balance={"cash": "20.00"})
    subaccount = f"{closing.account_id}-one"
    await play_answer(installation.database, closing.account_id, RefundAnswer.FAILED)
    await closing.close(
        proof_id=await password_proof(closing), acknowledgements=closing.policy.acknowledgements["upgraded"]
    )
    await closing.confirm()
    retained = await closing.until(Stage.RETAINED)
    assert retained.delete_after is not None
    await closing.fast_forward_to(retained.delete_after + BEYOND)

    async def access_of_subaccount() -> object:
        (row,) = await installation.rows(tables.accounts, subaccount)
        return row["access"]

    await eventually(access_of_subaccount, lambda access: access is Access.CLOSED, "the subaccount is gone")
    held_up = await closing.until(Stage.DELETING)
    assert held_up.refund is not None
    assert held_up.refund.amount == "25.00"
    assert await closing.rows(tables.accounts) != []
    assert (await holdings(installation.database))[subaccount].cash == 500, "it failed, so it is back"
    types = await closing.event_types()
    assert [types.count(each) for each in (EventType.REFUND_FAILED, EventType.REFUND_LATE)] == [1, 1]

    await play_answer(installation.database, closing.account_id, RefundAnswer.SETTLED)
    await closing.handle.signal("recheck")
    assert (await closing.outcome()).outcome is Outcome.DELETED
    await must_balance(installation.database)
    assert (await moved(installation.database))["refund-settled"] == 2_500
    assert {name: each.whole for name, each in (await holdings(installation.database)).items()} == {
        closing.account_id: 0,
        subaccount: 0,
    }
