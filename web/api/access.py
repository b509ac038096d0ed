"""Who calls, what they may do, and which accounts and closures exist for them."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.requests import Request

from closure.errors import RefusalType, Refused
from web.api.problems import Problem, ProblemType, require_within
from web.service import WebService, service_of
from web.token_file import Scope


@dataclass(frozen=True)
class Caller:
    """Whoever has the token; `secret` is the token itself."""

    name: str
    scopes: frozenset[Scope]
    provider: str | None
    secret: str = field(repr=False)

    def may_see(self, provider: str | None) -> bool:
        """Whether accounts of this provider exist for the caller."""
        return self.provider is None or self.provider == provider

    def session_of(self, user_id: str) -> str:
        """What wrong guesses count for, so that nobody's at another door stop this user here."""
        return f"api/{self.name}/{user_id}"


class Seer(Protocol):
    """A caller of the API, or staff who look at pages."""

    def may_see(self, provider: str | None) -> bool:
        """Whether accounts of this provider exist for them."""
        ...


_scheme: Final = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token of `python -m web.tokens new`."
)


def authenticated(request: Request) -> Caller:
    """The caller of a request, within their rate limit.

    Raises:
        Problem: 401, or 429.
        SecretFault: the tokens can't be read.
    """
    service = service_of(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    token = service.tokens.find(secret.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            ProblemType.TOKEN_REFUSED,
            "this call needs a token that is good: Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )
    request.state.caller = token.name
    require_within(service.by_token, token.name)
    return Caller(token.name, frozenset(token.scopes), token.provider, secret.strip())


def permitted(
    request: Request,
    wanted: SecurityScopes,
    _declared: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)],
) -> Caller:
    """The caller, who must have the scopes of the call. `web.api.once.ApiRoute` has let them in before."""
    caller = request.state.authenticated
    assert isinstance(caller, Caller)
    require_scope(caller, *(Scope(each) for each in wanted.scopes))
    return caller


def require_scope(caller: Caller, *scopes: Scope) -> None:
    """Raises `Problem` (403) unless the caller has all of them."""
    if not caller.scopes.issuperset(scopes):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            ProblemType.SCOPE_MISSING,
            f"this token lacks the scope {' '.join(scopes)}",
            facts={"scopes": [*scopes]},
        )


Reader = Annotated[Caller, Security(permitted, scopes=[Scope.READ.value])]
Actor = Annotated[Caller, Security(permitted, scopes=[Scope.ACT.value])]


async def require_account(service: WebService, caller: Caller, account_id: str) -> None:
    """Passes for an account that exists for the caller.

    Raises:
        Refused: `ACCOUNT_NOT_FOUND`.
    """
    try:
        profile = await service.platform.directory.profile(account_id)
    except Refused as refused:
        if refused.type is not RefusalType.ACCOUNT_NOT_FOUND:
            raise
        raise account_not_found(account_id) from None
    if not caller.may_see(profile.provider):
        raise account_not_found(account_id)


async def account_of_closure(service: WebService, caller: Seer, closure_id: str) -> str:
    """The account of a closure that exists for the caller, or of one that was asked for and not admitted.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
    """
    records = service.closures.records
    closure = await records.get(closure_id)
    if closure is not None:
        account_id, provider = closure.state.account_id, closure.state.provider
    else:
        asked = await records.close_of(closure_id)
        if asked is None:
            raise closure_not_found(closure_id)
        account_id, provider = asked[0].account_id, asked[1].provider if asked[1] else ""
    if not caller.may_see(provider):
        raise closure_not_found(closure_id)
    return account_id


def require_patience(service: WebService, account_id: str) -> None:
    """Passes while not too much is done to the account at once. Raises `Problem` (429)."""
    require_within(service.by_account, account_id)


def account_not_found(account_id: str) -> Refused:
    """The same for one that does not exist and one that may not be seen."""
    return Refused(
        RefusalType.ACCOUNT_NOT_FOUND, f"there is no account {account_id}", facts={"account_id": account_id}
    )


def closure_not_found(closure_id: str) -> Refused:
    """The same for one that does not exist and one that may not be seen."""
    return Refused(
        RefusalType.CLOSURE_NOT_FOUND, f"there is no closure {closure_id}", facts={"closure_id": closure_id}
    )
