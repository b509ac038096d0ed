"""The dry run: surveys the account as a closure would and says what would happen; starts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, JsonValue

from activities.sources import SOURCE_TIME_LIMIT, read_facts
from closure.accounts import IDS, Access, AccountProfile
from closure.checks import evaluate
from closure.errors import RefusalType, Refused
from closure.item_texts import worded
from closure.languages import ENGLISH
from closure.lifecycle import Mode
from closure.messages import CHECKLIST, ChecklistItem
from closure.plan import ITEMS, PRODUCTS, Plan, PlanItem, unrecoverable_ids
from closure.planning import make_plan
from closure.policy import Policy
from closure.translations import in_language
from connectors.ports import Platform


@dataclass(frozen=True)
class DryRun:
    """What a closure would find and do now; `consents` are the texts that it would have to be given.

    The policy and all texts are in the reader's language.
    """

    policy: Policy
    plan: Plan
    items: Sequence[ChecklistItem]
    consents: tuple[str, ...]


class PlanDocument(Plan):
    """The dry run as every face gives it away: the plan, what was found, and what would have to be agreed to.

    `hash_of_plan` is what `confirm` wants to see as `plan_hash`, if nothing changes.
    """

    policy_hash: str = Field(exclude=True)
    items: Annotated[Sequence[PlanItem], ITEMS] = Field(default=(), exclude=True)
    products: Annotated[Sequence[tuple[str, str]], PRODUCTS] = Field(default=(), exclude=True)
    hash_of_plan: str = Field(serialization_alias="plan_hash")
    checklist: Annotated[Sequence[ChecklistItem], CHECKLIST]
    unrecoverable: Annotated[Sequence[str], IDS]
    acknowledgements: tuple[str, ...]
    advice: tuple[str, ...]


def plan_document(found: DryRun) -> PlanDocument:
    """What a dry run found, as a document."""
    plan = found.plan
    return PlanDocument(
        **dict(plan),
        hash_of_plan=plan.plan_hash,
        checklist=found.items,
        unrecoverable=unrecoverable_ids(plan),
        acknowledgements=found.consents,
        advice=found.policy.advice,
    )


class Planning:
    """Reads the platform; knows neither the record nor Temporal."""

    def __init__(
        self,
        platform: Platform,
        policies: Mapping[str, Policy],
        source_time_limit: timedelta = SOURCE_TIME_LIMIT,
    ) -> None:
        self._platform = platform
        self._policies = policies
        self._source_time_limit = source_time_limit

    @property
    def providers(self) -> frozenset[str]:
        """Those that the policies are for."""
        return frozenset(policy.provider for policy in self._policies.values())

    def policy_for(self, profile: AccountProfile, name: str | None) -> Policy:
        """The policy named, else the one that bears the name of the account's provider.

        Raises:
            Refused: `POLICY_NOT_FOUND`, also when it is another provider's.
        """
        wanted = name or profile.provider
        policy = self._policies.get(wanted)
        if policy is None:
            known: list[JsonValue] = [*sorted(self._policies)]
            of_provider = f"there is no policy for accounts of {profile.provider}"
            raise Refused(
                RefusalType.POLICY_NOT_FOUND,
                of_provider if name is None else f"there is no policy {wanted!r}",
                facts={"known": known, **({"policy": name} if name is not None else {})},
            )
        policy.require_provider(profile.provider)
        return policy

    async def dry_run(
        self,
        account_id: str,
        *,
        policy: str | None = None,
        mode: Mode = Mode.DELETE,
        language: str = ENGLISH,
        within: timedelta | None = None,
    ) -> DryRun:
        """What a closure would find and do now (A27), in a language as far as the policy has it.

        A source that takes longer than `within`, or else than a system check gives it, is unknown.

        Raises:
            Refused: no such account or policy, the account is closed, or its kind or the mode is not offered.
        """
        profile = await self._platform.directory.profile(account_id)
        chosen = self.policy_for(profile, policy)
        if profile.access is Access.CLOSED:
            raise Refused(
                RefusalType.ACCOUNT_CLOSED,
                f"account {account_id} is closed for good",
                facts={"account_id": account_id},
            )
        chosen.require_mode(mode)
        spoken = in_language(chosen, language)
        spoken.require_kind(profile.kind)
        facts = await read_facts(
            self._platform,
            account_id,
            with_payments=chosen.refund is not None,
            time_limit=self._source_time_limit if within is None else within,
        )
        items = evaluate(chosen, facts, datetime.now(UTC), mode)
        return DryRun(
            policy=spoken,
            plan=make_plan(chosen, facts, items, mode),
            items=worded(items, spoken),
            consents=spoken.missing_consent(profile.kind, mode, False, ()),
        )
