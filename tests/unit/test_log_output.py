import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from log_output import configure_logging
from settings import LogFormat


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leaves the process's logging as it was."""
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    handlers, level, alembic_level = root.handlers[:], root.level, alembic.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    alembic.setLevel(alembic_level)
    structlog.reset_defaults()


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
            "temporal_workflow": {"workflow_id": "closure/alibaba-cloud/ali-1"},
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
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("activities").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: two\nlines" in json.loads(line)["exception"]


def test_text_from_outside_stays_within_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger("x").info("a\nb %s", "\u2028中")
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


def test_debug_lines_and_the_migrations_own_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    logging.getLogger("x").debug("detail")
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    assert lines(capsys) == []


def test_configuring_twice_does_not_log_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.JSON)
    configure_logging(LogFormat.JSON)
    logging.getLogger("x").info("once")
    assert len(lines(capsys)) == 1
