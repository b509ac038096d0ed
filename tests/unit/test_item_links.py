"""Where the button *Process* of an item leads (A15)."""

from closure.item_texts import process_link
from closure.messages import ChecklistItem, ItemCategory, ItemText, ItemWording
from tests.unit.examples import acme, check_text


def item(**changes: object) -> ChecklistItem:
    wording = ItemWording(text=ItemText.CHECK)
    values = {"item_id": "domains/a", "check": "domains", "category": ItemCategory.MANUAL, "wording": wording}
    return ChecklistItem.model_validate({**values, "resource_id": "a/../b?x=1&y#z", **changes})


def test_a15_a_link_names_the_item_and_nothing_in_it_leads_elsewhere() -> None:
    policy = acme(check_text("domains", "manual", more='link = "https://console.example/domains/{id}"'))
    (check,) = policy.checks
    link = process_link(item(check=check.id), policy)
    assert link == "https://console.example/domains/a%2F..%2Fb%3Fx%3D1%26y%23z"


def test_what_is_dealt_with_here_or_by_nobody_has_no_link() -> None:
    policy = acme(check_text("domains", "manual", more='link = "https://console.example/{id}"'))
    (check,) = policy.checks
    assert process_link(item(check=check.id, category=ItemCategory.UNKNOWN), policy) is None
    assert process_link(item(check=check.id, category=ItemCategory.RENOUNCEABLE), policy) is None
    assert process_link(item(check="legal-hold"), policy) is None
    assert process_link(item(check=check.id, wording=None), policy) is None
    assert process_link(item(), acme()) is None
