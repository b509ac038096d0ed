"""Tries every rule of the ports at an implementation: ``python -m connectors.conformance --help``."""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from textwrap import wrap
from typing import Final

from pydantic import ValidationError

from connectors.conformance.choosing import NoSubject, chosen_subject
from connectors.conformance.rules import RULES
from connectors.conformance.running import PATIENCE, Finding, Verdict, try_rules
from connectors.setting_faults import PlatformFault
from database import DatabaseUnreachable, SchemaMismatch
from settings import Settings, setting_fault

WIDTH: Final = 80
LONGEST_PATIENCE: Final = timedelta(days=30)
_INDENT: Final = " " * 6
EPILOG: Final = """Ends 0 when no rule is broken, 1 when one is, 2 when nothing could be tried. Rules need
accounts that they may destroy: a platform's package opens them (docs/connect.md), the embedded platform in a
database of its own. With --account, rules that only read are tried at an account that is there."""


def main(words: Sequence[str]) -> int:
    """Prints a line for each rule; the exit code."""
    asked = _parser().parse_args(words)
    try:
        settings = Settings() if asked.platform is None else Settings(platform=asked.platform)
        findings = asyncio.run(_tried(settings, asked))
    except ValidationError as error:
        return _refuse(setting_fault(error))
    except (PlatformFault, NoSubject, DatabaseUnreachable, SchemaMismatch, ValueError) as error:
        return _refuse(str(error))
    counts = Counter(each.verdict for each in findings)
    if asked.json:
        rules = [each.model_dump(mode="json") for each in findings]
        numbers = {each.value: counts[each] for each in Verdict}
        sys.stdout.write(json.dumps({"rules": rules, "counts": numbers}, indent=2) + "\n")
    else:
        said = ", ".join(f"{counts[each]} {each.value}" for each in Verdict)
        sys.stdout.write(f"{len(findings)} rules: {said}\n")
    if counts[Verdict.NOT_APPLICABLE] == len(findings):
        reason = Counter(each.reason for each in findings).most_common(1)[0][0]
        return _refuse(f"nothing could be tried; most often: {reason}")
    return 1 if counts[Verdict.FAILED] else 0


async def _tried(settings: Settings, asked: argparse.Namespace) -> list[Finding]:
    findings: list[Finding] = []
    rules = [each for each in RULES if asked.rule is None or each.name.startswith(asked.rule)]
    if not rules:
        raise NoSubject(f"--rule {asked.rule}: no rule's name begins so")
    only_reading = bool(asked.account) and not asked.destructive
    async with chosen_subject(settings, asked.account, asked.subject) as subject:
        patience = timedelta(seconds=asked.patience)
        async for finding in try_rules(subject, rules, patience, only_reading=only_reading):
            findings.append(finding)
            if not asked.json:
                sys.stdout.write(finding_text(finding))
                sys.stdout.flush()
    return findings


def finding_text(finding: Finding) -> str:
    """The rule's line; below it what it says and how it was broken, or why it doesn't apply."""
    text = f"{finding.verdict.value:<5} {finding.rule}\n"
    if finding.verdict is Verdict.PASSED:
        return text
    said = finding.reason or ""
    if finding.verdict is Verdict.FAILED:
        said = f"Rule: {finding.says}. Broken: {said}."
    lines = wrap(said, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return text + "".join(f"{line}\n" for line in lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m connectors.conformance",
        description="Tries every rule of the ports at an account platform.",
        epilog=EPILOG,
    )
    parser.add_argument("--platform", metavar="NAME", help="as CLOSURE_PLATFORM, which is the default")
    parser.add_argument(
        "--subject", metavar="MODULE:FACTORY", help="what opens test accounts, if no entry point names it"
    )
    parser.add_argument(
        "--account",
        metavar="ID",
        action="append",
        default=[],
        help="an account that is there; may be repeated",
    )
    parser.add_argument(
        "--destructive", action="store_true", help="tries all rules that the accounts fit, to their end"
    )
    parser.add_argument("--rule", metavar="NAME", help="only rules whose name begins so")
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=_seconds,
        default=PATIENCE.total_seconds(),
        help="for one answer, and until what is accepted is done (60)",
    )
    parser.add_argument("--json", action="store_true", help="one document, and nothing else")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_PATIENCE.total_seconds():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0 and up to 30 days")
    return seconds


def _refuse(reason: str) -> int:
    sys.stderr.write(f"error: {reason}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
