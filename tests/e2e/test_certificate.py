"""The certificate by the command: as a file, as a PDF, verified offline, refused where there is none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.harness.installed_program import COMMAND_SECONDS, PROJECT, InstalledProgram, sample_account

HOSTILE = "**x** <b> {nb} 数据"


@pytest.fixture(scope="module")
def deleted(installed_program: InstalledProgram) -> str:
    """The closure id of a deleted account."""
    account = "e2e-certificate"
    installed_program.load(
        sample_account(
            account,
            balance={"cash": "7.00", "promo": "0.00"},
            data=[{"id": "oss-1", "store": HOSTILE, "objects": 1234}],
        )
    )
    closure = str(installed_program.make_silent(account)["closure_id"])
    refused = installed_program.start("certificate", closure, "--json")
    assert (refused.exit_code, refused.error_type) == (1, "CertificateNotIssued")
    assert "has not ended: it is silent" in refused.json["error"]["message"]
    installed_program.ask("fast-forward", account, "7d")
    assert installed_program.ask("status", account)["outcome"] == "deleted"
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
    installed_program: InstalledProgram, deleted: str, tmp_path: Path
) -> None:
    printed = installed_program.start("certificate", deleted)
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert installed_program.start("certificate", deleted, "--json").stdout == printed.stdout
    file, key = tmp_path / "certificate.json", tmp_path / "key.pem"
    said = installed_program.ask("certificate", deleted, "--output", str(file))
    assert file.read_text(encoding="utf-8") == printed.stdout
    assert said["file"] == str(file)
    document = json.loads(printed.stdout)
    assert (document["closure_id"], document["outcome"]) == (deleted, "deleted")
    assert document["key_id"] == said["key_id"]
    (store,) = document["stores"]
    assert (store["store"], store["objects"], store["state"]) == (HOSTILE, 1234, "deleted")
    assert document["money"]["forfeited_cash"] == "7.00"
    assert "example.com" not in printed.stdout

    key.write_text(installed_program.start("certificate", "--public-key").stdout, encoding="ascii")
    good = verified(file, key)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("verified: ")
    assert installed_program.ask("certificate", deleted, "--public-key")["key_id"] == document["key_id"]
    written = tmp_path / "key-2.pem"
    installed_program.ask("certificate", deleted, "--public-key", "--output", str(written))
    assert written.read_text(encoding="ascii") == key.read_text(encoding="ascii")

    file.write_text(printed.stdout.replace('"objects":1234', '"objects":1235'), encoding="utf-8")
    bad = verified(file, key)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.count("\n") == 1


def test_the_pdf_says_the_same_and_carries_the_file(
    installed_program: InstalledProgram, deleted: str, tmp_path: Path
) -> None:
    file = tmp_path / "Certificate.PDF"
    finished = installed_program.start("certificate", deleted, "--output", str(file))
    assert (finished.exit_code, finished.stderr) == (0, "")
    pdf = PdfReader(file)
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    for said in ("e2e-certificate", deleted, "1,234", "7.00 USD", "**x** <b> {nb} 数据"):
        assert said in text
    (attached,) = pdf.attachments["certificate.json"]
    assert attached.decode() == installed_program.start("certificate", deleted).stdout


@pytest.mark.parametrize("suffix", [".json", ".pdf"])
def test_a_file_that_can_not_be_written_is_bad_input(
    installed_program: InstalledProgram, deleted: str, tmp_path: Path, suffix: str
) -> None:
    finished = installed_program.start(
        "certificate", deleted, "--output", str(tmp_path / "none" / f"c{suffix}")
    )
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert "can't be written: No such file or directory" in finished.stderr
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "option"),
    [(("--output",), "--output"), (("--public-key", "--output"), "--output"), (("--annex",), "--annex")],
)
def test_a_file_that_is_there_is_not_written_over(
    installed_program: InstalledProgram, deleted: str, tmp_path: Path, words: tuple[str, ...], option: str
) -> None:
    for name in ("there.json", "there.pdf"):
        file = tmp_path / name
        file.write_text("kept", encoding="utf-8")
        finished = installed_program.start("certificate", deleted, *words, str(file))
        assert (finished.exit_code, finished.stdout) == (2, "")
        assert f"exists already; name another with {option}" in finished.stderr
        assert file.read_text(encoding="utf-8") == "kept"


def test_certificate_and_annex_are_two_files(
    installed_program: InstalledProgram, deleted: str, tmp_path: Path
) -> None:
    file, annex = tmp_path / "one.json", tmp_path / "annex.json"
    both = ("--output", str(file), "--annex")
    finished = installed_program.start("certificate", deleted, *both, str(tmp_path / "." / "one.json"))
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert "--output and --annex name the same file" in finished.stderr
    assert not file.exists()
    installed_program.ask("certificate", deleted, *both, str(annex))
    assert json.loads(file.read_bytes())["closure_id"] == deleted
    assert annex.read_bytes() != file.read_bytes()


def test_what_has_no_certificate_is_refused(installed_program: InstalledProgram, tmp_path: Path) -> None:
    assert installed_program.refused("certificate", "closure-of-nobody") == "ClosureNotFound"
    account = "e2e-certificate-withdrawn"
    installed_program.load(sample_account(account))
    closure = str(installed_program.make_ready(account)["closure_id"])
    installed_program.ask("withdraw", account, "--as", "u-main")
    file = tmp_path / "none.json"
    refused = installed_program.start("certificate", closure, "--output", str(file), "--json")
    assert (refused.exit_code, refused.error_type) == (1, "CertificateNotIssued")
    assert "ended withdrawn: nothing was changed" in refused.json["error"]["message"]
    assert not file.exists()


@pytest.mark.parametrize("words", [(), ("a\nb",), ("x" * 201,), ("one", "two"), ("--output", "x.json")])
def test_wrong_usage_is_bad_input(installed_program: InstalledProgram, words: tuple[str, ...]) -> None:
    finished = installed_program.start("certificate", *words)
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.stderr.count("\n") == 1


def test_a_public_key_that_was_never_made_is_told(
    installed_program: InstalledProgram, tmp_path: Path
) -> None:
    finished = installed_program.start(
        "certificate", "--public-key", CLOSURE_SIGNING_KEY_FILE=str(tmp_path / "none.pem")
    )
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert "the worker makes the key when it signs for the first time" in finished.stderr
