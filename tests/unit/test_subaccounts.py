"""What an account owns goes with it: in the checklist, the plan, its hash and the difference (T4, T5)."""

from hypothesis import given
from hypothesis import strategies as st

from closure.accounts import Access, BillStatus, DataStore, Relationship, RelationshipType, Resource
from closure.checks import evaluate, subaccount_prefix
from closure.lifecycle import Mode
from closure.messages import ItemCategory
from closure.plan import Plan, unrecoverable_ids
from closure.plan_difference import difference
from closure.planning import make_plan
from closure.policy import Policy
from closure.survey import AccountFacts, SurveyFacts
from tests.harness.strategies import NOW, facts
from tests.unit.examples import account, alibaba_cloud, amount, bill, checklist, statement, twilio


def named(found: SurveyFacts, account_id: str, **changes: object) -> AccountFacts:
    """The facts of a subaccount; `changes` are to its profile."""
    own = {name: value for name, value in found if name != "subaccounts"}
    own["profile"] = found.profile.model_copy(update={"account_id": account_id, **changes})
    return AccountFacts.model_validate(own)


def owning(*subaccounts: AccountFacts, own: SurveyFacts | None = None) -> SurveyFacts:
    return SurveyFacts(**dict(own or account()) | {"subaccounts": subaccounts})


def planned(found: SurveyFacts, policy: Policy | None = None, mode: Mode = Mode.DELETE) -> Plan:
    policy = policy or alibaba_cloud()
    return make_plan(policy, found, evaluate(policy, found, NOW, mode), mode)


VM = Resource(resource_id="vm", product="ecs", renounceable=True)


def test_an_item_of_a_subaccount_says_whose_it_is() -> None:
    found = owning(
        named(account(statement(bills=(bill(BillStatus.UNPAID),))), "sub"),
        own=account(statement(bills=(bill(BillStatus.UNPAID),))),
    )
    own, other = checklist(found)
    assert (own.item_id, other.item_id) == ("unpaid-bills/b-1", "subaccount/sub/unpaid-bills/b-1")
    assert other.title == f"Subaccount sub: {own.title}"
    assert (other.check, other.resource_id, other.amount) == (own.check, own.resource_id, own.amount)


def test_items_come_by_the_subaccounts_id_whatever_the_order_of_the_source() -> None:
    rich = account(statement("1"))
    names = ["b", "a/b", "a", "B"]
    there, back = (
        checklist(owning(*(named(rich, name) for name in order))) for order in (names, names[::-1])
    )
    assert there == back
    assert [item.item_id for item in there] == [
        f"subaccount/{name}/balance" for name in ("B", "a", "a%2Fb", "b")
    ]


@given(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5))
def test_no_two_subaccounts_have_prefixes_alike(one: str, other: str) -> None:
    if one != other:
        assert not subaccount_prefix(one).startswith(subaccount_prefix(other))


def test_the_plan_says_what_goes_of_each_subaccount() -> None:
    stores = (DataStore(store_id="oss-1", store="logs", objects=3),)
    found = owning(
        named(account(statement("5", promo="1"), resources=(VM,), stores=stores), "sub"),
        own=account(statement("7")),
    )
    plan = planned(found)
    (sub,) = plan.subaccounts
    assert (plan.account_id, plan.forfeited_cash, plan.released_ids) == ("ali-1", "7.00", ())
    assert (sub.account_id, sub.forfeited_cash, sub.forfeited_promo) == ("sub", "5.00", "1.00")
    assert (sub.released_ids, [each.store_id for each in sub.erasures]) == (("vm",), ["oss-1"])
    assert unrecoverable_ids(plan) == (
        "balance",
        "subaccount/sub/resources/vm",
        "subaccount/sub/balance",
        "subaccount/sub/promo",
    )


def test_t10_a_refund_is_of_the_account_and_all_it_owns() -> None:
    upgraded = account(statement("7"))
    own = upgraded.model_copy(update={"profile": upgraded.profile.model_copy(update={"kind": "upgraded"})})
    debtor, rich = (
        named(account(statement("-2")), "debtor"),
        named(account(statement("5", promo="3")), "rich"),
    )
    plan = planned(owning(debtor, rich, own=own), twilio())
    assert [(each.account_id, each.refund) for each in plan.accounts] == [
        ("ali-1", "7.00"), ("debtor", None), ("rich", "5.00"),
    ]  # fmt: skip
    assert plan.refund_total == amount("12.00")
    assert [each.forfeited_promo for each in plan.subaccounts] == [None, "3.00"]
    assert planned(owning(debtor, rich, own=own), twilio(), Mode.KEEP_DATA).refund_total is None


def test_the_hash_covers_everything_of_a_subaccount_and_the_difference_names_it() -> None:
    before = owning(named(account(statement("5")), "sub"))
    drifts = {
        "+ release vm (ecs) of subaccount sub": account(statement("5"), resources=(VM,)),
        "+ erase oss-1 (logs) of subaccount sub": account(
            statement("5"), stores=(DataStore(store_id="oss-1", store="logs", objects=1),)
        ),
        "+ promo 2.00 USD of subaccount sub": account(statement("5", promo="2")),
        "~ subaccount/sub/balance 5.00 → 6.00 USD": account(statement("6")),
        "- subaccount/sub/balance 5.00 USD (renounceable)": account(statement("0")),
        "+ subaccount/sub/unpaid-bills/b-1 18.20 USD (manual)": account(
            statement("5", bills=(bill(BillStatus.UNPAID),))
        ),
    }
    for line, later in drifts.items():
        after = owning(named(later, "sub"))
        assert planned(before).plan_hash != planned(after).plan_hash, line
        assert difference(planned(before), planned(after)) == (line,)


def test_a_subaccount_that_comes_or_goes_shows() -> None:
    one, two = owning(named(account(), "a")), owning(named(account(), "a"), named(account(), "b"))
    assert planned(one).plan_hash != planned(two).plan_hash
    assert difference(planned(one), planned(two)) == ("+ subaccount b",)
    assert difference(planned(two), planned(one)) == ("- subaccount b",)
    assert planned(owning()).plan_hash == planned(account()).plan_hash


def test_a_subaccount_in_another_currency_blocks_and_says_why() -> None:
    yen = named(account(statement("500", currency="JPY")), "sub")
    own = account(statement("7"))
    for policy in (alibaba_cloud(), twilio()):
        found = owning(
            yen, own=own.model_copy(update={"profile": own.profile.model_copy(update={"kind": "upgraded"})})
        )
        items = evaluate(policy, found, NOW, Mode.DELETE)
        (item,) = [each for each in items if each.category is ItemCategory.UNKNOWN]
        assert item.item_id == "subaccount/sub/unknown/currency"
        assert "JPY" in item.title
        assert item.blocks
        plan = planned(found, policy)
        assert plan.refund_total in (None, amount("7.00")), "a plan is made all the same"


def test_a_list_of_subaccounts_that_cannot_be_read_blocks_in_either_mode() -> None:
    found = SurveyFacts(**dict(account()) | {"subaccounts": None})
    for mode in Mode:
        assert [item.item_id for item in checklist(found, mode=mode)] == ["unknown/subaccounts"]
        assert [item.item_id for item in checklist(found, twilio(), mode=mode)] == ["unknown/subaccounts"]


def test_what_cannot_be_read_of_a_subaccount_blocks_too() -> None:
    unread = named(account(), "sub").model_copy(update={"statement": None, "stores": None})
    assert [item.item_id for item in checklist(owning(unread))] == [
        "subaccount/sub/unknown/billing",
        "subaccount/sub/unknown/data_stores",
    ]


def test_an_account_that_another_closure_has_stopped_blocks_its_own() -> None:
    for access in (Access.STOPPED, Access.CLOSURE_STATUS_ONLY):
        found = account()
        found = found.model_copy(update={"profile": found.profile.model_copy(update={"access": access})})
        assert [item.item_id for item in checklist(found)] == ["unknown/access"]
    stopped = named(account(), "sub", access=Access.STOPPED)
    assert checklist(owning(stopped)) == (), "a subaccount's own closure is its own affair"


# What a source lists twice.


def doubled(found: SurveyFacts) -> SurveyFacts:
    """The same facts, with everything listed twice."""
    content = found.model_dump()
    for own in (content, *(content["subaccounts"] or ())):
        for source in (own["statement"] or {}, own["inventory"] or {}, own):
            for name in ("bills", "credit_notes", "resources", "subscriptions", "domains", "icp_filings"):
                if source.get(name):
                    source[name] = source[name] * 2
        for name in ("relationships", "stores"):
            if own[name]:
                own[name] = own[name] * 2
    if content["subaccounts"]:
        content["subaccounts"] = content["subaccounts"] * 2
    return SurveyFacts.model_validate(content)


@given(facts(subaccounts=True), st.sampled_from((alibaba_cloud(), twilio())), st.sampled_from(Mode))
def test_what_a_source_lists_twice_counts_once(found: SurveyFacts, policy: Policy, mode: Mode) -> None:
    twice = doubled(found)
    assert twice == found
    assert planned(twice, policy, mode).plan_hash == planned(found, policy, mode).plan_hash


def test_two_different_things_under_one_id_make_the_source_unreadable() -> None:
    store = DataStore(store_id="s", store="logs", objects=1)
    tie = Relationship(relationship_id="r", type=RelationshipType.PARTNER)
    other_tie = Relationship(
        relationship_id="r",
        type=RelationshipType.RESOURCE_DIRECTORY,
        role="member",  # type: ignore[arg-type]
    )
    contradictions = {
        "unknown/billing": account(statement(bills=(bill(BillStatus.PAID), bill(BillStatus.UNPAID)))),
        "unknown/inventory": account(resources=(VM, VM.model_copy(update={"renounceable": False}))),
        "unknown/relationships": account(relationships=(tie, other_tie)),
        "unknown/data_stores": account(stores=(store, store.model_copy(update={"objects": 2}))),
        "unknown/subaccounts": owning(named(account(), "a"), named(account(statement("1")), "a")),
    }
    for item_id, found in contradictions.items():
        assert [item.item_id for item in checklist(found)] == [item_id]


def test_an_account_among_its_own_subaccounts_makes_the_list_unreadable() -> None:
    found = owning(named(account(), "ali-1"))
    assert [item.item_id for item in checklist(found)] == ["unknown/subaccounts"]
