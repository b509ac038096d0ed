"""How a story of `make demo` runs: what it tells is what the commands answered, and it is compared.

A line that begins with `$` is run as it stands, with ``--json`` added where it is the starter's.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from closure.accounts import Access, Channel
from closure.lifecycle import REVOCABLE, Stage
from closure.messages import ItemCategory, RefundState
from commandline.countdown import spoken
from local.demo_documents import (
    Account,
    Audit,
    Document,
    Message,
    Nothing,
    Outbox,
    Plan,
    Refused,
    Shown,
    Status,
)
from local.demo_page import Page

CODE = re.compile(r"\b\d{6,8}\b")
YOUR_ACCOUNT = re.compile(r"\b([Yy]our)(?: [A-Z]\w*)+ account(?: [\w-]+-[0-9a-f]{6})?")
"""As a mail names it that must say whose and which; here both go without saying."""
DELETED = "closure_deleted"
SENTENCE_END = re.compile(r"(?<=[.!?])\s")
COMMAND_SECONDS = 120

Answered = TypeVar("Answered", bound=Document)


class NotAsTold(Exception):
    """A command or an outcome differs from the story; the message is the one line to print."""


class Story:
    """One account's closure, told and checked. Its methods raise `NotAsTold`."""

    def __init__(self, page: Page, account: str, user: str, file: Path) -> None:
        self._page = page
        self._folder = file.parents[1]
        self.account = account
        self.user = user
        self.name = user.capitalize()
        self.say = page.prose
        self._subjects: dict[str, str] = {}
        self.ask("platform", "load", str(file), answer=Nothing)

    # Commands.

    def ask(
        self, *words: str, answer: type[Answered], shown: bool = False, stdin: str = "", expected: int = 0
    ) -> Answered:
        """The document of a starter's command, which must end with this exit code."""
        if shown:
            self._page.command(("python", "starter.py", *words), stdin)
        command = f"starter.py {shlex.join(words)}"
        finished = _run("starter.py", *words, "--json", stdin=stdin)
        if finished.returncode != expected:
            said = " ".join((finished.stderr or finished.stdout).split())
            raise NotAsTold(f"`{command}` ended {finished.returncode}, not {expected}: {said[:300]}")
        try:
            return answer.model_validate_json(finished.stdout)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"]))
            raise NotAsTold(f"`{command}` printed another document: {place}: {fault['msg']}") from error

    def act(self, command: str, *words: str, as_user: bool = False, stdin: str = "") -> Status:
        """A command that changes the closure, shown."""
        who = ("--as", self.user) if as_user else ()
        return self.ask(command, self.account, *who, *words, answer=Status, shown=True, stdin=stdin)

    def elsewhere(self, command: str, *words: str, shown: bool = True) -> None:
        """What the customer does in other systems, which the embedded platform plays."""
        self.ask("platform", command, self.account, *words, answer=Nothing, shown=shown)

    def refused(self, *words: str, stdin: str = "") -> None:
        """A command that a rule must refuse, shown with the reason."""
        refused = self.ask(*words, answer=Refused, shown=True, stdin=stdin, expected=1)
        wanted = "".join(f': "{text}"' for text in refused.error.acknowledgements)
        # Without the advice on what to type next: the story goes on by itself.
        reason, _, advice = refused.error.message.rpartition("; ")
        self.tell(f"Refused: {reason or advice}{wanted}.")

    # A closure's turns.

    def prove(self) -> str:
        """A one-time code, read where a developer would: in the embedded platform's outbox."""
        method = ("--as", self.user, "--method", "email_code")
        self.ask("challenge", self.account, *method, answer=Nothing)
        found = CODE.search(self._mail("identity_code").body)
        if found is None:
            raise NotAsTold(f"the message to {self.account} holds no one-time code")
        return found[0]

    def close(self, *words: str, stdin: str = "") -> Status:
        return self.act("close", *words, as_user=True, stdin=stdin)

    def give_up_all(self) -> Status:
        """Gives up what the checklist lets give up; then nothing may block any more."""
        status = self.act("renounce", "--all", "--accept-risk", as_user=True)
        self.expect(status, Stage.READY)
        return status

    def confirm(self, ready: Status, reason: str) -> Status:
        """Confirms the plan that was seen."""
        self.expect(ready, Stage.READY)
        words = ("--reason", reason, "--plan-hash", ready.plan_hash or "")
        status = self.act("confirm", *words, as_user=True)
        if status.stage in REVOCABLE:
            raise NotAsTold(f"{self.account} should be confirmed but is {status.stage.value}")
        return status

    def pass_time(self, duration: str, stage: Stage) -> Status:
        """Moves this closure's clock; then it must be in this stage."""
        if stage is Stage.DELETED:
            self._mails()  # whose texts go with the account
        status = self.act("fast-forward", duration)
        self.expect(status, stage)
        return status

    # What is told of them.

    def tell(self, text: str) -> None:
        """What came of the command before."""
        self._page.result(text)

    def tell_blocked(self, status: Status) -> None:
        """What stands in the way, of both kinds."""
        manual, given_up = status.of(ItemCategory.MANUAL), status.of(ItemCategory.RENOUNCEABLE)
        if manual:
            self.tell(f"Blocked by {len(manual)} things to settle elsewhere:")
        for item in manual:
            self.tell(f"- {item.title}")
        count = f"And by {len(given_up)}" if manual else f"Blocked by {len(given_up)} things"
        what = ", ".join(item.short for item in given_up)
        self.tell(f"{count} that {self.name} can give up here: {what}")

    def tell_countdown(self, status: Status, what: str) -> None:
        """How much time is left in this stage."""
        if not status.remaining_seconds:
            raise NotAsTold(f"{self.account} should have time left, but {status.stage.value} has no end")
        self.tell(f"{what}: {spoken(status.remaining_seconds)} left.")

    def tell_lost(self, status: Status, before: Status) -> None:
        """What can't come back, whatever the outcome, named as in the checklist before it was given up."""
        if not status.unrecoverable:
            raise NotAsTold(f"{self.account} should have been told what can't come back")
        given_up = {item.item_id: item.short for item in before.of(ItemCategory.RENOUNCEABLE)}
        lost = (given_up.get(item_id, item_id) for item_id in status.unrecoverable)
        self.tell(f"Gone for good: {', '.join(lost)}")

    def tell_refund(self, status: Status, state: RefundState, amount: str) -> None:
        refund = status.refund
        if refund is None or (refund.status, refund.amount) != (state, amount):
            raise NotAsTold(
                f"the refund of {self.account} should be {amount}, {state.value}, but is {refund}"
            )
        due = f", due by {refund.due_by:%Y-%m-%d}" if state is RefundState.PENDING else ""
        self.tell(f"Refund of {amount} {refund.currency}: {state.value}{due}.")

    def tell_mail(self, template: str) -> None:
        """The first sentence of the last mail of this kind."""
        body = self._mail(template).body.strip()
        self.tell(f'Mail: "{SENTENCE_END.split(body, maxsplit=1)[0]}"')

    def tell_mails(self) -> None:
        """The subjects of all mails, each kind once, and how many text messages there were."""
        wiped = {mail.template for mail in self._mails()} - set(self._subjects)
        if not self._subjects or wiped - {DELETED}:
            raise NotAsTold(f"{self.account}: mails {list(self._subjects)}, and unread {sorted(wiped)}")
        subjects = "; ".join(YOUR_ACCOUNT.sub(r"\1 account", each) for each in self._subjects.values())
        last = " The last, on the deletion, lost its text with the account." if wiped else ""
        texts = sum(each.channel is Channel.SMS for each in self._messages())
        count = f" Text messages: {texts}." if texts else ""
        self.say(f"Mails to {self.name}, each kind once: {subjects}.{last}{count}")

    def tell_plan(self) -> None:
        """What a closure would do; nothing is changed."""
        plan = self.ask("plan", self.account, answer=Plan, shown=True)
        released = [thing for each in plan.accounts for batch in each.releases for thing in batch]
        cancelled = [thing for each in plan.accounts for thing in each.cancellations]
        refunds = [f"{each.refund} {each.currency}" for each in plan.accounts if each.refund]
        objects = sum(store.objects for each in plan.accounts for store in each.erasures)
        self.tell(
            f"Would stop the account and {len(plan.subaccounts)} subaccounts, release {', '.join(released)}, "
            f"cancel {', '.join(cancelled)}, erase {objects} objects, refund {' and '.join(refunds)}, and "
            f"lose {plan.forfeited_promo} {plan.currency} of promotional balance."
        )

    def tell_audit(self) -> None:
        audit = self.ask("audit", self.account, "--verify", answer=Audit, shown=True)
        if not audit.verified:
            raise NotAsTold(f"the audit of {self.account} does not verify")
        self.tell(f"{len(audit.events)} events, each hashed with the one before: the chain is whole.")

    def tell_certificate(self, closure_id: str) -> None:
        """The certificate, verified by the public key alone; with one letter changed it must fail."""
        certificate, key = self._folder / f"{self.user}.json", self._folder / "key.pem"
        for earlier in (certificate, key):  # of another run of the demo
            earlier.unlink(missing_ok=True)
        self.ask("certificate", closure_id, "--output", str(certificate), answer=Nothing)
        self.ask("certificate", "--public-key", "--output", str(key), answer=Nothing)
        words = ("-m", "keys.verify", str(certificate), "--public-key", str(key))
        self._page.command(("python", *words))
        verified = _run(*words)
        if verified.returncode != 0:
            raise NotAsTold(f"the certificate of {self.account}: {verified.stderr.strip()}")
        self.tell(verified.stdout.strip())
        changed = certificate.with_suffix(".changed.json")
        changed.write_bytes(certificate.read_bytes().replace(b'"deleted"', b'"Deleted"', 1))
        if _run("-m", "keys.verify", str(changed), "--public-key", str(key)).returncode != 1:
            raise NotAsTold(f"the certificate of {self.account} was changed and still verifies")

    # What is compared.

    def expect(self, status: Status, stage: Stage) -> None:
        if status.stage is not stage:
            raise NotAsTold(f"{self.account} should be {stage.value} but is {status.stage.value}")

    def expect_blocked(self, status: Status, *, elsewhere: int, here: int) -> Status:
        """Blocked by so many things to settle elsewhere and so many to give up; gives the status back."""
        self.expect(status, Stage.BLOCKED)
        found = (len(status.of(ItemCategory.MANUAL)), len(status.of(ItemCategory.RENOUNCEABLE)))
        if found != (elsewhere, here):
            raise NotAsTold(
                f"{self.account} should be blocked by {elsewhere} things to settle elsewhere and {here} to "
                f"give up, but is by {found[0]} and {found[1]}"
            )
        return status

    def expect_access(self, kind: str, *, works: bool, account: str = "") -> None:
        """Whether a request to the account is served now."""
        words = ("platform", "request", account or self.account, "--kind", kind)
        self.ask(*words, answer=Nothing, expected=0 if works else 1)

    def expect_open(self, account: str) -> None:
        """An account that the closure must have left as it was."""
        if self.books(account).access is not Access.OPEN:
            raise NotAsTold(f"{account} should have been left open")

    def books(self, account: str = "") -> Account:
        """The account by the platform's own books."""
        return self.ask("platform", "show", account or self.account, answer=Shown).accounts[0]

    def _mails(self) -> tuple[Message, ...]:
        """Those in the outbox now; of what they hold the subjects are remembered."""
        mails = tuple(each for each in self._messages() if each.channel is Channel.EMAIL)
        self._subjects |= {mail.template: mail.subject for mail in mails if mail.subject}
        return mails

    def _messages(self) -> tuple[Message, ...]:
        return self.ask("platform", "outbox", self.account, answer=Outbox).messages

    def _mail(self, template: str) -> Message:
        found = [mail for mail in self._mails() if mail.template == template]
        if not found:
            raise NotAsTold(f"{self.account} should have got the mail {template}")
        return found[-1]


def _run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [sys.executable, *words],
            input=f"{stdin}\n" if stdin else "",
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise NotAsTold(f"`{shlex.join(words)}` did not end within {COMMAND_SECONDS} s") from error
