"""The stories of `make demo`: closures under both published procedures, with their real durations."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from closure.lifecycle import Stage
from closure.messages import RefundState
from local.demo_page import Page
from local.demo_story import NotAsTold, Story

PASSWORD = "correct horse battery staple"
"""Of the sample accounts that sign in with one."""
OPTION = "DELETE ALL ACCOUNT DATA AND SETTINGS"


def tell_of_blocked_account(page: Page, account: str, file: Path) -> None:
    """Blocked by bills, a domain and a resource directory; handled, given up, confirmed, deleted."""
    story = Story(page, account, "olga", file)
    story.say("Olga closes her account; a code from her mailbox proves who she is.")
    closed = story.close("--code", story.prove(), "--agree")
    story.tell_blocked(story.expect_blocked(closed, elsewhere=3, here=5))
    story.say("She pays the bill, transfers the domain, leaves the directory, and asks again.")
    for command, thing in (("pay", "b-2026-10"), ("transfer", "example.com"), ("unlink", "rd-1")):
        story.elsewhere(command, thing, shown=False)
    story.expect_blocked(story.act("recheck"), elsewhere=0, here=5)
    story.tell("Only the 5 that she can give up are left.")
    story.say("She gives these up and confirms exactly this plan. Now nobody can stop it.")
    story.confirm(story.give_up_all(), "moving")
    story.tell_countdown(story.pass_time("4d", Stage.SILENT), "Silent period, for bills that come late")
    story.expect_access("api", works=False)
    story.expect_access("sign-in", works=True)
    story.say("Her API keys are dead (checked); signing in shows this countdown. Too late now:")
    story.refused("withdraw", account, "--as", story.user)
    deleted = story.pass_time("4d", Stage.DELETED)
    story.tell("Deleted. Its certificate (exported before, like the key) verifies offline:")
    story.tell_certificate(deleted.closure_id)
    story.tell_mails()


def tell_of_late_usage(page: Page, account: str, file: Path) -> None:
    """Usage is billed late in the silent period: restored, settled, closed again, deleted."""
    story = Story(page, account, "ming", file)
    story.say("Ming gives up 42.00 USD and a server, and confirms. Then the silent period runs.")
    closed = story.close("--code", story.prove(), "--agree")
    story.tell_blocked(story.expect_blocked(closed, elsewhere=0, here=2))
    story.confirm(story.give_up_all(), "moving")
    story.tell_countdown(story.pass_time("5d", Stage.SILENT), "Silent period")
    story.say(
        "Then a meter reports late usage. Billing is read again at the end: something is owed, so the "
        "account is not deleted but given back. This is the published rule."
    )
    story.elsewhere("charge", "--amount", "12.34")
    restored = story.pass_time("3d", Stage.RESTORED)
    story.tell(f"Restored. Still owed: {'; '.join(item.title for item in restored.owed)}.")
    story.tell_lost(restored, closed)
    story.tell_mail("closure_restored")
    story.expect_access("api", works=True)
    story.say("The API keys work again (checked). Ming pays and starts again; nothing is owed.")
    for bill in story.books().bills:
        if bill.status != "paid":
            story.elsewhere("pay", bill.id)
    story.confirm(story.close("--code", story.prove(), "--agree"), "moving")
    story.pass_time("8d", Stage.DELETED)
    story.expect_access("sign-in", works=False)
    story.tell("Deleted; nobody can sign in any more (checked).")
    story.tell_mails()


def tell_of_refund(page: Page, account: str, file: Path) -> None:
    """Everything stops at once, the prepaid balance is refunded, the data is deleted after 30 days."""
    story = Story(page, account, "ann", file)
    story.say("Ann first looks at what a closure would do. This changes nothing.")
    story.tell_plan()
    story.say("Her password proves who she is; one option must be chosen, word for word.")
    story.refused("close", account, "--as", story.user, "--password-stdin", stdin=PASSWORD)
    ready = story.close("--password-stdin", "--acknowledge", OPTION, stdin=PASSWORD)
    story.confirm(ready, "moving")
    stopped = story.pass_time("1m", Stage.RETAINED)
    story.expect_access("message", works=False)
    story.expect_access("message", works=False, account=f"{account}-eu")
    story.tell("Everything has stopped (checked).")
    story.tell_countdown(stopped, "Until the data is deleted")
    story.tell_refund(stopped, RefundState.PENDING, "150.00")
    story.tell_mail("account_closed")
    settled = story.pass_time("6d", Stage.RETAINED)
    story.tell_refund(settled, RefundState.SETTLED, "150.00")
    story.pass_time("25d", Stage.DELETED)
    story.expect_open(f"{account}-other")
    story.tell("Deleted, with its subaccounts. Ann's other account is still open (checked).")
    story.tell_mails()


def tell_of_soft_close(page: Page, account: str, file: Path) -> None:
    """Nothing recurs any more; data, balance and promotional value stay."""
    story = Story(page, account, "kim", file)
    story.say("Kim only wants the charges to stop, and may come back.")
    ready = story.close("--mode", "keep-data", "--password-stdin", stdin=PASSWORD)
    story.confirm(ready, "a pause")
    story.pass_time("1m", Stage.DORMANT)
    kept = story.books()
    balance = (kept.balance.cash, kept.balance.promo)
    if kept.resources or balance != ("30.00", "12.00") or not kept.data:
        raise NotAsTold(f"{account} should have kept its balance and data, and no number")
    story.expect_access("api", works=True)
    objects = sum(store.objects for store in kept.data)
    story.tell("Dormant: the phone number is gone (checked); no recurring charges remain.")
    cash, promo = (f"{amount} {kept.currency}" for amount in balance)
    story.tell(f"Kept (checked): {cash}, {promo} promotional, {objects} objects, API keys.")
    story.tell_mail("account_dormant")
    story.say(
        "Every step of a closure is in its audit, and whoever can read it can check that none was changed."
    )
    story.tell_audit()
    story.tell_mails()


Tell = Callable[[Page, str, Path], None]


@dataclass(frozen=True)
class Told:
    """One story: the sample file's name, its title and how it goes."""

    name: str
    title: str
    tell: Tell


STORIES = (
    Told("ali-demo", "Eight things in the way (Alibaba Cloud)", tell_of_blocked_account),
    Told("ali-late", "A bill that comes late (Alibaba Cloud)", tell_of_late_usage),
    Told("twilio-demo", "Everything stops at once; money is refunded (Twilio)", tell_of_refund),
    Told("twilio-pause", "A pause instead of an end (Twilio)", tell_of_soft_close),
)
