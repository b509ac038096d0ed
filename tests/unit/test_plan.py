"""What a closure would do, what it can't give back, and what changed between two plans."""

import json
from datetime import timedelta

import pytest

from closure.accounts import BillStatus, DataStore, Resource, Subscription
from closure.acts import RenounceWords
from closure.checks import evaluate
from closure.consent import uncovered
from closure.lifecycle import Mode
from closure.long_lists import PACKED
from closure.plan import Plan, unrecoverable_ids
from closure.plan_difference import difference
from closure.planning import joined_plan, make_plan
from closure.policy import Policy
from closure.policy_checks import Inspects
from closure.renouncing import renounce
from closure.survey import SurveyFacts
from tests.harness.strategies import NOW
from tests.unit.examples import account, acme, alibaba_cloud, bill, check_text, checklist, statement

DAY = timedelta(days=1)
BOTH_MODES = '["delete", "keep-data"]'


def planned(found: SurveyFacts, policy: Policy | None = None, mode: Mode = Mode.DELETE) -> Plan:
    policy = policy or alibaba_cloud()
    return make_plan(policy, found, evaluate(policy, found, NOW, mode), mode)


def instance(resource_id: str, *depends_on: str, renounceable: bool = True, product: str = "ecs") -> Resource:
    return Resource(
        resource_id=resource_id, product=product, renounceable=renounceable, depends_on=depends_on
    )


def subscription(subscription_id: str, *, renounceable: bool = True, days: int = 1) -> Subscription:
    return Subscription(
        subscription_id=subscription_id,
        product="rds",
        expires_at=NOW + days * DAY,
        renounceable=renounceable,
    )


def store(store_id: str, objects: int = 5) -> DataStore:
    return DataStore(store_id=store_id, store="object-storage", objects=objects)


def test_a_plan_says_who_under_which_policy_and_for_how_long() -> None:
    plan = planned(account())
    policy = alibaba_cloud()
    assert (plan.account_id, plan.policy, plan.policy_version) == ("ali-1", policy.name, policy.version)
    assert plan.policy_hash == policy.content_hash
    assert (plan.silent_period, plan.retention) == (policy.silent_period, policy.retention)
    assert (plan.mode, plan.currency, plan.deletes_bindings) == (Mode.DELETE, "USD", True)
    assert not plan.writes_off


def test_a6_instances_are_released_dependents_first() -> None:
    plan = planned(account(resources=(instance("db", "net"), instance("app", "db"), instance("net"))))
    assert plan.releases == (("app",), ("db",), ("net",))
    assert plan.released_ids == ("app", "db", "net")


def test_a6_what_the_customer_must_release_is_not_in_the_plan() -> None:
    plan = planned(account(resources=(instance("i-1"), instance("i-2", renounceable=False))))
    assert plan.released_ids == ("i-1",)


def test_a6_only_running_renounceable_subscriptions_are_cancelled() -> None:
    found = account(
        subscriptions=(
            subscription("s-3", days=-1),
            subscription("s-2", renounceable=False),
            subscription("s-1"),
            subscription("s-0"),
        )
    )
    assert planned(found).cancellations == ("s-0", "s-1")


def test_without_checks_everything_deployed_goes() -> None:
    """A policy that asks nothing (Twilio's) still says what will stop."""
    plan = planned(
        account(resources=(instance("i-1", renounceable=False),), subscriptions=(subscription("s-1"),)),
        acme(),
    )
    assert (plan.released_ids, plan.cancellations) == (("i-1",), ("s-1",))


def test_a_circle_is_left_out_and_the_rest_is_planned() -> None:
    plan = planned(account(resources=(instance("a", "b"), instance("b", "a"), instance("c", "a"))), acme())
    assert plan.released_ids == ("c",)


@pytest.mark.parametrize(
    ("cash", "forfeited", "voided"),
    [
        ("0", None, None),
        ("12.00", "12.00", None),
        ("1000.00", "1000.00", None),
        ("1000.01", None, None),
        ("-10.00", None, "10.00"),
        ("-10.01", None, None),
    ],
)
def test_a3_a4_money_within_the_limits_is_given_up(
    cash: str, forfeited: str | None, voided: str | None
) -> None:
    plan = planned(account(statement(cash)))
    assert (plan.forfeited_cash, plan.voided_debt, plan.forfeited_promo) == (forfeited, voided, None)
    assert plan.writes_off is bool(forfeited or voided)


def test_a_promotional_balance_is_lost() -> None:
    plan = planned(account(statement("0", promo="15.00")))
    assert (plan.forfeited_promo, plan.writes_off) == ("15.00", True)


def test_a_debt_is_voided_only_where_a_check_allows_it() -> None:
    assert planned(account(statement("-1.00")), acme()).voided_debt is None


def test_keeping_the_data_keeps_money_and_data() -> None:
    found = account(
        statement("12.00", promo="5.00"),
        resources=(instance("n-1"),),
        subscriptions=(subscription("s-1"),),
        stores=(store("oss-1"),),
    )
    plan = planned(found, acme(modes=BOTH_MODES), Mode.KEEP_DATA)
    assert (plan.released_ids, plan.cancellations) == (("n-1",), ("s-1",))
    assert (plan.forfeited_cash, plan.forfeited_promo, plan.refund, plan.erasures) == (None, None, None, ())
    assert not plan.deletes_bindings
    assert not plan.writes_off


def test_all_data_is_erased_in_the_order_of_its_ids() -> None:
    plan = planned(account(stores=(store("oss-2", 0), store("oss-1", 7))))
    assert [(each.store_id, each.objects) for each in plan.erasures] == [("oss-1", 7), ("oss-2", 0)]


KEPT = '[[retained]]\nname = "n"\nwhat = "Logs"\nyears = 7\nground = "Law"\nstores = ["object-storage"]'


def test_a_store_that_the_law_keeps_is_planned_to_stay_and_the_customer_agrees_to_that() -> None:
    found = account(stores=(store("oss-1"), DataStore(store_id="db-1", store="database", objects=3)))
    plan = planned(found, acme(KEPT))
    assert [each.store_id for each in plan.erasures] == ["db-1"]
    assert [(each.store_id, each.objects, each.retained_as) for each in plan.retained] == [("oss-1", 5, "n")]
    assert plan.hashed()["retained"] == [["oss-1", "n"]]

    # Another class, or erasing it, is another plan; a class that keeps no store of this account is not.
    others = [
        planned(found, acme(text)) for text in (KEPT.replace('"n"', '"m"'), KEPT.replace("object-", ""))
    ]
    assert "retained" not in others[1].hashed()
    same_policy = [plan, *(other.model_copy(update={"policy_hash": plan.policy_hash}) for other in others)]
    assert len({each.plan_hash for each in same_policy}) == 3
    assert difference(same_policy[0], same_policy[1]) == (
        "+ retain oss-1 (object-storage) as m",
        "- retain oss-1 (object-storage) as n",
    )
    assert difference(same_policy[0], same_policy[2]) == (
        "+ erase oss-1 (object-storage)",
        "- retain oss-1 (object-storage) as n",
    )


def test_keeping_the_data_retains_nothing_by_law() -> None:
    text = acme(KEPT, modes=BOTH_MODES)
    assert planned(account(stores=(store("oss-1"),)), text, Mode.KEEP_DATA).retained == ()


def test_what_could_not_be_read_is_not_planned_and_blocks() -> None:
    unread = account().model_copy(update={"statement": None, "inventory": None, "stores": None})
    plan = planned(unread)
    assert (plan.releases, plan.cancellations, plan.erasures, plan.forfeited_cash) == ((), (), (), None)
    assert [each.item_id for each in plan.items] == [
        "unknown/billing",
        "unknown/inventory",
        "unknown/data_stores",
    ]


def test_a26_what_is_lost_at_once_is_named_by_its_items() -> None:
    found = account(
        statement("12.00", promo="5.00"),
        resources=(instance("i-2"), instance("i-1", "i-2")),
        subscriptions=(subscription("s-1"),),
        stores=(store("oss-1"),),
    )
    assert unrecoverable_ids(planned(found)) == (
        "resources/i-1",
        "resources/i-2",
        "subscriptions/s-1",
        "balance",
        "promo",
    )


def test_a26_ids_are_those_of_the_policys_checks_or_else_fixed_names() -> None:
    found = account(statement("12.00"), resources=(instance("i-1"),), subscriptions=(subscription("s-1"),))
    renamed = acme(
        check_text("resources", "renounceable", id="machines")
        + check_text("subscriptions", "renounceable", id="contracts")
        + check_text("balance", "renounceable", id="wallet")
    )
    assert unrecoverable_ids(planned(found, renamed)) == ("machines/i-1", "contracts/s-1", "wallet")
    assert unrecoverable_ids(planned(found, acme())) == ("resources/i-1", "subscriptions/s-1", "balance")


def test_a26_a_voided_debt_and_data_that_is_still_there_are_no_loss() -> None:
    assert unrecoverable_ids(planned(account(statement("-5.00"), stores=(store("oss-1"),)))) == ()


# The hash: what the customer agrees to, and nothing that drifts by itself.


def test_the_hash_is_64_lower_case_hex_digits() -> None:
    digest = planned(account()).plan_hash
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


def test_a16_renouncing_leaves_the_hash_alone() -> None:
    found = account(statement("12.00"), resources=(instance("i-1"),))
    before = checklist(found)
    after = renounce(before, RenounceWords(all=True, accept_risk=True))
    plans = [make_plan(alibaba_cloud(), found, items, Mode.DELETE) for items in (before, after)]
    assert plans[0].plan_hash == plans[1].plan_hash
    assert difference(*plans) == ()


def test_the_hash_does_not_count_objects() -> None:
    plans = [planned(account(stores=(store("oss-1", objects),))) for objects in (0, 1200)]
    assert plans[0].plan_hash == plans[1].plan_hash


BASE = account(
    statement("12.00", promo="1.00", bills=(bill(BillStatus.UNPAID),)),
    resources=(instance("i-1"),),
    subscriptions=(subscription("s-1"),),
    domains=("example.com",),
    stores=(store("oss-1"),),
)


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (
            account(statement("13.00", promo="1.00", bills=(bill(BillStatus.UNPAID),))),
            ("~ balance 12.00 → 13.00 USD",),
        ),
        (
            account(statement("12.00", bills=(bill(BillStatus.UNPAID),))),
            ("- promo 1.00 USD",),
        ),
        (
            account(statement("12.00", promo="2.00", bills=(bill(BillStatus.UNPAID),))),
            ("~ promo 1.00 → 2.00 USD",),
        ),
        (account(statement("12.00", promo="1.00")), ("- unpaid-bills/b-1 18.20 USD (manual)",)),
        (
            account(statement("12.00", promo="1.00", bills=(bill(BillStatus.UNPAID, text="20.00"),))),
            ("~ unpaid-bills/b-1 18.20 → 20.00 USD",),
        ),
        (
            account(statement("1200.00", promo="1.00", bills=(bill(BillStatus.UNPAID),))),
            ("~ balance renounceable → manual", "~ balance 12.00 → 1200.00 USD"),
        ),
    ],
)
def test_what_changed_in_the_money_is_told(changed: SurveyFacts, lines: tuple[str, ...]) -> None:
    after = BASE.model_copy(update={"statement": changed.statement})
    assert difference(planned(BASE), planned(after)) == lines
    assert planned(BASE).plan_hash != planned(after).plan_hash


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        ({"resources": (instance("i-1"), instance("i-2"))}, ("+ release i-2 (ecs)",)),
        ({"resources": ()}, ("- release i-1 (ecs)",)),
        (
            {"resources": (instance("i-1", renounceable=False),)},
            ("~ resources/i-1 renounceable → manual", "- release i-1 (ecs)"),
        ),
        (
            {"resources": (instance("i-1"), instance("i-9", renounceable=False))},
            ("+ resources/i-9 (manual)",),
        ),
        ({"subscriptions": ()}, ("- cancel s-1 (rds)",)),
        ({"subscriptions": (subscription("s-1"), subscription("s-2"))}, ("+ cancel s-2 (rds)",)),
        ({"domains": ()}, ("- domains/example.com (manual)",)),
    ],
)
def test_what_changed_in_the_inventory_is_told_once(
    changed: dict[str, object], lines: tuple[str, ...]
) -> None:
    assert BASE.inventory is not None
    after = BASE.model_copy(update={"inventory": BASE.inventory.model_copy(update=changed)})
    assert difference(planned(BASE), planned(after)) == lines


def test_data_that_came_or_went_is_told() -> None:
    after = BASE.model_copy(update={"stores": (store("oss-2"),)})
    assert difference(planned(BASE), planned(after)) == (
        "+ erase oss-2 (object-storage)",
        "- erase oss-1 (object-storage)",
    )


def test_a_source_that_failed_meanwhile_is_told() -> None:
    after = BASE.model_copy(update={"stores": None})
    assert difference(planned(BASE), planned(after)) == (
        "+ unknown/data_stores (unknown)",
        "- erase oss-1 (object-storage)",
    )


def test_another_policy_or_mode_is_told() -> None:
    both = acme(modes=BOTH_MODES)
    assert difference(
        planned(account(), both), planned(account(), acme(modes=BOTH_MODES, version='"2"'))
    ) == ("~ policy acme 1 → acme 2",)
    edited = acme(modes=BOTH_MODES, restart_advice='"Other."')
    assert difference(planned(account(), both), planned(account(), edited)) == (
        "~ policy acme 1: its content changed",
    )
    assert difference(planned(account(), both), planned(account(), both, Mode.KEEP_DATA)) == (
        "~ mode delete → keep-data",
        "- delete bindings to third parties",
    )


def test_another_currency_is_told() -> None:
    yen = account(statement("12", currency="JPY"))
    assert difference(planned(account(statement("12.00"))), planned(yen)) == (
        "~ currency USD → JPY",
        "~ balance 12.00 USD → 12 JPY",
    )


@pytest.mark.parametrize(
    ("currency", "refunds", "refund", "dues"),
    [
        ("USD", True, "5.00", []),
        ("USD", False, None, [(Inspects.BALANCE, "5.00")]),
        ("EUR", True, None, [(Inspects.BALANCE, "5.00")]),
    ],
    ids=["its owner's goes back", "its owner's does not", "another currency than its owner's"],
)
def test_t10_what_goes_along_late_loses_nothing_and_its_cash_goes_the_way_of_its_owners(
    currency: str, refunds: bool, refund: str | None, dues: list[tuple[Inspects, str]]
) -> None:
    found = account(
        statement("5.00", promo="1.00"),
        resources=(instance("i-1"),),
        domains=("example.com",),
        stores=(store("s"),),
    )
    joined = joined_plan(alibaba_cloud(), found, NOW, currency=currency, refunds=refunds)
    assert (joined.refund, joined.refund_applies) == (refund, refund is not None)
    assert [(each.kind, each.amount) for each in joined.dues] == dues
    assert (joined.released_ids, joined.writes_off) == ((), False)
    assert {each.kind for each in joined.left_behind} == {Inspects.RESOURCES, Inspects.DOMAINS}
    assert [each.store_id for each in joined.erasures] == ["s"]


def test_nobody_consents_to_what_goes_along_late() -> None:
    plan = planned(account())
    joined = joined_plan(alibaba_cloud(), account(), NOW, currency="USD", refunds=False)
    after = plan.model_copy(update={"joined": (joined,)})
    assert after.plan_hash == plan.plan_hash
    assert after.accounts == (after, joined)


MANY = 1_203
"""More than a list has in hand."""


def test_a_long_plan_has_the_hash_that_it_would_have_as_one_text() -> None:
    resources = tuple(
        instance(f"i-{number:04}", *((f"i-{number - 1:04}",) if number % 10 == 9 else ()))
        for number in range(MANY)
    )
    found = account(
        statement("12.00", bills=(bill(BillStatus.UNPAID, "ü-1"),)),
        resources=resources,
        subscriptions=tuple(subscription(f"s-{number:04}") for number in range(MANY)),
        stores=tuple(store(f"数-{number:04}") for number in range(MANY)),
    )
    plan = planned(found).model_copy(update={"policy_hash": "0" * 64})
    assert plan.plan_hash == "713038936d59648be02695228318099104119d9896d1a59dd2acad1c65d3b603"


def test_a_long_plan_is_compared_thing_by_thing() -> None:
    resources = tuple(instance(f"i-{number:04}") for number in range(MANY))
    stores = tuple(store(f"o-{number:04}") for number in range(MANY))
    before = planned(account(resources=resources, stores=stores))
    moved = planned(account(resources=tuple(reversed(resources)), stores=stores))
    assert (moved.plan_hash, difference(before, moved), uncovered(before, moved)) == (
        before.plan_hash,
        (),
        (),
    )
    less = planned(account(resources=resources[1:], stores=(*stores[:700], *stores[701:])))
    assert difference(before, less) == ("- release i-0000 (ecs)", "- erase o-0700 (object-storage)")
    assert uncovered(before, less) == ()
    assert uncovered(less, before) == ("+ release i-0000", "+ erase o-0700")


def test_a_plan_is_kept_as_it_was_before_there_were_long_lists() -> None:
    plan = planned(account(resources=(instance("i-1"),), subscriptions=(subscription("s-1"),)))
    kept = plan.model_dump_json(context=PACKED)
    assert '"products":{"resource/i-1":"ecs","subscription/s-1":"rds"}' in kept
    assert Plan.model_validate_json(kept) == plan


def test_a_long_plan_reads_back_packed_and_as_it_was_kept_before() -> None:
    plan = planned(account(resources=tuple(instance(f"i-{number:04}") for number in range(MANY))))
    packed = plan.model_dump_json(context=PACKED)
    before = plan.model_dump(mode="json") | {"products": dict(plan.products)}
    assert len(packed) < 40 * MANY
    for kept in (packed, json.dumps(before)):
        read = Plan.model_validate_json(kept)
        assert (read, read.plan_hash) == (plan, plan.plan_hash)
