"""A server, a worker process and a database for the benchmarks alone, gone afterwards."""

import json
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic import JsonValue
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from closure.messages import CloseRequest, ClosureInput, ConfirmRequest, IdentityMethod, StatusDocument
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.loading import load_accounts
from database import create_engine, transaction
from deploy.down import down
from deploy.up import up
from keys.data_converter import build_data_converter
from records.tables import record_proofs
from settings import Settings

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
class House:
    """The installation, as the customers of one procedure meet it."""

    client: Client
    engine: AsyncEngine
    procedure: Procedure = ALIBABA_CLOUD

    async def load(self, accounts: Sequence[dict[str, JsonValue]]) -> None:
        text = json.dumps({"accounts": accounts})
        await load_accounts(self.engine, parse_account_file(text, "benchmark.json"), "benchmark.json")

    async def proof(self, account_id: str) -> str:
        """A proof of identity, as a checked code leaves it in the record; slow hashing is not measured."""
        proof_id = uuid4().hex
        async with transaction(self.engine) as connection:
            await connection.execute(
                insert(record_proofs).values(
                    proof_id=proof_id,
                    account_id=account_id,
                    user_id=USER,
                    method=self.procedure.method.value,
                    created_at=datetime.now(UTC),
                )
            )
        return proof_id

    def handle(
        self, account_id: str, run_id: str | None = None
    ) -> WorkflowHandle[object, StatusDocument | None]:
        """Of its latest run, unless one is named."""
        workflow_id = self.workflow_id(account_id)
        return self.client.get_workflow_handle(workflow_id, run_id=run_id, result_type=StatusDocument)

    async def close(self, account_id: str, proof_id: str) -> StatusDocument:
        """The customer's click, until the first checklist is there."""
        closure_id, policy = uuid4().hex, self.procedure.policy
        start: WithStartWorkflowOperation[object, object] = WithStartWorkflowOperation(
            "AccountClosure",
            ClosureInput(closure_id=closure_id, account_id=account_id, provider=policy, policy=policy),
            id=self.workflow_id(account_id),
            task_queue=Settings().task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        document: StatusDocument = await self.client.execute_update_with_start_workflow(
            "close",
            self._request(proof_id),
            start_workflow_operation=start,
            id=f"{closure_id}/close",
            result_type=StatusDocument,
        )
        return document

    async def confirm(self, account_id: str, ready: StatusDocument) -> StatusDocument:
        request = ConfirmRequest(actor=USER, reason="benchmark", plan_hash=ready.plan_hash)
        document: StatusDocument = await self.handle(account_id).execute_update(
            "confirm", request, id=f"{ready.closure_id}/confirm", result_type=StatusDocument
        )
        return document

    async def status(self, account_id: str) -> StatusDocument:
        return StatusDocument.model_validate(await self.handle(account_id).query("status"))

    def workflow_id(self, account_id: str) -> str:
        return f"closure/{self.procedure.policy}/{account_id}"

    def _request(self, proof_id: str) -> CloseRequest:
        return CloseRequest(
            actor=USER, proof_id=proof_id, agree=True, acknowledgements=self.procedure.acknowledgements
        )


@asynccontextmanager
async def open_house() -> AsyncIterator[House]:
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
            client = await Client.connect(started.address, data_converter=build_data_converter())
            engine = create_engine(os.environ["CLOSURE_DATABASE_URL"])
            yield House(client, engine)
            await engine.dispose()
        finally:
            down(data)
