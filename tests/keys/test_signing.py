"""The signing key's file: made on first use, never replaced unasked, rotated without losing a public key."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from keys.signing import (
    SigningKeyFault,
    is_signed_by,
    key_id,
    load_or_create_signer,
    load_public_key,
    published_file,
    rotate_signer,
)

PROJECT = Path(__file__).resolve().parents[2]
AT_ONCE = 16


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing.pem"


def public_ids(file: Path) -> set[str]:
    return {key_id(load_public_key(each)) for each in file.parent.glob("*.pub")}


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def command(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_those_who_make_the_key_at_once_have_the_same_one(file: Path) -> None:
    start = Barrier(AT_ONCE)

    def make(_: int) -> str:
        start.wait()
        return load_or_create_signer(file).key_id

    with ThreadPoolExecutor(AT_ONCE) as threads:
        made = set(threads.map(make, range(AT_ONCE)))
    assert made == {key_id(load_public_key(file.with_name("signing.pem.pub")))}
    assert {each.name for each in file.parent.iterdir()} == {"signing.pem", "signing.pem.pub"}
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("remains", ["signing.pem.pub", "signing.pem.0123456789abcdef.pub"])
def test_a_missing_key_whose_public_key_is_there_is_an_error_and_no_new_key(file: Path, remains: str) -> None:
    load_or_create_signer(file)
    file.unlink()
    published_file(file).rename(file.with_name(remains))
    before = contents(file.parent)
    with pytest.raises(SigningKeyFault, match=r"signing.pem is missing: put it back .* keys rotate"):
        load_or_create_signer(file)
    assert contents(file.parent) == before


def test_a_missing_key_that_has_signed_elsewhere_is_an_error_and_no_new_key(file: Path) -> None:
    with pytest.raises(SigningKeyFault, match="is missing"):
        load_or_create_signer(file, has_signed=True)
    assert not file.exists()


def test_another_files_public_key_is_no_sign_of_this_one(file: Path) -> None:
    load_or_create_signer(file.with_name("other.pem"))
    assert load_or_create_signer(file).key_id in public_ids(file)


def test_rotation_keeps_every_public_key_and_the_next_signature_is_the_new_keys(file: Path) -> None:
    signers = [load_or_create_signer(file)]
    for _ in range(2):
        rotated = rotate_signer(file)
        signers.append(load_or_create_signer(file))
        assert signers[-1].key_id == rotated.key_id
        assert key_id(load_public_key(published_file(file))) == rotated.key_id
    assert len({signer.key_id for signer in signers}) == 3
    assert public_ids(file) == {signer.key_id for signer in signers}
    assert file.stat().st_mode & 0o777 == 0o600
    kept = load_public_key(file.with_name(f"signing.pem.{signers[0].key_id}.pub"))
    assert is_signed_by(kept, b"evidence", signers[0].sign(b"evidence"))


def test_a_lost_key_is_followed_by_another_when_asked_and_its_public_key_stays(file: Path) -> None:
    lost = load_or_create_signer(file)
    file.unlink()
    rotated = rotate_signer(file)
    assert public_ids(file) == {lost.key_id, rotated.key_id}


def test_a_key_that_was_replaced_by_hand_leaves_its_public_key(file: Path) -> None:
    earlier = load_or_create_signer(file)
    elsewhere = file.parent.parent / "other" / "signing.pem"
    other = load_or_create_signer(elsewhere)
    elsewhere.replace(file)
    assert load_or_create_signer(file).key_id == other.key_id
    assert key_id(load_public_key(published_file(file))) == other.key_id
    assert public_ids(file) == {earlier.key_id, other.key_id}


def test_a_damaged_key_is_not_rotated_away(file: Path) -> None:
    load_or_create_signer(file)
    file.write_text("no key")
    with pytest.raises(SigningKeyFault, match="no unencrypted PEM"):
        rotate_signer(file)
    assert file.read_text() == "no key"


def test_the_command_rotates_the_installations_key_or_the_one_named(file: Path) -> None:
    first = load_or_create_signer(file)
    done = command("keys", "rotate", CLOSURE_SIGNING_KEY_FILE=str(file))
    assert done.returncode == 0, done.stderr
    second = load_or_create_signer(file)
    assert done.stdout == f"{file}: key {second.key_id} signs from now on; back it up\n"
    assert command("keys", "rotate", str(file)).returncode == 0
    assert len(public_ids(file)) == 3
    assert {first.key_id, second.key_id} < public_ids(file)


def test_the_command_says_in_one_line_what_is_wrong(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("no key")
    for settings, said in (
        ({"CLOSURE_SIGNING_KEY_FILE": str(file)}, "is no unencrypted PEM private key"),
        ({"CLOSURE_ENCRYPTION": "maybe"}, "CLOSURE_ENCRYPTION"),
    ):
        failed = command("keys", "rotate", **settings)
        assert (failed.returncode, failed.stdout) == (2, "")
        assert said in failed.stderr
        assert failed.stderr.count("\n") == 1


def test_keys_and_their_folder_are_private_whatever_the_umask(file: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create_signer(file)
        rotate_signer(file)
    finally:
        os.umask(before)
    assert file.parent.stat().st_mode & 0o777 == 0o700
    modes = {each.name: each.stat().st_mode & 0o777 for each in file.parent.iterdir()}
    assert modes.pop("signing.pem") == 0o600
    assert set(modes.values()) == {0o644}
