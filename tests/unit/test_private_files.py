"""What is made is its owner's alone, and what is there is never half replaced."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from private_files import create_file, make_private_folder, owner_only, replace_file


@pytest.fixture(params=[0, 0o022], autouse=True, ids=["open umask", "usual umask"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_folder_and_its_missing_parents_are_private_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    before = mode(tmp_path / "there")
    for _ in range(2):
        make_private_folder(tmp_path / "there" / "a" / "b")
    assert mode(tmp_path / "there") == before
    assert [mode(tmp_path / "there" / "a"), mode(tmp_path / "there" / "a" / "b")] == [0o700, 0o700]


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            make_private_folder(folder)


def test_an_opened_file_is_private_when_it_is_new(tmp_path: Path) -> None:
    for text in ("a", "b"):
        with open(tmp_path / "log", "a", opener=owner_only) as log:
            log.write(text)
    assert ((tmp_path / "log").read_text(), mode(tmp_path / "log")) == ("ab", 0o600)


def test_a_created_file_is_private_and_never_overwrites(tmp_path: Path) -> None:
    create_file(tmp_path / "file", "first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "file", "second")
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("first", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_replaced_file_has_the_mode_that_is_asked_for_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", "first", mode=0o644)
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("first", 0o644)
    replace_file(tmp_path / "file", "second")
    assert ((tmp_path / "file").read_text(), mode(tmp_path / "file")) == ("second", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
