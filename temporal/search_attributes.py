"""The one registry of typed search attributes. Opaque ids, enums and times; never personal data."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from closure.lifecycle import Stage

CLOSURE_STAGE = SearchAttributeKey.for_keyword("ClosureStage")
CLOSURE_PROVIDER = SearchAttributeKey.for_keyword("ClosureProvider")
CLOSURE_ACCOUNT = SearchAttributeKey.for_keyword("ClosureAccount")
CLOSURE_OUTCOME = SearchAttributeKey.for_keyword("ClosureOutcome")
CLOSURE_DEADLINE = SearchAttributeKey.for_datetime("ClosureDeadline")

ALL_KEYS = (CLOSURE_STAGE, CLOSURE_PROVIDER, CLOSURE_ACCOUNT, CLOSURE_OUTCOME, CLOSURE_DEADLINE)


def first_attributes(provider: str, account_id: str, stage: Stage) -> TypedSearchAttributes:
    """What a closure, or a child that deletes a subaccount, starts with: children inherit none."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(CLOSURE_PROVIDER, provider),
            SearchAttributePair(CLOSURE_ACCOUNT, account_id),
            SearchAttributePair(CLOSURE_STAGE, stage.value),
        ]
    )
