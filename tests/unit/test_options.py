"""Ids on the command line: what a checklist shows is taken back."""

import pytest
import typer

from closure.checks import subaccount_prefix
from closure.messages import LONGEST_ITEM_ID
from commandline.options import identifier, item_ids


@pytest.mark.parametrize(
    "item_id", ["resources/" + "i" * 200, subaccount_prefix("\U0001f389" * 200) + "c" * 64 + "/" + "i" * 200]
)
def test_an_items_own_id_is_taken_however_long_it_is(item_id: str) -> None:
    assert len(item_id) > 200
    assert item_ids([item_id]) == [item_id]
    with pytest.raises(typer.BadParameter):
        identifier(item_id)


@pytest.mark.parametrize("item_id", ["", "a\nb", "a\x1b[31m", "\udc80", "i" * (LONGEST_ITEM_ID + 1)])
def test_what_no_item_is_called_is_refused(item_id: str) -> None:
    with pytest.raises(typer.BadParameter):
        item_ids([item_id])


def test_no_item_is_none() -> None:
    assert item_ids(None) == []
