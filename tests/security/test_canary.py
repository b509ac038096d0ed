"""Canaries: accounts full of marked personal data are closed, and every place is searched for the marks.

What may be where (rule 9 of the design):

- Temporal's histories, search attributes, memos, summaries and failures hold no mark at all, nor do the
  worker's logs: ids of acts and closures, stages, times, counts and hashes are all that crosses Temporal.
- `BEFORE` lists the tables that hold each mark while the account exists, `AFTER` those that still do when it
  is deleted.
"""

import json
import logging
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from io import StringIO
from uuid import uuid4

import pytest
from sqlalchemy import Connection, select, text
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHistory

from closure.accounts import Channel
from closure.acts import ActKind
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import IdentityMethod
from closure.notices import render
from closure.visible_text import printable
from connectors.embedded import tables
from connectors.ports import OutgoingMessage
from log_output import configure_logging
from records.identity import IdentityRecords
from records.tables import metadata as record_metadata
from settings import LogFormat
from tests.harness.account_driver import AccountDriver, refusal
from tests.harness.around import Act, Call, around_ports
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.logging_state import logging_as_before
from tests.harness.waiting import eventually


class Kind(StrEnum):
    """Kinds of marks."""

    EMAIL = "email"
    PHONE = "phone"
    LOGIN = "login"
    PASSWORD = "password"
    CODE = "code"
    USER = "user"
    REASON = "reason"
    DOMAIN = "domain"
    RESOURCE = "resource"
    STORE = "store"
    BINDING = "binding"
    API_KEY = "api_key"
    SESSION = "session"
    PAYMENT = "payment"


BEFORE: Mapping[Kind, frozenset[str]] = {
    Kind.EMAIL: frozenset({"platform_users", "platform_outbox"}),
    Kind.PHONE: frozenset({"platform_users", "platform_outbox"}),
    Kind.LOGIN: frozenset({"platform_users", "platform_logins"}),
    Kind.PASSWORD: frozenset(),
    Kind.CODE: frozenset({"platform_outbox"}),
    Kind.USER: frozenset(
        {
            "platform_users",
            "platform_logins",
            "platform_sessions",
            "platform_outbox",
            "record_challenges",
            "record_proofs",
        }
    ),
    Kind.REASON: frozenset(),
    Kind.DOMAIN: frozenset({"platform_domains", "record_items", "record_plans"}),
    Kind.RESOURCE: frozenset(
        {
            "platform_resources",
            "platform_resource_dependencies",
            "platform_effects",
            "platform_outbox",  # a restored customer is told what can't come back
            "record_items",
            "record_losses",
            "record_plans",
        }
    ),
    Kind.STORE: frozenset({"platform_data_stores", "platform_effects", "record_plans"}),
    Kind.BINDING: frozenset({"platform_bindings"}),
    Kind.API_KEY: frozenset({"platform_api_keys"}),
    Kind.SESSION: frozenset({"platform_sessions"}),
    Kind.PAYMENT: frozenset(
        {
            "platform_payments",
            "platform_refunds",
            "platform_ledger_movements",
            "platform_effects",
            "record_plans",
        }
    ),
}
"""Tables that may hold a mark of this kind while the account exists."""

AFTER: Mapping[Kind, frozenset[str]] = {
    # T7: a person's own login opens their other accounts, and may open a new one.
    Kind.LOGIN: frozenset({"platform_logins"}),
    # Who was written to, without address or text; what was done, by its key; where the money went back to.
    Kind.USER: frozenset({"platform_outbox"}),
    Kind.RESOURCE: frozenset({"platform_effects"}),
    Kind.STORE: frozenset({"platform_effects"}),
    Kind.PAYMENT: frozenset({"platform_refunds", "platform_ledger_movements", "platform_effects"}),
}
"""The same once it is deleted: the platform's own books only, none of the record's tables."""


LISTENING = "listening to the log"


@dataclass(frozen=True)
class Canaries:
    """One account's marks: unmistakable, and different for every kind."""

    marks: Mapping[Kind, str]

    @classmethod
    def new(cls) -> "Canaries":
        random = uuid4().hex[:10]
        marks = {kind: f"canary-{kind.value.replace('_', '-')}-{random}" for kind in Kind}
        return cls({**marks, Kind.PHONE: f"+1555{uuid4().int % 10**9:09}"})

    def __getitem__(self, kind: Kind) -> str:
        return self.marks[kind]

    def found_in(self, content: str) -> set[Kind]:
        return {kind for kind, mark in self.marks.items() if mark in content}

    def account(self, *, role: str, **more: object) -> dict[str, object]:
        """In the account file's shape."""
        user: dict[str, object] = {
            "id": self[Kind.USER],
            "role": role,
            "email": f"{self[Kind.EMAIL]}@example.com",
            "phone": self[Kind.PHONE],
            "password": self[Kind.PASSWORD],
        }
        account: dict[str, object] = {
            "users": [user],
            "resources": [
                {"id": self[Kind.RESOURCE], "product": "ecs", "renounceable": True},
                {
                    "id": f"{self[Kind.RESOURCE]}-2",
                    "product": "ebs",
                    "renounceable": True,
                    "depends_on": [self[Kind.RESOURCE]],
                },
            ],
            "data": [{"id": self[Kind.STORE], "store": "object-storage", "objects": 3}],
            "bindings": [{"id": self[Kind.BINDING], "third_party": "github"}],
            "api_keys": [{"id": self[Kind.API_KEY]}],
            "balance": {"cash": "20.00"},
            "payments": [{"id": self[Kind.PAYMENT], "amount": "20.00", "paid_at": "2026-01-05T00:00:00Z"}],
            "sessions": [{"id": self[Kind.SESSION], "user_id": self[Kind.USER]}],
        }
        account.update(more)
        return account


@pytest.fixture
def canaries() -> Canaries:
    return Canaries.new()


@pytest.fixture
async def worker_log() -> AsyncIterator[StringIO]:
    """All that the worker logs, as production writes it."""
    output = StringIO()
    with logging_as_before():
        configure_logging(LogFormat.JSON)
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(output)
        logging.getLogger("worker").info(LISTENING)
        yield output


async def prove_by_code(closing: AccountDriver, canaries: Canaries) -> tuple[str, str]:
    """A proof by a real code, after a wrong guess and with one more code that stays unused; and the code."""
    identity, user = IdentityRecords(closing.installation.database), canaries[Kind.USER]
    code = await identity.issue_code(closing.account_id, user, IdentityMethod.EMAIL_CODE)
    for channel in Channel:
        notice = render(closing.policy, "identity_code", channel, code=code, minutes=10)
        message = OutgoingMessage(
            key=f"challenge/{uuid4().hex}",
            account_id=closing.account_id,
            channel=channel,
            template="identity_code",
            subjects=notice.subjects,
            bodies=notice.bodies,
            values=notice.values,
            user_id=user,
            time=datetime.now(UTC),
        )
        await closing.installation.platform.messages.send(message)
    with pytest.raises(Exception, match="not accepted"):
        await identity.prove_by_code(closing.account_id, user, "00000000", door=ActKind.CLOSE)
    proof = await identity.prove_by_code(closing.account_id, user, code, door=ActKind.CLOSE)
    await identity.issue_code(closing.account_id, user, IdentityMethod.EMAIL_CODE)
    return proof.proof_id, code


async def prove_by_password(closing: AccountDriver, canaries: Canaries) -> str:
    """A proof by the real password, after a wrong one."""
    identity, user = IdentityRecords(closing.installation.database), canaries[Kind.USER]
    directory = closing.installation.platform.directory

    async def is_right(password: str) -> bool:
        return await directory.verify_password(closing.account_id, user, password)

    with pytest.raises(Exception, match="not accepted"):
        await identity.prove_by_secret(
            closing.account_id, user, IdentityMethod.PASSWORD, lambda: is_right("wrong"), door=ActKind.CLOSE
        )
    proof = await identity.prove_by_secret(
        closing.account_id,
        user,
        IdentityMethod.PASSWORD,
        lambda: is_right(canaries[Kind.PASSWORD]),
        door=ActKind.CLOSE,
    )
    return proof.proof_id


async def in_tables(installation: TestInstallation, canaries: Canaries) -> dict[Kind, set[str]]:
    """In which tables each kind of mark is."""

    def work(connection: Connection) -> dict[Kind, set[str]]:
        found: dict[Kind, set[str]] = {}
        for metadata in (record_metadata, tables.metadata):
            for name, table in metadata.tables.items():
                rows = connection.execute(select(table)).mappings().all()
                for kind in canaries.found_in("\n".join(str(dict(row)) for row in rows)):
                    found.setdefault(kind, set()).add(name)
        return found

    return await installation.database.read(work)


async def require_tables(
    installation: TestInstallation, canaries: Canaries, allowed: Mapping[Kind, frozenset[str]]
) -> dict[Kind, set[str]]:
    found = await in_tables(installation, canaries)
    leaks = {kind: names - allowed.get(kind, frozenset()) for kind, names in found.items()}
    assert {kind: names for kind, names in leaks.items() if names} == {}
    return found


async def require_quiet_temporal(closing: AccountDriver, canaries: Canaries) -> None:
    """Searches all that Temporal keeps and shows."""
    history = await closing.history()
    raw = b"".join(event.SerializeToString() for event in history.events).decode("utf-8", "replace")
    content = history.to_json() + raw
    assert canaries.found_in(content) == set()
    assert closing.closure_id in unpacked(history), "the search finds what is there"
    assert canaries.found_in(unpacked(history)) == set()
    described = await closing.handle.describe()
    metadata: WorkflowMetadata = await closing.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    shown = {
        "search attributes": str(described.typed_search_attributes),
        "memo": str(await described.memo()),
        "summary": f"{await described.static_summary()} {await described.static_details()}",
        "summaries of steps": " ".join(
            event.user_metadata.SerializeToString().decode("utf-8", "replace") for event in history.events
        ),
        "workflow id": closing.workflow_id,
    }
    for place, content in shown.items():
        assert canaries.found_in(content) == set(), place
    # Current details live in the worker.
    assert canaries.found_in(metadata.current_details) == set()


def unpacked(history: WorkflowHistory) -> str:
    """The payloads of the history as text: in its JSON they are base64."""
    encoded = re.findall(r'"data": ?"([A-Za-z0-9+/=]+)"', history.to_json())
    return "\n".join(b64decode(data).decode("utf-8", "replace") for data in encoded)


def require_quiet_log(log: StringIO, canaries: Canaries, *secrets: str) -> None:
    lines = log.getvalue()
    assert LISTENING in lines
    assert canaries.found_in(lines) == set()
    assert [secret for secret in secrets if secret in lines] == []


async def database_file(installation: TestInstallation) -> str:
    """The bytes of the SQLite file and its journal, free space included."""
    file = installation.database_file
    files = [file, file.with_name(f"{file.name}-wal")]
    return b"".join(file.read_bytes() for file in files if file.exists()).decode("latin-1")


async def test_a_deleted_account_leaves_no_mark_but_in_the_platforms_books(
    installation: TestInstallation, canaries: Canaries, worker_log: StringIO
) -> None:
    domains = [{"id": f"{canaries[Kind.DOMAIN]}.example"}]
    closing = await installation.account(**canaries.account(role="main", domains=domains))
    user = canaries[Kind.USER]
    proof_id, code = await prove_by_code(closing, canaries)
    assert (await closing.close(user, proof_id=proof_id)).stage is Stage.BLOCKED
    await require_tables(installation, canaries, BEFORE)
    # An earlier attempt that came to nothing is the same person's.
    await closing.withdraw(user)
    await closing.outcome()
    await closing.close(user)
    await closing.remove(tables.domains, f"{canaries[Kind.DOMAIN]}.example")
    await closing.recheck()
    await closing.renounce(all=True, actor=user)
    await closing.confirm(canaries[Kind.REASON], actor=user)
    held = await require_tables(installation, canaries, BEFORE)
    assert held[Kind.USER] >= {"record_proofs", "record_challenges", "platform_users"}
    assert canaries[Kind.REASON] in str(await closing.events())
    await closing.fast_forward(closing.policy.entering_duration)
    await closing.until(Stage.SILENT)
    await require_tables(installation, canaries, BEFORE)
    await closing.end_of_silence()
    ended = await closing.outcome()
    assert ended.outcome is Outcome.DELETED

    await require_tables(installation, canaries, AFTER)
    assert canaries.found_in(ended.model_dump_json()) == set()
    await require_quiet_temporal(closing, canaries)
    assert code not in (await closing.history()).to_json()
    require_quiet_log(worker_log, canaries, code)
    in_file = canaries.found_in(await database_file(installation))
    assert in_file <= set(AFTER)
    trail = await installation.records.trail(closing.closure_id)
    assert trail is not None
    assert trail.fault is None
    assert canaries.found_in(installation.anchor_file.read_text()) == set()


async def test_a_restored_account_keeps_its_data_in_its_tables_only(
    installation: TestInstallation, canaries: Canaries, worker_log: StringIO
) -> None:
    closing = await installation.account(**canaries.account(role="main"))
    user = canaries[Kind.USER]
    proof_id, code = await prove_by_code(closing, canaries)
    await closing.close(user, proof_id=proof_id)
    await closing.renounce(all=True, actor=user)
    await closing.confirm(canaries[Kind.REASON], actor=user)
    await closing.fast_forward(closing.policy.entering_duration)
    await closing.until(Stage.SILENT)
    await closing.bill_late_usage()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.RESTORED
    held = await require_tables(installation, canaries, BEFORE)
    assert "platform_users" in held[Kind.USER]
    await require_quiet_temporal(closing, canaries)
    require_quiet_log(worker_log, canaries, code)


async def test_a_refused_closure_says_nothing_about_who_asked(
    installation: TestInstallation, canaries: Canaries, worker_log: StringIO
) -> None:
    closing = await installation.account(**canaries.account(role="ram"))
    proof_id, code = await prove_by_code(closing, canaries)
    refused = await refusal(closing.close(canaries[Kind.USER], proof_id=proof_id))
    assert canaries.found_in(str(refused)) == set()
    assert (await closing.status()).outcome is Outcome.REFUSED
    await require_tables(installation, canaries, BEFORE)
    await require_quiet_temporal(closing, canaries)
    require_quiet_log(worker_log, canaries, code)


async def test_a_deleted_twilio_account_leaves_no_mark_but_in_the_platforms_books_and_the_persons_login(
    installation: TestInstallation, canaries: Canaries, worker_log: StringIO
) -> None:
    described = canaries.account(role="owner", provider="twilio", kind="upgraded")
    described["users"] = [{**described["users"][0], "login": canaries[Kind.LOGIN]}]  # type: ignore[index]
    closing = await installation.account(**described)
    user = canaries[Kind.USER]
    policy = closing.policy
    texts = policy.missing_consent("upgraded", Mode.DELETE, False, ())
    proof_id = await prove_by_password(closing, canaries)
    await closing.close(user, proof_id=proof_id, acknowledgements=texts)
    await closing.confirm(canaries[Kind.REASON], actor=user)
    await closing.until(Stage.RETAINED)
    await require_tables(installation, canaries, BEFORE)
    delete_after = (await closing.status()).delete_after
    assert delete_after is not None
    await closing.fast_forward_to(delete_after)
    assert (await closing.outcome()).outcome is Outcome.DELETED

    found = await require_tables(installation, canaries, AFTER)
    assert found[Kind.LOGIN] == {"platform_logins"}
    await require_quiet_temporal(closing, canaries)
    require_quiet_log(worker_log, canaries)
    assert canaries.found_in(await database_file(installation)) <= set(AFTER)


async def test_an_activity_that_fails_shows_nothing_personal(
    installation: TestInstallation, canaries: Canaries, worker_log: StringIO
) -> None:
    """The failure that travels names the kind of error; the data that it met stays behind."""
    closing = await installation.account(**canaries.account(role="main"))
    user = canaries[Kind.USER]
    proof_id, _ = await prove_by_code(closing, canaries)
    await closing.close(user, proof_id=proof_id)
    await closing.renounce(all=True, actor=user)
    away = text("ALTER TABLE platform_outbox RENAME TO platform_outbox_away")
    await installation.database.write(lambda each: each.execute(away))
    await closing.confirm(canaries[Kind.REASON], actor=user)
    await closing.fast_forward(closing.policy.entering_duration)
    await closing.until(Stage.SILENT)
    silent_until = (await closing.status()).silent_until
    assert silent_until is not None
    await closing.fast_forward_to(silent_until)

    async def pending() -> str:
        described = await closing.handle.describe()
        return str(described.raw_description.pending_activities)

    shown = await eventually(pending, lambda found: "OperationalError" in found, "the failure shows")
    assert canaries.found_in(shown) == set()
    back = text("ALTER TABLE platform_outbox_away RENAME TO platform_outbox")
    await installation.database.write(lambda each: each.execute(back))
    await closing.outcome()
    await require_quiet_temporal(closing, canaries)
    require_quiet_log(worker_log, canaries)
    assert json.loads(worker_log.getvalue().splitlines()[0]), "the log is JSON"


async def test_what_a_connector_says_of_its_failure_stays_out_of_temporal(
    installations: InstallationBuilder, canaries: Canaries
) -> None:
    """An adopter's system may name in its errors whomever it was asked about."""

    async def failing(call: Call, act: Act) -> object:
        if call.name == "access.stop":
            raise LookupError(f"nobody of the name {canaries[Kind.EMAIL]}")
        return await act()

    async with installations.open(platforms=lambda platform: around_ports(platform, failing)) as installation:
        closing = await installation.account(**canaries.account(role="main"))
        user = canaries[Kind.USER]
        await closing.close(user)
        await closing.renounce(all=True, actor=user)
        await closing.confirm(actor=user)

        async def pending() -> str:
            described = await closing.handle.describe()
            return str(described.raw_description.pending_activities)

        shown = await eventually(pending, lambda found: "LookupError" in found, "the failure shows")
        assert canaries.found_in(shown) == set()


HOSTILE = "x\u202e\u2066[red]<b>`_*|[a](http://evil)"


async def test_markup_and_reordering_in_ids_do_not_reach_the_web_ui(installation: TestInstallation) -> None:
    """Ids of accounts, users and things, and the reason; where the Web UI shows Markdown."""
    account_id = f"acct-{HOSTILE}-{uuid4().hex[:6]}"
    closing = await installation.account(
        id=account_id,
        users=[{"id": f"u-{HOSTILE}", "role": "main", "email": "owner@example.com"}],
        resources=[{"id": f"vm-{HOSTILE}", "product": "ecs", "renounceable": True}],
    )
    user = f"u-{HOSTILE}"
    proof = await closing.prove(user)
    assert (await closing.close(user, proof_id=proof)).stage is Stage.BLOCKED
    await closing.renounce(all=True, actor=user)
    await closing.confirm(HOSTILE, actor=user)
    described = await closing.handle.describe()
    metadata: WorkflowMetadata = await closing.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    summaries = [
        payload.data.decode("utf-8", "replace")
        for event in (await closing.history()).events
        for payload in (event.user_metadata.summary, event.user_metadata.details)
    ]
    shown = [
        str(await described.static_summary()),
        str(await described.static_details()),
        metadata.current_details,
        *summaries,
    ]
    assert len(summaries) > 3
    for text_ in shown:
        assert printable(text_) == text_
        for raw in ("[red]", "<b>", "[a](http"):
            assert raw not in text_
