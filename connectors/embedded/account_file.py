"""The account file: accounts as they stand when they are loaded, strictly read."""

import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)
from pydantic_core import ErrorDetails

from closure.accounts import (
    BillingMethod,
    BillStatus,
    CreditNoteStatus,
    RelationshipRole,
    RelationshipType,
)
from closure.model import Instant, Model
from closure.money import ListedCurrency
from connectors.embedded.account_checks import Languages, contradictions
from connectors.embedded.account_text import AccountFileFault, Fault, dotted, parse_text, read_text
from connectors.embedded.sign_ins import authenticator_key
from connectors.embedded.tables import GROUND_LENGTH

ID_LENGTH: Final = 200
_LARGEST_COUNT: Final = 2**63 - 1

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,38}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def moment(text: str) -> datetime:
    """An absolute time with an offset, such as ``2027-03-01T00:00:00Z``, in UTC.

    Raises:
        ValueError: no such time, or no offset.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError("must be a time with an offset, such as 2027-03-01T00:00:00Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("is no time of the calendar") from error


def _moment(value: object) -> object:
    return value if isinstance(value, datetime) else moment(value if isinstance(value, str) else "")


def _printable(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must not hold control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _encodable(secret: SecretStr) -> SecretStr:
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode") from error
    return secret


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)


Id = Annotated[StrictStr, Field(min_length=1, max_length=ID_LENGTH), AfterValidator(_printable)]
Login = Annotated[StrictStr, Field(min_length=1, max_length=2 * ID_LENGTH + 1), AfterValidator(_printable)]
Email = Annotated[
    StrictStr,
    Field(max_length=320),
    AfterValidator(_printable),
    _matching(_EMAIL, "an e-mail address"),
]
Phone = Annotated[StrictStr, _matching(_PHONE, 'a telephone number, such as "+15550100"')]
Language = Annotated[
    StrictStr, Field(max_length=40), _matching(_LANGUAGE, "a language tag, such as en or zh-CN")
]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1_000), AfterValidator(_encodable)]
Ground = Annotated[
    StrictStr,
    Field(min_length=1, max_length=GROUND_LENGTH),
    AfterValidator(_printable),
    AfterValidator(_not_blank),
]
Amount = StrictStr
"""A decimal string in the account's currency; `contradictions` reads it."""
Moment = Annotated[Instant, BeforeValidator(_moment)]


class User(Model):
    """Somebody who signs in. `login` names one person across accounts; absent, it is the account's own."""

    id: Id
    role: Id
    login: Login | None = None
    email: Email | None = None
    phone: Phone | None = None
    language: Language = "en"


def _is_authenticator_key(secret: SecretStr) -> SecretStr:
    authenticator_key(secret.get_secret_value())
    return secret


AuthenticatorSecret = Annotated[SecretStr, Field(max_length=200), AfterValidator(_is_authenticator_key)]


class UserEntry(User):
    """`totp` is the base32 secret of the person's authenticator app."""

    password: Password | None = None
    totp: AuthenticatorSecret | None = None


class BalanceEntry(Model):
    """Cash below zero is a debt."""

    cash: Amount = "0"
    promo: Amount = "0"


class BillEntry(Model):
    id: Id
    amount: Amount
    status: BillStatus
    product: Id | None = None


class CreditNoteEntry(Model):
    id: Id
    amount: Amount
    status: CreditNoteStatus


class ResourceEntry(Model):
    id: Id
    product: Id
    billing: BillingMethod = BillingMethod.PAY_AS_YOU_GO
    renounceable: StrictBool = False
    depends_on: tuple[Id, ...] = ()


class SubscriptionEntry(Model):
    id: Id
    product: Id
    expires_at: Moment
    renounceable: StrictBool = False


class ThingEntry(Model):
    """A domain, a filing or an API key: nothing but its id."""

    id: Id


class RelationshipEntry(Model):
    id: Id
    type: RelationshipType
    role: RelationshipRole | None = None


class BindingEntry(Model):
    id: Id
    third_party: Id


class MustRetainEntry(Model):
    """The law makes the provider keep it: on what ground, and until when, if that is known.

    The ground names no person: the customer reads it, and the certificate has it.
    """

    because: Ground
    until: Moment | None = None


class DataEntry(Model):
    id: Id
    store: Id
    objects: Annotated[StrictInt, Field(ge=0, le=_LARGEST_COUNT)]
    must_retain: MustRetainEntry | None = None


class PaymentEntry(Model):
    id: Id
    amount: Amount
    paid_at: Moment


class AccountDescription(Model):
    """An account in the account file's shape."""

    id: Id
    provider: Id
    kind: Id
    currency: ListedCurrency
    users: tuple[User, ...] = ()
    balance: BalanceEntry = BalanceEntry()
    bills: tuple[BillEntry, ...] = ()
    credit_notes: tuple[CreditNoteEntry, ...] = ()
    resources: tuple[ResourceEntry, ...] = ()
    subscriptions: tuple[SubscriptionEntry, ...] = ()
    domains: tuple[ThingEntry, ...] = ()
    icp_filings: tuple[ThingEntry, ...] = ()
    relationships: tuple[RelationshipEntry, ...] = ()
    bindings: tuple[BindingEntry, ...] = ()
    data: tuple[DataEntry, ...] = ()
    api_keys: tuple[ThingEntry, ...] = ()
    payments: tuple[PaymentEntry, ...] | None = None
    subaccounts: tuple[Id, ...] = ()
    usage_final_until: Moment | None = None
    must_retain: MustRetainEntry | None = None
    """What keeps the account as a whole; each of `data` may have a ground of its own."""


class AccountEntry(AccountDescription):
    """One account of a file. Without `payments`, one payment funded the cash."""

    users: tuple[UserEntry, ...] = ()


class AccountFile(Model):
    """A file without faults."""

    accounts: tuple[AccountEntry, ...]


def read_account_file(path: Path, languages: Languages | None = None) -> AccountFile:
    """Reads a file from disk; see `parse_account_file`.

    Raises:
        AccountFileFault: it can't be read, or something in it is wrong.
    """
    return parse_account_file(read_text(path), str(path), languages)


def parse_account_file(text: str, file: str, languages: Languages | None = None) -> AccountFile:
    """Reads YAML or JSON.

    Args:
        text: the content.
        file: its name, for faults.
        languages: those that messages can be in; None for any.

    Raises:
        AccountFileFault: something is wrong; it names everything that is.
    """
    parsed = parse_text(text, file)
    if not isinstance(parsed.document, dict):
        raise AccountFileFault(file, (*parsed.faults, Fault("", "must be a mapping with `accounts:`")))
    faults = [*parsed.faults, *contradictions(parsed.document, languages)]
    try:
        read = AccountFile.model_validate(parsed.document)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        faults += [Fault(dotted(each["loc"]), _reason(each, parsed.document)) for each in found]
    else:
        if not faults:
            return read
    raise AccountFileFault(file, tuple(sorted(faults, key=_place)))


def _place(fault: Fault) -> list[tuple[bool, int, str]]:
    """Sorts paths, positions as numbers."""
    parts = fault.path.split(".")
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _reason(error: ErrorDetails, document: JsonValue) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "unknown field"
        case "string_type":
            return _not_text(error["loc"], document)
        case "tuple_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a mapping"
        case "string_too_short" | "too_short":
            return "must not be empty"
        case "string_too_long" | "too_long":
            return f"must not be longer than {context['max_length']} characters"
        case "bool_type":
            return "must be true or false, without quotes"
        case "int_type":
            return "must be a whole number, without quotes"
        case "enum":
            return f"must be {context['expected']}"
        case "value_error":
            return str(context["error"])
        case _:
            return error["msg"].replace("Input should be", "must be")


def _not_text(path: tuple[int | str, ...], document: JsonValue) -> str:
    if not isinstance(_value_at(document, path), bool | int | float):
        return "must be text"
    example = ', such as "18.20"' if path[-1] in ("amount", "cash", "promo") else ""
    return f"must be text: write it in quotes{example}"


def _value_at(document: JsonValue, path: tuple[int | str, ...]) -> JsonValue:
    value = document
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return value
