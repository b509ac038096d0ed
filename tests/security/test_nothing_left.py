"""After the deletion nothing personal is left: every table, the file and Temporal's history are searched."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import pytest
from sqlalchemy import select

from client import ProofOfIdentity
from closure.errors import RefusalType
from closure.lifecycle import Outcome, Stage
from closure.messages import IdentityMethod
from connectors.embedded import tables
from records.tables import metadata as record_metadata
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.accounts import load_account
from tests.harness.installation import TestInstallation

MARKS: Final = {
    name: f"mark-{name}-5b0e"
    for name in (
        *("user", "email", "password", "login", "reason", "domain", "resource", "subscription", "store"),
        *("binding", "key", "bill", "approver", "inner-store", "inner-resource", "item"),
    )
}
PHONE: Final = "+15550179342"
USER: Final = MARKS["user"]
HELD_BY_THE_RECORD: Final = frozenset(
    {"record_proofs", "record_challenges", "record_items", "record_plans", "record_losses"}
)


def found_in(content: str, *more: str) -> set[str]:
    return {mark for mark in (*MARKS.values(), PHONE, *more) if mark in content}


async def in_tables(installation: TestInstallation) -> dict[str, set[str]]:
    """The marks in each table that has any."""
    found: dict[str, set[str]] = {}
    for metadata in (record_metadata, tables.metadata):
        for name, table in metadata.tables.items():
            rows = await installation.database.read(
                lambda connection, table=table: connection.execute(select(table)).all()  # type: ignore[misc]
            )
            if marks := found_in("\n".join(map(str, rows))):
                found[name] = marks
    return found


def in_file(installation: TestInstallation) -> set[str]:
    """In the bytes of the SQLite file and its journal, free space included."""
    file = installation.database_file
    files = [file, file.with_name(f"{file.name}-wal")]
    return found_in(b"".join(each.read_bytes() for each in files if each.exists()).decode("latin-1"))


async def in_temporal(closing: AccountDriver) -> set[str]:
    """In all that Temporal keeps of every run of the account's workflow, payloads as they are stored."""
    client = closing.installation.client
    runs = client.list_workflows(f'WorkflowId = "{closing.workflow_id}"')
    content = (await closing.history()).to_json()
    async for run in runs:
        handle = client.get_workflow_handle(closing.workflow_id, run_id=run.run_id)
        history = await handle.fetch_history()
        raw = b"".join(event.SerializeToString() for event in history.events)
        content += history.to_json() + raw.decode("utf-8", "replace")
    return found_in(content)


def person(role: str, **more: object) -> list[Mapping[str, object]]:
    return [
        {
            "id": USER,
            "role": role,
            "email": f"{MARKS['email']}@example.com",
            "phone": PHONE,
            "password": MARKS["password"],
            **more,
        }
    ]


def things() -> dict[str, object]:
    resource = MARKS["resource"]
    return {
        "resources": [
            {"id": resource, "product": "ecs", "renounceable": True},
            {"id": f"{resource}-2", "product": "ebs", "renounceable": True, "depends_on": [resource]},
        ],
        "subscriptions": [
            {
                "id": MARKS["subscription"],
                "product": "rds",
                "expires_at": "2031-01-01T00:00:00Z",
                "renounceable": True,
            }
        ],
        "data": [{"id": MARKS["store"], "store": "object-storage", "objects": 3}],
        "bindings": [{"id": MARKS["binding"], "third_party": "github"}],
        "api_keys": [{"id": MARKS["key"]}],
        "bills": [{"id": MARKS["bill"], "amount": "1.00", "status": "paid"}],
    }


async def code_for(closing: AccountDriver) -> str:
    await closing.closures.challenge(closing.account_id, USER, IdentityMethod.EMAIL_CODE)
    bodies = [str(row["body"]) for row in await closing.rows(tables.outbox)]
    (*_, code) = re.findall(r"\b\d{8}\b", "\n".join(bodies))
    return str(code)


async def guess(closing: AccountDriver, users: Iterable[str]) -> None:
    for user in users:
        for proof in (ProofOfIdentity(code="00000000"), ProofOfIdentity(password=MARKS["password"][1:])):
            acting = closing.closures.close(closing.account_id, user, proof, agree=True)
            assert (await refusal(acting)).type in (RefusalType.CODE_REFUSED, RefusalType.SECRET_REFUSED)


async def test_a_deleted_account_leaves_no_mark_anywhere(installation: TestInstallation) -> None:
    domain = {"id": f"{MARKS['domain']}.example"}
    closing = await installation.account(users=person("main"), domains=[domain], **things())
    await guess(closing, (USER, MARKS["approver"]))
    # An earlier attempt that came to nothing is the same person's.
    proof = ProofOfIdentity(code=await code_for(closing))
    await closing.closures.close(closing.account_id, USER, proof, agree=True)
    assert (await refusal(closing.renounce(MARKS["item"], actor=USER))).type == RefusalType.ITEM_NOT_FOUND
    assert (await closing.withdraw(USER)).stage is Stage.WITHDRAWN
    await closing.remove(tables.domains, str(domain["id"]))
    await closing.close(USER, proof_id=await closing.prove(USER))
    await closing.renounce(all=True, actor=USER)
    await code_for(closing)
    await closing.confirm(MARKS["reason"], actor=USER)
    await closing.fast_forward(closing.policy.entering_duration)
    await closing.until(Stage.SILENT)
    held = await in_tables(installation)
    assert held.keys() >= HELD_BY_THE_RECORD | {"platform_effects", "platform_outbox", "platform_users"}
    assert MARKS["reason"] in str(await closing.events())
    await closing.end_of_silence()
    ended = await closing.outcome()
    assert ended.outcome is Outcome.DELETED

    assert await in_tables(installation) == {}
    assert in_file(installation) == set()
    assert await in_temporal(closing) == set()
    assert found_in(ended.model_dump_json()) == set()
    certificate = await installation.records.certificate(closing.closure_id)
    assert found_in(str(certificate)) == set()
    assert found_in(installation.anchor_file.read_text()) == set()
    # That something was done and said stays.
    kinds = [row["kind"] for row in await closing.rows(tables.effects)]
    assert kinds.count("release-resource") == 2
    assert len(await closing.templates()) >= 4


async def test_what_an_owner_took_along_leaves_no_mark_either(installation: TestInstallation) -> None:
    """T5, T7: the person's own sign-in stays, and opens what else they have."""
    inner = {
        **things(),
        "resources": [{"id": MARKS["inner-resource"], "product": "sms"}],
        "data": [{"id": MARKS["inner-store"], "store": "logs", "objects": 1}],
    }
    account: dict[str, object] = {"provider": "twilio", "kind": "upgraded", "currency": "USD"}
    await load_account(
        installation.database,
        {
            **account,
            **things(),
            "id": "acct-owner",
            "users": person("owner", login=MARKS["login"]),
            "balance": {"cash": "20.00"},
            "subaccounts": ["acct-owned"],
        },
        {**account, **inner, "id": "acct-owned", "users": person("owner", login=MARKS["login"])},
    )
    closing = AccountDriver(installation, "acct-owner", "twilio")
    texts = closing.policy.acknowledgements["upgraded"]
    secret = ProofOfIdentity(password=MARKS["password"])
    await closing.closures.close(closing.account_id, USER, secret, acknowledgements=texts)
    closing.closure_id = (await closing.closures.status(closing.account_id)).closure_id
    await closing.confirm(MARKS["reason"], actor=USER)
    await closing.until(Stage.RETAINED)
    assert found_in(str(await in_tables(installation))) >= {MARKS["inner-store"], USER}
    await closing.end_of_retention()
    assert (await closing.outcome()).outcome is Outcome.DELETED

    assert await in_tables(installation) == {"platform_logins": {MARKS["login"]}}
    assert in_file(installation) == {MARKS["login"]}
    assert await in_temporal(closing) == set()


@pytest.mark.parametrize("secret", [ProofOfIdentity(code="00000000"), ProofOfIdentity(password="wrong")])
async def test_whoever_knocks_at_a_deleted_account_is_not_written_down(
    installation: TestInstallation, secret: ProofOfIdentity
) -> None:
    closing = await installation.account(users=person("main"))
    await closing.close(USER)
    await closing.confirm(actor=USER)
    await closing.fast_forward(closing.policy.entering_duration)
    await closing.until(Stage.SILENT)
    await closing.end_of_silence()
    await closing.outcome()
    for knocking in (
        closing.closures.close(closing.account_id, USER, secret, agree=True),
        closing.closures.challenge(closing.account_id, USER, IdentityMethod.EMAIL_CODE),
        closing.closures.withdraw(closing.account_id, USER, proof=secret),
    ):
        assert (await refusal(knocking)).type in (RefusalType.ACCOUNT_CLOSED, RefusalType.CLOSURE_ENDED)
    assert await in_tables(installation) == {}
