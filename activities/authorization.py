"""Whether a person may act on a closure now: their role in the directory, and their proof of identity."""

from closure.acts import Act
from closure.errors import RefusalType, Refused
from closure.policy import Policy
from connectors.ports import Directory
from records.identity import IdentityRecords


class Authorization:
    """Checks persons against the directory as it is now, and proofs against the record."""

    def __init__(self, directory: Directory, identity: IdentityRecords) -> None:
        self._directory = directory
        self._identity = identity

    async def require_role(self, roles: tuple[str, ...], account_id: str, user_id: str) -> None:
        """Raises `Refused` (`ROLE_REFUSED`) unless the user has one of the roles now (A11, T1)."""
        if not await self.has_role(roles, account_id, user_id):
            allowed = " or ".join(roles)
            raise Refused(
                RefusalType.ROLE_REFUSED,
                f"only a user with role {allowed} may do this with the account; ask one of them",
                facts={"roles": list(roles)},
            )

    async def has_role(self, roles: tuple[str, ...], account_id: str, user_id: str) -> bool:
        """Whether the user has one of the roles now."""
        return await self._directory.role_of(account_id, user_id) in roles

    async def person_of(self, account_id: str, user_id: str) -> str:
        """The person behind a user: users of one login are one.

        Raises:
            Refused: `ROLE_REFUSED` for a user who isn't there.
        """
        person = await self._directory.person_of(account_id, user_id)
        if person is None:
            raise Refused(RefusalType.ROLE_REFUSED, "the account has no such user")
        return person

    async def consume_proof(self, policy: Policy, proof_id: str, act: Act) -> None:
        """Binds a proof to the act's closure; it must be of a method that the policy accepts (A12, T8).

        Raises:
            Refused: `IDENTITY_PROOF_REQUIRED` or `IDENTITY_METHOD_REFUSED`.
        """
        lifetime = policy.identity.proof_lifetime
        proof = await self._identity.consume(
            proof_id, act.account_id, act.user_id, act.closure_id, lifetime, door=act.kind
        )
        policy.require_method(proof.method)

    async def require(self, policy: Policy, roles: tuple[str, ...], act: Act) -> None:
        """Passes when the user's role allows the act now and their proof of identity for it is fresh.

        Raises:
            Refused: `ROLE_REFUSED`, `IDENTITY_PROOF_REQUIRED` or `IDENTITY_METHOD_REFUSED`.
        """
        await self.require_role(roles, act.account_id, act.user_id)
        if act.proof_id is not None:
            await self.consume_proof(policy, act.proof_id, act)
        await self._identity.require_valid(
            act.closure_id, act.account_id, act.user_id, policy.identity.proof_lifetime, door=act.kind
        )
