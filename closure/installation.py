"""What an installation is: one record with its workers."""

from enum import StrEnum

from closure.model import Instant, WireModel


class InstallationKind(StrEnum):
    """Chosen once, when the installation is created; never changed; printed on its certificates."""

    LOCAL = "local"
    """For trying on one machine: believes a closure's skipped clock."""
    PRODUCTION = "production"


class Installation(WireModel):
    """`installation_id` is in every start and in the task queue's name."""

    installation_id: str
    kind: InstallationKind
    created_at: Instant

    @property
    def believes_skipped_clocks(self) -> bool:
        return self.kind is InstallationKind.LOCAL

    def task_queue(self, base: str) -> str:
        """The name of the queue that this installation's workers poll, and no other's."""
        return f"{base}.{self.installation_id}"
