"""Calls that act. Each is a user's word, with the same proofs and under the same rules as anywhere else."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response

from client.faults import TakesLonger
from client.identity import ProofOfIdentity
from closure.messages import StatusDocument
from web.api.access import (
    Actor,
    Caller,
    account_of_closure,
    require_account,
    require_patience,
    require_scope,
)
from web.api.bodies import (
    Approving,
    Confirming,
    NewChallenge,
    NewClosure,
    Nothing,
    Renouncing,
    UserAct,
    proof_of_identity,
)
from web.api.description import ACTING, BASE, AccountId, ClosureId, Service, takes_idempotency_key
from web.api.documents import SentChallenge
from web.api.once import ApiRoute
from web.api.reading import shown
from web.service import WebService
from web.token_file import Scope

router = APIRouter(
    route_class=ApiRoute, tags=["act"], dependencies=[Depends(takes_idempotency_key)], responses=ACTING
)


@router.post("/accounts/{account_id:path}/challenges", status_code=HTTPStatus.ACCEPTED)
async def send_code(
    service: Service, caller: Actor, account_id: AccountId, body: NewChallenge
) -> SentChallenge:
    """Sends a one-time code to a user. The answer is the same for a user who does not exist."""
    await require_account(service, caller, account_id)
    require_patience(service, account_id)
    challenge = await service.closures.challenge(
        account_id,
        body.user_id,
        body.method,
        policy=body.policy,
        session=caller.session_of(body.user_id),
    )
    return SentChallenge.of(challenge)


@router.post("/accounts/{account_id:path}/closures", status_code=HTTPStatus.CREATED)
async def close_account(
    service: Service, caller: Actor, account_id: AccountId, body: NewClosure, response: Response
) -> StatusDocument:
    """Proves who the user is, and starts a closure; answers with what its first system check found."""
    await require_account(service, caller, account_id)
    require_patience(service, account_id)
    document = await service.closures.close(
        account_id,
        body.user_id,
        _proof(caller, body),
        policy=body.policy,
        mode=body.mode,
        agree=body.agree,
        acknowledgements=body.acknowledgements,
    )
    response.headers["Location"] = f"{service.url}{BASE}/closures/{quote(document.closure_id, safe='')}"
    return shown(service, document)


@router.post("/closures/{closure_id}/recheck")
async def recheck(
    service: Service, caller: Actor, closure_id: ClosureId, _body: Nothing | None = None
) -> StatusDocument:
    """Has the closure look again, and answers when it has; after some minutes with it still checking."""

    async def act(account_id: str) -> StatusDocument:
        try:
            return await service.closures.recheck(account_id, closure_id=closure_id)
        except TakesLonger:
            return await service.closures.status(closure_id=closure_id)

    return await _acted(service, caller, closure_id, act)


@router.post("/closures/{closure_id}/renounce")
async def renounce(
    service: Service, caller: Actor, closure_id: ClosureId, body: Renouncing
) -> StatusDocument:
    """Gives up items that can be given up."""
    return await _acted(
        service,
        caller,
        closure_id,
        lambda account_id: service.closures.renounce(
            account_id,
            body.user_id,
            item_ids=body.item_ids,
            all=body.all,
            accept_risk=body.accept_risk,
            proof=_proof(caller, body),
            closure_id=closure_id,
        ),
    )


@router.post("/closures/{closure_id}/confirm")
async def confirm(service: Service, caller: Actor, closure_id: ClosureId, body: Confirming) -> StatusDocument:
    """The last word, bound to the plan that was shown: from here on there is no way back."""
    return await _acted(
        service,
        caller,
        closure_id,
        lambda account_id: service.closures.confirm(
            account_id,
            body.user_id,
            body.reason,
            plan_hash=body.plan_hash,
            phrase=body.phrase,
            proof=_proof(caller, body),
            closure_id=closure_id,
        ),
    )


@router.post("/closures/{closure_id}/approve")
async def approve(service: Service, caller: Actor, closure_id: ClosureId, body: Approving) -> StatusDocument:
    """The second person's yes, where the policy wants one."""
    return await _acted(
        service,
        caller,
        closure_id,
        lambda account_id: service.closures.approve(
            account_id, body.user_id, body.plan_hash, proof=_proof(caller, body), closure_id=closure_id
        ),
    )


@router.post("/closures/{closure_id}/withdraw")
async def withdraw(service: Service, caller: Actor, closure_id: ClosureId, body: UserAct) -> StatusDocument:
    """Ends a closure that can still be stopped."""
    return await _acted(
        service,
        caller,
        closure_id,
        lambda account_id: service.closures.withdraw(
            account_id, body.user_id, proof=_proof(caller, body), closure_id=closure_id
        ),
    )


@router.post("/closures/{closure_id}/resume")
async def resume(
    service: Service, caller: Actor, closure_id: ClosureId, _body: Nothing | None = None
) -> StatusDocument:
    """Has an interrupted closure go on in a new run, with its deadlines as they were."""
    return await _acted(service, caller, closure_id, lambda _: service.closures.resume(closure_id))


async def _acted(
    service: WebService,
    caller: Caller,
    closure_id: str,
    act: Callable[[str], Awaitable[StatusDocument]],
) -> StatusDocument:
    """Does it to the account of a closure that exists for the caller."""
    account_id = await account_of_closure(service, caller, closure_id)
    require_patience(service, account_id)
    return shown(service, await act(account_id))


def _proof(caller: Caller, body: UserAct | NewClosure) -> ProofOfIdentity:
    """Raises `Problem` (403) where the caller may not vouch for anybody."""
    if body.proof is not None and body.proof.verified is not None:
        require_scope(caller, Scope.PORTAL)
    return proof_of_identity(body.proof, caller.session_of(body.user_id))
