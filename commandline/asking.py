"""Asking a person at a terminal before the last word."""

import signal
import sys

from closure.lifecycle import Stage
from commandline.installation import Connected
from commandline.planning import consequences
from commandline.standing import standing_of
from commandline.terminal import ExitCode, console, fail

YES = "yes"
NO_PLAN = "0" * 64
"""The hash of no plan at all."""


def is_at_terminal() -> bool:
    """Whether somebody can be shown something, and asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


async def plan_agreed_to(there: Connected, account: str) -> str:
    """The hash of the plan that was shown and agreed to; ends the command where the answer is no.

    Where it can't be confirmed nobody is asked, and the hash lets nothing unseen through.
    """
    document = await standing_of(there, account)
    if document.stage is not Stage.READY:
        return NO_PLAN
    records = there.closures.records
    plan = await records.plan(document.closure_id, document.plan_hash)
    if plan is not None:
        console().print(consequences(await records.policy(document.closure_id), plan), crop=False)
    if _answered(f"\nFrom here on nothing can be revoked. Type {YES} to confirm: ") != YES:
        fail(ExitCode.REFUSED, "NotConfirmed", "nothing was confirmed or changed", as_json=False)
    return document.plan_hash or NO_PLAN


def _answered(question: str) -> str:
    # asyncio's own handler would only take note of Ctrl-C, and the question would stay.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)
