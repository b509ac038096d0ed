"""What an operator may choose, and how a bad choice is told."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from activities.sources import SOURCE_TIME_LIMIT
from bootstrap import chosen_time_limits
from settings import WORKFLOW_CACHE, Settings, setting_fault
from temporal.time_limits import TimeLimit, TimeLimits

TIME_LIMITS = (
    *("act_time_limit", "act_silence_limit", "record_time_limit", "check_time_limit", "check_silence_limit"),
    *("effect_time_limit", "effect_silence_limit", "source_time_limit"),
)


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TIME_LIMITS:
        monkeypatch.delenv(f"CLOSURE_{name.upper()}", raising=False)


def chosen(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> Settings:
    monkeypatch.setenv(f"CLOSURE_{name.upper()}", value)
    return Settings(_env_file=None)


def test_time_limits_are_the_programs_own_unless_chosen() -> None:
    settings = Settings(_env_file=None)
    assert chosen_time_limits(settings) == TimeLimits()
    assert settings.source_time_limit == SOURCE_TIME_LIMIT


def test_each_time_limit_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(TIME_LIMITS, start=1):
        monkeypatch.setenv(f"CLOSURE_{name.upper()}", f"{number}m")
    settings = Settings(_env_file=None)
    minutes = [timedelta(minutes=number) for number in range(len(TIME_LIMITS) + 1)]
    assert chosen_time_limits(settings) == TimeLimits(
        act=TimeLimit(minutes[1], minutes[2]),
        record=TimeLimit(minutes[3]),
        check=TimeLimit(minutes[4], minutes[5]),
        effect=TimeLimit(minutes[6], minutes[7]),
    )
    assert settings.source_time_limit == minutes[8]


@pytest.mark.parametrize("name", TIME_LIMITS)
@pytest.mark.parametrize("value", ["10s", "7d", "168h"])
def test_the_shortest_and_the_longest_are_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert getattr(chosen(monkeypatch, name, value), name) in (timedelta(seconds=10), timedelta(days=7))


@pytest.mark.parametrize("name", TIME_LIMITS)
@pytest.mark.parametrize("value", ["9s", "0s", "8d", "604801s", "60", "1.5m", "-10s", "soon", ""])
def test_a_time_limit_that_can_not_be_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        chosen(monkeypatch, name, value)
    told = setting_fault(caught.value)
    assert told.startswith(f"setting CLOSURE_{name.upper()}: ")
    assert "\n" not in told


def test_a_worker_keeps_as_many_closures_as_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOSURE_WORKFLOW_CACHE", raising=False)
    assert Settings(_env_file=None).workflow_cache == WORKFLOW_CACHE
    assert chosen(monkeypatch, "workflow_cache", "1").workflow_cache == 1


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", ""])
def test_a_worker_keeps_at_least_one_closure(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(ValidationError) as raised:
        chosen(monkeypatch, "workflow_cache", value)
    assert "CLOSURE_WORKFLOW_CACHE" in setting_fault(raised.value)
