"""What holds of every checklist, whatever the account looks like."""

from hypothesis import given
from hypothesis import strategies as st

from closure.acts import RenounceWords
from closure.checks import SOURCE_OF, evaluate, newly_owed
from closure.lifecycle import Mode
from closure.messages import ChecklistItem, ItemCategory
from closure.money import Money
from closure.policy import Policy
from closure.renouncing import carry_renounced, renounce
from closure.survey import Source, SurveyFacts
from tests.harness.strategies import NOW, drifted, facts, shuffled
from tests.unit.examples import acme, alibaba_cloud, check_text

POLICIES = (
    alibaba_cloud(),
    acme(),
    acme(check_text("subscriptions", "renounceable"), modes='["delete", "keep-data"]'),
    acme(check_text("debt", "manual") + check_text("relationships", "manual", id="ties")),
)
policies = st.sampled_from(POLICIES)
modes = st.sampled_from(Mode)


def needed_sources(policy: Policy, mode: Mode) -> set[Source]:
    """Those that a check reads, and those without which the plan can't say what goes."""
    needed = {SOURCE_OF[check.inspects] for check in policy.checks} | {Source.INVENTORY}
    for_deletion = {Source.BILLING, Source.DATA_STORES, Source.RELATIONSHIPS}
    return needed | for_deletion if mode is Mode.DELETE else needed


@given(facts(), policies, modes)
def test_every_account_has_a_checklist_of_distinct_complete_items(
    found: SurveyFacts, policy: Policy, mode: Mode
) -> None:
    items = evaluate(policy, found, NOW, mode)
    assert len({item.item_id for item in items}) == len(items)
    checks = {check.id for check in policy.checks} | {"unknown"}
    for item in items:
        assert item.title
        assert item.how_to
        assert not item.renounced
        assert item.check in checks
        assert "{" not in item.title + item.how_to
        assert (item.amount is None) == (item.currency is None)
        if item.amount is not None:
            assert Money.parse(item.amount, item.currency or "").minor > 0


@given(facts(), policies, modes)
def test_every_unreadable_source_that_is_needed_is_one_blocking_item(
    found: SurveyFacts, policy: Policy, mode: Mode
) -> None:
    unknown = {
        item.item_id: item for item in evaluate(policy, found, NOW, mode)
        if item.item_id in {f"unknown/{source}" for source in Source}
    }  # fmt: skip
    assert set(unknown) == {f"unknown/{each}" for each in found.unreadable & needed_sources(policy, mode)}
    assert all(item.category is ItemCategory.UNKNOWN and item.blocks for item in unknown.values())


@given(facts(), policies, modes, st.data())
def test_the_order_of_the_sources_changes_nothing(
    found: SurveyFacts, policy: Policy, mode: Mode, data: st.DataObject
) -> None:
    other = data.draw(shuffled(found))
    assert evaluate(policy, other, NOW, mode) == evaluate(policy, found, NOW, mode)


@given(facts(readable=True), policies, modes)
def test_reading_less_never_unblocks(found: SurveyFacts, policy: Policy, mode: Mode) -> None:
    """An account that is blocked stays so when sources fail, unless nothing needs them."""
    if not any(item.blocks for item in evaluate(policy, found, NOW, mode)):
        return
    blind = found.model_copy(
        update={"statement": None, "inventory": None, "relationships": None, "stores": None}
    )
    assert any(item.blocks for item in evaluate(policy, blind, NOW, mode))


@given(facts(), st.data())
def test_a16_what_is_carried_over_is_the_very_same_thing(found: SurveyFacts, data: st.DataObject) -> None:
    policy = alibaba_cloud()
    before = evaluate(policy, found, NOW, Mode.DELETE)
    chosen = data.draw(st.lists(st.sampled_from(before), unique=True)) if before else []
    before = tuple(
        item.model_copy(update={"renounced": True})
        if item in chosen and item.category is ItemCategory.RENOUNCEABLE
        else item
        for item in before
    )
    now = evaluate(policy, data.draw(drifted(found)), NOW, Mode.DELETE)
    after = carry_renounced(before, now)
    assert [item.model_copy(update={"renounced": False}) for item in after] == list(now)
    old = {item.item_id: item for item in before}
    for item in after:
        same = item.item_id in old and _is_same(old[item.item_id], item)
        expected = same and old[item.item_id].renounced
        assert item.renounced is expected


@given(facts(), st.data())
def test_a16_renouncing_unblocks_exactly_what_is_renounceable(
    found: SurveyFacts, data: st.DataObject
) -> None:
    items = evaluate(alibaba_cloud(), found, NOW, Mode.DELETE)
    possible = [item.item_id for item in items if item.category is ItemCategory.RENOUNCEABLE]
    if not possible:
        return
    chosen = data.draw(st.lists(st.sampled_from(possible), unique=True, min_size=1))
    after = renounce(items, RenounceWords(item_ids=tuple(chosen), accept_risk=True))
    assert {item.item_id for item in items if item.blocks} - {
        item.item_id for item in after if item.blocks
    } == set(chosen)


@given(facts(readable=True), policies)
def test_a23_whatever_is_open_at_the_final_check_blocks(found: SurveyFacts, policy: Policy) -> None:
    statement = found.statement
    assert statement is not None
    owed = newly_owed(policy, statement, NOW)
    is_open = (
        statement.cash.minor != 0
        or any(bill.status != "paid" for bill in statement.bills)
        or any(note.status == "open" for note in statement.credit_notes)
    )
    assert bool(owed) is is_open
    assert all(item.category is ItemCategory.MANUAL and item.blocks for item in owed)


def _is_same(before: ChecklistItem, after: ChecklistItem) -> bool:
    """What was given up, or less of it."""
    if before.amount is not None and after.amount is not None and before.currency == after.currency:
        currency = before.currency or ""
        if Money.parse(before.amount, currency) < Money.parse(after.amount, currency):
            return False
    elif before.amount != after.amount:
        return False
    return (before.category, before.currency, before.resource_id) == (
        after.category,
        after.currency,
        after.resource_id,
    )
