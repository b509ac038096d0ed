"""The ports of the embedded platform, as activities use them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from closure.accounts import Access, Channel, DataStore, RelationshipRole, RelationshipType
from closure.dues import Due
from closure.errors import RefusalType, Refused
from closure.messages import Becomes
from closure.money import Money
from closure.policy_checks import Inspects
from connectors.embedded import tables
from connectors.embedded.effects import KeyReused
from connectors.embedded.exhibit import read_outbox
from connectors.embedded.holds import hold, unhold
from connectors.ports import Forfeited, OutgoingMessage, Platform
from database import Database
from tests.connectors.samples import (
    NOON,
    Json,
    account,
    bring_to,
    count,
    everything,
    ledger_sum,
    load,
    show,
    stop,
)

ROLE = "AliyunServiceRoleForAccountDeletion"
FULL: Json = {
    "balance": {"cash": "200.00", "promo": "15.00"},
    "bills": [{"id": "b-1", "amount": "18.20", "status": "unpaid"}],
    "resources": [
        {"id": "vpc", "product": "vpc", "renounceable": True},
        {"id": "vm", "product": "ecs", "depends_on": ["vpc"]},
    ],
    "subscriptions": [{"id": "s-1", "product": "rds", "expires_at": "2027-03-01T00:00:00Z"}],
    "domains": [{"id": "example.com"}],
    "icp_filings": [{"id": "icp-1"}],
    "relationships": [{"id": "r-1", "type": "resource-directory", "role": "administrator"}],
    "bindings": [{"id": "bind-1", "third_party": "github"}, {"id": "bind-2", "third_party": "gitlab"}],
    "data": [{"id": "oss-1", "store": "object-storage", "objects": 1200}],
    "api_keys": [{"id": "k-1"}],
}


DUE = Due(kind=Inspects.DEBT, becomes=Becomes.STAYS_DUE, amount="75.00", currency="USD")


def usd(text: str) -> Money:
    return Money.parse(text, "USD")


def message(key: str = "m-1", **changes: object) -> OutgoingMessage:
    values: Json = {
        "key": key,
        "account_id": "a-1",
        "channel": Channel.EMAIL,
        "template": "closure_restored",
        "bodies": {"en": "Hello", "zh": "你好"},
        "time": NOON,
    }
    return OutgoingMessage.model_validate({**values, **changes})


async def refusal(awaitable: Awaitable[object]) -> RefusalType:
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.type


Effect = Callable[[Platform, str], Awaitable[object]]
EFFECTS: dict[str, Effect] = {
    "forfeit": lambda p, key: p.billing.forfeit(
        "a-1", cash=usd("10.00"), promo=usd("1.00"), key=key, time=NOON
    ),
    "release": lambda p, key: p.inventory.release_resource("a-1", "vm", key=key),
    "cancel": lambda p, key: p.inventory.cancel_subscription("a-1", "s-1", key=key),
    "stop": lambda p, key: stop(p, key=key),
    "order a refund": lambda p, key: p.refunds.order(
        "a-1", "opening", usd("10.00"), closure_id="c-1", key=key, time=NOON
    ),
    "pay otherwise": lambda p, key: p.refunds.paid_otherwise(
        "a-1", usd("10.00"), "wire 1", closure_id="c-1", key=key, time=NOON
    ),
    "hand over": lambda p, key: p.billing.hand_over("a-1", (DUE,), key=key, time=NOON),
    "create role": lambda p, key: p.access.create_service_role("a-1", ROLE, key=key),
    "delete bindings": lambda p, key: p.access.delete_bindings("a-1", key=key),
    "erase": lambda p, key: p.data_stores.erase("a-1", "oss-1", key=key),
    "close": lambda p, key: p.access.close("a-1", key=key, time=NOON),
    "send": lambda p, key: p.messages.send(message(key)),
}
effects = pytest.mark.parametrize("effect", EFFECTS)


@effects
async def test_an_effect_happens_once_for_its_key(
    database: Database, platform: Platform, effect: str
) -> None:
    await load(database, account(**FULL))
    before = await everything(database)
    first = await EFFECTS[effect](platform, "key")
    after = await everything(database)
    assert after != before
    assert await EFFECTS[effect](platform, "key") == first
    assert await everything(database) == after
    assert await ledger_sum(database) == 0


@effects
async def test_an_effect_on_an_unknown_account_is_refused(platform: Platform, effect: str) -> None:
    assert await refusal(EFFECTS[effect](platform, "key")) is RefusalType.ACCOUNT_NOT_FOUND


async def test_a_key_belongs_to_one_effect(database: Database, platform: Platform) -> None:
    await load(database, account(**FULL), account("other", api_keys=[{"id": "k-1"}]))
    await stop(platform, key="key")
    with pytest.raises(KeyReused):
        await platform.access.delete_bindings("a-1", key="key")
    with pytest.raises(KeyReused):
        await stop(platform, "other", key="key")
    assert (await show(database, "other")).access is Access.OPEN
    assert len((await show(database)).bindings) == 2


async def test_reads_say_what_was_loaded(database: Database, platform: Platform) -> None:
    await load(database, account(**FULL))
    profile = await platform.directory.profile("a-1")
    assert (profile.provider, profile.kind, profile.currency) == ("alibaba-cloud", "standard", "USD")
    assert await platform.directory.role_of("a-1", "u-1") == "main"
    assert await platform.directory.role_of("a-1", "nobody") is None
    (relationship,) = await platform.directory.relationships("a-1")
    assert relationship.type is RelationshipType.RESOURCE_DIRECTORY
    assert relationship.role is RelationshipRole.ADMINISTRATOR
    inventory = await platform.inventory.inventory("a-1")
    assert [(each.resource_id, each.depends_on) for each in inventory.resources] == [
        ("vm", ("vpc",)),
        ("vpc", ()),
    ]
    assert (inventory.domains, inventory.icp_filings) == (("example.com",), ("icp-1",))
    store = DataStore(store_id="oss-1", store="object-storage", objects=1200)
    assert await platform.data_stores.stores("a-1") == (store,)


async def test_reads_of_an_unknown_account_are_refused(platform: Platform) -> None:
    for read in (
        platform.directory.profile("nobody"),
        platform.directory.role_of("nobody", "u-1"),
        platform.directory.subaccounts("nobody"),
        platform.directory.verify_password("nobody", "u-1", "x"),
        platform.refunds.payments("nobody"),
        platform.refunds.attempts("nobody", closure_id="c-1", time=NOON),
        platform.directory.relationships("nobody"),
        platform.billing.statement("nobody"),
        platform.inventory.inventory("nobody"),
        platform.data_stores.stores("nobody"),
        platform.data_stores.remaining_objects("nobody", "oss-1"),
    ):
        assert await refusal(read) is RefusalType.ACCOUNT_NOT_FOUND


async def test_resources_go_in_the_order_of_their_dependencies(
    database: Database, platform: Platform
) -> None:
    await load(database, account(**FULL))
    early = platform.inventory.release_resource("a-1", "vpc", key="early")
    assert await refusal(early) is RefusalType.THING_NOT_ALLOWED
    await platform.inventory.release_resource("a-1", "vm", key="vm")
    assert await count(database, tables.resource_dependencies) == 0, "its dependencies go with it"
    # A refused effect has not happened: the same key may be tried again.
    await platform.inventory.release_resource("a-1", "vpc", key="early")
    assert (await platform.inventory.inventory("a-1")).resources == ()


async def test_already_gone_is_success(database: Database, platform: Platform) -> None:
    await load(database, account())
    await platform.inventory.release_resource("a-1", "gone", key="1")
    await platform.inventory.cancel_subscription("a-1", "gone", key="2")
    await platform.data_stores.erase("a-1", "gone", key="3")
    await platform.access.delete_service_role("a-1", ROLE, key="4")
    assert await platform.data_stores.remaining_objects("a-1", "gone") == 0


async def test_data_is_erased_when_a_read_finds_nothing(database: Database, platform: Platform) -> None:
    await load(database, account(**FULL))
    assert await platform.data_stores.remaining_objects("a-1", "oss-1") == 1200
    await platform.data_stores.erase("a-1", "oss-1", key="erase")
    assert await platform.data_stores.remaining_objects("a-1", "oss-1") == 0
    assert await platform.data_stores.stores("a-1") == ()


@pytest.mark.parametrize(("cash", "promo"), [("200.00", "15.00"), ("0.00", "15.00"), ("0.01", "0.00")])
async def test_forfeits_leave_the_rest(database: Database, platform: Platform, cash: str, promo: str) -> None:
    """A3."""
    await load(database, account(**FULL))
    await platform.billing.forfeit("a-1", cash=usd(cash), promo=usd(promo), key="k", time=NOON)
    statement = await platform.billing.statement("a-1")
    assert (statement.cash, statement.promo) == (usd("200.00") - usd(cash), usd("15.00") - usd(promo))
    assert await ledger_sum(database) == 0


@pytest.mark.parametrize(
    ("cash", "promo"),
    [(usd("-1"), usd("0")), (usd("0"), usd("-0.01")), (Money.parse("1", "JPY"), usd("0"))],
)
async def test_no_such_amount_is_forfeited(
    database: Database, platform: Platform, cash: Money, promo: Money
) -> None:
    await load(database, account(**FULL))
    before = await everything(database)
    forfeit = platform.billing.forfeit("a-1", cash=cash, promo=promo, key="k", time=NOON)
    assert await refusal(forfeit) is RefusalType.MALFORMED_INPUT
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("balance", "cash", "promo"),
    [
        ({"cash": "200.00", "promo": "15.00"}, "200.00", "15.00"),
        ({"cash": "0.05", "promo": "0.00"}, "0.05", "0.00"),
        ({"cash": "-5.00", "promo": "1.00"}, "0.00", "1.00"),
    ],
)
async def test_a_forfeit_takes_at_most_what_is_there_and_says_what_it_took(
    database: Database, platform: Platform, balance: Json, cash: str, promo: str
) -> None:
    """A3. A retry finds what the first call took, whatever is there by then."""
    await load(database, account(balance=balance))
    taken = Forfeited(cash=usd(cash), promo=usd(promo))
    for _ in range(2):
        again = platform.billing.forfeit("a-1", cash=usd("999"), promo=usd("999"), key="k", time=NOON)
        assert await again == taken
    statement = await platform.billing.statement("a-1")
    assert (statement.cash, statement.promo) == (min(usd(str(balance["cash"])), usd("0")), usd("0"))
    assert await ledger_sum(database) == 0
    nothing = Forfeited(cash=usd("0"), promo=usd("0"))
    other = platform.billing.forfeit("a-1", cash=usd("999"), promo=usd("999"), key="other", time=NOON)
    assert await other == nothing


@pytest.mark.parametrize("debt", [usd("-1"), Money.parse("1", "JPY")])
async def test_no_such_debt_is_voided(database: Database, platform: Platform, debt: Money) -> None:
    await load(database, account(balance={"cash": "-9.99"}))
    before = await everything(database)
    void = platform.billing.void_debt("a-1", debt=debt, key="k", time=NOON)
    assert await refusal(void) is RefusalType.MALFORMED_INPUT
    assert await everything(database) == before


@pytest.mark.parametrize(
    ("cash", "voided", "left"), [("-9.99", "9.99", "0"), ("-10.01", "10", "-0.01"), ("3", "0", "3")]
)
async def test_voiding_takes_at_most_the_debt_and_says_how_much(
    database: Database, platform: Platform, cash: str, voided: str, left: str
) -> None:
    """A4."""
    await load(database, account(balance={"cash": cash}))
    for _ in range(2):
        assert await platform.billing.void_debt("a-1", debt=usd("10"), key="k", time=NOON) == usd(voided)
    assert (await platform.billing.statement("a-1")).cash == usd(left)
    assert await ledger_sum(database) == 0


async def test_stopping_ends_sessions_and_disables_keys(database: Database, platform: Platform) -> None:
    """A18, T4."""
    await load(database, account(**FULL))
    assert (await stop(platform)).at == NOON
    later = NOON + timedelta(days=1)
    assert (await stop(platform, key="again", time=later)).at == NOON, "the first call's time"
    shown = await show(database)
    assert (shown.access, shown.stopped_at, shown.sessions) == (Access.CLOSURE_STATUS_ONLY, NOON, ())
    assert [key.enabled for key in shown.api_keys] == [False]


async def test_reopening_brings_access_back_but_no_sessions(database: Database, platform: Platform) -> None:
    """A23."""
    await load(database, account(**FULL))
    await stop(platform)
    await platform.access.create_service_role("a-1", ROLE, key="role")
    assert (await show(database)).service_roles == (ROLE,)
    await platform.access.reopen("a-1", key="reopen", time=NOON)
    await platform.access.delete_service_role("a-1", ROLE, key="no role")
    shown = await show(database)
    assert (shown.access, shown.stopped_at, shown.sessions, shown.service_roles) == (
        Access.OPEN, None, (), (),
    )  # fmt: skip
    assert [key.enabled for key in shown.api_keys] == [True]
    later = NOON + timedelta(days=1)
    assert (await stop(platform, key="second stop", time=later)).at == later


async def test_bindings_are_deleted_and_counted(database: Database, platform: Platform) -> None:
    """A25."""
    await load(database, account(**FULL), account("other", bindings=FULL["bindings"]))
    assert await platform.access.delete_bindings("a-1", key="k") == 2
    assert await platform.access.delete_bindings("a-1", key="k") == 2, "what this key deleted"
    assert await platform.access.delete_bindings("a-1", key="l") == 0
    assert len((await show(database, "other")).bindings) == 2


async def test_what_is_left_of_a_closed_account(database: Database, platform: Platform) -> None:
    """A22: closed for good, without contact details; the ledger stays."""
    await load(database, account(**FULL))
    await bring_to(platform, Access.CLOSED)
    shown = (await show(database)).model_dump()
    left = {name: value for name, value in shown.items() if value not in ((), None)}
    assert left == {
        "id": "a-1",
        "provider": "alibaba-cloud",
        "kind": "standard",
        "currency": "USD",
        "balance": {"cash": "200.00", "promo": "15.00"},
        "access": Access.CLOSED,
        "stopped_at": NOON,
        "closed_at": NOON,
    }
    assert await count(database, tables.logins) == 0
    for secret in ("example.com", "+15550100"):
        assert secret not in str(await everything(database))
    assert await refusal(stop(platform, key="x")) is RefusalType.ACCOUNT_CLOSED
    assert await refusal(platform.access.reopen("a-1", key="y", time=NOON)) is RefusalType.ACCOUNT_CLOSED


async def test_closing_blanks_messages_but_keeps_that_they_were_sent(
    database: Database, platform: Platform
) -> None:
    await load(database, account(), account("other"))
    await platform.messages.send(message())
    await platform.messages.send(message("m-2", account_id="other"))
    await bring_to(platform, Access.CLOSED)
    sent = await read_outbox(database, "a-1")
    assert [(each.template, each.channel, each.body) for each in sent] == [
        ("closure_restored", Channel.EMAIL, "")
    ] * 2
    assert [each.body for each in await read_outbox(database, "other")] == ["Hello", "你好"]


async def test_a_persons_login_survives_and_other_accounts_are_untouched(
    database: Database, platform: Platform
) -> None:
    """A25, T7."""
    olga = {"id": "o", "role": "main", "login": "olga", "password": "correct horse"}
    await load(
        database, account(users=[olga, {"id": "u", "role": "ram"}]), account("other", users=[olga], **FULL)
    )
    neighbour = await show(database, "other")
    await bring_to(platform, Access.CLOSED)
    assert [row["login"] for row in (await everything(database))["platform_logins"]] == ["olga"]
    assert await show(database, "other") == neighbour
    await bring_to(platform, Access.CLOSED, "other")
    (login,) = (await everything(database))["platform_logins"]
    assert login["login"] == "olga", "it can open a new account"
    assert login["password_hash"]
    await load(database, account("new", users=[{**olga, "password": None}]))
    assert [user.login for user in (await show(database, "new")).users] == ["olga"]


@pytest.mark.parametrize(
    ("language", "bodies", "chosen"),
    [
        ("zh-CN", {"en": "e", "zh": "z", "zh-CN": "c"}, "zh-CN"),
        ("zh-cn", {"en": "e", "zh-CN": "c"}, "zh-CN"),
        ("zh-TW", {"en": "e", "zh": "z"}, "zh"),
        ("fr", {"en": "e", "zh": "z"}, "en"),
        ("fr", {"de": "d", "zh": "z"}, "de"),
    ],
)
async def test_a_message_is_in_the_readers_language(
    database: Database, platform: Platform, language: str, bodies: dict[str, str], chosen: str
) -> None:
    """A24."""
    user = {"id": "u", "role": "main", "email": "u@example.com", "language": language}
    await load(database, account(users=[user]))
    await platform.messages.send(message(bodies=bodies))
    (sent,) = await read_outbox(database, "a-1")
    assert (sent.language, sent.body) == (chosen, bodies[chosen])


async def test_a_message_goes_to_those_who_are_meant_and_have_an_address(
    database: Database, platform: Platform
) -> None:
    await load(database, account())
    assert await platform.messages.send(message("all")) == 2
    assert await platform.messages.send(message("texts", channel=Channel.SMS)) == 1
    assert await platform.messages.send(message("role", roles=("ram",))) == 1
    assert await platform.messages.send(message("one", user_id="u-1")) == 1
    assert await platform.messages.send(message("nobody", roles=("partner",))) == 0
    assert [each.id for each in await read_outbox(database, "a-1")] == [1, 2, 3, 4, 5]


async def test_an_e_mails_subject_is_kept_with_it_and_blanked_with_it(
    database: Database, platform: Platform
) -> None:
    await load(database, account())
    await platform.messages.send(message("mail", subjects={"en": "Good day", "zh": "您好"}))
    await platform.messages.send(message("text", channel=Channel.SMS))
    sent = await read_outbox(database, "a-1")
    assert [(each.channel, each.subject) for each in sent] == [
        (Channel.EMAIL, "Good day"),
        (Channel.EMAIL, "您好"),
        (Channel.SMS, None),
    ]
    await bring_to(platform, Access.CLOSED)
    assert [each.subject for each in await read_outbox(database, "a-1")] == ["", "", None]


async def test_an_e_mails_page_is_kept_with_it_and_blanked_with_it(
    database: Database, platform: Platform
) -> None:
    await load(database, account())
    await platform.messages.send(message("mail", pages={"en": "<p>Good day", "zh": "<p>您好"}))
    await platform.messages.send(message("plain"))
    await platform.messages.send(message("text", channel=Channel.SMS))
    pages = [each.html for each in await read_outbox(database, "a-1")]
    assert pages == ["<p>Good day", "<p>您好", None, None, None]
    await bring_to(platform, Access.CLOSED)
    assert [each.html for each in await read_outbox(database, "a-1")] == ["", "", None, None, None]


async def test_the_address_book_names_whom_a_message_would_go_to(
    database: Database, platform: Platform
) -> None:
    await load(database, account())
    assert platform.addresses is not None

    async def named(**changes: object) -> list[tuple[str, str]]:
        found = await platform.addresses.addressees(message(**changes))  # type: ignore[union-attr, arg-type]
        return [(each.user_id, each.address) for each in found]

    for changes in ({}, {"channel": Channel.SMS}, {"roles": ("ram",)}, {"user_id": "u-1"}):
        await platform.messages.send(message(str(changes), **changes))
    rows = (await everything(database))["platform_outbox"]
    told = [
        [(row["user_id"], row["address"]) for row in rows if row["key"] == str(changes)]
        for changes in ({}, {"channel": Channel.SMS}, {"roles": ("ram",)}, {"user_id": "u-1"})
    ]
    assert [await named(), await named(channel=Channel.SMS), await named(roles=("ram",))] == told[:3]
    assert await named(user_id="u-1") == told[3]
    assert all(told)
    assert await named(roles=("partner",)) == await named(account_id="nobody") == []
    await bring_to(platform, Access.CLOSED)
    assert await named() == []


async def test_the_outbox_of_an_unknown_account(database: Database) -> None:
    assert await refusal(read_outbox(database, "nobody")) is RefusalType.ACCOUNT_NOT_FOUND


async def test_closing_a_platform_frees_what_it_holds_open(platform: Platform) -> None:
    closed: list[str] = []

    async def closing() -> None:
        closed.append("connections")

    await platform.aclose()
    await replace(platform, closing=closing).aclose()
    assert closed == ["connections"]


DESTROYING = ("forfeit", "release", "cancel", "delete bindings", "erase", "close")


@pytest.mark.parametrize("effect", DESTROYING)
@pytest.mark.parametrize("held", ["a-1", "owner"])
async def test_under_a_legal_hold_nothing_is_destroyed(
    database: Database, platform: Platform, effect: str, held: str
) -> None:
    await load(database, account(**FULL), account("owner", subaccounts=["a-1"]))
    await hold(database, held, "court order")
    before = await everything(database)
    assert await refusal(EFFECTS[effect](platform, "key")) is RefusalType.LEGAL_HOLD
    assert await everything(database) == before
    await unhold(database, held)
    await EFFECTS[effect](platform, "key")
    await hold(database, "owner", "another order")
    await EFFECTS[effect](platform, "key")  # what has happened is found again
