"""What the customer says: giving items up (A16) and the reason for closing (A17)."""

from collections.abc import Sequence

import pytest

from closure.acts import RenounceWords
from closure.checks import check_reason
from closure.errors import RefusalType, Refused
from closure.messages import ChecklistItem, ItemCategory
from closure.renouncing import carry_renounced, renounce
from tests.unit.examples import acme, alibaba_cloud, item

RENOUNCEABLE = item("balance", ItemCategory.RENOUNCEABLE, amount="5.00", currency="USD")
OTHER = item("resources/i-1", ItemCategory.RENOUNCEABLE, resource_id="i-1")
MANUAL = item("unpaid-bills/b-1", ItemCategory.MANUAL)
UNKNOWN = item("unknown/billing", ItemCategory.UNKNOWN)
ITEMS = (MANUAL, RENOUNCEABLE, OTHER, UNKNOWN)


def request(*item_ids: str, all: bool = False, accept_risk: bool = True) -> RenounceWords:
    return RenounceWords(item_ids=item_ids, all=all, accept_risk=accept_risk)


def renounced(items: Sequence[ChecklistItem]) -> list[str]:
    return [each.item_id for each in items if each.renounced]


def test_a16_the_items_named_are_given_up_and_no_others() -> None:
    after = renounce(ITEMS, request("balance"))
    assert renounced(after) == ["balance"]
    assert [each.item_id for each in after] == [each.item_id for each in ITEMS]
    assert [each.blocks for each in after] == [True, False, True, True]
    assert renounced(ITEMS) == []


def test_a16_all_takes_every_renounceable_item_and_only_those() -> None:
    assert renounced(renounce(ITEMS, request(all=True))) == ["balance", "resources/i-1"]


def test_a16_giving_up_twice_changes_nothing() -> None:
    once = renounce(ITEMS, request("balance"))
    assert renounce(once, request("balance")) == once
    assert renounce(once, request("balance", "balance")) == once


@pytest.mark.parametrize(
    ("asked", "refusal", "told"),
    [
        (request("balance", accept_risk=False), RefusalType.RISK_NOT_ACCEPTED, "risk has not been accepted"),
        (request(all=True, accept_risk=False), RefusalType.RISK_NOT_ACCEPTED, "risk has not been accepted"),
        (request("balance", "nothing"), RefusalType.ITEM_NOT_FOUND, "nothing"),
        (request("balance", "unpaid-bills/b-1"), RefusalType.ITEM_NOT_RENOUNCEABLE, "Do it."),
        (request("unknown/billing"), RefusalType.ITEM_NOT_RENOUNCEABLE, "unknown/billing"),
        (request("unpaid-bills/b-1", all=True), RefusalType.ITEM_NOT_RENOUNCEABLE, "unpaid-bills/b-1"),
        (request(), RefusalType.ITEM_NOT_FOUND, "No item is selected"),
    ],
)
def test_a16_what_cannot_be_given_up_is_refused_as_a_whole(
    asked: RenounceWords, refusal: RefusalType, told: str
) -> None:
    with pytest.raises(Refused) as caught:
        renounce(ITEMS, asked)
    assert caught.value.type is refusal
    assert told in caught.value.message


def test_a16_all_of_nothing_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        renounce((MANUAL, UNKNOWN), request(all=True))
    assert caught.value.type is RefusalType.ITEM_NOT_FOUND


def test_a16_what_was_given_up_stays_so_at_the_next_survey() -> None:
    before = renounce(ITEMS, request(all=True))
    assert renounced(carry_renounced(before, ITEMS)) == ["balance", "resources/i-1"]
    assert carry_renounced((), ITEMS) == ITEMS


def test_what_was_given_up_stays_so_when_there_is_less_of_it() -> None:
    before = renounce(ITEMS, request("balance"))
    less = RENOUNCEABLE.model_copy(update={"amount": "4.99"})
    assert renounced(carry_renounced(before, (less,))) == ["balance"]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "5.01"},
        {"amount": None},
        {"currency": "EUR"},
        {"resource_id": "i-2"},
        {"category": ItemCategory.MANUAL},
        {"category": ItemCategory.UNKNOWN},
        {"item_id": "balance-2"},
    ],
)
def test_a16_what_has_changed_must_be_given_up_anew(change: dict[str, str]) -> None:
    before = renounce(ITEMS, request("balance"))
    now = RENOUNCEABLE.model_copy(update=change)
    assert renounced(carry_renounced(before, (now,))) == []


# A17: the reason.


@pytest.mark.parametrize(
    "reason", ["x", "x" * 200, "  moving  ", "太贵了", "é" * 200, "😀" * 200, "tab-less"]
)
def test_a17_a_reason_of_1_to_200_characters_is_taken(reason: str) -> None:
    assert check_reason(alibaba_cloud(), reason) == reason.strip()


@pytest.mark.parametrize("reason", ["", " ", "\n", "\t \u3000", "\u200b", "\u2060 \ufeff"])
def test_a17_an_empty_reason_is_refused(reason: str) -> None:
    with pytest.raises(Refused, match="Give a reason") as caught:
        check_reason(alibaba_cloud(), reason)
    assert caught.value.type is RefusalType.INVALID_REASON


@pytest.mark.parametrize("length", [201, 10_000])
def test_a17_a_longer_reason_is_refused_with_its_length(length: int) -> None:
    with pytest.raises(Refused, match=f"has {length} characters; at most 200"):
        check_reason(alibaba_cloud(), "x" * length)


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x9b", "\u2028", "\u2029", "\ud800"]
)
def test_a17_control_characters_are_refused(character: str) -> None:
    with pytest.raises(Refused, match="control characters") as caught:
        check_reason(alibaba_cloud(), f"a{character}b")
    assert caught.value.type is RefusalType.INVALID_REASON


def test_a17_any_text_is_a_reason_not_only_a_suggested_one() -> None:
    assert "My cat said so" not in alibaba_cloud().reasons
    assert check_reason(alibaba_cloud(), "My cat said so") == "My cat said so"


def test_a_policy_may_do_without_a_reason_but_not_with_a_bad_one() -> None:
    policy = acme(require_reason="false")
    assert check_reason(policy, " ") == ""
    with pytest.raises(Refused):
        check_reason(policy, "x" * 201)


def test_a16_only_renounceable_items_are_carried_over_as_given_up() -> None:
    marked = tuple(each.model_copy(update={"renounced": True}) for each in ITEMS)
    assert renounced(carry_renounced(marked, ITEMS)) == ["balance", "resources/i-1"]
