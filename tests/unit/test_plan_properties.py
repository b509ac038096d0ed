"""What holds of every plan: the hash and the difference agree, and order means nothing."""

from hypothesis import given
from hypothesis import strategies as st

from closure.accounts import DataStore
from closure.checks import evaluate
from closure.lifecycle import Mode
from closure.messages import ItemCategory
from closure.plan import Plan, unrecoverable_ids
from closure.plan_difference import difference
from closure.planning import make_plan
from closure.policy import Policy
from closure.survey import SurveyFacts
from tests.harness.strategies import NOW, drifted, facts, shuffled
from tests.unit.examples import acme, alibaba_cloud, check_text

POLICIES = (
    alibaba_cloud(),
    acme(),
    acme(check_text("resources", "manual"), modes='["delete", "keep-data"]'),
    acme(check_text("subscriptions", "renounceable") + check_text("balance", "manual", id="cash")),
)
policies = st.sampled_from(POLICIES)
modes = st.sampled_from(Mode)


def planned(policy: Policy, found: SurveyFacts, mode: Mode) -> Plan:
    return make_plan(policy, found, evaluate(policy, found, NOW, mode), mode)


@given(facts(), policies, modes, st.data())
def test_the_hash_does_not_depend_on_the_order_of_the_sources(
    found: SurveyFacts, policy: Policy, mode: Mode, data: st.DataObject
) -> None:
    plan, other = planned(policy, found, mode), planned(policy, data.draw(shuffled(found)), mode)
    assert plan.plan_hash == other.plan_hash
    assert plan == other
    assert difference(plan, other) == ()


@given(facts(), policies, modes, st.data())
def test_the_hash_does_not_depend_on_what_drifts_by_itself(
    found: SurveyFacts, policy: Policy, mode: Mode, data: st.DataObject
) -> None:
    """Neither on what has been renounced nor on how many objects a store holds by now."""
    items = evaluate(policy, found, NOW, mode)
    flags = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
    given_up = tuple(
        item.model_copy(update={"renounced": flag}) for item, flag in zip(items, flags, strict=True)
    )
    stores = found.stores
    if stores is not None:
        counts = st.integers(0, 10**9)
        stores = tuple(
            DataStore(store_id=each.store_id, store=each.store, objects=data.draw(counts)) for each in stores
        )
    later = found.model_copy(update={"stores": stores})
    plan, other = make_plan(policy, found, items, mode), make_plan(policy, later, given_up, mode)
    assert plan.plan_hash == other.plan_hash
    assert difference(plan, other) == ()


@given(facts(subaccounts=True), policies, policies, modes, modes, st.data())
def test_the_difference_is_empty_exactly_when_the_hashes_are_equal(
    found: SurveyFacts,
    policy: Policy,
    other_policy: Policy,
    mode: Mode,
    other_mode: Mode,
    data: st.DataObject,
) -> None:
    later = data.draw(drifted(found) | shuffled(found))
    if data.draw(st.booleans()):
        other_policy, other_mode = policy, mode
    before, after = planned(policy, found, mode), planned(other_policy, later, other_mode)
    changes = difference(before, after)
    assert (changes == ()) is (before.plan_hash == after.plan_hash)
    assert len(set(changes)) == len(changes)
    assert all(line[:2] in ("+ ", "- ", "~ ") for line in changes)
    assert bool(difference(after, before)) is bool(changes)


@given(facts(subaccounts=True), policies, modes)
def test_a_plan_survives_the_record(found: SurveyFacts, policy: Policy, mode: Mode) -> None:
    plan = planned(policy, found, mode)
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert again.plan_hash == plan.plan_hash


@given(facts(), policies, modes)
def test_a_plan_only_touches_what_the_survey_found_and_nothing_manual(
    found: SurveyFacts, policy: Policy, mode: Mode
) -> None:
    plan = planned(policy, found, mode)
    living = {each.resource_id for each in found.inventory.resources} if found.inventory else set()
    running = {each.subscription_id for each in found.inventory.subscriptions} if found.inventory else set()
    assert set(plan.released_ids) <= living
    assert set(plan.cancellations) <= running
    assert len(set(plan.released_ids)) == len(plan.released_ids)
    manual = {
        item.resource_id
        for item in plan.items
        if item.category is ItemCategory.MANUAL and item.inspects == "resources"
    }
    assert not manual & set(plan.released_ids)
    assert not (mode is Mode.KEEP_DATA and (plan.writes_off or plan.erasures))


@given(facts(), policies)
def test_a26_what_is_lost_has_distinct_names(found: SurveyFacts, policy: Policy) -> None:
    plan = planned(policy, found, Mode.DELETE)
    lost = unrecoverable_ids(plan)
    assert len(set(lost)) == len(lost)
    money = sum(each is not None for each in (plan.forfeited_cash, plan.forfeited_promo))
    assert len(lost) == len(plan.released_ids) + len(plan.cancellations) + money
