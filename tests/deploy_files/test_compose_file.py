"""docker-compose.yml: valid for a Compose parser, and as safe and as patient as production needs."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from compose_spec import PyCompose, parse_duration

from local.versions import SERVER_VERSION, UI_VERSION

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?(?P<message>[^}]*))?\}")
HASHES: Final = {"CLOSURE_API_TOKENS_FILE": "/api-tokens/"}
"""Files that hold no secret, only hashes of some; they lie in volumes, since a program writes them."""
ONE_SHOTS: Final = {"databases", "temporal-schema", "temporal-namespace", "migrations", "search-attributes"}
LONG_RUNNING: Final = {"postgres", "temporal", "temporal-ui", "worker", "codec", "web"}
OURS: Final = {"migrations", "search-attributes", "worker", "web", "starter"}


def _interpolated(text: str) -> str:
    """The file as Compose reads it with no variable set."""
    return VARIABLE.sub(lambda found: found["default"] or "", text)


COMPOSE: Final[dict[str, Any]] = yaml.safe_load(_interpolated(TEXT))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
SERVICE_NAMES: Final = sorted(SERVICES)


def test_a_compose_parser_accepts_the_file() -> None:
    document = yaml.safe_load(_interpolated(TEXT))
    for service in document["services"].values():
        # The parser knows `on-failure` only without the number of retries, which Compose takes.
        service["restart"] = service.get("restart", "no").partition(":")[0]

    parsed = PyCompose.from_yaml(yaml.safe_dump(document))

    parsed.validate()
    assert set(parsed.service_names()) == ONE_SHOTS | LONG_RUNNING | {"starter"}


def test_every_variable_that_is_a_secret_has_no_default() -> None:
    for found in VARIABLE.finditer(TEXT):
        if re.search("PASSWORD|TOKEN|KEY|CREDENTIAL", found["name"]):
            assert found["message"], f"{found['name']} must be required, not defaulted"


def test_secrets_reach_containers_as_files_only(tmp_path: Path) -> None:
    subprocess.run([ROOT / "deploy/docker/secrets.sh", tmp_path], check=True, capture_output=True, timeout=60)
    written = {file.name for file in tmp_path.iterdir()}
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == written
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|PWD|TOKEN|KEYS", variable):
                assert variable.endswith("_FILE"), f"{name}: {variable} holds a secret"
                if variable in HASHES:
                    assert value.startswith(HASHES[variable]), f"{name}: {variable}"
                    continue
                assert value.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable}"
            assert not re.search(r"://[^/@]*:[^/@]+@", str(value)), (
                f"{name}: {variable} has a password in its URL"
            )


@pytest.mark.parametrize("name", ["search-attributes", "worker", "web", "starter"])
def test_whatever_speaks_with_temporal_must_encrypt(name: str) -> None:
    environment = SERVICES[name]["environment"]

    assert environment["CLOSURE_ENCRYPTION"] == "on"
    assert environment["CLOSURE_PAYLOAD_KEYS_FILE"] == "/run/secrets/payload_keys"
    assert "payload_keys" in SERVICES[name]["secrets"]


def test_the_codec_server_is_for_the_web_page_and_has_no_other_access() -> None:
    codec, page = SERVICES["codec"], SERVICES["temporal-ui"]["environment"]

    assert codec["networks"] == ["outside"]
    assert set(codec["secrets"]) == {"payload_keys", "codec_token"}
    assert "--origin=http://localhost:8080" in codec["command"]
    assert "--encode" not in codec["command"]
    assert page["TEMPORAL_CODEC_ENDPOINT"] == "http://localhost:8081"
    assert page["TEMPORAL_CODEC_INCLUDE_CREDENTIALS"] == "true"
    assert f"--namespace={page['TEMPORAL_DEFAULT_NAMESPACE']}" in codec["command"]


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_images_are_pinned_to_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")

    assert image
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-[a-z]+)?", tag), f"{name}: {SERVICES[name]['image']}"


def test_temporal_is_the_version_that_the_tests_run_against() -> None:
    assert SERVICES["temporal"]["image"] == f"temporalio/server:{SERVER_VERSION}"
    assert SERVICES["temporal-schema"]["image"] == f"temporalio/admin-tools:{SERVER_VERSION}"
    assert SERVICES["temporal-namespace"]["image"] == SERVICES["temporal-schema"]["image"]
    assert SERVICES["temporal-ui"]["image"] == f"temporalio/ui:{UI_VERSION}"


@pytest.mark.parametrize("name", sorted(LONG_RUNNING))
def test_long_running_services_are_checked_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]

    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOTS))
def test_one_shots_are_waited_for_and_give_up_in_the_end(name: str) -> None:
    waited_for = {
        dependency
        for service in SERVICES.values()
        for dependency, wanted in service.get("depends_on", {}).items()
        if wanted["condition"] == "service_completed_successfully"
    }

    assert name in waited_for, "or `up --wait` takes its end for a failure"
    assert SERVICES[name]["restart"].startswith("on-failure:")
    assert SERVICES[name]["healthcheck"] == {"disable": True}


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_dependencies_exist_and_name_what_they_wait_for(name: str) -> None:
    for dependency, wanted in SERVICES[name].get("depends_on", {}).items():
        assert dependency in SERVICES
        expected = "service_completed_successfully" if dependency in ONE_SHOTS else "service_healthy"
        assert wanted == {"condition": expected}


def test_dependencies_have_no_cycle() -> None:
    waiting = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while waiting:
        startable = {name for name, needed in waiting.items() if not needed & set(waiting)}
        assert startable, f"a cycle among {sorted(waiting)}"
        waiting = {name: needed for name, needed in waiting.items() if name not in startable}


def test_the_worker_starts_after_all_set_up() -> None:
    reached: set[str] = set()
    wanted = {"worker"}
    while wanted:
        reached |= wanted
        wanted = {need for name in wanted for need in SERVICES[name].get("depends_on", {})} - reached

    assert reached >= ONE_SHOTS | {"postgres", "temporal"}


def test_the_worker_is_given_longer_than_its_draining() -> None:
    import bootstrap

    grace = timedelta(seconds=parse_duration(SERVICES["worker"]["stop_grace_period"]))

    assert grace >= bootstrap.GRACEFUL_SHUTDOWN + timedelta(seconds=15)
    assert grace > timedelta(seconds=30)
    assert SERVICES["worker"]["stop_signal"] == "SIGTERM"


def test_only_the_web_pages_the_codec_and_the_api_are_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {
        "temporal-ui": ["127.0.0.1:8080:8080"],
        "codec": ["127.0.0.1:8081:8081"],
        "web": ["127.0.0.1:8300:8300"],
    }


def test_the_database_and_temporal_are_on_internal_networks() -> None:
    networks = COMPOSE["networks"]
    assert networks["database"] == {"internal": True}
    assert networks["temporal"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert set(SERVICES["temporal"]["networks"]) == {"database", "temporal"}
    for name, service in SERVICES.items():
        assert set(service["networks"]) <= set(networks), name


@pytest.mark.parametrize("name", SERVICE_NAMES)
def test_services_have_few_rights_and_bounded_resources(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    if name != "postgres":
        assert service["read_only"] is True
        assert service["tmpfs"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_use_one_image_and_the_closures_database(name: str) -> None:
    service = SERVICES[name]

    assert service["image"] == SERVICES["migrations"]["image"]
    assert service["pull_policy"] == "never"
    assert ("build" in service) == (name == "migrations"), "built once, then shared"
    assert "user" not in service, "the image's own unprivileged user"
    assert service["environment"]["CLOSURE_DATABASE_URL"].startswith("postgresql+psycopg://closures@postgres")
    assert service["environment"]["TEMPORAL_ADDRESS"] == "temporal:7233"


def test_evidence_outlives_the_containers_and_only_the_worker_writes_it() -> None:
    for name in ("worker", "starter"):
        environment = SERVICES[name]["environment"]
        for variable in ("CLOSURE_SIGNING_KEY_FILE", "CLOSURE_ANCHOR_FILE", "CLOSURE_ERASURES_FILE"):
            assert environment[variable].startswith("/evidence/"), "the rest of the container is read-only"
    assert "evidence:/evidence" in SERVICES["worker"]["volumes"]
    assert "evidence:/evidence:ro" in SERVICES["starter"]["volumes"]


def test_whoever_opens_closures_has_the_operators_policies_and_reaches_their_systems() -> None:
    for name in ("worker", "web", "starter"):
        service = SERVICES[name]
        assert "./policies:/app/policies:ro" in service["volumes"]
        assert "outside" in service["networks"]
        assert service["environment"]["CLOSURE_PLATFORM"] == "embedded"
    assert "exports:/exports" in SERVICES["starter"]["volumes"]


def test_the_starter_runs_on_request_only() -> None:
    starter = SERVICES["starter"]

    assert starter["profiles"] == ["starter"]
    assert starter["entrypoint"] == ["run-closure", "starter.py"]
    assert "depends_on" not in starter, "a command must not start the set-up again"
    assert all("profiles" not in SERVICES[name] for name in ONE_SHOTS | LONG_RUNNING)


def test_every_file_that_is_referred_to_exists() -> None:
    build = SERVICES["migrations"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    for name, service in SERVICES.items():
        mounts = dict(reversed(mount.split(":")[:2]) for mount in service.get("volumes", []))
        for source in mounts.values():
            if not source.startswith("."):
                assert source in COMPOSE["volumes"], name
                continue
            assert (ROOT / source).is_dir(), name
            # With secrets in it, it would be readable by a container whose user has the host user's id.
            assert source in ("./deploy/docker/set-up", "./policies"), name
        if "/set-up" in mounts:
            paths = [*service.get("entrypoint", []), service["environment"].get("DYNAMIC_CONFIG_FILE_PATH")]
            for path in filter(None, paths):
                file = ROOT / mounts["/set-up"] / Path(path).name
                assert path.startswith("/set-up/"), name
                assert file.is_file(), path
                assert file.suffix != ".sh" or file.stat().st_mode & 0o111 == 0o111, (
                    f"{path} is not executable"
                )


def test_time_skipping_is_off() -> None:
    text = (ROOT / "deploy/docker/set-up/dynamicconfig.yaml").read_text(encoding="utf-8")

    assert yaml.safe_load(text) == {"frontend.WorkflowTimeSkippingEnabled": [{"value": False}]}


def test_the_web_page_cannot_end_or_rewrite_a_closure() -> None:
    environment = SERVICES["temporal-ui"]["environment"]

    for action in ("TERMINATE", "CANCEL", "RESET", "PAUSE", "UPDATE"):
        assert environment[f"TEMPORAL_WORKFLOW_{action}_DISABLED"] == "true"
    assert "TEMPORAL_WORKFLOW_SIGNAL_DISABLED" not in environment, "a person may send `recheck`"
