"""The one registry of typed search attributes. Opaque ids, enums and times; never personal data."""

from temporalio.common import SearchAttributeKey

CLOSURE_STAGE = SearchAttributeKey.for_keyword("ClosureStage")
CLOSURE_PROVIDER = SearchAttributeKey.for_keyword("ClosureProvider")
CLOSURE_ACCOUNT = SearchAttributeKey.for_keyword("ClosureAccount")
CLOSURE_OUTCOME = SearchAttributeKey.for_keyword("ClosureOutcome")
CLOSURE_DEADLINE = SearchAttributeKey.for_datetime("ClosureDeadline")

ALL_KEYS = (CLOSURE_STAGE, CLOSURE_PROVIDER, CLOSURE_ACCOUNT, CLOSURE_OUTCOME, CLOSURE_DEADLINE)
