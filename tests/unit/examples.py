"""Small accounts and policies for tests that name every fact they depend on."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from closure.accounts import (
    Access,
    AccountProfile,
    Bill,
    BillingStatement,
    BillStatus,
    CreditNote,
    CreditNoteStatus,
    DataStore,
    Inventory,
    Relationship,
    Resource,
    Subscription,
)
from closure.checks import evaluate
from closure.lifecycle import Mode
from closure.messages import ChecklistItem, ItemCategory, StatusDocument
from closure.money import Money
from closure.policy import Policy
from closure.policy_checks import Inspects
from closure.policy_text import parse_policy
from closure.survey import SurveyFacts
from connectors.policy_files import load_policies
from tests.harness.strategies import NOW

POLICY_FOLDER = Path(__file__).resolve().parents[2] / "policies"

ACME = """\
name = "acme"
version = "1"
provider = "acme"
modes = ["delete"]
draft_lifetime = "1d"
appears_later = "include"
restart_advice = "Start again."

[eligibility]
kinds = ["standard"]
roles = ["owner"]

[identity]
methods = ["password"]
proof_lifetime = "30m"

[leaves]
bills = "stays_due"
credit_notes = "stays_due"
balance = "forfeited"
debt = "stays_due"
resources = "released"
subscriptions = "released"
domains = "left_behind"
icp_filings = "left_behind"
relationships = "left_behind"

[messages.closure_deleted.en]
subject = "Gone: {account_id}"
email = "Account {account_id} is gone."
sms = "Gone."

[messages.account_dormant.en]
subject = "Asleep"
email = "Account {account_id} sleeps."
sms = "Asleep."
"""
"""A small policy; it can be given `modes` with keep-data."""


def acme(addition: str = "", **replacements: str) -> Policy:
    """`ACME` with more TOML at its end and top-level keys set before it, each to TOML text."""
    return parse_policy(acme_text(addition, **replacements), "acme.toml")


def acme_text(addition: str = "", **replacements: str) -> str:
    if "silent_period" in replacements:
        # Only a procedure that ends at once may include what appears later.
        replacements.setdefault("appears_later", '"restore"')
    lines = [line for line in ACME.splitlines() if line.split(" = ")[0] not in replacements]
    text = "\n".join([*(f"{key} = {value}" for key, value in replacements.items()), *lines, addition])
    return _leaving(text, offers_delete='"delete"' in replacements.get("modes", '"delete"'))


def _leaving(text: str, *, offers_delete: bool) -> str:
    """The policy's text with the part of `ACME`'s ``[leaves]`` that fits its checks and its refund."""
    start = text.index("[leaves]")
    end = text.index("\n\n", start)
    checked = {inspects for inspects in Inspects if f'inspects = "{inspects}"' in text}
    if "where = {" in text:  # such a check asks about some relationships only
        checked.discard(Inspects.RELATIONSHIPS)
    kept = [line for line in text[start:end].splitlines() if line.split(" = ")[0] not in checked]
    leaves = "\n".join(kept) if offers_delete else ""
    if "[refund]" in text:
        leaves = leaves.replace('"forfeited"', '"refunded"')
    return text[:start] + leaves + text[end:]


def check_text(inspects: str, disposition: str, *, id: str = "thing", more: str = "") -> str:
    """One check in TOML."""
    return (
        f'[[checks]]\nid = "{id}"\nrule = "X1"\ninspects = "{inspects}"\ndisposition = "{disposition}"\n'
        f'title = "Something"\nhow_to = "Do it."\n{more}\n'
    )


@cache
def alibaba_cloud() -> Policy:
    """The policy that ships with the program."""
    return _shipped()["alibaba-cloud"]


@cache
def twilio() -> Policy:
    """The other policy that ships with the program."""
    return _shipped()["twilio"]


@cache
def _shipped() -> dict[str, Policy]:
    return load_policies(POLICY_FOLDER)


def amount(text: str, currency: str = "USD") -> Money:
    return Money.parse(text, currency)


def statement(
    cash: str = "0",
    *,
    promo: str = "0",
    currency: str = "USD",
    bills: tuple[Bill, ...] = (),
    credit_notes: tuple[CreditNote, ...] = (),
) -> BillingStatement:
    return BillingStatement(
        cash=amount(cash, currency), promo=amount(promo, currency), bills=bills, credit_notes=credit_notes
    )


def bill(status: BillStatus, bill_id: str = "b-1", text: str = "18.20") -> Bill:
    return Bill(bill_id=bill_id, amount=amount(text), status=status)


def note(status: CreditNoteStatus, note_id: str = "cn-1") -> CreditNote:
    return CreditNote(credit_note_id=note_id, amount=amount("3.00"), status=status)


def account(
    billing: BillingStatement | None = None,
    *,
    resources: tuple[Resource, ...] = (),
    subscriptions: tuple[Subscription, ...] = (),
    domains: tuple[str, ...] = (),
    icp_filings: tuple[str, ...] = (),
    relationships: tuple[Relationship, ...] = (),
    stores: tuple[DataStore, ...] = (),
) -> SurveyFacts:
    """Facts of an account in which every source could be read; by default there is nothing."""
    billing = billing or statement()
    return SurveyFacts(
        profile=AccountProfile(
            account_id="ali-1",
            provider="alibaba-cloud",
            kind="standard",
            currency=billing.cash.currency,
            access=Access.OPEN,
        ),
        statement=billing,
        inventory=Inventory(
            resources=resources, subscriptions=subscriptions, domains=domains, icp_filings=icp_filings
        ),
        relationships=relationships,
        stores=stores,
    )


def checklist(
    found: SurveyFacts, policy: Policy | None = None, mode: Mode = Mode.DELETE
) -> Sequence[ChecklistItem]:
    """What the checks find at `NOW`; by default Alibaba Cloud's."""
    return evaluate(policy or alibaba_cloud(), found, NOW, mode)


def only(items: Sequence[ChecklistItem]) -> ChecklistItem:
    """The one item of a checklist that has one."""
    (found,) = items
    return found


def item(
    item_id: str = "thing/1", category: ItemCategory = ItemCategory.MANUAL, **fields: str | bool
) -> ChecklistItem:
    defaults: dict[str, str | bool] = {"check": "thing", "title": "Something", "how_to": "Do it."}
    return ChecklistItem.model_validate({"item_id": item_id, "category": category, **defaults, **fields})


def status(**fields: object) -> StatusDocument:
    """A status document; by default of a closure that is being checked."""
    defaults: dict[str, object] = {
        "closure_id": "c-1",
        "account_id": "ali-1",
        "provider": "alibaba-cloud",
        "policy": "alibaba-cloud",
        "policy_version": "2026-11-01",
        "mode": "delete",
        "stage": "checking",
        "workflow_id": "closure/alibaba-cloud/ali-1",
        "run_id": "run-1",
    }
    return StatusDocument.model_validate({**defaults, **fields})
