"""The stories of `make demo`: closures under both published procedures, with their real durations."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.demo_story import NotAsTold, Starter, Story

PASSWORD = "correct horse battery staple"
"""Of the sample accounts that sign in with one."""


def tell_of_blocked_account(starter: Starter, account: str, file: Path) -> None:
    """Blocked by bills, a domain and a resource directory; handled, renounced, confirmed, deleted."""
    story = Story(starter, account, "olga")
    story.load(file)
    code = story.prove()
    story.act_as_user("close", "--code", code, "--agree", lines=30)
    story.expect_blocking(8)
    story.say("Three things must be handled elsewhere; the embedded account platform plays that part here.")
    story.act("platform pay", "b-2026-10", lines=2)
    story.act("platform transfer", "example.com", lines=2)
    story.act("platform unlink", "rd-1", lines=2)
    story.act("recheck", lines=20)
    story.expect_blocking(5)
    story.say("The rest can be given up here: a balance, and instances that depend on each other.")
    story.act_as_user("renounce", "--all", "--accept-risk", lines=8)
    story.confirm()
    story.say("Nothing works now but looking at the remaining time, and nobody can change anything.")
    story.expect_access(works=False)
    story.act("platform request", "--kind", "sign-in", lines=3)
    story.act_as_user("withdraw", expected=1, lines=3)
    story.act("fast-forward", "7d", lines=8)
    story.expect("deleted")
    story.act("audit", "--verify", lines=30)


def tell_of_late_usage(starter: Starter, account: str, file: Path) -> None:
    """Usage is billed late in the silent period: restored, settled, closed again, deleted."""
    story = Story(starter, account, "ming")
    story.load(file)
    code = story.prove()
    story.act_as_user("close", "--code", code, "--agree", lines=8)
    story.expect_blocking(2)
    story.act_as_user("renounce", "--all", "--accept-risk", lines=6)
    story.confirm()
    story.act("fast-forward", "5d", lines=8)
    story.expect("silent")
    story.say("On day 5 a meter reports late.")
    story.act("platform charge", "--amount", "12.34", "--product", "ecs", lines=3)
    story.act("fast-forward", "2d", lines=24)
    restored = story.expect("restored")
    if not restored["unrecoverable"]:
        raise NotAsTold(f"{account} should have been told what can't come back")
    story.act("status", lines=24)
    story.expect_access(works=True)
    story.say("The customer settles the bill and starts again.")
    for bill in story.open_bills():
        story.act("platform pay", bill, lines=2)
    code = story.prove()
    story.act_as_user("close", "--code", code, "--agree", lines=6)
    story.confirm()
    story.act("fast-forward", "7d", lines=8)
    story.expect("deleted")
    story.act("platform request", "--kind", "sign-in", expected=1, lines=3)


def tell_of_refund_and_subaccounts(starter: Starter, account: str, file: Path) -> None:
    """Everything stops at once, the prepaid balance goes back, the data goes after 30 days."""
    story = Story(starter, account, "ann")
    story.load(file)
    story.act("plan", lines=20)
    story.act_as_user("close", "--password-stdin", expected=1, lines=3, stdin=PASSWORD)
    story.say("The option must be chosen, word by word.")
    option = "DELETE ALL ACCOUNT DATA AND SETTINGS"
    story.act_as_user("close", "--password-stdin", "--acknowledge", option, lines=6, stdin=PASSWORD)
    plan_hash = str(story.expect("ready")["plan_hash"])
    story.act_as_user("confirm", "--reason", "moving away", "--plan-hash", plan_hash, lines=6)
    story.act("fast-forward", "1m", lines=9)
    story.expect("retained")
    story.expect_refund("pending", "150.00")
    story.say("The account and its three subaccounts stopped in one step.")
    for name in (account, f"{account}-eu"):
        starter.show("platform", "request", name, "--kind", "message", expected=1, lines=2)
    story.act("fast-forward", "6d", lines=9)
    story.expect_refund("settled", "150.00")
    story.act("fast-forward", "25d", lines=9)
    story.expect("deleted")
    starter.show("status", f"{account}-eu", lines=6)
    story.act("audit", "--verify", lines=30)


def tell_of_soft_close(starter: Starter, account: str, file: Path) -> None:
    """Nothing recurs any more; data, balance and promotional value stay."""
    story = Story(starter, account, "kim")
    story.load(file)
    story.act_as_user("close", "--mode", "keep-data", "--password-stdin", lines=6, stdin=PASSWORD)
    story.expect("ready")
    story.act_as_user("confirm", "--reason", "a pause", lines=6)
    story.act("fast-forward", "1m", lines=6)
    story.expect("dormant")
    story.expect_access(works=True)
    kept = story.account()
    if kept["resources"] or kept["balance"] != {"cash": "30.00", "promo": "12.00"} or not kept["data"]:
        raise NotAsTold(f"{account} should have kept its balance and data, and no number")


Tell = Callable[[Starter, str, Path], None]


@dataclass(frozen=True)
class Told:
    """One story: the sample file's name, its title and how it goes."""

    name: str
    title: str
    tell: Tell


STORIES = (
    Told("ali-demo", "an account with everything in the way", tell_of_blocked_account),
    Told("ali-late", "usage that is billed late", tell_of_late_usage),
    Told("twilio-demo", "three subaccounts and a refund", tell_of_refund_and_subaccounts),
    Told("twilio-pause", "a soft close", tell_of_soft_close),
)
