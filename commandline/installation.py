"""What a command needs: settings, policies, the record, and the adopter's world by its ports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.ext.asyncio import AsyncEngine

from closure.accounts import AccountProfile
from closure.errors import RefusalType, Refused
from closure.policy import Policy, PolicyFault
from commandline.database import read_settings, record_engine
from commandline.terminal import BadInput
from connectors.ports import Billing, DataStores, Directory, InventorySource, LegalHolds, Messages, Refunds
from records.closures import ClosureRecords
from records.identity import IdentityRecords
from settings import Settings


@dataclass(frozen=True)
class AccountPorts:
    """The adopter's systems, as far as the command line reads them."""

    directory: Directory
    billing: Billing
    inventory: InventorySource
    data_stores: DataStores
    messages: Messages
    holds: LegalHolds
    refunds: Refunds


@dataclass(frozen=True)
class Installation:
    """One open database and what is built on it."""

    engine: AsyncEngine
    settings: Settings

    @cached_property
    def records(self) -> ClosureRecords:
        return ClosureRecords(self.engine)

    @cached_property
    def identity(self) -> IdentityRecords:
        return IdentityRecords(self.engine)

    @cached_property
    def policies(self) -> dict[str, Policy]:
        """All policies of the settings' folder.

        Raises:
            BadInput: a file that can't be used.
        """
        from connectors.policy_files import load_policies

        try:
            return load_policies(self.settings.policy_dir)
        except PolicyFault as fault:
            raise BadInput(f"the policies in {self.settings.policy_dir} can't be used: {fault}") from fault

    async def ports(self) -> AccountPorts:
        """The connectors; imported here, since most commands need none."""
        from connectors.embedded import EmbeddedPlatform

        platform = EmbeddedPlatform.connect(self.engine)
        return AccountPorts(
            directory=platform.directory,
            billing=platform.billing,
            inventory=platform.inventory,
            data_stores=platform.data_stores,
            messages=platform.messages,
            holds=platform.holds,
            refunds=platform.refunds,
        )

    def policy_for(self, profile: AccountProfile, name: str | None) -> Policy:
        """The policy named, else the one that bears the name of the account's provider.

        Raises:
            Refused: `POLICY_NOT_FOUND`, also when it is another provider's.
        """
        wanted = name or profile.provider
        policy = self.policies.get(wanted)
        if policy is None:
            known = ", ".join(sorted(self.policies)) or "none"
            raise Refused(
                RefusalType.POLICY_NOT_FOUND, f"there is no policy {wanted!r}; known policies: {known}"
            )
        policy.require_provider(profile.provider)
        return policy


@asynccontextmanager
async def open_installation() -> AsyncIterator[Installation]:
    """Opens the database for one command.

    Raises:
        BadInput: a setting can't be right.
        Unreachable: the database can't be used.
    """
    settings = read_settings()
    async with record_engine(settings) as engine:
        yield Installation(engine, settings)
