"""The saved queries of docs/temporal-web-ui.md, asked of a real server."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from temporalio.client import Client

from closure.identifiers import workflow_id_of
from closure.lifecycle import IRREVOCABLE, Stage
from temporal.search_attributes import ALL_KEYS
from tests.harness.installed_program import PROJECT
from tests.harness.waiting import eventually

DOCUMENT: Final = (PROJECT / "docs" / "temporal-web-ui.md").read_text(encoding="utf-8")
QUERIES: Final = dict(re.findall(r"^\| ([A-Z][^|]*\?[^|]*?) \| `([^`]+)` \|$", DOCUMENT, re.MULTILINE))
BLOCKED: Final = "closure/alibaba-cloud/e2e-blocked"
SILENT: Final = "closure/alibaba-cloud/e2e-silent"
FOUND: Final = {
    "Which closures are under way?": {BLOCKED, SILENT},
    "Which wait for the customer?": {BLOCKED},
    "Which are blocked?": {BLOCKED},
    "Which can't be stopped any more?": {SILENT},
    "Which are silent?": {SILENT},
    "Where does something happen before a moment?": {BLOCKED, SILENT},
    "All of one account?": {BLOCKED},
    "All of one provider?": {BLOCKED, SILENT},
}
"""Of the two, which a query finds; none by default."""

AWAIT_CUSTOMER: Final = frozenset({Stage.BLOCKED, Stage.READY, Stage.COOLING_OFF})
MOMENT: Final = re.compile(r'"\d{4}-\d\d-\d\dT[^"]*"')
MOMENTS: Final = {"Where does something happen before a moment?": timedelta(days=400)}
"""From now on, which the query's example of a moment stands for; now by default."""


def test_the_document_has_queries_and_names_all_search_attributes() -> None:
    assert set(FOUND) < set(QUERIES)
    assert [key.name for key in ALL_KEYS if f"`{key.name}`" not in DOCUMENT] == []


@pytest.mark.parametrize("question", sorted(QUERIES))
async def test_a_saved_query_finds_what_it_is_for(
    question: str, client: Client, blocked_account: str, silent_account: str
) -> None:
    for account, workflow_id in ((blocked_account, BLOCKED), (silent_account, SILENT)):
        assert workflow_id == workflow_id_of("alibaba-cloud", account)
    moment = datetime.now(UTC) + MOMENTS.get(question, timedelta())
    query = MOMENT.sub(f'"{moment:%Y-%m-%dT%H:%M:%SZ}"', QUERIES[question])

    async def ask() -> set[str]:
        found = {each.id async for each in client.list_workflows(query)}
        return found & {BLOCKED, SILENT}

    wanted = FOUND.get(question, set())
    await eventually(ask, lambda found: found == wanted, question)


@pytest.mark.parametrize(
    ("question", "stages"),
    [("Which can't be stopped any more?", IRREVOCABLE), ("Which wait for the customer?", AWAIT_CUSTOMER)],
)
def test_a_question_about_several_stages_names_all_of_them(question: str, stages: frozenset[Stage]) -> None:
    named = re.findall(r'"(\w+)"', QUERIES[question].partition(" IN ")[2])
    assert sorted(named) == sorted(stages)
