"""`ClosureClient`: the only way in. It speaks of accounts, users and closures; every face uses it."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from uuid import uuid4

from temporalio.client import Client

from activities.sources import SurveyProgress
from client.acts import ActSender
from client.check_progress import check_progress
from client.delivery import Delivery
from client.identity import NOTHING, Challenge, Identity, ProofOfIdentity, require_not_closed
from client.planning import Planning
from client.rechecking import Rechecking
from client.refunding import RefundSettling
from client.resuming import Resuming
from client.runs import ClosureRuns
from client.standing import ClosureStandings
from client.statuses import ClosureStatuses
from client.targets import ClosureTarget
from closure.accounts import AccountProfile
from closure.acts import (
    ActKind,
    ApproveWords,
    CloseWords,
    ConfirmWords,
    RenounceWords,
    WithdrawWords,
    Words,
)
from closure.errors import RefusalType, Refused
from closure.languages import ENGLISH
from closure.lifecycle import UNCONFIRMED, Mode, Stage
from closure.messages import IdentityMethod, Standing, StatusDocument
from closure.policy import Policy
from closure.transitions import GOES_WITH_OWNER
from connectors.ports import Platform
from records.entries import RecordedClosure
from records.identity import IdentityRecords
from records.reading import ClosureRecords
from records.record import Record


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
        delivery = Delivery(temporal, record.installation, task_queue)
        self._identity = Identity(platform, IdentityRecords(record.database))
        self.records = ClosureRecords(record)
        self._runs = ClosureRuns(delivery, record, self.records)
        self._acts = ActSender(delivery, record, self.records)
        self._refunding = RefundSettling(record, self.records, delivery)
        self._rechecking = Rechecking(self.records, delivery)
        self._resuming = Resuming(self.records, delivery, self._runs)
        standings = ClosureStandings(
            self.records,
            delivery,
            believes_skipped_clocks=record.installation.believes_skipped_clocks,
            language=language,
        )
        self._statuses = ClosureStatuses(self.records, standings)

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
        closure = await self._open(account_id, closure_id)
        await self._rechecking.recheck(closure)
        return await self.status(closure_id=closure.closure_id)

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
            return await self._statuses.of_closure(closure_id, account_id=account_id, page=page)
        assert account_id is not None, "status of an account or of a closure"
        return await self._statuses.of_account(account_id, page=page)

    async def check_progress(self, document: StatusDocument) -> SurveyProgress | None:
        """How far the system check is (A14); None where none runs that has told."""
        is_carried = document.stage in UNCONFIRMED and document.standing is not Standing.INTERRUPTED
        return await check_progress(self._temporal, document.workflow_id) if is_carried else None

    def follow(self, closure_id: str) -> AsyncIterator[StatusDocument]:
        """The status now, and again after every change, until the closure has ended or was not admitted.

        Reads the record, never the workflow: followers cost the worker nothing.

        Raises:
            Refused: `CLOSURE_NOT_FOUND`.
        """
        return self._statuses.follow(closure_id)

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
        await self._resuming.resume(closure_id, replace=replace)
        return await self.status(closure_id=closure_id)

    async def effect_done(self, key: str) -> bool:
        """The platform says that the effect of this key is done: what waits for it looks now, not later.

        False while an attempt is under way, which may have looked before: to be told again. Nothing but the
        moment of the look follows from it.

        Raises:
            Refused: `CLOSURE_NOT_FOUND` for a key that is no effect of a closure.
            TemporalFailed: the server can't be reached.
        """
        return await self._resuming.effect_done(key)

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
