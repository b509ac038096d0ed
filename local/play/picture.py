"""`python -m local.play.picture`: the README's picture of `/play`, from what `make up` has started.

Closes two of a fresh set of sample accounts, as far as the picture shows them, by the starter's commands;
then takes the picture with Debian's Chromium.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

PROJECT: Final = Path(__file__).resolve().parent.parent.parent
PICTURE: Final = PROJECT / "docs" / "pictures" / "play.png"
SIZE: Final = (1200, 1180)
_CODE: Final = re.compile(r"\b[0-9]{8}\b")


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        address = json.loads((PROJECT / ".closure" / "web.json").read_text(encoding="utf-8"))["address"]
    except FileNotFoundError:
        sys.stderr.write("nothing runs here: make up first\n")
        return 2
    if chromium is None:
        sys.stderr.write("there is no chromium: install Debian's package\n")
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
        page.goto(f"http://{address}/play")
        page.get_by_role("button", name="Fresh accounts").click()
        accounts = page.locator(".sample code").all_inner_texts()
        _close(accounts[0], "olga")
        _fall_silent(accounts[1], "ming")
        page.goto(f"http://{address}/play?account={accounts[0]}")
        page.wait_for_timeout(1000)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()
    return 0


def _close(account: str, user: str) -> None:
    _ask("challenge", account, "--as", user, "--method", "email_code")
    code = _CODE.findall(_ask("platform", "outbox", account))[-1]
    _ask("close", account, "--as", user, "--code", code, "--agree")


def _fall_silent(account: str, user: str) -> None:
    _close(account, user)
    _ask("renounce", account, "--as", user, "--all", "--accept-risk")
    plan_hash = json.loads(_ask("status", account))["plan_hash"]
    _ask("confirm", account, "--as", user, "--reason", "moving", "--plan-hash", plan_hash)
    _ask("fast-forward", account, "6m")


def _ask(*words: str) -> str:
    """What a command of the starter answers, in JSON."""
    return subprocess.run(
        [sys.executable, "starter.py", *words, "--json"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
