"""What a certificate says is what happened, to the account and its subaccounts, whatever the outcome was."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from temporalio.api.enums.v1 import PendingActivityState

from closure.acts import ActKind
from closure.certificate import SignedCertificate, StoreState, store_reference
from closure.events import EventType
from closure.identifiers import subaccount_closure_id
from closure.lifecycle import Mode, Outcome, Stage
from closure.messages import IdentityMethod
from closure.policy import Policy, RetentionClass
from connectors.embedded import tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.loading import load_accounts
from keys.signing import load_signer
from keys.verify import verify
from records.anchors import AnchorFile
from records.certificates import KeptCertificate, keep_certificate
from records.identity import IdentityRecords
from records.record import Record
from tests.harness.account_driver import AccountDriver
from tests.harness.installation import InstallationBuilder, TestInstallation, running_worker
from tests.harness.past_the_client import start_run
from tests.harness.waiting import eventually

MOMENT = timedelta(seconds=30)
PERSONAL = ("example", "+15550100", "u-1", "moving", "oss-jane-doe", "jane")


async def kept(installation: TestInstallation, closure_id: str) -> KeptCertificate:
    """The certificate as issued, which verifies with the installation's key and names nobody."""
    found = await installation.records.certificate(closure_id)
    assert found is not None, f"closure {closure_id} has no certificate"
    key = load_signer(installation.signing_key_file).public_key
    verify(found.content.encode(), key)
    assert load_pem_public_key(found.public_key.encode()) == key
    for word in PERSONAL:
        assert word not in found.content
    return found


async def certificate(installation: TestInstallation, closure_id: str) -> SignedCertificate:
    """As `kept`; it ends where the audit ends."""
    found = await kept(installation, closure_id)
    says = SignedCertificate.model_validate_json(found.content)
    assert found.certificate_id == says.certificate_id
    recorded = await installation.records.get(closure_id)
    trail = await installation.records.trail(closure_id)
    assert recorded is not None
    assert trail is not None
    assert trail.fault is None
    assert (says.audit.events, says.audit.head_hash) == (len(trail.events), trail.events[-1].hash)
    assert says.ended_at == trail.events[-1].time
    assert says.opened_at == recorded.opened_at
    assert says.outcome is recorded.state.outcome
    assert says.policy_hash == recorded.policy_hash
    return says


async def full_account(installation: TestInstallation, **more: object) -> AccountDriver:
    return await installation.account(
        balance={"cash": "200.00", "promo": "15.00"},
        resources=[
            {"id": "a", "product": "ecs", "renounceable": True},
            {"id": "b", "product": "ecs", "renounceable": True},
            {"id": "c", "product": "vpc", "renounceable": True},
        ],
        subscriptions=[
            {
                "id": "s",
                "product": "rds",
                "renounceable": True,
                "expires_at": datetime(2099, 1, 1, tzinfo=UTC),
            }
        ],
        data=[
            {"id": "oss-jane-doe", "store": "object-storage", "objects": 1200},
            {"id": "log-1", "store": "audit-logs", "objects": 7},
        ],
        **more,
    )


async def delete(closing: AccountDriver) -> None:
    await closing.silent()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.DELETED


async def test_a22_the_certificate_of_a_deleted_account_tells_what_became_of_it(
    installation: TestInstallation,
) -> None:
    closing = await full_account(installation)
    await delete(closing)
    says = await certificate(installation, closing.closure_id)
    status = await closing.status()
    assert (says.closure_id, says.account_id, says.mode) == (
        closing.closure_id,
        closing.account_id,
        Mode.DELETE,
    )
    assert (says.plan_hash, says.confirmed_at) == (status.plan_hash, status.confirmed_at)
    assert {(each.store, each.state, each.objects, each.reference) for each in says.stores} == {
        (
            "object-storage",
            StoreState.DELETED,
            1200,
            store_reference(closing.closure_id, "oss-jane-doe"),
        ),
        ("audit-logs", StoreState.DELETED, 7, store_reference(closing.closure_id, "log-1")),
    }
    assert says.released is not None
    assert (says.released.resources, says.released.subscriptions) == (3, 1)
    assert says.released.products == {"ecs": 2, "rds": 1, "vpc": 1}
    assert says.money is not None
    assert says.money.model_dump() == {
        "currency": "USD",
        "forfeited_cash": "200.00",
        "forfeited_promo": "15.00",
        "voided_debt": "0.00",
        "refunded": "0.00",
        "paid_otherwise": "0.00",
    }
    erased = await closing.until_event(EventType.DATA_ERASED)
    assert says.data_deleted_at == erased.time
    assert [(each.name, each.until) for each in says.retained] == [
        (each.name, each.until(erased.time)) for each in closing.policy.retained
    ]
    assert says.confirmed_at is not None
    assert says.stopped_at is not None
    assert says.opened_at < says.confirmed_at <= says.stopped_at < says.data_deleted_at <= says.ended_at
    assert says.stopped_at - says.confirmed_at < timedelta(minutes=1)
    assert says.ended_at <= says.issued_at < says.ended_at + timedelta(minutes=1)
    assert (says.owed, says.owner, says.subaccounts) == ((), None, ())
    assert await closing.failed_tasks() == []


async def test_a22_an_empty_account_has_a_certificate_that_claims_nothing(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await delete(closing)
    says = await certificate(installation, closing.closure_id)
    assert (says.stores, says.released, says.money) == ((), None, None)


async def test_what_the_law_keeps_is_kept_and_the_certificate_says_until_when(
    installations: InstallationBuilder, policies: dict[str, Policy]
) -> None:
    logs = RetentionClass(name="logs", what="Audit logs", years=7, ground="§ 257 HGB", stores=("audit-logs",))
    policy = policies["alibaba-cloud"].model_copy(update={"retained": (logs,)})
    async with installations.open(policies={"alibaba-cloud": policy}) as installation:
        closing = await full_account(installation)
        await delete(closing)
        assert [(row["id"], row["objects"]) for row in await closing.rows(tables.data_stores)] == [
            ("log-1", 7)
        ]
        says = await certificate(installation, closing.closure_id)
        erased, retained = says.stores
        assert (erased.state, erased.objects) == (StoreState.DELETED, 1200)
        assert says.data_deleted_at is not None
        until = logs.until(says.data_deleted_at)
        assert (retained.state, retained.store, retained.objects) == (StoreState.RETAINED, "audit-logs", 7)
        assert (retained.retained_as, retained.ground, retained.until) == ("logs", "§ 257 HGB", until)
        assert until.year == says.data_deleted_at.year + 7


async def test_a23_a26_a_restored_account_gets_a_report_of_what_can_not_come_back(
    installation: TestInstallation,
) -> None:
    closing = await full_account(installation)
    await closing.silent()
    await closing.bill_late_usage()
    await closing.end_of_silence()
    assert (await closing.outcome()).outcome is Outcome.RESTORED
    says = await certificate(installation, closing.closure_id)
    assert (says.stores, says.retained, says.data_deleted_at) == ((), (), None)
    assert says.released is not None
    assert says.released.resources == 3
    assert says.money is not None
    assert (says.money.forfeited_cash, says.money.forfeited_promo) == ("200.00", "15.00")
    assert [(each.check, each.amount, each.currency) for each in says.owed] == [
        ("unpaid-bills", "1.23", "USD")
    ]
    assert "late-" not in (await kept(installation, closing.closure_id)).content


async def test_each_closure_of_an_account_has_its_own_and_those_that_changed_nothing_none(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.close()
    await closing.withdraw()
    await closing.outcome()
    assert await installation.records.certificate(closing.closure_id) is None
    await closing.close()
    await closing.confirm()
    await closing.fast_forward(timedelta(days=7, minutes=6))
    await closing.outcome()
    assert (await certificate(installation, closing.closure_id)).closure_id == closing.closure_id


# Twilio.


async def twilio_account(installation: TestInstallation, *subaccounts: str, **more: object) -> AccountDriver:
    name = f"acct-{uuid4().hex[:10]}"
    account: dict[str, object] = {"provider": "twilio", "kind": "upgraded", "currency": "USD"}
    owner: dict[str, object] = {
        **account,
        "id": name,
        "users": [{"id": "u-1", "role": "owner", "email": f"o@{name}.example"}],
        "subaccounts": [f"{name}-{each}" for each in subaccounts],
        **more,
    }
    owned: list[Mapping[str, object]] = [
        {
            **account,
            "id": f"{name}-{each}",
            "balance": {"cash": "5.00", "promo": "1.00"},
            "resources": [{"id": f"pn-{each}", "product": "phone-number"}],
            "data": [{"id": "usage", "store": "usage-history", "objects": 7}],
        }
        for each in subaccounts
    ]
    text = json.dumps({"accounts": [owner, *owned]})
    await load_accounts(installation.database, parse_account_file(text, "test.json"), "test.json")
    return AccountDriver(installation, name, "twilio")


async def password_proof(closing: AccountDriver) -> str:
    """T8."""

    async def verified() -> bool:
        return True

    identity = IdentityRecords(closing.installation.database)
    proof = await identity.prove_by_secret(
        closing.account_id, "u-1", IdentityMethod.PASSWORD, verified, door=ActKind.CLOSE
    )
    return proof.proof_id


async def test_t5_t10_subaccounts_have_certificates_of_their_own_that_the_owners_names(
    installation: TestInstallation,
) -> None:
    closing = await twilio_account(
        installation,
        "one",
        "two",
        balance={"cash": "20.00", "promo": "2.50"},
        data=[{"id": "flows", "store": "flows", "objects": 3}],
    )
    proof_id = await password_proof(closing)
    await closing.close(proof_id=proof_id, acknowledgements=closing.policy.acknowledgements["upgraded"])
    await closing.confirm()
    await closing.until(Stage.RETAINED)
    subaccounts = [
        (
            f"{closing.account_id}-{each}",
            subaccount_closure_id(closing.closure_id, f"{closing.account_id}-{each}"),
        )
        for each in ("one", "two")
    ]
    assert await installation.records.certificate(closing.closure_id) is None
    await closing.fast_forward(timedelta(days=31))
    assert (await closing.outcome()).outcome is Outcome.DELETED

    says = await certificate(installation, closing.closure_id)
    assert [(each.store, each.objects) for each in says.stores] == [("flows", 3)]
    assert says.released is not None
    assert says.released.products == {"phone-number": 2}
    assert says.money is not None
    assert (says.money.refunded, says.money.forfeited_promo) == ("30.00", "4.50")  # T10, T11
    assert says.stopped_at is not None
    assert [(each.account_id, each.closure_id) for each in says.subaccounts] == subaccounts

    for named, (account_id, closure_id) in zip(says.subaccounts, subaccounts, strict=True):
        own = await certificate(installation, closure_id)
        assert own.certificate_id == named.certificate_id
        assert own.account_id == account_id
        assert own.owner is not None
        assert (own.owner.account_id, own.owner.closure_id) == (closing.account_id, closing.closure_id)
        assert [(each.store, each.state, each.objects) for each in own.stores] == [
            ("usage-history", StoreState.DELETED, 7)
        ]
        assert (own.confirmed_at, own.stopped_at) == (says.confirmed_at, says.stopped_at)
        assert (own.released, own.money) == (None, None)


async def test_t6_a_dormant_account_gets_one_that_claims_no_deletion(installation: TestInstallation) -> None:
    closing = await twilio_account(installation, resources=[{"id": "pn", "product": "phone-number"}])
    await closing.close(proof_id=await password_proof(closing), mode=Mode.KEEP_DATA)
    await closing.confirm()
    assert (await closing.outcome()).outcome is Outcome.DORMANT
    says = await certificate(installation, closing.closure_id)
    assert (says.outcome, says.mode) == (Outcome.DORMANT, Mode.KEEP_DATA)
    assert (says.stores, says.retained, says.data_deleted_at, says.money) == ((), (), None, None)
    assert says.released is not None
    assert says.released.resources == 1


# Once, and never skipped.


@asynccontextmanager
async def worker_without_key(installation: TestInstallation) -> AsyncIterator[None]:
    """A worker that can anchor, under another key, but whose key for certificates can't be used."""
    installation.signing_key_file.write_text("no key", encoding="ascii")
    anchors = AnchorFile(installation.anchor_file, installation.database_file.with_suffix(".anchors.pem"))
    record = Record(installation.database, installation.record.installation, anchors)
    async with running_worker(replace(installation, record=record)):
        yield


async def test_a_key_that_can_not_be_used_is_shown_and_waited_for(installations: InstallationBuilder) -> None:
    async with installations.open(with_worker=False) as installation, worker_without_key(installation):
        closing = await installation.account()
        await closing.silent()
        silent_until = (await closing.status()).silent_until
        assert silent_until is not None
        await closing.fast_forward_to(silent_until + MOMENT)
        await closing.until(Stage.DELETED)

        async def failure() -> str:
            description = await closing.handle.describe()
            pending = description.raw_description.pending_activities
            waiting = [
                each
                for each in pending
                if each.state != PendingActivityState.PENDING_ACTIVITY_STATE_UNSPECIFIED
            ]
            return waiting[0].last_failure.message if waiting else ""

        said = await eventually(failure, bool, "the failure in the pending activity")
        assert "no unencrypted PEM private key" in said
        assert await installation.records.certificate(closing.closure_id) is None
        installation.signing_key_file.unlink()
        await closing.outcome()
        await certificate(installation, closing.closure_id)


async def test_it_is_issued_once_and_asked_again_it_is_the_same_to_the_byte(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await delete(closing)
    first = await kept(installation, closing.closure_id)
    # Another run of the closure finds nothing left to do.
    again = await start_run(closing)
    view = await again.result()
    assert view is not None
    assert view.outcome is Outcome.DELETED
    assert await kept(installation, closing.closure_id) == first
    other = first.model_copy(update={"content": "{}"})
    assert await installation.database.write(lambda each: keep_certificate(each, other)) == first
    replacing = "INSERT OR REPLACE INTO record_certificates SELECT * FROM record_certificates"
    for statement in (
        "UPDATE record_certificates SET content = '{}'",
        "DELETE FROM record_certificates",
        *([replacing] if installation.database.is_sqlite else []),
    ):
        with pytest.raises(DBAPIError, match="certificates are never changed"):
            await execute(installation, statement)
    assert await kept(installation, closing.closure_id) == first


async def test_a_closure_that_goes_on_or_whose_audit_was_changed_is_not_certified(
    installation: TestInstallation,
) -> None:
    closing = await installation.account()
    await closing.silent()
    assert await installation.records.certificate(closing.closure_id) is None
    whole = (await closing.events())[-1].hash
    await execute(installation, f"UPDATE record_closures SET head_hash = '{'0' * 64}'")
    await closing.end_of_silence()
    await closing.until(Stage.DELETED)

    async def failing() -> str:
        description = await closing.handle.describe()
        pending = description.raw_description.pending_activities
        return pending[0].last_failure.message if pending else ""

    said = await eventually(failing, bool, "the failure in the pending activity")
    assert "is not whole" in said
    assert whole not in said
    assert await installation.records.certificate(closing.closure_id) is None
    await closing.handle.terminate()


async def execute(installation: TestInstallation, statement: str) -> None:
    await installation.database.write(lambda connection: connection.execute(text(statement)))
