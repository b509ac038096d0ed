"""What a closure waits for is said to its customer in their language, without our inside."""

import pytest

from client.standing import FAILING, NO_ANSWER
from closure.lifecycle import Mode, Stage
from closure.messages import Standing, StatusDocument, WaitingFor
from closure.waiting import WaitingReason
from web.browser.languages import LANGUAGES, reader_of
from web.customer.waiting import waiting_sentence

OF_THE_REFUND = {WaitingReason.REFUND, WaitingReason.REFUND_METERING, WaitingReason.REFUND_FAILED}


def document(waiting_for: WaitingFor | None, standing: Standing = Standing.RUNNING) -> StatusDocument:
    return StatusDocument(
        closure_id="closure-1",
        account_id="account-1",
        provider="acme",
        policy="acme",
        policy_version="1",
        mode=Mode.DELETE,
        stage=Stage.FINAL_CHECK,
        waiting_for=waiting_for,
        standing=standing,
        workflow_id="closure/acme/account-1",
    )


@pytest.mark.parametrize("reason", [*(each.value for each in WaitingReason), FAILING, NO_ANSWER])
def test_every_reason_has_a_sentence_or_a_place_of_its_own(reason: str) -> None:
    waiting = WaitingFor(reason=reason, detail="erase: psycopg.OperationalError at 10.0.0.7", attempts=9)
    said = {each: waiting_sentence(document(waiting), reader_of(each)) for each in LANGUAGES}
    if reason in OF_THE_REFUND:
        assert set(said.values()) == {None}
        return
    assert all(said.values())
    assert len(set(said.values())) == len(LANGUAGES), "it is translated"
    for sentence in said.values():
        assert sentence is not None
        assert "psycopg" not in sentence
        assert "10.0.0.7" not in sentence


def test_nothing_is_said_while_all_goes_its_way_and_an_interruption_comes_first() -> None:
    reader = reader_of("en")
    assert waiting_sentence(document(None), reader) is None
    brake = WaitingFor(reason=WaitingReason.BRAKE.value)
    interrupted = waiting_sentence(document(brake, Standing.INTERRUPTED), reader)
    assert interrupted is not None
    assert "interrupted" in interrupted
