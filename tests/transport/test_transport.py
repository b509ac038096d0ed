"""The way to the Temporal server: TLS, client certificates and API keys, as a person configures them."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.service import TLSConfig

from keys.key_ring import new_key_ring
from local.temporal_server import RunningServer
from temporal.connection import CONNECT_DEADLINE
from tests.harness.installed_program import PROJECT, Finished, InstalledProgram, Worker, sample_account
from tests.transport.certificates import SERVER_NAME, Authority, Certificate
from tests.transport.guarded_server import api_keys, guarded_server, make_usable, mutual_tls

API_KEY = "sekret-api-key-4f1c"
LIST = ("list", "--temporal")
"""Asks the server alone."""
OVERHEAD_SECONDS = 20
"""What a command takes on a busy machine beyond its deadline."""


@dataclass(frozen=True)
class Guarded:
    """A server with mTLS; `right` are the settings that it accepts."""

    address: str
    authority: Authority
    client: Certificate
    right: dict[str, str]
    folder: Path

    def installed_program(self, folder: Path) -> InstalledProgram:
        settings = {"CLOSURE_POLICY_DIR": str(PROJECT / "policies"), "CLOSURE_TASK_QUEUE": "guarded"}
        return InstalledProgram(folder, {**settings, "TEMPORAL_ADDRESS": self.address})


def settings_for(authority: Authority, client: Certificate) -> dict[str, str]:
    return {
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(authority.file),
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(client.certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(client.key),
    }


@pytest.fixture(scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder, "authority")
    client = authority.issue("client")
    async with guarded_server(folder, mutual_tls(authority, authority.issue("server"))) as ports:
        address = f"127.0.0.1:{ports.frontend}"
        await make_usable(
            address,
            TLSConfig(
                server_root_ca_cert=authority.file.read_bytes(),
                client_cert=client.certificate.read_bytes(),
                client_private_key=client.key.read_bytes(),
            ),
        )
        keys = folder / "keys.json"
        keys.write_text(new_key_ring().to_json(), encoding="utf-8")
        keys.chmod(0o600)
        right = {**settings_for(authority, client), "CLOSURE_PAYLOAD_KEYS_FILE": str(keys)}
        yield Guarded(address, authority, client, right, folder)


def refused(finished: Finished, exit_code: int) -> str:
    """The one line that was said."""
    assert finished.exit_code == exit_code, finished
    assert finished.stdout == "", finished
    assert len(finished.stderr.strip().splitlines()) == 1, finished
    return finished.stderr


def both_refuse(installed_program: InstalledProgram, settings: dict[str, str], exit_code: int = 3) -> str:
    """Starter and worker say the same, within the deadline."""
    began = time.monotonic()
    said = refused(installed_program.start(*LIST, **settings), exit_code)
    assert time.monotonic() - began < CONNECT_DEADLINE.total_seconds() + OVERHEAD_SECONDS
    assert refused(installed_program.work(**settings), 2) == said
    return said


def test_worker_and_starter_close_an_account_over_mutual_tls_with_encryption(
    guarded: Guarded, tmp_path: Path
) -> None:
    bare = guarded.installed_program(tmp_path)
    installed = InstalledProgram(tmp_path, {**bare.settings, **guarded.right})
    worker = Worker(installed)
    try:
        installed.load(sample_account("tls-1"))
        assert installed.close("tls-1")["stage"] == "ready"
        assert installed.ask("recheck", "tls-1")["survey_number"] == 2
        act = ("withdraw", "tls-1", "--as", "u-main")
        keyless = refused(bare.start(*act, **settings_for(guarded.authority, guarded.client)), 2)
        assert "CLOSURE_PAYLOAD_KEYS_FILE" in keyless
        assert installed.ask("status", "tls-1")["stage"] == "ready"
        assert installed.ask(*act)["outcome"] == "withdrawn"
    finally:
        assert worker.stop() == 0
    assert not [line for line in worker.log if "tls-1@example.com" in line]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"TEMPORAL_TLS_CLIENT_CERT_PATH": "", "TEMPORAL_TLS_CLIENT_KEY_PATH": ""}, "client certificate"),
        ({"TEMPORAL_TLS_SERVER_CA_CERT_PATH": "OTHER/other.pem"}, "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
        (
            {
                "TEMPORAL_TLS_CLIENT_CERT_PATH": "OTHER/stranger.pem",
                "TEMPORAL_TLS_CLIENT_KEY_PATH": "OTHER/stranger.key",
            },
            "client certificate",
        ),
        ({"TEMPORAL_TLS_SERVER_NAME": "elsewhere.example"}, "TEMPORAL_TLS_SERVER_NAME"),
        ({"TEMPORAL_TLS": "false"}, "TEMPORAL_TLS"),
    ],
    ids=["no client certificate", "wrong authority", "strange client", "other name", "plain text"],
)
def test_what_the_server_does_not_accept_is_one_line_that_names_the_setting(
    guarded: Guarded, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    other = Authority(tmp_path, "other")
    other.issue("stranger")
    settings = {**guarded.right, **changes}
    settings = {name: value.replace("OTHER", str(tmp_path)) for name, value in settings.items() if value}
    if settings["TEMPORAL_TLS"] == "false":
        settings = {"CLOSURE_PAYLOAD_KEYS_FILE": guarded.right["CLOSURE_PAYLOAD_KEYS_FILE"]}
    assert said in both_refuse(guarded.installed_program(tmp_path), settings)


def test_a_certificate_for_the_name_that_is_asked_for_will_do(guarded: Guarded, tmp_path: Path) -> None:
    settings = {**guarded.right, "TEMPORAL_TLS_SERVER_NAME": SERVER_NAME}
    assert guarded.installed_program(tmp_path).start(*LIST, **settings).exit_code == 0


def test_files_that_cannot_be_right_are_bad_input(guarded: Guarded, tmp_path: Path) -> None:
    installed_program = guarded.installed_program(tmp_path)
    missing = {**guarded.right, "TEMPORAL_TLS_CLIENT_CERT_PATH": "/no/such.pem"}
    assert "/no/such.pem" in both_refuse(installed_program, missing, 2)
    other = Authority(tmp_path, "other").issue("stranger")
    mixed = {**guarded.right, "TEMPORAL_TLS_CLIENT_KEY_PATH": str(other.key)}
    assert "do not belong together" in both_refuse(installed_program, mixed, 2)


def test_tls_against_a_plain_server(temporal_server: RunningServer, tmp_path: Path) -> None:
    installed_program = InstalledProgram(tmp_path, {"TEMPORAL_ADDRESS": temporal_server.address})
    settings = {"TEMPORAL_TLS": "true", "CLOSURE_POLICY_DIR": str(PROJECT / "policies")}
    assert "does not speak TLS" in both_refuse(installed_program, settings)


async def test_a_wrong_api_key_is_refused_and_never_printed(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    client = authority.issue("client")
    settings = {**mutual_tls(authority, authority.issue("server")), **api_keys()}
    async with guarded_server(tmp_path, settings) as ports:
        address = f"127.0.0.1:{ports.frontend}"
        installed = Guarded(address, authority, client, settings_for(authority, client), tmp_path)
        installed_program = installed.installed_program(tmp_path)
        deadline = time.monotonic() + 60
        while "no Temporal server" in installed_program.start(*LIST, **installed.right).stderr:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
        wrong = both_refuse(installed_program, {**installed.right, "TEMPORAL_API_KEY": API_KEY})
        assert "TEMPORAL_API_KEY" in wrong
        assert API_KEY not in wrong
        without = refused(installed_program.start(*LIST, **installed.right), 3)
        assert "TEMPORAL_API_KEY" in without
        assert "TEMPORAL_API_KEY" in refused(installed_program.work(**installed.right), 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CLOSURE_ENCRYPTION": "on"}, "CLOSURE_PAYLOAD_KEYS_FILE"),
        ({"CLOSURE_ENCRYPTION": "migrating"}, "CLOSURE_PAYLOAD_KEYS_FILE"),
        ({"CLOSURE_PAYLOAD_KEYS_FILE": "/no/such/keys"}, "/no/such/keys"),
        ({"CLOSURE_PAYLOAD_KEYS": '{"current": "k1", "keys": {"k1": "c2hvcnQ="}}'}, "instead of 32"),
        ({"CLOSURE_ENCRYPTION": "perhaps"}, "CLOSURE_ENCRYPTION"),
    ],
    ids=str,
)
def test_without_usable_keys_nothing_starts(
    temporal_server: RunningServer, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    policies = {"CLOSURE_POLICY_DIR": str(PROJECT / "policies")}
    installed_program = InstalledProgram(tmp_path, {"TEMPORAL_ADDRESS": temporal_server.address, **policies})
    assert said in both_refuse(installed_program, settings, 2)
