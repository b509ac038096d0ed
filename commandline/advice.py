"""What to do about a refusal, as a command to type: rules only say what is wrong."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from closure.errors import RefusalType, Refused
from closure.messages import IdentityMethod
from commandline.next_step import command

Facts = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Asked:
    """Which account and user the refused command named; their placeholders where it named none."""

    account: str = "ACCOUNT"
    user: str = "USER"

    @property
    def actor(self) -> str | None:
        """The user, where one was named."""
        return self.user if self.user != Asked.user else None


NOTHING_NAMED: Final = Asked()


def advice_on(refused: Refused, asked: Asked) -> str | None:
    """What the person can do now, as the end of a sentence; None when the refusal says it all."""
    known = Asked(_text(refused.facts, "account_id") or asked.account, asked.user)
    advise = _ADVICE.get(refused.type)
    return advise(refused.facts, known) if advise else None


def how_to_prove(methods: Sequence[str], account: str, user: str) -> str:
    """What a user gives as proof where a policy accepts `methods`; without them, whatever may be accepted."""
    methods = [each for each in methods if each != IdentityMethod.SESSION]
    if IdentityMethod.PASSWORD in methods:
        return "give your password with --password-stdin"
    if methods and methods[0] == IdentityMethod.TOTP:
        return "give the current code of your authenticator app with --totp"
    method = methods[0] if methods else IdentityMethod.EMAIL_CODE
    ask = command("challenge", account, options=["--as", user, "--method", method])
    by_code = f"give --code; get one: {ask}"
    return by_code if methods else f"give your password with --password-stdin, or {by_code}"


def _text(facts: Facts, name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None


def _texts(facts: Facts, name: str) -> tuple[str, ...]:
    value = facts.get(name)
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _always(advice: str) -> Callable[[Facts, Asked], str]:
    return lambda _facts, _asked: advice


def _look(what: str) -> Callable[[Facts, Asked], str]:
    return lambda _facts, asked: f"{what}: {command('status', asked.account)}"


def _prove(facts: Facts, asked: Asked) -> str:
    return how_to_prove(_texts(facts, "methods"), asked.account, asked.user)


def _new_code(_facts: Facts, asked: Asked) -> str:
    ask = command(
        "challenge", asked.account, options=["--as", asked.user, "--method", IdentityMethod.EMAIL_CODE]
    )
    return f"here: {ask}"


def _withdraw(_facts: Facts, asked: Asked) -> str:
    return f"to keep the account: {command('withdraw', asked.account, options=['--as', asked.user])}"


def _approve(facts: Facts, asked: Asked) -> str:
    plan_hash = _text(facts, "plan_hash") or "HASH"
    approve = command("approve", asked.account, options=["--as", "USER", "--plan-hash", plan_hash])
    return f"they approve with {approve}"


def _unblock(_facts: Facts, asked: Asked) -> str:
    look, again = command("status", asked.account), command("recheck", asked.account)
    return f"see what is in the way: {look}; when it is dealt with: {again}"


def _watch(_facts: Facts, asked: Asked) -> str:
    return f"follow it: {command('watch', asked.account)}"


def _consent(facts: Facts, _asked: Asked) -> str:
    rest = "acknowledge each text with --acknowledge"
    return f"agree to the agreement with --agree, and {rest}" if "agreement" in facts else rest


def _phrase(facts: Facts, _asked: Asked) -> str:
    return f"give it with --phrase {shlex.quote(_text(facts, 'phrase') or 'PHRASE')}"


def _mode(facts: Facts, _asked: Asked) -> str:
    return f"give --mode {' or '.join(_texts(facts, 'modes')) or 'MODE'}"


def _policy(facts: Facts, _asked: Asked) -> str:
    if "providers" in facts:
        return f"known providers: {', '.join(_texts(facts, 'providers')) or 'none'}"
    if "known" not in facts:
        return "name another with --policy, or leave it out"
    known = f"known policies: {', '.join(_texts(facts, 'known')) or 'none'}"
    return f"name another with --policy; {known}" if "policy" in facts else known


def _show(_facts: Facts, asked: Asked) -> str:
    return f"see what it has: {command('platform', 'show', asked.account)}"


def _release_first(facts: Facts, asked: Asked) -> str | None:
    needed_by = _text(facts, "needed_by")
    return needed_by and f"release it: {command('platform', 'release', asked.account, needed_by)}"


_ADVICE: Final[Mapping[RefusalType, Callable[[Facts, Asked], str | None]]] = {
    RefusalType.ACCESS_REFUSED: _look("see its closure"),
    RefusalType.ACCOUNT_NOT_FOUND: _always(
        f"accounts of the embedded platform are loaded with {command('platform', 'load', 'FILE')}"
    ),
    RefusalType.ACKNOWLEDGEMENT_REQUIRED: _consent,
    RefusalType.ALREADY_CONFIRMED: _withdraw,
    RefusalType.APPROVAL_REQUIRED: _approve,
    RefusalType.CERTIFICATE_NOT_ISSUED: _look("see it"),
    RefusalType.CLOSURE_ALREADY_OPEN: _look("see it"),
    RefusalType.CLOSURE_ENDED: _look("see it"),
    RefusalType.CLOSURE_NOT_FOUND: _always(f"see which there are: {command('list')}"),
    RefusalType.CODE_REFUSED: _new_code,
    RefusalType.IDENTITY_METHOD_REFUSED: _prove,
    RefusalType.IDENTITY_PROOF_REQUIRED: _prove,
    RefusalType.INVALID_REASON: _always("give another with --reason"),
    RefusalType.IRREVOCABLE: _watch,
    RefusalType.ITEM_NOT_FOUND: _look("see the checklist"),
    RefusalType.ITEM_NOT_RENOUNCEABLE: _look("see the checklist"),
    RefusalType.ITEMS_OUTSTANDING: _unblock,
    RefusalType.MODE_NOT_OFFERED: _mode,
    RefusalType.NOT_READY: _look("see how far it is"),
    RefusalType.PHRASE_REFUSED: _phrase,
    RefusalType.PLAN_CHANGED: _look("see the plan of now"),
    RefusalType.POLICY_NOT_FOUND: _policy,
    RefusalType.RISK_NOT_ACCEPTED: _always("accept it with --accept-risk"),
    RefusalType.STAGE_CONFLICT: _look("see where it stands"),
    RefusalType.STALE_PLAN_HASH: _look("see the plan of now"),
    RefusalType.THING_NOT_ALLOWED: _release_first,
    RefusalType.THING_NOT_FOUND: _show,
}
