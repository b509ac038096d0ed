"""A server, a worker process and a database for the benchmarks alone, gone afterwards."""

import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from temporalio.client import Client, WorkflowHandle

from client import ClosureClient, ProofOfIdentity
from closure.acts import ActKind
from closure.identifiers import workflow_id_of
from closure.messages import IdentityMethod, StatusDocument
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.loading import load_accounts
from installation import Installation, open_installation
from local.down import down
from local.up import up
from records.identity import IdentityRecords
from settings import Settings
from temporal.connection import connect

USER = "u-1"


@dataclass(frozen=True)
class Procedure:
    """A policy, and what an account and a customer under it look like."""

    policy: str
    kind: str
    role: str
    method: IdentityMethod
    acknowledgements: tuple[str, ...] = ()

    def account(self, account_id: str, subaccounts: Sequence[str] = ()) -> dict[str, JsonValue]:
        """One that nothing blocks, with one data store."""
        return {
            "id": account_id,
            "provider": self.policy,
            "kind": self.kind,
            "currency": "USD",
            "users": [{"id": USER, "role": self.role, "email": f"{account_id}@example.com"}],
            "data": [{"id": "oss-1", "store": "object-storage", "objects": 10}],
            "subaccounts": [*subaccounts],
        }


ALIBABA_CLOUD = Procedure("alibaba-cloud", "standard", "main", IdentityMethod.EMAIL_CODE)
TWILIO = Procedure(
    *("twilio", "upgraded", "owner", IdentityMethod.PASSWORD),
    acknowledgements=("DELETE ALL ACCOUNT DATA AND SETTINGS",),
)


@dataclass(frozen=True)
class Benchmarked:
    """The installation, as the customers of one procedure meet it."""

    temporal: Client
    installation: Installation
    folder: Path
    """Where all that it runs keeps its data."""
    procedure: Procedure = ALIBABA_CLOUD
    web_url: str = ""

    @property
    def closures(self) -> ClosureClient:
        """The way in."""
        return self.installation.client(self.temporal)

    async def load(self, accounts: Sequence[dict[str, JsonValue]]) -> None:
        text = json.dumps({"accounts": accounts})
        file = parse_account_file(text, "benchmark.json")
        await load_accounts(self.installation.database, file, "benchmark.json")

    async def proof(self, account_id: str) -> ProofOfIdentity:
        """A proof of identity, as a checked code leaves it in the record; slow hashing is not measured."""
        proofs = IdentityRecords(self.installation.database)
        method = self.procedure.method
        proof = await proofs.record_proof(account_id, USER, method, door=ActKind.CLOSE)
        return ProofOfIdentity(proof_id=proof.proof_id)

    def handle(self, account_id: str, run_id: str | None = None) -> WorkflowHandle[object, object]:
        """Of its latest run, unless one is named."""
        return self.temporal.get_workflow_handle(self.workflow_id(account_id), run_id=run_id)

    async def close(self, account_id: str, proof: ProofOfIdentity) -> StatusDocument:
        """The customer's click, until the first checklist is there."""
        return await self.closures.close(
            account_id, USER, proof, agree=True, acknowledgements=self.procedure.acknowledgements
        )

    async def confirm(self, account_id: str, ready: StatusDocument) -> StatusDocument:
        return await self.closures.confirm(account_id, USER, "benchmark", plan_hash=ready.plan_hash)

    async def status(self, account_id: str) -> StatusDocument:
        return await self.closures.status(account_id)

    def workflow_id(self, account_id: str) -> str:
        return workflow_id_of(self.procedure.policy, account_id)


@asynccontextmanager
async def benchmarked() -> AsyncIterator[Benchmarked]:
    """Starts everything in a temporary folder, whatever the environment names."""
    for name in [name for name in os.environ if name.startswith(("TEMPORAL_", "CLOSURE_"))]:
        del os.environ[name]
    os.environ["TEMPORAL_CONFIG_FILE"] = os.devnull
    with tempfile.TemporaryDirectory(prefix="closure-benchmarks-") as folder:
        data = Path(folder)
        os.environ["CLOSURE_DATABASE_URL"] = f"sqlite+aiosqlite:///{data}/accounts.db"
        started = await up(data)
        os.environ["TEMPORAL_ADDRESS"] = started.address
        try:
            async with open_installation(Settings()) as installation:
                temporal = await connect(installation.settings)
                yield Benchmarked(temporal, installation, data, web_url=started.web_url)
        finally:
            down(data)
