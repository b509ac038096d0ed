import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from closure.errors import RefusalType, Refused
from database import DatabaseUnreachable
from log_output import configure_logging
from settings import LogFormat
from tests.harness.logging_state import logging_as_before

PERSON = "olga@example.com"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leaves the process's logging as it was."""
    with logging_as_before():
        yield


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == "", "standard output belongs to the answer"
    return err.splitlines()


def test_a_json_line_carries_the_closure_and_nothing_else_of_the_sdks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger("temporalio.workflow").info(
        "confirmed",
        extra={
            "closure_id": "c-1",
            "account": "ali-1",
            "stage": "entering",
            "temporal_workflow": {
                "workflow_id": "closure/alibaba-cloud/ali-1",
                "run_id": "r-1",
                "task_queue": "q",
                "workflow_type": "AccountClosure",
            },
        },
    )
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "confirmed",
        "level": "info",
        "logger": "temporalio.workflow",
        "closure_id": "c-1",
        "account": "ali-1",
        "provider": "alibaba-cloud",
        "run": "r-1",
        "stage": "entering",
    }


def test_structlogs_own_loggers_come_out_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    structlog.get_logger("records").warning("retried", attempt=3)
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert (entry["event"], entry["attempt"], entry["level"], entry["logger"]) == (
        "retried",
        3,
        "warning",
        "records",
    )


def test_bound_context_is_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    with structlog.contextvars.bound_contextvars(closure_id="c-7"):
        logging.getLogger("activities").info("inside")
    logging.getLogger("activities").info("outside")
    inside, outside = map(json.loads, lines(capsys))
    assert inside["closure_id"] == "c-7"
    assert "closure_id" not in outside


def test_an_exception_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    try:
        raise DatabaseUnreachable("two\nlines")
    except DatabaseUnreachable:
        logging.getLogger("activities").exception("failed")
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert "DatabaseUnreachable: two\nlines" in entry["exception"]
    assert "test_log_output.py" in entry["exception"], "where it was raised"
    assert entry["error"] == "DatabaseUnreachable"


def test_what_others_say_in_an_exception_is_left_out_for_it_may_name_a_person(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(LogFormat.JSON)
    try:
        try:
            raise Refused(RefusalType.ROLE_REFUSED, PERSON)
        except Refused as refused:
            raise LookupError(f"https://directory.example/users/{PERSON}") from refused
    except LookupError as error:
        logging.getLogger("activities").warning("failed", exc_info=error)
        structlog.get_logger("activities").exception("failed")
    for line in lines(capsys):
        entry = json.loads(line)
        assert PERSON not in line
        assert (entry["event"], entry["error"]) == ("failed", "LookupError")
        assert RefusalType.ROLE_REFUSED.value in entry["exception"], "what led to it is told, too"


def test_text_from_outside_stays_within_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger("worker").info("a\nb %s", "\u2028中")
    (line,) = capsys.readouterr().err.strip("\n").split("\n")
    assert json.loads(line)["event"] == "a\nb \u2028中"


def test_console_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.CONSOLE)
    logging.getLogger("worker").info("ready", extra={"account": "ali-1"})
    (line,) = lines(capsys)
    assert "ready" in line
    assert "account=ali-1" in line
    assert "\x1b" not in line, "no colours when it is no terminal"


def test_without_a_choice_it_is_json_when_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(None)
    logging.getLogger("worker").info("ready")
    (line,) = lines(capsys)
    assert json.loads(line)["event"] == "ready"


@pytest.mark.parametrize("library", ["httpx", "httpcore.connection", "urllib3", "sqlalchemy.engine.Engine"])
def test_libraries_that_quote_addresses_and_statements_say_nothing(
    library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger(library).info("GET https://directory.example/users/olga")
    logging.getLogger(library).error("no answer from https://directory.example/users/olga")
    assert lines(capsys) == []


def test_other_libraries_are_heard_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger("library").info("at work")
    logging.getLogger("library").warning("disk is full")
    (line,) = lines(capsys)
    assert json.loads(line)["event"] == "disk is full"


def test_debug_lines_and_the_migrations_own_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger("worker").debug("detail")
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    assert lines(capsys) == []


def test_configuring_twice_does_not_log_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    configure_logging(LogFormat.JSON)
    logging.getLogger("worker").info("once")
    assert len(lines(capsys)) == 1
