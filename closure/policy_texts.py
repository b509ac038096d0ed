"""The texts of a policy in another language than its own, by the paths of its translation file."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from closure.model import Model


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
Link = Annotated[str, Field(pattern=r"^https://\S+$")]


class CheckTexts(Model):
    title: Text
    how_to: Text
    how_to_manual: Text | None = None


class AgreementTexts(Model):
    title: Text
    url: Link | None = None


class EligibilityTexts(Model):
    refused_kinds: Mapping[str, Text] = {}


class RetentionTexts(Model):
    what: Text
    ground: Text


class PolicyTexts(Model):
    """All texts but the messages; checks by their id, what is retained by its name."""

    restart_advice: Text
    advice: tuple[Text, ...] = ()
    reasons: tuple[Text, ...] = ()
    stays: tuple[Text, ...] = ()
    agreement: AgreementTexts | None = None
    eligibility: EligibilityTexts = EligibilityTexts()
    acknowledgements: Mapping[str, tuple[Text, ...]] = {}
    checks: Mapping[str, CheckTexts] = {}
    retained: Mapping[str, RetentionTexts] = {}
