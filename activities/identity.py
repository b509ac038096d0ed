"""Who may open a closure, and who may act on it (A11 to A13, T1, T2, T8, T9)."""

from collections.abc import Mapping

from temporalio import activity

from activities.holds import refuse_held
from activities.plans import pinned_policy
from activities.requests import Authorization, OpenClosure, OpenedClosure, Refusal
from closure.accounts import Access, AccountProfile
from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage
from closure.messages import StatusDocument
from closure.policy import Policy
from connectors.ports import Directory, LegalHolds
from records.closures import ClosureRecords
from records.entries import Entry, EventType, NewClosure
from records.identity import IdentityRecords


class IdentityActivities:
    """Checks persons against the directory as it is now, and proofs against the record."""

    def __init__(
        self,
        directory: Directory,
        holds: LegalHolds,
        identity: IdentityRecords,
        records: ClosureRecords,
        policies: Mapping[str, Policy],
    ) -> None:
        self._directory = directory
        self._holds = holds
        self._identity = identity
        self._records = records
        self._policies = policies

    @activity.defn
    async def open_closure(self, request: OpenClosure) -> OpenedClosure:
        """Pins the policy and records the closure as opened, then as checking or refused."""
        policy = self._policies.get(request.closure.policy)
        document = _first_document(request, policy)
        if policy is None:
            refusal = Refusal(
                type=RefusalType.POLICY_NOT_FOUND,
                message=f"the worker has no policy named {request.closure.policy!r}",
            )
            return OpenedClosure(document=document, refusal=refusal, recorded=False)
        try:
            await self._records.open(_new_closure(request, policy, document))
        except Refused as refused:
            return OpenedClosure(document=document, refusal=_as_refusal(refused), recorded=False)
        try:
            await self._admit(request, policy)
        except Refused as refused:
            return await self._refuse(request, document, refused)
        await self._records.write(
            Entry(
                closure_id=document.closure_id,
                run_epoch=request.closure.run_epoch,
                key="check",
                event=EventType.CHECK_STARTED,
                time=request.time,
                stage_from=Stage.OPENED,
                stage_to=Stage.CHECKING,
                actor=request.request.actor,
            )
        )
        checking = document.model_copy(update={"stage": Stage.CHECKING})
        return OpenedClosure(document=checking, policy=policy)

    @activity.defn
    async def authorize(self, request: Authorization) -> None:
        """Passes when the user's role allows closing now and their proof of identity is fresh.

        Raises:
            Refused: `ROLE_REFUSED` or `IDENTITY_PROOF_REQUIRED`.
        """
        policy = await pinned_policy(self._records, request.closure_id)
        approval = policy.approval
        roles = approval.roles if request.approves and approval else policy.eligibility.roles
        await self._require_role(roles, request.account_id, request.actor)
        if request.proof_id is not None:
            await self._consume(
                policy, request.proof_id, request.account_id, request.actor, request.closure_id
            )
        await self._identity.require_valid(
            request.closure_id, request.account_id, request.actor, policy.identity.proof_lifetime
        )

    async def _admit(self, request: OpenClosure, policy: Policy) -> None:
        closure = request.closure
        profile = await self._directory.profile(closure.account_id)
        _require_open_account(profile)
        policy.require_provider(profile.provider)
        policy.require_mode(closure.mode)
        policy.require_kind(profile.kind)
        await refuse_held(self._holds, closure.account_id)
        await self._require_role(policy.eligibility.roles, closure.account_id, request.request.actor)
        await self._consume(
            policy,
            request.request.proof_id,
            closure.account_id,
            request.request.actor,
            closure.closure_id,
        )
        missing = policy.missing_consent(
            profile.kind, closure.mode, request.request.agree, request.request.acknowledgements
        )
        if missing:
            raise Refused(
                RefusalType.ACKNOWLEDGEMENT_REQUIRED,
                "the closure needs your agreement first",
                acknowledgements=missing,
            )

    async def _consume(
        self, policy: Policy, proof_id: str, account_id: str, actor: str, closure_id: str
    ) -> None:
        """Binds the proof to the closure; it must be of a method that the policy accepts (A12, T8)."""
        lifetime = policy.identity.proof_lifetime
        proof = await self._identity.consume(proof_id, account_id, actor, closure_id, lifetime)
        policy.require_method(proof.method)

    async def _require_role(self, roles: tuple[str, ...], account_id: str, user_id: str) -> None:
        role = await self._directory.role_of(account_id, user_id)
        if role not in roles:
            allowed = " or ".join(roles)
            raise Refused(
                RefusalType.ROLE_REFUSED,
                f"only a user with role {allowed} may close this account; ask one of them",
            )

    async def _refuse(
        self, request: OpenClosure, document: StatusDocument, refused: Refused
    ) -> OpenedClosure:
        ended = document.model_copy(
            update={
                "stage": Stage.REFUSED,
                "outcome": Stage.REFUSED.outcome,
                "outcome_reason": refused.message,
            }
        )
        await self._records.write(
            Entry(
                closure_id=document.closure_id,
                run_epoch=request.closure.run_epoch,
                key="refuse",
                event=EventType.REFUSED,
                time=request.time,
                stage_from=Stage.OPENED,
                stage_to=Stage.REFUSED,
                actor=request.request.actor,
                details={"type": refused.type.value},
                document=ended,
            )
        )
        return OpenedClosure(document=ended, refusal=_as_refusal(refused))


def _first_document(request: OpenClosure, policy: Policy | None) -> StatusDocument:
    closure = request.closure
    return StatusDocument(
        closure_id=closure.closure_id,
        account_id=closure.account_id,
        provider=closure.provider,
        policy=closure.policy,
        policy_version=policy.version if policy else "",
        mode=closure.mode,
        stage=Stage.OPENED,
        advice=policy.advice if policy else (),
        workflow_id=request.workflow_id,
        run_id=request.run_id,
    )


def _new_closure(request: OpenClosure, policy: Policy, document: StatusDocument) -> NewClosure:
    agreement = policy.agreement
    return NewClosure(
        document=document,
        policy_hash=policy.content_hash,
        policy_snapshot=policy.canonical_json(),
        opened_by=request.request.actor,
        key="open",
        time=request.time,
        details={
            "policy": policy.name,
            "policy_version": policy.version,
            "policy_hash": policy.content_hash,
            "agreement_version": agreement.version if agreement and request.request.agree else None,
        },
    )


def _require_open_account(profile: AccountProfile) -> None:
    if profile.access is Access.CLOSED:
        raise Refused(RefusalType.ACCOUNT_CLOSED, "the account is closed for good")
    if profile.access is not Access.OPEN:
        raise Refused(RefusalType.CLOSURE_ALREADY_OPEN, "the account is already stopped by another closure")


def _as_refusal(refused: Refused) -> Refusal:
    return Refusal(
        type=refused.type.value, message=refused.message, acknowledgements=refused.acknowledgements
    )
