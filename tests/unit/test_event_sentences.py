"""The audit as people read it."""

import pytest

from closure.event_sentences import LISTED_AT_MOST, SENTENCES, facts_of
from closure.events import EventType
from commandline.countdown import spoken_time


@pytest.mark.parametrize("event", list(EventType))
def test_every_event_is_a_sentence(event: EventType) -> None:
    sentence = SENTENCES[event]
    assert sentence.endswith(".")
    assert "_" not in sentence
    assert sentence[0].isupper()


def test_facts_are_words_never_python_values() -> None:
    facts = list(
        facts_of(
            {
                "silent_until": "2026-12-03T04:43:49.120000Z",
                "opened_by": "0f" * 32,
                "items": ["balance", "resources/i-1"],
                "products": {"ecs": 2, "slb": 1},
                "stores": [{"store_id": "oss-1", "objects": 3, "retained_as": None}],
                "is_last": True,
                "nothing": None,
                "none": [],
                "survey": 2,
            },
            spoken_time,
        )
    )
    assert facts == [
        ("silent until", "2026-12-03 04:43:49 UTC"),
        ("items", "balance; resources/i-1"),
        ("products", "ecs 2, slb 1"),
        ("stores", "store id oss-1, objects 3"),
        ("is last", "yes"),
        ("system check number", "2"),
    ]


def test_a_long_list_is_cut_and_says_so() -> None:
    ids = [f"i-{number}" for number in range(LISTED_AT_MOST + 2)]
    ((_, said),) = facts_of({"items": [*ids]}, spoken_time)
    assert said.endswith("; i-9; and 2 more")
    ((_, said),) = facts_of({"items": [*ids[:LISTED_AT_MOST]]}, spoken_time)
    assert said.endswith("; i-9")


@pytest.mark.parametrize("text", ["2026-99-99T99:99:99Z", "2026-12-03", "0001-01-01T00:00:00+23:59"])
def test_what_is_no_time_is_said_as_it_is(text: str) -> None:
    assert list(facts_of({"at": text}, spoken_time)) == [("at", text)]
