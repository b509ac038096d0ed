"""The signing key's file, made on first use."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from keys.signing import key_id, load_or_create_signer, load_public_key

AT_ONCE = 16


def test_those_who_make_the_key_at_once_have_the_same_one(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing.pem"
    start = Barrier(AT_ONCE)

    def make(_: int) -> str:
        start.wait()
        return load_or_create_signer(file).key_id

    with ThreadPoolExecutor(AT_ONCE) as threads:
        made = set(threads.map(make, range(AT_ONCE)))
    assert made == {key_id(load_public_key(file.with_name("signing.pem.pub")))}
    assert {each.name for each in file.parent.iterdir()} == {"signing.pem", "signing.pem.pub"}
    assert file.stat().st_mode & 0o777 == 0o600
