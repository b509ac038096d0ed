from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from closure.accounts import (
    BillingStatement,
    Relationship,
    RelationshipRole,
    RelationshipType,
    Resource,
    Subscription,
)
from closure.survey import Source, SurveyFacts
from tests.harness.strategies import facts, moments
from tests.unit.examples import account, amount


def subscription(expires_at: object) -> Subscription:
    return Subscription.model_validate({"subscription_id": "s-1", "product": "rds", "expires_at": expires_at})


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_a_time_of_any_zone_is_kept_as_the_same_instant_in_utc(instant: datetime, minutes: int) -> None:
    moment = instant.astimezone(timezone(timedelta(minutes=minutes)))
    kept = subscription(moment.isoformat()).expires_at
    assert kept == moment
    assert kept.tzinfo is UTC


@pytest.mark.parametrize("text", ["2027-03-01T00:00:00", "2027-03-01", "soon", "", None])
def test_a_time_without_a_zone_is_refused(text: str | None) -> None:
    with pytest.raises(ValidationError):
        subscription(text)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_time_that_utc_cannot_express_is_refused_like_any_bad_value(text: str) -> None:
    with pytest.raises(ValidationError):
        subscription(text)


def test_a_billing_statement_without_a_watermark_never_lags() -> None:
    assert BillingStatement(cash=amount("0"), promo=amount("0")).usage_final_until is None


def test_fields_of_newer_sources_are_ignored() -> None:
    resource = Resource.model_validate({"resource_id": "i-1", "product": "ecs", "region": "eu-1"})
    assert resource == Resource(resource_id="i-1", product="ecs")


@pytest.mark.parametrize("kind", [RelationshipType.RESOURCE_DIRECTORY, RelationshipType.FINANCE_TRUSTEESHIP])
def test_a_relationship_with_an_unknown_role_is_refused_by_the_model(kind: RelationshipType) -> None:
    """No check would find it: the source counts as unreadable instead, and unknown blocks."""
    with pytest.raises(ValidationError, match="role"):
        Relationship(relationship_id="r-1", type=kind)
    assert Relationship(relationship_id="r-1", type=kind, role=RelationshipRole.MEMBER).role == "member"


def test_a_partner_relationship_needs_no_role() -> None:
    assert Relationship(relationship_id="r-1", type=RelationshipType.PARTNER).role is None


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("statement", Source.BILLING),
        ("inventory", Source.INVENTORY),
        ("relationships", Source.RELATIONSHIPS),
        ("stores", Source.DATA_STORES),
    ],
)
def test_none_means_unreadable_and_an_empty_list_does_not(name: str, source: Source) -> None:
    assert account().unreadable == frozenset()
    assert account().model_copy(update={name: None}).unreadable == {source}


@given(facts())
def test_facts_survive_json(found: SurveyFacts) -> None:
    assert SurveyFacts.model_validate_json(found.model_dump_json()) == found
