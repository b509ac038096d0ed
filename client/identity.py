"""How a user proves who they are. Codes and passwords end here: only the proof's id goes on."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

from closure.accounts import Access, AccountProfile, Channel
from closure.acts import ActKind
from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from closure.notices import render
from closure.policy import MessageTemplate, Policy
from closure.visible_text import printable
from connectors.ports import OutgoingMessage, Platform, Undeliverable
from records.challenges import CODE_LIFETIME
from records.identity import IdentityRecords

CHANNELS: Final[Mapping[IdentityMethod, Channel]] = {
    IdentityMethod.EMAIL_CODE: Channel.EMAIL,
    IdentityMethod.SMS_CODE: Channel.SMS,
}


@dataclass(frozen=True)
class ProofOfIdentity:
    """What the user gave: a code, a password, an authenticator's code, or a proof that is in the record.

    Codes may be given as people and their keyboards write digits: in groups, or full-width ones.
    `verified_at` is when the provider's own console verified them: only who speaks for it may say so.
    `session` is an opaque id of the session or token that it came by, where the face knows one: wrong guesses
    then count for it, and for nobody else.
    """

    code: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    totp: str | None = field(default=None, repr=False)
    proof_id: str | None = None
    verified_at: datetime | None = None
    session: str | None = field(default=None, repr=False)


NOTHING: Final = ProofOfIdentity()


@dataclass(frozen=True)
class Challenge:
    """A code is on its way, if the user has an address for it. UTC."""

    account_id: str
    user_id: str
    method: IdentityMethod
    expires_at: datetime
    lifetime: timedelta


class Identity:
    """Challenges and proofs, against the directory and the record."""

    def __init__(self, platform: Platform, proofs: IdentityRecords) -> None:
        self._platform = platform
        self._proofs = proofs

    async def challenge(
        self,
        profile: AccountProfile,
        policy: Policy,
        user_id: str,
        method: IdentityMethod,
        session: str | None = None,
        is_once: bool = False,
    ) -> Challenge:
        """Sends a one-time code (A12); the answer is the same whether the user exists or not.

        `is_once`: not again, while the session had one sent by the same way just now.

        Raises:
            Refused: `ACCOUNT_CLOSED`; `IDENTITY_METHOD_REFUSED` for a method that the policy doesn't accept;
                `TOO_MANY_CHALLENGES`, with the seconds to wait.
        """
        require_not_closed(profile)
        policy.require_method(method)
        issue = self._proofs.issue_code_once if is_once else self._proofs.issue_code
        code = await issue(profile.account_id, user_id, method, session=session)
        now = datetime.now(UTC)
        if code is not None:
            await self._send_code(profile, policy, user_id, method, code, now)
        return Challenge(profile.account_id, user_id, method, now + CODE_LIFETIME, CODE_LIFETIME)

    async def prove(self, account_id: str, user_id: str, given: ProofOfIdentity, door: ActKind) -> str | None:
        """The id of a proof for who knows the code or the password; None when nothing was given.

        It authorises the act that it is given for (`door`) and no other; given to close, all on that closure.

        Raises:
            Refused: `CODE_REFUSED`, `SECRET_REFUSED` or `TOO_MANY_GUESSES`; `IDENTITY_PROOF_REQUIRED` for a
                console that has verified them in the future.
        """
        if given.proof_id is not None:
            return given.proof_id
        if given.verified_at is not None:
            session = IdentityMethod.SESSION
            vouched = await self._proofs.record_proof(
                account_id, user_id, session, door=door, verified_at=given.verified_at
            )
            return vouched.proof_id
        if given.code is not None:
            proof = await self._proofs.prove_by_code(
                account_id, user_id, _typed(given.code), door=door, session=given.session
            )
            return proof.proof_id
        directory = self._platform.directory
        if given.totp is not None:
            method = IdentityMethod.TOTP
            verified = partial(directory.verify_totp, account_id, user_id, _typed(given.totp))
        elif given.password is not None:
            method = IdentityMethod.PASSWORD
            verified = partial(directory.verify_password, account_id, user_id, given.password)
        else:
            return None
        proof = await self._proofs.prove_by_secret(
            account_id, user_id, method, verified, door=door, session=given.session
        )
        return proof.proof_id

    async def give_back(self, account_id: str, user_id: str, given: ProofOfIdentity) -> None:
        """A one-time code that has just proven who the user is can be given again."""
        if given.code is not None:
            await self._proofs.give_back_code(account_id, user_id, _typed(given.code))

    async def is_proven(self, policy: Policy, closure_id: str, account_id: str, user_id: str) -> bool:
        """Whether what the user proved to close still authorises their acts on the closure."""
        lifetime = policy.identity.proof_lifetime
        try:
            await self._proofs.require_valid(closure_id, account_id, user_id, lifetime, door=ActKind.CLOSE)
        except Refused:
            return False
        return True

    async def _send_code(
        self,
        profile: AccountProfile,
        policy: Policy,
        user_id: str,
        method: IdentityMethod,
        code: str,
        now: datetime,
    ) -> None:
        channel = CHANNELS[method]
        minutes = int(CODE_LIFETIME.total_seconds() // 60)
        notice = render(policy, MessageTemplate.IDENTITY_CODE, channel, code=code, minutes=minutes)
        message = OutgoingMessage(
            key=f"challenge/{uuid4().hex}",
            account_id=profile.account_id,
            channel=channel,
            template=MessageTemplate.IDENTITY_CODE.value,
            subjects=notice.subjects,
            bodies=notice.bodies,
            values=notice.values,
            user_id=user_id,
            time=now,
        )
        try:
            await self._platform.messages.send(message)
        except Undeliverable:
            pass  # a dead address is like none: the answer tells nobody which
        except Exception:
            await self._proofs.let_be_sent_again(profile.account_id, user_id, code)
            raise


def require_not_closed(profile: AccountProfile) -> None:
    """Raises `Refused` (`ACCOUNT_CLOSED`): of such an account nothing is written down any more."""
    if profile.access is Access.CLOSED:
        raise Refused(
            RefusalType.ACCOUNT_CLOSED,
            f"account {profile.account_id} is closed for good",
            facts={"account_id": profile.account_id},
        )


def _typed(code: str) -> str:
    """The code that was meant: what is copied from a mail may come with marks that nobody sees."""
    return "".join(printable(unicodedata.normalize("NFKC", code)).split())
