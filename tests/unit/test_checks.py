"""What Alibaba Cloud's checks find (A1 to A10, A15), and that unknown blocks."""

from datetime import timedelta

import pytest

from closure.accounts import (
    BillingMethod,
    BillStatus,
    CreditNoteStatus,
    DataStore,
    Relationship,
    RelationshipRole,
    RelationshipType,
    Resource,
    Subscription,
)
from closure.lifecycle import Mode
from closure.messages import ItemCategory
from tests.harness.strategies import NOW
from tests.unit.examples import (
    account,
    acme,
    alibaba_cloud,
    bill,
    check_text,
    checklist,
    note,
    only,
    statement,
)

SECOND = timedelta(seconds=1)


def test_an_account_without_anything_has_an_empty_checklist() -> None:
    assert checklist(account()) == ()


# A1, A2: what is owed.


@pytest.mark.parametrize("status", [BillStatus.UNPAID, BillStatus.ISSUED, BillStatus.OVERDUE])
def test_a1_a_bill_that_is_not_paid_is_a_manual_item(status: BillStatus) -> None:
    found = only(checklist(account(statement(bills=(bill(status),)))))
    assert (found.item_id, found.check, found.category) == (
        "unpaid-bills/b-1",
        "unpaid-bills",
        ItemCategory.MANUAL,
    )
    assert (found.resource_id, found.amount, found.currency) == ("b-1", "18.20", "USD")
    assert found.title == f"Bill b-1 of 18.20 USD is {status.value}"
    assert "pay 18.20 USD in full" in found.how_to
    assert found.blocks


def test_a1_a_paid_bill_does_not_block() -> None:
    assert checklist(account(statement(bills=(bill(BillStatus.PAID),)))) == ()


@pytest.mark.parametrize("text", ["0.01", "5.00", "10.00", "100000.00"])
def test_a1_a4_a_bill_of_any_size_is_manual(text: str) -> None:
    found = only(checklist(account(statement(bills=(bill(BillStatus.UNPAID, text=text),)))))
    assert found.category is ItemCategory.MANUAL


def test_a2_an_open_credit_note_is_a_manual_item() -> None:
    found = only(checklist(account(statement(credit_notes=(note(CreditNoteStatus.OPEN),)))))
    assert (found.item_id, found.category, found.amount) == (
        "credit-notes/cn-1",
        ItemCategory.MANUAL,
        "3.00",
    )


def test_a2_a_settled_credit_note_does_not_block() -> None:
    assert checklist(account(statement(credit_notes=(note(CreditNoteStatus.SETTLED),)))) == ()


# A3, A4: the limit itself is within the limit.


@pytest.mark.parametrize(
    ("currency", "cash", "category"),
    [
        ("USD", "0.01", ItemCategory.RENOUNCEABLE),
        ("USD", "999.99", ItemCategory.RENOUNCEABLE),
        ("USD", "1000.00", ItemCategory.RENOUNCEABLE),
        ("USD", "1000.01", ItemCategory.MANUAL),
        ("EUR", "1000.00", ItemCategory.RENOUNCEABLE),
        ("EUR", "1000.01", ItemCategory.MANUAL),
        ("JPY", "1000", ItemCategory.RENOUNCEABLE),
        ("JPY", "1001", ItemCategory.MANUAL),
        ("KWD", "1000.000", ItemCategory.RENOUNCEABLE),
        ("KWD", "1000.001", ItemCategory.MANUAL),
    ],
)
def test_a3_a_balance_is_renounceable_up_to_its_limit(
    currency: str, cash: str, category: ItemCategory
) -> None:
    found = only(checklist(account(statement(cash, currency=currency))))
    assert (found.item_id, found.category) == ("balance", category)
    assert (found.amount, found.currency, found.resource_id) == (cash, currency, None)
    manual = category is ItemCategory.MANUAL
    assert ("can't be discarded here" in found.how_to) is manual
    assert ("lost for good" in found.how_to) is not manual


def test_a3_the_limit_is_named_in_the_settlement_currency() -> None:
    assert "A balance above 1000 JPY" in only(checklist(account(statement("1001", currency="JPY")))).how_to
    assert "above 1000.000 KWD" in only(checklist(account(statement("1000.001", currency="KWD")))).how_to


@pytest.mark.parametrize(
    ("currency", "cash", "category"),
    [
        ("USD", "-0.01", ItemCategory.RENOUNCEABLE),
        ("USD", "-10.00", ItemCategory.RENOUNCEABLE),
        ("USD", "-10.01", ItemCategory.MANUAL),
        ("EUR", "-10.00", ItemCategory.RENOUNCEABLE),
        ("EUR", "-10.01", ItemCategory.MANUAL),
        ("JPY", "-10", ItemCategory.RENOUNCEABLE),
        ("JPY", "-11", ItemCategory.MANUAL),
        ("KWD", "-10.000", ItemCategory.RENOUNCEABLE),
        ("KWD", "-10.001", ItemCategory.MANUAL),
    ],
)
def test_a4_a_debt_can_be_voided_up_to_its_limit(currency: str, cash: str, category: ItemCategory) -> None:
    found = only(checklist(account(statement(cash, currency=currency))))
    assert (found.item_id, found.category) == ("debt", category)
    assert (found.amount, found.currency) == (cash.removeprefix("-"), currency)


def test_a5_what_to_export_is_advice_and_never_an_item() -> None:
    found = account(
        statement("5.00"), stores=(DataStore(store_id="oss-1", store="object-storage", objects=9),)
    )
    assert [each.item_id for each in checklist(found)] == ["balance"]
    assert alibaba_cloud().advice


# A6: resources and subscriptions.


@pytest.mark.parametrize("billing", list(BillingMethod))
@pytest.mark.parametrize(
    ("renounceable", "category"), [(True, ItemCategory.RENOUNCEABLE), (False, ItemCategory.MANUAL)]
)
def test_a6_an_instance_is_released_here_if_its_flag_allows(
    billing: BillingMethod, renounceable: bool, category: ItemCategory
) -> None:
    resource = Resource(resource_id="i-1", product="ecs", billing=billing, renounceable=renounceable)
    found = only(checklist(account(resources=(resource,))))
    assert (found.item_id, found.category, found.resource_id) == ("resources/i-1", category, "i-1")
    assert found.title == "ecs instance i-1 is not released"
    assert found.amount is None


def test_a6_instances_that_depend_on_one_another_in_a_circle_are_manual() -> None:
    """No order could release them; what merely depends on the circle can go first."""
    circle = (
        Resource(resource_id="i-1", product="ecs", renounceable=True, depends_on=("i-2",)),
        Resource(resource_id="i-2", product="ecs", renounceable=True, depends_on=("i-1",)),
        Resource(resource_id="i-3", product="ecs", renounceable=True, depends_on=("i-1",)),
    )
    found = {each.resource_id: each.category for each in checklist(account(resources=circle))}
    assert found == {
        "i-1": ItemCategory.MANUAL,
        "i-2": ItemCategory.MANUAL,
        "i-3": ItemCategory.RENOUNCEABLE,
    }


@pytest.mark.parametrize(
    ("renounceable", "category"), [(True, ItemCategory.RENOUNCEABLE), (False, ItemCategory.MANUAL)]
)
def test_a6_a_subscription_that_runs_is_an_item(renounceable: bool, category: ItemCategory) -> None:
    running = Subscription(
        subscription_id="s-1", product="rds", expires_at=NOW + SECOND, renounceable=renounceable
    )
    found = only(checklist(account(subscriptions=(running,))))
    assert (found.item_id, found.category, found.resource_id) == ("subscriptions/s-1", category, "s-1")
    assert found.title == "rds subscription s-1 runs until 2026-11-24 12:00 UTC"


@pytest.mark.parametrize(("from_now", "runs"), [(-SECOND, False), (timedelta(0), False), (SECOND, True)])
def test_a6_a_subscription_that_has_expired_by_now_is_no_item(from_now: timedelta, runs: bool) -> None:
    subscription = Subscription(subscription_id="s-1", product="rds", expires_at=NOW + from_now)
    assert bool(checklist(account(subscriptions=(subscription,)))) is runs


# A7 to A10: what others must do.


def test_a7_domains_and_filings_are_manual_items_with_the_time_they_take() -> None:
    items = checklist(account(domains=("example.com",), icp_filings=("icp-1",)))
    assert [each.item_id for each in items] == ["domains/example.com", "icp-filings/icp-1"]
    for each in items:
        assert each.category is ItemCategory.MANUAL
        assert "7 to 15 business days" in each.how_to


@pytest.mark.parametrize(
    ("kind", "role", "item_id", "instruction"),
    [
        (
            "resource-directory",
            "administrator",
            "directory-administrator/r-1",
            "disable the resource directory",
        ),
        (
            "resource-directory",
            "member",
            "directory-member/r-1",
            "Ask the administrator of the management account",
        ),
        (
            "finance-trusteeship",
            "administrator",
            "trusteeship-administrator/r-1",
            "remove every member account",
        ),
        ("finance-trusteeship", "member", "trusteeship-member/r-1", "disassociate this account"),
    ],
)
def test_a8_a9_administrators_and_members_get_their_own_instructions(
    kind: str, role: str, item_id: str, instruction: str
) -> None:
    tie = Relationship(relationship_id="r-1", type=RelationshipType(kind), role=RelationshipRole(role))
    found = only(checklist(account(relationships=(tie,))))
    assert (found.item_id, found.category, found.resource_id) == (item_id, ItemCategory.MANUAL, "r-1")
    assert instruction in found.how_to


def test_a10_a_partner_relationship_is_cancelled_with_the_partner() -> None:
    tie = Relationship(relationship_id="r-1", type=RelationshipType.PARTNER)
    found = only(checklist(account(relationships=(tie,))))
    assert (found.item_id, found.category) == ("partner/r-1", ItemCategory.MANUAL)
    assert "Contact the partner" in found.how_to


def test_several_ties_are_all_found() -> None:
    ties = tuple(
        Relationship(relationship_id=f"r-{number}", type=RelationshipType.RESOURCE_DIRECTORY, role=role)
        for number, role in enumerate(RelationshipRole)
    )
    assert len(checklist(account(relationships=ties))) == 2


# A15: two categories, in the policy's order, each with instructions.


def test_a15_items_come_in_two_categories_each_with_instructions() -> None:
    items = checklist(
        account(
            statement("12.00", bills=(bill(BillStatus.UNPAID, "b-2"), bill(BillStatus.OVERDUE, "b-1"))),
            resources=(
                Resource(resource_id="i-2", product="ecs", renounceable=True),
                Resource(resource_id="i-1", product="ecs"),
            ),
        )
    )
    assert [(each.item_id, each.category.value) for each in items] == [
        ("unpaid-bills/b-1", "manual"),
        ("unpaid-bills/b-2", "manual"),
        ("balance", "renounceable"),
        ("resources/i-1", "manual"),
        ("resources/i-2", "renounceable"),
    ]
    assert all(each.how_to and each.title and each.blocks for each in items)


# Unknown blocks.


@pytest.mark.parametrize(
    ("name", "item_id"),
    [
        ("statement", "unknown/billing"),
        ("inventory", "unknown/inventory"),
        ("relationships", "unknown/relationships"),
        ("stores", "unknown/data_stores"),
    ],
)
def test_a_source_that_could_not_be_read_blocks(name: str, item_id: str) -> None:
    found = only(checklist(account().model_copy(update={name: None})))
    assert (found.item_id, found.category) == (item_id, ItemCategory.UNKNOWN)
    assert found.blocks
    assert "could not be read" in found.title
    assert found.how_to


def test_all_sources_unreadable_are_four_items() -> None:
    nothing = account().model_copy(
        update={"statement": None, "inventory": None, "relationships": None, "stores": None}
    )
    assert {each.category for each in checklist(nothing)} == {ItemCategory.UNKNOWN}
    assert len(checklist(nothing)) == 4


@pytest.mark.parametrize("name", ["statement", "inventory", "stores", "relationships"])
def test_without_any_check_what_the_plan_needs_still_blocks(name: str) -> None:
    unread = account().model_copy(update={name: None})
    assert only(checklist(unread, acme())).category is ItemCategory.UNKNOWN


def test_a_source_that_nothing_needs_does_not_block() -> None:
    unread = account().model_copy(update={"relationships": None})
    assert checklist(unread, acme(modes='["keep-data"]'), Mode.KEEP_DATA) == ()


def test_keeping_the_data_needs_no_look_at_it() -> None:
    policy = acme(modes='["delete", "keep-data"]')
    unread = account().model_copy(update={"stores": None, "statement": None, "relationships": None})
    assert checklist(unread, policy, Mode.KEEP_DATA) == ()


def test_keeping_the_data_keeps_balance_and_debt_but_not_unpaid_bills() -> None:
    texts = (
        check_text("balance", "renounceable", id="balance"),
        check_text("debt", "manual", id="debt"),
        check_text("bills", "manual", id="bills"),
    )
    policy = acme("".join(texts), modes='["delete", "keep-data"]')
    for cash in ("5.00", "-5.00"):
        found = account(statement(cash, bills=(bill(BillStatus.UNPAID),)))
        assert [each.check for each in checklist(found, policy, Mode.KEEP_DATA)] == ["bills"]
        assert len(checklist(found, policy, Mode.DELETE)) == 2


def test_without_a_check_of_resources_a_circle_blocks_by_an_item_of_its_own() -> None:
    loop = Resource(resource_id="i-1", product="ecs", renounceable=True, depends_on=("i-1",))
    found = only(checklist(account(resources=(loop,)), acme()))
    assert (found.item_id, found.category) == ("unknown/release-order/i-1", ItemCategory.UNKNOWN)
