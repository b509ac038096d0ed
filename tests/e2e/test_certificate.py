"""The certificate by the command: as a file, as a PDF, verified offline, refused where there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.e2e.driver import COMMAND_SECONDS, PROJECT, Installation, sample_account

HOSTILE = "**x** <b> {nb} 数据"


@pytest.fixture(scope="module")
def deleted(installation: Installation) -> str:
    """The closure id of a deleted account."""
    account = "e2e-certificate"
    installation.load(
        sample_account(
            account,
            balance={"cash": "7.00", "promo": "0.00"},
            data=[{"id": "oss-1", "store": HOSTILE, "objects": 1234}],
        )
    )
    closure = str(installation.make_silent(account)["closure_id"])
    refused = installation.start("certificate", closure, "--json")
    assert (refused.exit_code, refused.error_type) == (1, "CertificateNotIssued")
    assert "has not ended: it is silent" in refused.json["error"]["message"]
    installation.ask("fast-forward", account, "7d")
    assert installation.ask("status", account)["outcome"] == "deleted"
    return closure


def verified(certificate: Path, public_key: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keys.verify", str(certificate), "--public-key", str(public_key)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )


def test_printed_or_written_it_is_the_same_file_and_verifies_offline(
    installation: Installation, deleted: str, tmp_path: Path
) -> None:
    printed = installation.start("certificate", deleted)
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert installation.start("certificate", deleted, "--json").stdout == printed.stdout
    file, key = tmp_path / "certificate.json", tmp_path / "key.pem"
    said = installation.ask("certificate", deleted, "--output", str(file))
    assert file.read_text(encoding="utf-8") == printed.stdout
    assert said["file"] == str(file)
    document = json.loads(printed.stdout)
    assert (document["closure_id"], document["outcome"]) == (deleted, "deleted")
    assert document["key_id"] == said["key_id"]
    (store,) = document["stores"]
    assert (store["store"], store["objects"], store["state"]) == (HOSTILE, 1234, "deleted")
    assert document["money"]["forfeited_cash"] == "7.00"
    assert "example.com" not in printed.stdout

    key.write_text(installation.start("certificate", "--public-key").stdout, encoding="ascii")
    good = verified(file, key)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("verified: ")
    assert installation.ask("certificate", deleted, "--public-key")["key_id"] == document["key_id"]
    written = tmp_path / "key-2.pem"
    installation.ask("certificate", deleted, "--public-key", "--output", str(written))
    assert written.read_text(encoding="ascii") == key.read_text(encoding="ascii")

    file.write_text(printed.stdout.replace('"objects":1234', '"objects":1235'), encoding="utf-8")
    bad = verified(file, key)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.count("\n") == 1


def test_the_pdf_says_the_same_and_carries_the_file(
    installation: Installation, deleted: str, tmp_path: Path
) -> None:
    file = tmp_path / "Certificate.PDF"
    finished = installation.start("certificate", deleted, "--output", str(file))
    assert (finished.exit_code, finished.stderr) == (0, "")
    pdf = PdfReader(file)
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    for said in ("e2e-certificate", deleted, "1,234", "7.00 USD", "**x** <b> {nb} \\u6570\\u636e"):
        assert said in text
    (attached,) = pdf.attachments["certificate.json"]
    assert attached.decode() == installation.start("certificate", deleted).stdout


@pytest.mark.parametrize("suffix", [".json", ".pdf"])
def test_a_file_that_can_not_be_written_is_bad_input(
    installation: Installation, deleted: str, tmp_path: Path, suffix: str
) -> None:
    finished = installation.start("certificate", deleted, "--output", str(tmp_path / "none" / f"c{suffix}"))
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert "can't be written: No such file or directory" in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_what_has_no_certificate_is_refused(installation: Installation, tmp_path: Path) -> None:
    assert installation.refused("certificate", "closure-of-nobody") == "ClosureNotFound"
    account = "e2e-certificate-withdrawn"
    installation.load(sample_account(account))
    closure = str(installation.make_ready(account)["closure_id"])
    installation.ask("withdraw", account, "--as", "u-main")
    file = tmp_path / "none.json"
    refused = installation.start("certificate", closure, "--output", str(file), "--json")
    assert (refused.exit_code, refused.error_type) == (1, "CertificateNotIssued")
    assert "ended withdrawn: nothing was changed" in refused.json["error"]["message"]
    assert not file.exists()


@pytest.mark.parametrize("words", [(), ("a\nb",), ("x" * 201,), ("one", "two"), ("--output", "x.json")])
def test_wrong_usage_is_bad_input(installation: Installation, words: tuple[str, ...]) -> None:
    finished = installation.start("certificate", *words)
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.stderr.count("\n") == 1


def test_a_public_key_that_was_never_made_is_told(installation: Installation, tmp_path: Path) -> None:
    finished = installation.start(
        "certificate", "--public-key", CLOSURE_SIGNING_KEY_FILE=str(tmp_path / "none.pem")
    )
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert "the worker makes the key when it signs for the first time" in finished.stderr
