"""Admission: who may close, under which policy, agreeing to what; then the first check (A11 to A15)."""

from collections.abc import Mapping

from sqlalchemy import Connection
from temporalio import activity

from activities.authorization import Authorization
from activities.calling import ActCall, StageCall, calling_run, require_time
from activities.held import HeldClosure, HeldClosures
from activities.holds import refuse_held
from activities.messages import CustomerMessages
from activities.survey import Surveys, keep_findings
from closure.accounts import Access, AccountProfile
from closure.acts import Act, ActKind, CloseWords
from closure.errors import RefusalType, Refused
from closure.identifiers import workflow_id_of
from closure.lifecycle import Stage
from closure.policy import Policy
from closure.state import ClosureState, ClosureView
from closure.transitions import check_started
from closure.translations import in_language
from connectors.ports import Platform
from records.acts import ActDone, finish_act, refuse_act, take_act
from records.claims import claim_of
from records.closures import insert_closure
from records.lookups import closure_row
from records.policies import register_policies
from records.runs import Caller


class OpeningActivities:
    """Only an admitted close makes a closure's row; a refusal stays with its act."""

    def __init__(
        self,
        closures: HeldClosures,
        platform: Platform,
        authorization: Authorization,
        surveys: Surveys,
        policies: Mapping[str, Policy],
        messages: CustomerMessages,
    ) -> None:
        self._closures = closures
        self._record = closures.record
        self._platform = platform
        self._authorization = authorization
        self._surveys = surveys
        self._policies = policies
        self._messages = messages

    @activity.defn
    async def open_closure(self, call: ActCall) -> ClosureView:
        """Carries out an act of closing: pins the policy, records the closure, returns the first findings.

        Raises:
            Refused: why the account can't be closed so; the act is refused with it.
        """
        require_time(answers_at_once=self._platform.answers_at_once)
        self._closures.require_installation(call)
        caller = calling_run()
        await self._closures.require_current(caller)
        try:
            await self._admit(call, caller)
        except ActDone:
            pass  # admitted before, by an attempt whose answer was lost
        except Refused as refused:
            if refused.type is not RefusalType.ACT_NOT_FOUND:  # another closure's act is left as it is
                await self._refuse(call, refused)
            raise
        return await self._closures.carry(StageCall.model_validate(call, from_attributes=True), self._check)

    async def _refuse(self, call: ActCall, refused: Refused) -> None:
        await self._record.write(lambda each: refuse_act(each, call.act_id, refused))

    async def _check(self, closure: HeldClosure) -> None:
        await self._messages.notify(closure)
        if closure.state.stage is Stage.CHECKING:
            findings = await self._surveys.survey(closure)
            await closure.write(lambda writing: keep_findings(writing, findings))

    async def _admit(self, call: ActCall, caller: Caller) -> None:
        act, words = await self._record.write(lambda each: self._taken(each, call, caller))
        policy = self._policies.get(words.policy)
        if policy is None:
            raise Refused(
                RefusalType.POLICY_NOT_FOUND,
                f"the worker has no policy named {words.policy!r}",
                facts={"known": [*sorted(self._policies)]},
            )
        profile = await self._require_closable(act, words, policy)
        proof_id = act.proof_id
        if proof_id is None:
            raise Refused(
                RefusalType.IDENTITY_PROOF_REQUIRED,
                "closing an account needs a proof of identity",
                facts={"methods": [*policy.identity.methods]},
            )
        await self._authorization.consume_proof(policy, proof_id, act)
        spoken = in_language(policy, words.language)
        missing = spoken.missing_consent(profile.kind, words.mode, words.agree, words.acknowledgements)
        agreement = str(spoken.agreement)
        if missing:
            raise Refused(
                RefusalType.ACKNOWLEDGEMENT_REQUIRED,
                "the closure needs your agreement first",
                acknowledgements=missing,
                facts={"agreement": agreement} if agreement in missing else {},
            )
        await self._record.write(lambda each: self._insert(each, call, caller, act, words, policy))

    def _taken(self, connection: Connection, call: ActCall, caller: Caller) -> tuple[Act, CloseWords]:
        act, words = take_act(connection, call.act_id, ActKind.CLOSE, caller.run_id, call.closure_id)
        assert isinstance(words, CloseWords)
        if caller.workflow_id != workflow_id_of(words.provider, act.account_id):
            raise Refused(RefusalType.ACT_NOT_FOUND, "there is no such act")
        return act, words

    async def _require_closable(self, act: Act, words: CloseWords, policy: Policy) -> AccountProfile:
        profile = await self._platform.directory.profile(act.account_id)
        await self._require_open(profile)
        if profile.provider != words.provider:
            raise Refused(RefusalType.ACCOUNT_NOT_FOUND, f"{words.provider} has no such account")
        policy.require_provider(profile.provider)
        policy.require_mode(words.mode)
        in_language(policy, words.language).require_kind(profile.kind)
        await refuse_held(self._platform.holds, act.account_id)
        await self._authorization.require_role(policy.eligibility.roles, act.account_id, act.user_id)
        return profile

    async def _require_open(self, profile: AccountProfile) -> None:
        """What has stopped although no closure holds it may be closed: the system check says so."""
        if profile.access is Access.CLOSED:
            raise Refused(RefusalType.ACCOUNT_CLOSED, "the account is closed for good")
        if await self._record.read(lambda each: claim_of(each, profile.account_id)) is not None:
            raise Refused(
                RefusalType.CLOSURE_ALREADY_OPEN, "another closure stops the account, or has stopped it"
            )

    def _insert(
        self,
        connection: Connection,
        call: ActCall,
        caller: Caller,
        act: Act,
        words: CloseWords,
        policy: Policy,
    ) -> None:
        if closure_row(connection, act.closure_id) is not None:
            return
        finish_act(connection, act.act_id)
        register_policies(connection, [policy])
        now = self._record.now(connection, call.time)
        agreement = policy.agreement
        closure = insert_closure(
            connection,
            ClosureState(
                closure_id=act.closure_id,
                account_id=act.account_id,
                provider=words.provider,
                policy=policy.name,
                policy_version=policy.version,
                mode=words.mode,
                workflow_id=caller.workflow_id,
                stage=Stage.OPENED,
                opened_at=now,
                draft_until=now + policy.draft_lifetime,
            ),
            policy_hash=policy.content_hash,
            opened_by=act.user_id,
            agreement_version=agreement.version if agreement and words.agree else None,
            run_id=caller.run_id,
            time=now,
        )
        closure.apply(check_started(closure.state), time=now, actor=act.user_id)
