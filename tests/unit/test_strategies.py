"""The generated account files are ones that the platform would load."""

import json
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from connectors.embedded.account_file import parse_account_file
from tests.harness.strategies import ALIBABA_CLOUD, TWILIO, AccountDocument, account_files


def as_text(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


@given(st.sampled_from((ALIBABA_CLOUD, TWILIO)).flatmap(account_files))
def test_a_generated_account_file_has_no_faults(document: dict[str, list[AccountDocument]]) -> None:
    parsed = parse_account_file(json.dumps(document, default=as_text), "accounts.json")
    assert [account.id for account in parsed.accounts] == [account["id"] for account in document["accounts"]]
