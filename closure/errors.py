"""Refusals: every way in which a rule says no, by its type name.

A refusal is final for the request that met it: it is never retried. In Temporal it travels as a
non-retryable ``ApplicationError`` whose ``type`` is the enum's value.
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import JsonValue


class RefusalType(StrEnum):
    """Type names of refusals, stable for scripts (``error.type`` in JSON)."""

    ACCESS_REFUSED = "AccessRefused"
    ACCOUNT_NOT_FOUND = "AccountNotFound"
    ACCOUNT_CLOSED = "AccountClosed"
    ACCOUNT_KIND_REFUSED = "AccountKindRefused"
    ACKNOWLEDGEMENT_REQUIRED = "AcknowledgementRequired"
    ACT_LAPSED = "ActLapsed"
    ACT_NOT_FOUND = "ActNotFound"
    ALREADY_CONFIRMED = "AlreadyConfirmed"
    APPROVAL_NOT_WANTED = "ApprovalNotWanted"
    APPROVAL_REQUIRED = "ApprovalRequired"
    CERTIFICATE_NOT_ISSUED = "CertificateNotIssued"
    CLAIM_NEEDED = "ClaimNeeded"
    CLOSURE_ALREADY_OPEN = "ClosureAlreadyOpen"
    CLOSURE_ENDED = "ClosureEnded"
    CLOSURE_NOT_FOUND = "ClosureNotFound"
    CODE_REFUSED = "CodeRefused"
    FAST_FORWARD_REFUSED = "FastForwardRefused"
    IDENTITY_METHOD_REFUSED = "IdentityMethodRefused"
    IDENTITY_PROOF_REQUIRED = "IdentityProofRequired"
    INVALID_REASON = "InvalidReason"
    ITEM_NOT_FOUND = "ItemNotFound"
    ITEM_NOT_RENOUNCEABLE = "ItemNotRenounceable"
    ITEMS_OUTSTANDING = "ItemsOutstanding"
    IRREVOCABLE = "Irrevocable"
    LEGAL_HOLD = "LegalHold"
    MALFORMED_INPUT = "MalformedInput"
    MODE_NOT_OFFERED = "ModeNotOffered"
    NOT_READY = "NotReady"
    NOT_YET = "NotYet"
    PHRASE_REFUSED = "PhraseRefused"
    PLAN_CHANGED = "PlanChanged"
    POLICY_NOT_FOUND = "PolicyNotFound"
    RISK_NOT_ACCEPTED = "RiskNotAccepted"
    ROLE_REFUSED = "RoleRefused"
    SECRET_REFUSED = "SecretRefused"
    STALE_PLAN_HASH = "StalePlanHash"
    STALE_RUN = "StaleRun"
    STAGE_CONFLICT = "StageConflict"
    TAKES_LONG = "TakesLong"
    THING_NOT_FOUND = "ThingNotFound"
    THING_NOT_ALLOWED = "ThingNotAllowed"
    TOO_MANY_CHALLENGES = "TooManyChallenges"
    TOO_MANY_GUESSES = "TooManyGuesses"
    WITHDRAWAL_STANDS = "WithdrawalStands"
    WRONG_INSTALLATION = "WrongInstallation"


class Refused(Exception):
    """A rule refused a request; nothing was changed.

    Args:
        type: which rule.
        message: one sentence for the person who asked: what is wrong, in words that fit every face.
        acknowledgements: the texts that must be acknowledged, where that is the reason.
        facts: the values behind the message by name, such as `account_id`; a face makes its advice of them.
    """

    def __init__(
        self,
        type: RefusalType,
        message: str,
        *,
        acknowledgements: tuple[str, ...] = (),
        facts: Mapping[str, JsonValue] = {},
    ) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.acknowledgements = acknowledgements
        self.facts = facts
