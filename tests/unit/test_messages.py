"""What travels between the starter, the workflow and its activities."""

import json

import pytest
from pydantic import ValidationError

from closure.acts import ActKind, CloseWords, ConfirmWords, NewAct, RenounceWords
from closure.lifecycle import Outcome, Stage
from closure.messages import (
    ChecklistItem,
    ItemCategory,
    RefundState,
    RefundStatus,
    StatusDocument,
)
from closure.model import WireModel
from closure.start import ActUpdate, ClosureStart
from tests.harness.strategies import NOW
from tests.unit.examples import item, status

SECRET = "hunter2-owner@example.com"
EXAMPLES: list[WireModel] = [
    ClosureStart(installation="0" * 32, closure_id="c-1"),
    ActUpdate(act_id="1" * 32),
    NewAct(kind=ActKind.CLOSE, account_id="ali-1", closure_id="c-1", user_id="u-1", proof_id="p-1"),
    CloseWords(provider="alibaba-cloud", policy="alibaba-cloud", agree=True, acknowledgements=("Yes",)),
    RenounceWords(item_ids=("balance",), accept_risk=True),
    ConfirmWords(reason="moving", plan_hash="0" * 64),
    item("balance", ItemCategory.RENOUNCEABLE, amount="5.00", currency="USD", renounced=True),
    RefundStatus(status=RefundState.PENDING, amount="5.00", currency="USD", due_by=NOW),
    status(stage="silent", checklist=[item()], silent_until=NOW, unrecoverable=["balance"]),
]
by_type = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)


@by_type
def test_a_model_survives_json(example: WireModel) -> None:
    assert type(example).model_validate_json(example.model_dump_json()) == example


@by_type
def test_fields_of_newer_senders_are_ignored(example: WireModel) -> None:
    content = {**example.model_dump(mode="json"), "added_next_year": {"any": ["thing"]}}
    assert type(example).model_validate_json(json.dumps(content)) == example


@by_type
def test_an_older_senders_missing_optional_fields_have_defaults(example: WireModel) -> None:
    required = {name for name, field in type(example).model_fields.items() if field.is_required()}
    content = {name: value for name, value in example.model_dump(mode="json").items() if name in required}
    told = {name for name, field in type(example).model_fields.items() if not field.exclude}
    assert set(type(example).model_validate(content).model_dump()) == told


@by_type
def test_errors_never_quote_what_was_sent(example: WireModel) -> None:
    for name in type(example).model_fields:
        content = {**example.model_dump(mode="json"), name: {SECRET: SECRET}}
        with pytest.raises(ValidationError) as caught:
            type(example).model_validate(content)
        assert SECRET not in str(caught.value)
        assert name in str(caught.value)


@by_type
def test_models_are_never_changed_in_place(example: WireModel) -> None:
    name = next(iter(type(example).model_fields))
    with pytest.raises(ValidationError):
        setattr(example, name, "x")


@pytest.mark.parametrize("field", ["closure_id", "account_id", "user_id"])
@pytest.mark.parametrize("bad", ["", "x" * 201, "a\nb", "a\x00b", "a\n", "\x1b[31m", "a\x7f", None, 7])
def test_an_id_has_1_to_200_characters_and_no_control_characters(field: str, bad: object) -> None:
    good = {"kind": "close", "closure_id": "c", "account_id": "x" * 200, "user_id": "u"}
    assert NewAct.model_validate(good).account_id == "x" * 200
    with pytest.raises(ValidationError):
        NewAct.model_validate({**good, field: bad})
    if field == "closure_id":
        with pytest.raises(ValidationError):
            ClosureStart.model_validate({"installation": "0" * 32, "closure_id": bad})


@pytest.mark.parametrize(
    "bad", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "\n", None, 7, ["0" * 32]]
)
def test_ids_of_acts_and_installations_are_128_bits_in_hex(bad: object) -> None:
    with pytest.raises(ValidationError):
        ActUpdate.model_validate({"act_id": bad})
    with pytest.raises(ValidationError):
        ClosureStart.model_validate({"installation": bad, "closure_id": "c-1"})


@pytest.mark.parametrize(
    ("category", "renounced", "blocks"),
    [
        (ItemCategory.MANUAL, False, True),
        (ItemCategory.MANUAL, True, True),
        (ItemCategory.UNKNOWN, False, True),
        (ItemCategory.UNKNOWN, True, True),
        (ItemCategory.RENOUNCEABLE, False, True),
        (ItemCategory.RENOUNCEABLE, True, False),
    ],
)
def test_a15_an_item_blocks_until_it_is_given_up_or_gone(
    category: ItemCategory, renounced: bool, blocks: bool
) -> None:
    assert item("x", category, renounced=renounced).blocks is blocks


def test_a_status_document_has_the_contracts_fields_in_the_contracts_forms() -> None:
    document = status(
        stage=Stage.RESTORED,
        outcome=Outcome.RESTORED,
        checklist=[item("unpaid-bills/b-1", amount="18.20", currency="USD")],
        confirmed_at="2026-11-24T13:00:00+01:00",
        refund={"status": "pending", "amount": "200.00", "currency": "USD", "due_by": NOW},
    ).model_dump(mode="json")
    contract = [
        "closure_id",
        "account_id",
        "provider",
        "policy",
        "policy_version",
        "mode",
        "stage",
        "outcome",
        "outcome_reason",
        "checklist",
        "survey_number",
        "advice",
        "plan_hash",
        "confirmed_at",
        "silent_until",
        "delete_after",
        "remaining_seconds",
        "refund",
        "unrecoverable",
        "restart_advice",
        "workflow_id",
        "run_id",
        "web_url",
    ]
    assert set(contract) <= set(document)
    assert set(document["checklist"][0]) >= {
        *("item_id", "check", "category", "title", "how_to", "resource_id", "amount", "currency", "renounced")
    }
    assert document["confirmed_at"] == "2026-11-24T12:00:00Z"
    assert document["refund"]["due_by"] == "2026-11-24T12:00:00Z"
    assert document["checklist"][0]["amount"] == "18.20"
    assert (document["silent_until"], document["plan_hash"]) == (None, None)


def test_a_status_of_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ValidationError):
        StatusDocument.model_validate({**status().model_dump(mode="json"), "stage": "paused"})


def test_an_item_of_an_unknown_category_is_refused() -> None:
    with pytest.raises(ValidationError):
        ChecklistItem.model_validate({**item().model_dump(mode="json"), "category": "optional"})
