"""The scripts that containers run: with stand-ins for the tools, and a real PostgreSQL where there is one."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from keys.key_ring import load_key_ring

DOCKER: Final = Path(__file__).parents[2] / "deploy/docker"
SET_UP: Final = DOCKER / "set-up"
SCRIPTS: Final = sorted([*DOCKER.glob("*.sh"), *SET_UP.glob("*.sh")])
RANDOM: Final = (
    "postgres_password",
    "temporal_database_password",
    "closures_database_password",
    "codec_token",
)
KEYS: Final = "payload_keys"
SECRETS: Final = (*RANDOM, KEYS)


def _run(script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"]} | variables
    return subprocess.run(
        [script, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def _stand_in(folder: Path, name: str, body: str) -> str:
    """A folder for the front of PATH, with a program that does ``body``."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_plain_sh_executable_and_stop_at_the_first_failure(script: Path) -> None:
    text = script.read_text(encoding="utf-8")

    assert text.startswith("#!/bin/sh\n")
    assert "set -eu\n" in text
    assert script.stat().st_mode & 0o111 == 0o111
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


def test_secrets_are_random_private_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    first = _run(DOCKER / "secrets.sh", str(folder))
    written = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    again = _run(DOCKER / "secrets.sh", str(folder))

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert sorted(written) == sorted(SECRETS)
    assert len(set(written.values())) == len(SECRETS)
    assert all(len(bytes.fromhex(written[name])) == 32 for name in RANDOM)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()} == written
    assert not any(secret in first.stdout + again.stdout for secret in written.values())


def test_the_payload_keys_are_what_the_program_reads_and_rotates(tmp_path: Path) -> None:
    assert _run(DOCKER / "secrets.sh", str(tmp_path / "secrets")).returncode == 0
    file = tmp_path / "secrets" / KEYS
    ring = load_key_ring(file)
    assert list(ring.keys) == [ring.current]

    command = [sys.executable, "-m", "keys.payload_keys", "rotate", str(file)]
    subprocess.run(command, cwd=DOCKER.parents[1], check=True, capture_output=True, timeout=60)

    rotated = load_key_ring(file)
    assert set(rotated.keys) > set(ring.keys)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444, "readable by the container's user, as before"


def test_the_entry_point_takes_the_password_from_the_secret(tmp_path: Path) -> None:
    path = _stand_in(tmp_path / "bin", "python", 'echo "$$ $PGPASSWORD $*"')
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n", encoding="utf-8")

    process = subprocess.Popen(
        [DOCKER / "run.sh", "starter.py", "plan", "ali 100"],
        env={"PATH": path, "CLOSURE_DATABASE_PASSWORD_FILE": str(secret)},
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate(timeout=10)

    assert output == f"{process.pid} s3cret starter.py plan ali 100\n", (
        "the same process, so signals reach it"
    )


def test_the_entry_point_refuses_an_unreadable_secret(tmp_path: Path) -> None:
    path = _stand_in(tmp_path / "bin", "python", "echo started")

    done = _run(
        DOCKER / "run.sh", "worker.py", PATH=path, CLOSURE_DATABASE_PASSWORD_FILE=str(tmp_path / "none")
    )

    assert done.returncode == 2
    assert "cannot read the database password" in done.stderr
    assert done.stdout == ""


def test_both_temporal_databases_are_brought_to_their_schema(tmp_path: Path) -> None:
    path = _stand_in(tmp_path / "bin", "temporal-sql-tool", 'echo "$SQL_PASSWORD: $*"')
    (tmp_path / "temporal_database_password").write_text("pw", encoding="utf-8")

    done = _run(SET_UP / "temporal-schema.sh", PATH=path, SECRETS_DIR=str(tmp_path))

    assert done.stdout.splitlines() == [
        "pw: --database temporal setup-schema --version 0.0",
        "pw: --database temporal update-schema --schema-name postgresql/v12/temporal",
        "pw: --database temporal_visibility setup-schema --version 0.0",
        "pw: --database temporal_visibility update-schema --schema-name postgresql/v12/visibility",
    ]


@pytest.mark.parametrize(("known", "expected"), [(False, "create"), (True, "update")])
def test_the_namespace_is_created_once_and_its_retention_kept_up(
    tmp_path: Path, known: bool, expected: str
) -> None:
    calls = tmp_path / "calls"
    describe = "" if known else 'case "$*" in *describe*) exit 1 ;; esac'
    path = _stand_in(tmp_path / "bin", "temporal", f'echo "$*" >> {calls}\n{describe}')

    done = _run(
        SET_UP / "temporal-namespace.sh", PATH=path, TEMPORAL_NAMESPACE="closures", NAMESPACE_RETENTION="720h"
    )

    assert done.returncode == 0, done.stderr
    assert calls.read_text(encoding="utf-8").splitlines() == [
        "operator namespace describe --namespace closures",
        f"operator namespace {expected} --namespace closures --retention 720h",
        "workflow count --namespace closures",
    ]


def test_a_namespace_without_a_name_is_refused() -> None:
    done = _run(SET_UP / "temporal-namespace.sh", NAMESPACE_RETENTION="720h")

    assert done.returncode != 0
    assert "TEMPORAL_NAMESPACE" in done.stderr


def test_databases_are_not_made_with_an_empty_password(tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("pw", encoding="utf-8")
    (tmp_path / "temporal_database_password").touch()

    done = _run(SET_UP / "databases.sh", SECRETS_DIR=str(tmp_path))

    assert done.returncode == 2
    assert "temporal_database_password is missing or empty" in done.stderr


@dataclass(frozen=True)
class Cluster:
    port: int
    secrets: Path

    def set_up(self) -> subprocess.CompletedProcess[str]:
        return _run(
            SET_UP / "databases.sh",
            SECRETS_DIR=str(self.secrets),
            PGHOST="127.0.0.1",
            PGPORT=str(self.port),
            PGUSER="postgres",
            PGDATABASE="postgres",
        )

    def write_secret(self, name: str, value: str) -> None:
        file = self.secrets / name
        file.unlink(missing_ok=True)
        file.write_text(value, encoding="utf-8")

    def databases(self, role: str) -> set[str]:
        """The databases that ``role`` can open with its secret."""
        secret = "postgres" if role == "postgres" else f"{role}_database"
        password = (self.secrets / f"{secret}_password").read_text(encoding="utf-8")
        opened: set[str] = set()
        for database in ("postgres", "temporal", "temporal_visibility", "closures"):
            try:
                psycopg.connect(
                    host="127.0.0.1", port=self.port, user=role, password=password, dbname=database
                ).close()
            except psycopg.OperationalError:
                continue
            opened.add(database)
        return opened


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if not all(shutil.which(program) for program in ("initdb", "pg_ctl", "psql")):
        pytest.skip("no PostgreSQL server is installed here")
    # PostgreSQL refuses to run as root; and its user must be able to reach its folder.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        if user:
            shutil.chown(data, user)
        assert _run(DOCKER / "secrets.sh", str(folder / "secrets")).returncode == 0
        password = folder / "password"
        shutil.copy(folder / "secrets/postgres_password", password)
        initdb = ["initdb", "-D", str(data), "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}"]
        subprocess.run(initdb, cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        control = ["pg_ctl", "-D", str(data), "-w", "-l", str(data / "log")]
        subprocess.run(
            [*control, "-o", options, "start"], cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL
        )
        try:
            yield Cluster(port, folder / "secrets")
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(stop, cwd=folder, user=user, check=True, stdout=subprocess.DEVNULL)


def test_databases_can_be_set_up_again_and_take_changed_passwords(cluster: Cluster) -> None:
    first = cluster.set_up()
    assert first.returncode == 0, first.stderr
    assert cluster.databases("temporal") == {"temporal", "temporal_visibility"}
    assert cluster.databases("closures") == {"closures"}

    cluster.write_secret("closures_database_password", "o'ther")
    assert cluster.databases("closures") == set()
    again = cluster.set_up()

    assert again.returncode == 0, again.stderr
    assert cluster.databases("closures") == {"closures"}
    assert cluster.databases("temporal") == {"temporal", "temporal_visibility"}


def test_a_failed_set_up_is_reported(cluster: Cluster) -> None:
    cluster.write_secret("postgres_password", "wrong")

    done = cluster.set_up()

    assert done.returncode != 0
    assert "password authentication failed" in done.stderr
