"""Key files: made private, rotated without losing a key, and refused in one line when anything is wrong."""

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keys.data_converter import configured_data_converter, configured_keys
from keys.key_ring import KeyRingFault, PayloadKeys, load_key_ring, new_key_ring, parse_key_ring
from keys.secret_file import SecretFault
from settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
KEY = base64.b64encode(bytes(range(32))).decode()


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keys.payload_keys", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def write(file: Path, document: object, mode: int = 0o600) -> Path:
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    file.chmod(mode)
    return file


def test_a_new_file_is_private_works_and_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "made" / "keys.json"
    made = command("new", str(file))
    content = file.read_bytes()
    again = command("new", str(file))

    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ring = load_key_ring(file)
    assert len(ring.keys[ring.current]) == 32
    assert again.returncode == 2
    assert len(again.stderr.splitlines()) == 1
    assert file.read_bytes() == content


def test_rotation_adds_a_current_key_and_keeps_the_old_ones(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    command("new", str(file))
    before = load_key_ring(file)
    rotated = command("rotate", str(file))
    after = load_key_ring(file)

    assert rotated.returncode == 0, rotated.stderr
    assert after.current != before.current
    assert set(after.keys) > set(before.keys)
    assert after.keys[before.current] == before.keys[before.current]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["keys.json"]
    said = rotated.stdout + rotated.stderr
    assert not any(base64.b64encode(key).decode() in said for key in after.keys.values())


def test_a_prepared_key_only_decrypts_until_the_rotation(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    command("new", str(file))
    before = load_key_ring(file)
    command("rotate", "--prepare", str(file))
    prepared = load_key_ring(file)
    command("rotate", str(file))
    rotated = load_key_ring(file)

    assert prepared.current == before.current
    (added,) = set(prepared.keys) - set(before.keys)
    assert rotated.current == added
    assert rotated.keys == prepared.keys


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"current": "k1", "keys": {"k1": "not base64!"}}, "key 'k1' is not base64"),
        ({"current": "k1", "keys": {"k1": base64.b64encode(b"short").decode()}}, "5 bytes instead of 32"),
        ({"current": "k2", "keys": {"k1": KEY}}, "current key 'k2'"),
        ({"current": "K 1", "keys": {"K 1": KEY}}, "no key id"),
        ({"current": "k1", "keys": {}}, "current key 'k1'"),
        ({"current": "k1"}, "keys: Field required"),
        ({"current": "k1", "keys": {"k1": 7}}, "keys.k1"),
        ({"current": "k1", "keys": {"k1": KEY}, "old": {}}, "old"),
        ([], "the document"),
        ("", "no JSON document"),
        ('{"current": "k1", "keys": {"k1": ', "no JSON document"),
        (f'{{"current": "k1", "keys": {{"k1": "{KEY}", "k1": "{KEY}"}}}}', "'k1' is there twice"),
        ("[" * 100_000, "no JSON document"),
    ],
    ids=[
        "bad base64", "wrong length", "unknown current", "bad id", "no keys", "keys missing", "no text",
        "unknown field", "a list", "empty", "cut off", "twice", "deep",
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_one_line_that_quotes_no_key(
    tmp_path: Path, document: object, named: str
) -> None:
    file = write(tmp_path / "keys.json", document)
    with pytest.raises(KeyRingFault) as refused:
        load_key_ring(file)
    said = str(refused.value)
    assert named in said
    assert str(file) in said
    assert len(said.splitlines()) == 1
    assert KEY not in said
    assert "not base64!" not in said
    finished = command("rotate", str(file))
    assert finished.returncode == 2
    assert finished.stderr == f"error: {said}\n"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(0o755)
    file = write(tmp_path / "keys.json", new_key_ring().to_json(), mode)
    with pytest.raises(SecretFault, match="chmod 600"):
        load_key_ring(file)


def test_a_readable_file_in_a_folder_that_nobody_else_can_enter_is_taken(tmp_path: Path) -> None:
    """Compose's secrets: each container has a user of its own."""
    tmp_path.chmod(0o700)
    ring = new_key_ring()
    assert load_key_ring(write(tmp_path / "keys", ring.to_json(), 0o444)) == ring
    with pytest.raises(SecretFault, match="open to other users"):
        load_key_ring(write(tmp_path / "writable", ring.to_json(), 0o622))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SecretFault, match="No such file"):
        load_key_ring(tmp_path / "none")


def test_keys_added_to_the_file_are_found_without_a_restart(tmp_path: Path) -> None:
    ring = new_key_ring()
    file = write(tmp_path / "keys.json", ring.to_json())
    keys = PayloadKeys.of_file(file)
    rotated = ring.rotate()
    assert keys.find(rotated.current) is None
    write(file, "damaged")
    assert keys.find(rotated.current) is None
    assert keys.find(ring.current) is not None, "a damaged file takes nothing away"
    write(file, rotated.to_json())
    assert keys.find(rotated.current) == rotated.keys[rotated.current]
    assert keys.current[0] == rotated.current


def test_settings_never_print_keys_and_name_one_source(tmp_path: Path) -> None:
    file = write(tmp_path / "keys.json", new_key_ring().to_json())
    in_environment = Settings(_env_file=None, payload_keys=f'{{"current": "k1", "keys": {{"k1": "{KEY}"}}}}')  # type: ignore[arg-type]
    assert KEY not in repr(in_environment)
    assert KEY not in repr(configured_keys(in_environment))
    assert KEY not in repr(parse_key_ring(f'{{"current": "k1", "keys": {{"k1": "{KEY}"}}}}'))
    both = in_environment.model_copy(update={"payload_keys_file": file})
    with pytest.raises(SecretFault, match="not both"):
        configured_data_converter(both)
