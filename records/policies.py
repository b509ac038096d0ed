"""The content of policies, by hash: closures are pinned to what the record holds."""

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from closure.policy import Policy
from records.tables import record_policies


class PolicyVersionTaken(Exception):
    """Another content is known under the same name and version: the version must change with the content."""


def register_policies(connection: Connection, policies: Iterable[Policy]) -> None:
    """Makes the policies known, once.

    Raises:
        PolicyVersionTaken: a worker has brought another content under one of these names and versions.
    """
    for policy in policies:
        known = connection.scalar(
            select(record_policies.c.policy_hash).where(
                record_policies.c.name == policy.name, record_policies.c.version == policy.version
            )
        )
        if known is None:
            connection.execute(
                insert(record_policies).values(
                    policy_hash=policy.content_hash,
                    name=policy.name,
                    version=policy.version,
                    content=policy.canonical_json(),
                )
            )
        elif known != policy.content_hash:
            raise PolicyVersionTaken(
                f"policy {policy.name}, version {policy.version}, is known with another content: "
                "change its version with its content"
            )
