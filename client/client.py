"""`ClosureClient`: the only way in. It speaks of accounts, users and closures; every face uses it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from temporalio.client import Client

from activities.sources import SurveyProgress
from client.acts import ActSender
from client.check_progress import check_progress
from client.delivery import ACCEPTANCE_DEADLINE, Delivery
from client.faults import NotAnswered, TakesLonger
from client.following import FOLLOW_INTERVAL, has_ended
from client.identity import NOTHING, Challenge, Identity, ProofOfIdentity, require_not_closed
from client.planning import Planning
from client.refunding import RefundSettling
from client.runs import ClosureRuns
from client.standing import ClosureStandings
from client.targets import ClosureTarget
from closure.accounts import AccountProfile
from closure.acts import (
    Act,
    ActKind,
    ActStatus,
    ApproveWords,
    CloseWords,
    ConfirmWords,
    RenounceWords,
    WithdrawWords,
    Words,
)
from closure.errors import RefusalType, Refused
from closure.identifiers import closure_of_effect, workflow_id_of
from closure.languages import ENGLISH
from closure.lifecycle import IRREVOCABLE, UNCONFIRMED, Mode, Stage
from closure.messages import IdentityMethod, Standing, StatusDocument
from closure.policy import Policy
from closure.transitions import GOES_WITH_OWNER
from connectors.ports import Platform
from records.entries import RecordedClosure
from records.identity import IdentityRecords
from records.reading import ClosureRecords
from records.record import Record
from temporal.current_runs import Hastened

RECHECK_DEADLINE: Final = timedelta(minutes=5)
"""How long a system check may take before nobody waits for it any more (A14)."""
LOOKING_AGAIN: Final = frozenset({Stage.ENTERING, Stage.FINAL_CHECK, Stage.RETAINED, Stage.DELETING})
"""After confirming, these look again at holds, billing, the refund, or what is held up."""
FINAL_LOOK_DEADLINE: Final = timedelta(seconds=5)
_LOOK: Final = 0.1


class ClosureClient:
    """What customers, support and operators do with closures.

    Args:
        temporal: a connected client.
        record: of the installation.
        platform: the adopter's systems; reads the directory, sends codes.
        policies: by name.
        task_queue: the base of the queue's name, as the workers have it.
        language: the reader's.
    """

    def __init__(
        self,
        temporal: Client,
        record: Record,
        platform: Platform,
        policies: Mapping[str, Policy],
        task_queue: str,
        *,
        language: str = ENGLISH,
    ) -> None:
        self._again = partial(ClosureClient, temporal, record, platform, policies, task_queue)
        self._temporal = temporal
        self._language = language
        self._platform = platform
        self.planning = Planning(platform, policies)
        self._delivery = Delivery(temporal, record.installation, task_queue)
        self._identity = Identity(platform, IdentityRecords(record.database))
        self.records = ClosureRecords(record)
        self._runs = ClosureRuns(self._delivery, record, self.records)
        self._acts = ActSender(self._delivery, record, self.records)
        self._refunding = RefundSettling(record, self.records, self._delivery)
        self._standings = ClosureStandings(
            self.records,
            self._delivery,
            believes_skipped_clocks=record.installation.believes_skipped_clocks,
            language=language,
        )

    def in_language(self, language: str) -> "ClosureClient":
        """The same way in, for a reader of `language`: the policy's texts are in it as far as it has them."""
        return self._again(language=language)

    # What a customer does.

    async def challenge(
        self,
        account_id: str,
        user_id: str,
        method: IdentityMethod,
        *,
        policy: str | None = None,
        session: str | None = None,
        is_once: bool = False,
    ) -> Challenge:
        """Sends a one-time code (A12), under the policy named, else the open closure's, else the provider's.

        `session`: see `ProofOfIdentity`. `is_once` is for a button that may be clicked twice: what this
        session had sent by the same way just now is not sent again.

        Raises:
            Refused: `ACCOUNT_NOT_FOUND`, `ACCOUNT_CLOSED`, `POLICY_NOT_FOUND`, `IDENTITY_METHOD_REFUSED` or
                `TOO_MANY_CHALLENGES`, with the seconds to wait as `retry_after`.
        """
        profile = await self._platform.directory.profile(account_id)
        opened = await self.records.open_closure(account_id) if policy is None else None
        if opened is not None:
            chosen = await self.records.policy(opened.closure_id)
        else:
            chosen = self.policy_for(profile, policy)
        return await self._identity.challenge(profile, chosen, user_id, method, session, is_once)

    async def close(
        self,
        account_id: str,
        user_id: str,
        proof: ProofOfIdentity,
        *,
        policy: str | None = None,
        mode: Mode = Mode.DELETE,
        agree: bool = False,
        acknowledgements: tuple[str, ...] = (),
        act_id: str | None = None,
    ) -> StatusDocument:
        """Starts a closure; answers with what its first check found (A11 to A15). `act_id`: see `confirm`.

        Raises:
            Refused: why the account can't be closed so. Where only consent is missing, the one-time code that
                was given can be given again.
            NotAnswered: no worker took it up; nothing will come of it.
            TemporalFailed: the server can't be reached.
        """
        profile = await self._platform.directory.profile(account_id)
        require_not_closed(profile)
        chosen = self.policy_for(profile, policy)
        await self._runs.require_free(profile)
        proof_id = await self._identity.prove(account_id, user_id, proof, ActKind.CLOSE)
        if proof_id is None:
            raise Refused(
                RefusalType.IDENTITY_PROOF_REQUIRED,
                "closing an account needs a proof of identity",
                facts={"methods": [*chosen.identity.methods], "account_id": account_id},
            )
        target = ClosureTarget(
            closure_id=f"closure-{uuid4().hex}",
            account_id=account_id,
            provider=profile.provider,
            policy=chosen.name,
            mode=mode,
            stage=Stage.OPENED,
        )
        words = CloseWords(
            provider=profile.provider,
            policy=chosen.name,
            mode=mode,
            agree=agree,
            acknowledgements=acknowledgements,
            language=self._language,
        )
        try:
            await self._acts.send(target, ActKind.CLOSE, user_id, proof_id, words, act_id)
        except Refused as refused:
            if refused.type is RefusalType.ACKNOWLEDGEMENT_REQUIRED:
                await self._identity.give_back(account_id, user_id, proof)
            raise
        return await self.status(closure_id=target.closure_id)

    async def renounce(
        self,
        account_id: str,
        user_id: str,
        *,
        item_ids: tuple[str, ...] = (),
        all: bool = False,
        accept_risk: bool = False,
        proof: ProofOfIdentity = NOTHING,
        closure_id: str | None = None,
        act_id: str | None = None,
    ) -> StatusDocument:
        """Gives up items that can be given up (A16). Raises as `confirm` does."""
        words = RenounceWords(item_ids=item_ids, all=all, accept_risk=accept_risk)
        return await self._act_on(account_id, ActKind.RENOUNCE, user_id, proof, words, closure_id, act_id)

    async def confirm(
        self,
        account_id: str,
        user_id: str,
        reason: str,
        *,
        plan_hash: str | None = None,
        phrase: str | None = None,
        proof: ProofOfIdentity = NOTHING,
        closure_id: str | None = None,
        act_id: str | None = None,
    ) -> StatusDocument:
        """The last word: from here on there is no way back (A17).

        `closure_id` makes sure that it is this closure and no later one of the account that is acted on.
        `act_id`, 32 random hex digits, lets the caller read later, or elsewhere, what became of it.

        Raises:
            Refused: why not; nothing was changed.
            NotAnswered: nobody took it up, and nothing will come of it.
            TemporalFailed: the server can't be reached.
        """
        words = ConfirmWords(reason=reason, plan_hash=plan_hash, phrase=phrase)
        return await self._act_on(account_id, ActKind.CONFIRM, user_id, proof, words, closure_id, act_id)

    async def approve(
        self,
        account_id: str,
        user_id: str,
        plan_hash: str,
        *,
        proof: ProofOfIdentity = NOTHING,
        closure_id: str | None = None,
        act_id: str | None = None,
    ) -> StatusDocument:
        """The second person's yes, where the policy wants one. Raises as `confirm` does."""
        words = ApproveWords(plan_hash=plan_hash)
        return await self._act_on(account_id, ActKind.APPROVE, user_id, proof, words, closure_id, act_id)

    async def withdraw(
        self,
        account_id: str,
        user_id: str,
        *,
        proof: ProofOfIdentity = NOTHING,
        closure_id: str | None = None,
        act_id: str | None = None,
    ) -> StatusDocument:
        """Ends a closure that can still be stopped. As `confirm`, but what nobody took up stands."""
        words = WithdrawWords()
        return await self._act_on(account_id, ActKind.WITHDRAW, user_id, proof, words, closure_id, act_id)

    async def recheck(self, account_id: str, *, closure_id: str | None = None) -> StatusDocument:
        """Has the closure look again, and waits for what it finds (A15). `closure_id`: see `confirm`.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`, `CLOSURE_ENDED`, or `IRREVOCABLE` where there is nothing to look at.
            NotAnswered: no worker looked.
            TakesLonger: the check still runs.
        """
        before = await self._open(account_id, closure_id)
        if before.state.stage in IRREVOCABLE and before.state.stage not in LOOKING_AGAIN:
            raise Refused(
                RefusalType.IRREVOCABLE,
                "the closure has been confirmed: there is nothing to recheck in this stage",
                facts={"account_id": account_id},
            )
        await self._delivery.send_recheck(ClosureTarget.of(before))
        return await self.status(closure_id=(await self._next_look(before)).closure_id)

    async def prove(self, account_id: str, user_id: str, proof: ProofOfIdentity) -> str | None:
        """The id of a proof to close with, good once; None when nothing was given. See `Identity.prove`."""
        return await self._identity.prove(account_id, user_id, proof, ActKind.CLOSE)

    async def is_proven(self, closure_id: str, account_id: str, user_id: str) -> bool:
        """Whether the user's acts on the closure need no further proof of identity now."""
        policy = await self.records.policy(closure_id)
        return await self._identity.is_proven(policy, closure_id, account_id, user_id)

    # What anybody with the right to look sees.

    async def status(
        self, account_id: str | None = None, *, closure_id: str | None = None, page: int = 1
    ) -> StatusDocument:
        """How a closure stands: the one named, else the one that was asked for last for the account.

        Its checklist is the page asked for.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`.
        """
        if closure_id is not None:
            closure = await self.records.get(closure_id)
            if closure is None or account_id not in (None, closure.state.account_id):
                return await self._status_of_act(await self._close_act(account_id, closure_id))
            return await self._standings.of_closure(closure, page=page)
        assert account_id is not None, "status of an account or of a closure"
        last = await self.records.last(account_id)
        asked = await self.records.last_close(account_id)
        is_open = last is not None and last.state.outcome is None
        if (
            not is_open
            and asked is not None
            and asked.status is not ActStatus.DONE
            and _is_newer(asked, last)
        ):
            return await self._status_of_act(asked)
        if last is None:
            raise Refused(
                RefusalType.CLOSURE_NOT_FOUND,
                f"account {account_id} has no closure",
                facts={"account_id": account_id},
            )
        return await self._standings.of_closure(last, page=page)

    async def check_progress(self, document: StatusDocument) -> SurveyProgress | None:
        """How far the system check is (A14); None where none runs that has told."""
        is_carried = document.stage in UNCONFIRMED and document.standing is not Standing.INTERRUPTED
        return await check_progress(self._temporal, document.workflow_id) if is_carried else None

    async def follow(self, closure_id: str) -> AsyncIterator[StatusDocument]:
        """The status now, and again after every change, until the closure has ended or was not admitted.

        Reads the record, never the workflow: followers cost the worker nothing.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`.
        """
        seen: tuple[int, object, object] | None = None
        while True:
            closure = await self.records.get(closure_id)
            if closure is None:
                act = await self._close_act(None, closure_id)
                if act.status in (ActStatus.REFUSED, ActStatus.LAPSED):
                    yield await self._status_of_act(act)
                    return
            else:
                now = (closure.event_count, closure.updated_at, closure.state.waiting)
                if now != seen:
                    seen = now
                    yield await self._standings.of_closure(closure)
                if await has_ended(self.records, closure):
                    return
            await asyncio.sleep(FOLLOW_INTERVAL.total_seconds())

    async def result(self, closure_id: str) -> StatusDocument:
        """Waits for the outcome, and for the certificate where there is one."""
        last = None
        async for document in self.follow(closure_id):
            last = document
        assert last is not None, "following ends with a document"
        return last

    # What operators do.

    async def settle_refund(self, closure_id: str, amount: str, reference: str) -> StatusDocument:
        """Staff have paid `amount` (decimal) of the refund past its payments; told once per `reference`.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`; `MALFORMED_INPUT` for what is no amount; `THING_NOT_ALLOWED` when so
                much of the refund has not failed.
            NotAnswered: it is written down, but no worker has taken it up yet: the next look does.
            TemporalFailed: the server can't be reached; the same holds.
        """
        await self._refunding.settle(closure_id, amount, reference)
        return await self.status(closure_id=closure_id)

    async def resume(self, closure_id: str, *, replace: bool = False) -> StatusDocument:
        """Has an interrupted closure go on in a new run, from the record, with its deadlines as they were.

        Whatever runs under its workflow id without holding it is ended; with `replace` also the run that
        holds it: that may only look as if it carried the closure on.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`, or `CLOSURE_ENDED` for one that has nothing to go on with;
                `STAGE_CONFLICT` for one that is running or goes on with its owner's.
            NotAnswered: the run is started, but no worker has taken it up.
            TemporalFailed: the server can't be reached.
        """
        closure = await self.records.get(closure_id)
        if closure is None:
            raise Refused(
                RefusalType.CLOSURE_NOT_FOUND,
                f"there is no closure {closure_id}",
                facts={"closure_id": closure_id},
            )
        if closure.owner_closure_id is not None:
            raise Refused(
                RefusalType.STAGE_CONFLICT,
                f"closure {closure_id} goes on with closure {closure.owner_closure_id} of the owning account",
                facts={"account_id": closure.state.account_id, "owner_closure_id": closure.owner_closure_id},
            )
        if await has_ended(self.records, closure):
            raise Refused(
                RefusalType.CLOSURE_ENDED,
                f"closure {closure_id} has ended: {closure.state.stage.value}",
                facts={"account_id": closure.state.account_id},
            )
        if not replace:
            await self._runs.require_interrupted(closure)
        await self._runs.end_current(closure)
        await self._delivery.start_again(ClosureTarget.of(closure))
        await self._runs.until_held(closure)
        return await self.status(closure_id=closure_id)

    async def effect_done(self, key: str) -> bool:
        """The platform says that the effect of this key is done: what waits for it looks now, not later.

        False while an attempt is under way, which may have looked before: to be told again. Nothing but the
        moment of the look follows from it.

        Raises:
            Refused: `CLOSURE_NOT_FOUND` for a key that is no effect of a closure.
            TemporalFailed: the server can't be reached.
        """
        closure = await self.records.get(closure_of_effect(key))
        if closure is not None and closure.owner_closure_id is not None:
            closure = await self.records.get(closure.owner_closure_id)
        if closure is None:
            raise Refused(RefusalType.CLOSURE_NOT_FOUND, "there is no closure with this effect")
        return await self._delivery.hasten(closure.state.workflow_id) is not Hastened.AT_WORK

    def policy_for(self, profile: AccountProfile, name: str | None) -> Policy:
        """The policy named, else the one that bears the name of the account's provider.

        Raises:
            Refused: `POLICY_NOT_FOUND`, also when it is another provider's.
        """
        return self.planning.policy_for(profile, name)

    # How.

    async def _act_on(
        self,
        account_id: str,
        kind: ActKind,
        user_id: str,
        proof: ProofOfIdentity,
        words: Words,
        closure_id: str | None,
        act_id: str | None,
    ) -> StatusDocument:
        closure = await self._open(account_id, closure_id)
        proof_id = await self._identity.prove(account_id, user_id, proof, kind)
        await self._runs.make_way(closure)
        await self._acts.send(ClosureTarget.of(closure), kind, user_id, proof_id, words, act_id)
        return await self.status(closure_id=closure.closure_id)

    async def _open(self, account_id: str, closure_id: str | None = None) -> RecordedClosure:
        """The account's open closure; with `closure_id` only if it is this one.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`, `CLOSURE_ENDED`, or `IRREVOCABLE` for an account that its owner's
                closure holds.
        """
        closure = await (
            self.records.last(account_id) if closure_id is None else self.records.get(closure_id)
        )
        if closure is None or closure.state.account_id != account_id:
            named = "" if closure_id is None else f" {closure_id}"
            raise Refused(
                RefusalType.CLOSURE_NOT_FOUND,
                f"account {account_id} has no closure{named}",
                facts={"account_id": account_id},
            )
        # Whether or not its own closure has noticed; one that goes with the owner's is opened long after.
        if await self.records.goes_with_owner(account_id):
            raise Refused(RefusalType.IRREVOCABLE, GOES_WITH_OWNER, facts={"account_id": account_id})
        if closure.state.outcome is not None:
            raise Refused(
                RefusalType.CLOSURE_ENDED,
                f"closure {closure.closure_id} has ended: {closure.state.stage.value}",
                facts={"account_id": account_id, "closure_id": closure.closure_id},
            )
        return closure

    async def _close_act(self, account_id: str | None, closure_id: str) -> Act:
        found = await self.records.close_of(closure_id)
        if found is None or account_id not in (None, found[0].account_id):
            known = {"account_id": account_id} if account_id else {}
            raise Refused(RefusalType.CLOSURE_NOT_FOUND, f"there is no closure {closure_id}", facts={**known})
        return found[0]

    async def _status_of_act(self, act: Act) -> StatusDocument:
        found = await self.records.close_of(act.closure_id)
        words = found[1] if found is not None else None
        workflow_id = workflow_id_of(words.provider, act.account_id) if words is not None else ""
        return await self._standings.of_act(act, words, workflow_id)

    async def _next_look(self, before: RecordedClosure) -> RecordedClosure:
        """Waits until the closure has looked again; a final look for a few seconds only."""
        final = before.state.stage in LOOKING_AGAIN
        patience = FINAL_LOOK_DEADLINE if final else RECHECK_DEADLINE
        now, began = before, asyncio.get_running_loop().time()
        while not _has_looked_again(before, now):
            waited = asyncio.get_running_loop().time() - began
            if waited > patience.total_seconds():
                break
            if now.event_count == before.event_count and waited > ACCEPTANCE_DEADLINE.total_seconds():
                raise NotAnswered("no worker has looked yet", closure_id=before.closure_id)
            await asyncio.sleep(_LOOK)
            now = await self.records.get(before.closure_id) or now
        if not final and not _has_looked_again(before, now):
            raise TakesLonger("the system check still runs", account_id=before.state.account_id)
        return now


def _is_newer(act: Act, closure: RecordedClosure | None) -> bool:
    return closure is None or (act.closure_id != closure.closure_id and act.written_at > closure.opened_at)


def _has_looked_again(before: RecordedClosure, now: RecordedClosure) -> bool:
    if now.state.outcome is not None:
        return True
    if before.state.stage in LOOKING_AGAIN:
        return (now.state.stage, now.state.refund) != (before.state.stage, before.state.refund)
    return now.state.survey_number > before.state.survey_number and now.state.stage is not Stage.CHECKING
