"""Erasing again, after a restored backup, what the ledger of erasures says had been deleted."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy import Connection

from activities.certificates import Certificates
from activities.erasure import erased_unless_kept
from activities.gone import unless_gone
from closure.accounts import Access, AccountProfile
from closure.certificate import STORES_LISTED, store_reference
from closure.errors import RefusalType, Refused
from closure.events import BindingsDeleted, DataErased, StoreEvidence
from closure.findings import Change
from closure.identifiers import effect_key, subaccount_closure_id, workflow_id_of
from closure.lifecycle import Mode, Stage
from closure.model import WireModel
from closure.policy import Policy
from closure.state import ClosureState
from closure.transitions import erased_again
from connectors.ports import MustRetain, Platform
from keys.signing import Signer
from records.anchors import AnchorLine
from records.certificates import keep_certificate
from records.claims import claim_of, give_up_claims
from records.closures import LockedClosure, insert_closure, lock_closure, open_closure_id
from records.erasure import was_deleted
from records.erasures import data_erased, note_erasures
from records.lookbacks import note_look
from records.lookups import closure_row, policy_content
from records.policies import register_policies
from records.record import Record


class ErasureResult(StrEnum):
    """What became of an account that the ledger names."""

    ERASED_AGAIN = "erased_again"
    HELD = "held"
    """By a legal hold, or because the law makes the provider keep the account."""
    NO_POLICY = "no_policy"
    """Nothing says what the law keeps of it."""


class ErasedAccount(WireModel):
    account_id: str
    closure_id: str
    result: ErasureResult


class ErasuresAgain:
    """An operator's command, for while no worker runs: the worker refuses to start before it."""

    def __init__(
        self, record: Record, platform: Platform, policies: Mapping[str, Policy], certificates: Certificates
    ) -> None:
        self._record = record
        self._platform = platform
        self._policies = policies
        self._certificates = certificates

    async def erase(self, ledger: Sequence[AnchorLine], *, anchor_lines: int) -> tuple[ErasedAccount, ...]:
        """Goes through the ledger; what the platform and the record know as deleted is left as it is.

        Args:
            ledger: all its lines, verified.
            anchor_lines: how many lines the anchors have: up to there the record was looked at, once all
                accounts are gone.

        Raises:
            DatabaseUnreachable, and whatever a port raises: run it again.
        """
        record_id = self._record.installation.installation_id
        last = {line.account_id: line for line in ledger if line.record_id == record_id}
        found = [each for line in last.values() if (each := await self._look(line)) is not None]
        if all(each.result is ErasureResult.ERASED_AGAIN for each in found):
            await self._record.write(lambda each: note_look(each, anchor_lines))
        return tuple(found)

    async def _look(self, line: AnchorLine) -> ErasedAccount | None:
        account_id = line.account_id
        profile = await unless_gone(self._profile(account_id), None)
        is_known, policy = await self._record.read(lambda each: self._known(each, line, profile))
        is_gone = profile is None or profile.access is Access.CLOSED
        if is_gone and is_known:
            return None
        result = ErasureResult.ERASED_AGAIN
        if policy is None:
            # Neither the platform nor the record knows it: nothing is left of it.
            if profile is None:
                return None
            result = ErasureResult.NO_POLICY
        elif not is_gone and await unless_gone(self._platform.holds.is_held(account_id), False):
            result = ErasureResult.HELD
        else:
            try:
                await self._erase(line, policy, is_gone=is_gone)
            except MustRetain:
                result = ErasureResult.HELD
        return ErasedAccount(account_id=account_id, closure_id=line.closure_id, result=result)

    async def _profile(self, account_id: str) -> AccountProfile | None:
        return await self._platform.directory.profile(account_id)

    def _known(
        self, connection: Connection, line: AnchorLine, profile: AccountProfile | None
    ) -> tuple[bool, Policy | None]:
        """Whether the record knows it as deleted, and the policy that it went by."""
        row = closure_row(connection, open_closure_id(connection, line.account_id) or line.closure_id)
        if row is not None:
            policy: Policy | None = Policy.from_json(policy_content(connection, row["policy_hash"]))
        else:
            provider = profile.provider if profile is not None else None
            policy = next((each for each in self._policies.values() if each.provider == provider), None)
        return was_deleted(connection, line.account_id), policy

    async def _erase(self, line: AnchorLine, policy: Policy, *, is_gone: bool) -> None:
        evidence, bindings = ((), 0) if is_gone else await self._erase_account(line, policy)
        signer = await self._certificates.signer()
        closure_id = await self._record.write(
            lambda each: self._note(each, line, policy, evidence, bindings, signer)
        )
        await self._record.anchor(closure_id)

    async def _erase_account(self, line: AnchorLine, policy: Policy) -> tuple[tuple[StoreEvidence, ...], int]:
        """Stores, bindings, role, account: each by a key of its own, so that it may be repeated."""
        account_id, access = line.account_id, self._platform.access
        evidence: list[StoreEvidence] = []
        retained: list[str] = []
        for store in await self._platform.data_stores.stores(account_id):
            kept = policy.retains(store.store)
            found = StoreEvidence(
                reference=store_reference(line.closure_id, store.store_id),
                store=store.store,
                objects=store.objects,
                retained_as=kept.name if kept else None,
            )
            if kept is None:
                found = await erased_unless_kept(self._erase_store(line, store.store_id), found)
            retained += [store.store_id] if found.is_kept else []
            evidence.append(found)
        bindings = await access.delete_bindings(account_id, key=_key(line, "bindings"))
        if policy.service_role is not None:
            await access.delete_service_role(account_id, policy.service_role, key=_key(line, "role"))
        await access.close(
            account_id, key=_key(line, "close"), time=line.time, retained_stores=tuple(retained)
        )
        return tuple(evidence), bindings

    async def _erase_store(self, line: AnchorLine, store_id: str) -> int:
        stores = self._platform.data_stores
        objects = await stores.erase(line.account_id, store_id, key=_key(line, "store", store_id))
        if await stores.remaining_objects(line.account_id, store_id):
            raise Refused(RefusalType.STAGE_CONFLICT, f"a store of {line.account_id} still has objects")
        return objects

    def _note(
        self,
        connection: Connection,
        line: AnchorLine,
        policy: Policy,
        evidence: tuple[StoreEvidence, ...],
        bindings: int,
        signer: Signer,
    ) -> str:
        """The record says what was done, forgets the person, and has a certificate again."""
        closure = _closure_of(connection, line, policy)
        closure_id, now = closure.closure_id, self._record.now(connection, None)
        note_erasures(connection, closure_id, evidence)
        closure.apply(Change(closure.state, _erased(connection, closure_id, evidence)), time=now)
        closure.apply(Change(closure.state, BindingsDeleted(deleted=bindings)), time=now)
        closure.apply(erased_again(closure.state, line.time), time=now)
        give_up_claims(connection, closure_id)
        keep_certificate(connection, self._certificates.certify(connection, closure_id, now, signer))
        return closure_id


def _erased(connection: Connection, closure_id: str, evidence: tuple[StoreEvidence, ...]) -> DataErased:
    if len(evidence) > STORES_LISTED:
        return data_erased(connection, closure_id)
    return DataErased(
        erased_stores=tuple(each for each in evidence if not each.is_kept),
        retained_stores=tuple(each for each in evidence if each.is_kept),
    )


def _closure_of(connection: Connection, line: AnchorLine, policy: Policy) -> LockedClosure:
    """The account's closure that is open now, else the one that had deleted it, opened anew if need be."""
    known = open_closure_id(connection, line.account_id) or line.closure_id
    if closure_row(connection, known) is not None:
        return lock_closure(connection, known)
    register_policies(connection, [policy])
    holder = claim_of(connection, line.account_id)
    is_owned = holder is not None and subaccount_closure_id(holder, line.account_id) == line.closure_id
    state = ClosureState(
        closure_id=line.closure_id,
        account_id=line.account_id,
        provider=policy.provider,
        policy=policy.name,
        policy_version=policy.version,
        mode=Mode.DELETE,
        workflow_id=workflow_id_of(policy.provider, line.account_id),
        stage=Stage.OPENED,
        opened_at=line.time,
        draft_until=line.time,
    )
    return insert_closure(
        connection,
        state,
        policy_hash=policy.content_hash,
        opened_by=None,
        owner=lock_closure(connection, holder).state if is_owned and holder is not None else None,
        run_id=None,
        time=line.time,
    )


def _key(line: AnchorLine, *what: str) -> str:
    return effect_key(line.closure_id, "erase-again", line.time.isoformat(), *what)
