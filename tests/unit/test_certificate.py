"""A certificate is what was signed, to the byte, and says so offline."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from closure.certificate import SignedCertificate, store_reference
from keys.signing import public_pem, rotate_signer
from keys.verify import NotVerified, verify
from tests.unit.certificates import KEY, SIGNER, certificate, signed

PROJECT = Path(__file__).resolve().parents[2]
PUBLIC_KEY = KEY.public_key()
PINNED = (
    '{"account_id":"ali-100","audit":{"events":14,"head_hash":"' + "ef" * 32 + '"},"closure_id":"closure-1",'
    '"confirmed_at":"2026-11-25T12:00:03.250000Z","data_deleted_at":"2026-12-02T12:00:03.250000Z",'
    '"ended_at":"2026-12-02T14:24:03.250000Z","format":"account-closure-certificate/1",'
    '"installation":"production",'
    '"issued_at":"2026-12-02T16:48:03.250000Z","key_id":"56475aa75463474c","left_behind":[],'
    '"mode":"delete","money":'
    '{"currency":"USD","forfeited_cash":"200.00","forfeited_promo":"15.00","paid_otherwise":"2.50",'
    '"refunded":"7.50","voided_debt":"0.00"},"opened_at":"2026-11-24T12:00:03.250000Z","outcome":"deleted","owed":[],'
    '"owner":null,"plan_hash":"' + "cd" * 32 + '","policy":"alibaba-cloud","policy_hash":"' + "ab" * 32 + '",'
    '"policy_version":"2026-11-01","provider":"alibaba-cloud","released":{"products":{"ecs":3,"rds":1},'
    '"resources":3,"subscriptions":1},"retained":[{"ground":"§ 147 AO","name":"ledger",'
    '"until":"2036-11-21T12:00:03.250000Z","what":"Ledger"}],"stopped_at":"2026-11-25T12:01:29.650000Z",'
    '"stores":[{"ground":null,"objects":1200,"reference":"0000000000000000","retained_as":null,'
    '"state":"deleted","store":"object-storage","until":null},{"ground":"§ 147 AO","objects":99,'
    '"reference":"1111111111111111","retained_as":"ledger","state":"retained","store":"audit-logs",'
    '"until":"2036-11-21T12:00:03.250000Z"}],"subaccounts":[{"account_id":"sub-1",'
    '"certificate_id":"' + "9" * 64 + '","closure_id":"closure-2"}]}'
)
"""What was signed once must be signed so for ever."""


def test_the_bytes_that_are_signed_never_change() -> None:
    assert certificate().canonical_bytes().decode() == PINNED


def test_the_file_is_what_is_signed_with_the_signature_and_a_line_feed() -> None:
    text = signed(certificate())
    document = json.loads(text)
    signature = document.pop("signature")
    assert document == json.loads(PINNED)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    read = SignedCertificate.model_validate_json(text)
    assert read.signature == signature
    assert read.unsigned == certificate()
    assert read.certificate_id == certificate().certificate_id


def test_what_was_issued_verifies() -> None:
    assert verify(signed(certificate()).encode(), PUBLIC_KEY) == json.loads(PINNED)


def leaves(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list) and value:
        for at, member in enumerate(value):
            yield from leaves(member, (*path, at))
    else:
        yield path


FIELDS = list(leaves(json.loads(signed(certificate()))))


@pytest.mark.parametrize("path", FIELDS, ids=[".".join(map(str, path)) for path in FIELDS])
def test_any_other_value_of_any_field_fails(path: tuple[str | int, ...]) -> None:
    document = json.loads(signed(certificate()))
    place = document
    for step in path[:-1]:
        place = place[step]
    before = place[path[-1]]
    place[path[-1]] = before + 1 if isinstance(before, int) else f"{before or ''}A"
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    with pytest.raises(NotVerified):
        verify(text.encode(), PUBLIC_KEY)
    del place[path[-1]]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    with pytest.raises(NotVerified):
        verify(text.encode(), PUBLIC_KEY)


def test_any_change_of_one_byte_fails() -> None:
    content = signed(certificate()).encode()
    for at in range(len(content)):
        for other in {content[at] ^ 1, content[at] ^ 0x20, ord(" "), ord("0")} - {content[at]}:
            changed = content[:at] + bytes([other]) + content[at + 1 :]
            with pytest.raises(NotVerified):
                verify(changed, PUBLIC_KEY)
        with pytest.raises(NotVerified):
            verify(content[:at] + content[at + 1 :], PUBLIC_KEY)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no signed certificate"),
        (b"\xff\xfe", "no signed certificate"),
        (b"[" * 100_000, "no signed certificate"),
        (b"[]", "no JSON object"),
        (b"{}", "no certificate of the format"),
        (b'{"signature": 7}', "no signed certificate"),
        (b'{"format": "account-closure-certificate/2", "signature": "AAAA"}', "no certificate of the format"),
        (b'{"x":' + b"9" * 5000 + b"}", "no signed certificate"),
        (json.dumps(json.loads(signed(certificate()))).encode(), "reformatted"),
        (signed(certificate()).encode() + b"\n", "reformatted"),
        (
            signed(certificate()).replace('{"account_id"', '{"account_id":"x","account_id"', 1).encode(),
            "reformatted",
        ),
        (signed(certificate(key_id="0" * 16)).encode(), "names another key"),
    ],
)
def test_what_is_no_certificate_of_this_key_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(NotVerified, match=reason):
        verify(content, PUBLIC_KEY)


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    finished = subprocess.run(
        [sys.executable, "-I", str(folder / "verify.py"), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return finished.returncode, finished.stdout, finished.stderr


def test_the_verifier_needs_nothing_but_its_own_file(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "keys" / "verify.py", tmp_path)
    (tmp_path / "c.json").write_text(signed(certificate(account_id="a\x1b[2J")), encoding="utf-8")
    (tmp_path / "key.pem").write_text(public_pem(PUBLIC_KEY))
    code, out, err = run(tmp_path, "c.json", "--public-key", "key.pem")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert '"closure-1"' in out
    assert SIGNER.key_id in out

    (tmp_path / "c.json").write_text(signed(certificate()).replace("200.00", "100.00"), encoding="utf-8")
    code, out, err = run(tmp_path, "c.json", "--public-key", "key.pem")
    assert (code, out) == (1, "")
    assert err == "NOT VERIFIED: the signature does not match: the certificate was changed\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("none.json", "--public-key", "key.pem"), "none.json can't be read"),
        (("c.json", "--public-key", "none.pem"), "none.pem can't be read"),
        (("c.json", "--public-key", "c.json"), "c.json is no PEM public key"),
    ],
)
def test_files_that_can_not_be_used_are_named(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    shutil.copy(PROJECT / "keys" / "verify.py", tmp_path)
    (tmp_path / "c.json").write_text(signed(certificate()), encoding="utf-8")
    (tmp_path / "key.pem").write_text(public_pem(PUBLIC_KEY))
    code, out, err = run(tmp_path, *words)
    assert (code, out) == (1, "")
    assert err.startswith(f"NOT VERIFIED: {reason}")
    assert err.count("\n") == 1


def test_a_stores_reference_can_be_computed_by_who_knows_its_id() -> None:
    # printf '%s' closure-1/oss-1 | sha256sum | cut -c1-16
    assert store_reference("closure-1", "oss-1") == "3077bc77a21e7840"
    assert store_reference("closure-2", "oss-1") != store_reference("closure-1", "oss-1")


def test_of_a_folder_of_keys_the_one_that_the_certificate_names_verifies_it(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "keys" / "verify.py", tmp_path)
    (tmp_path / "c.json").write_text(signed(certificate()), encoding="utf-8")
    keys = tmp_path / "keys"
    rotated = rotate_signer(keys / "signing.pem")
    code, _, err = run(tmp_path, "c.json", "--public-key", "keys")
    assert code == 1
    assert "none of the public keys in keys is the one that the certificate names" in err
    (keys / "signing.pem.earlier.pub").write_text(public_pem(PUBLIC_KEY))
    code, out, err = run(tmp_path, "c.json", "--public-key", "keys")
    assert (code, err) == (0, "")
    assert SIGNER.key_id in out
    assert rotated.key_id not in out
