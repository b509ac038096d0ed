"""Whatever the account and whatever happens on the way: no money appears, vanishes or goes twice."""

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from closure.errors import Refused
from closure.events import EventType
from closure.lifecycle import REVOCABLE, Outcome, Stage
from closure.messages import IdentityMethod, StatusDocument
from closure.money import Money
from connectors.embedded import elsewhere, tables
from connectors.embedded.account_file import parse_account_file
from connectors.embedded.loading import load_accounts
from connectors.embedded.refunds import play_answer
from connectors.embedded.tables import RefundAnswer
from tests.harness.account_driver import AccountDriver
from tests.harness.books import Holding, holdings, moved, must_balance
from tests.harness.installation import InstallationBuilder, TestInstallation
from tests.harness.money_scenes import Act, Ending, Scene, scenes
from tests.harness.strategies import ALIBABA_CLOUD, TWILIO, AccountDocument
from tests.harness.waiting import eventually

EXAMPLES = 5
"""Of four scenes each, which are played side by side, every one in an installation of its own."""
BEYOND = timedelta(seconds=30)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
_CLOSURES = {
    "forfeit-cash",
    "forfeit-promo",
    "void-debt",
    "refund-ordered",
    "refund-failed",
    "refund-settled",
}
_UNTOUCHED = {Outcome.REFUSED, Outcome.WITHDRAWN, Outcome.EXPIRED, Outcome.DORMANT}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Shrinking would play hundreds of closures; the blob that is printed plays this example again.
    phases=(Phase.explicit, Phase.generate),
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.tuples(scenes(ALIBABA_CLOUD), scenes(ALIBABA_CLOUD), scenes(TWILIO), scenes(TWILIO)))
async def test_the_money_before_is_the_money_after(
    installations: InstallationBuilder, drawn: tuple[Scene, ...]
) -> None:
    """A3, A4, A22, A23, A26, T6, T10, T11, T12: kept, forfeited, voided or refunded; one outcome each."""
    results = await asyncio.gather(
        *(_in_an_installation(installations, scene) for scene in drawn), return_exceptions=True
    )
    for scene, result in zip(drawn, results, strict=True):
        if isinstance(result, BaseException):
            result.add_note(f"in this scene:\n{scene!r}")
            raise result


async def _in_an_installation(installations: InstallationBuilder, scene: Scene) -> None:
    async with installations.open() as installation:
        await Play(installation, scene).perform()


@dataclass
class Play:
    """One scene on its stage."""

    installation: TestInstallation
    scene: Scene
    prefix: str = field(default_factory=lambda: f"m-{uuid4().hex[:8]}-")

    @cached_property
    def closing(self) -> AccountDriver:
        return AccountDriver(self.installation, f"{self.prefix}own", self.scene.provider.name)

    @property
    def tree(self) -> list[str]:
        return [str(each["id"]) for each in self.scene.accounts if each["id"] != "other"]

    async def perform(self) -> None:
        await self._load()
        before = await holdings(self.installation.database)
        outcome = await self._play_to_the_end()
        await must_balance(self.installation.database)
        after = await holdings(self.installation.database)
        self._check_holdings(before, after, outcome)
        await self._check_movements(before, after, outcome)
        await self._check_events(outcome)

    # What is expected, from the account file alone.

    def _check_holdings(
        self, before: Mapping[str, Holding], after: Mapping[str, Holding], outcome: Outcome
    ) -> None:
        goes = self.tree if outcome not in _UNTOUCHED else []
        for document in self.scene.accounts:
            name = self.prefix + str(document["id"])
            there = _holding(document)
            assert before.get(name, Holding(0, 0)) == there, "loaded as the file says"
            expected = self._left_of(there) if document["id"] in goes else there
            assert after.get(name, Holding(0, 0)) == expected, name

    def _left_of(self, there: Holding) -> Holding:
        """Nothing but a debt that nobody voids: Twilio's procedure has no rule for one."""
        return Holding(min(there.cash, 0) if self.scene.provider is TWILIO else 0, 0)

    async def _check_movements(
        self, before: Mapping[str, Holding], after: Mapping[str, Holding], outcome: Outcome
    ) -> None:
        sums = await moved(self.installation.database)
        if outcome in _UNTOUCHED:
            assert not _CLOSURES & sums.keys()
        refunded = sums.get("refund-settled", 0)
        assert sums.get("refund-ordered", 0) == refunded + sums.get("refund-failed", 0), "none is under way"
        forfeited = sums.get("forfeit-cash", 0) + sums.get("forfeit-promo", 0)
        voided = sums.get("void-debt", 0)
        kept, had = (sum(each.whole for each in holding.values()) for holding in (after, before))
        assert had == kept + forfeited + refunded - voided
        refunds = outcome is Outcome.DELETED and self.scene.accounts[0]["kind"] == "upgraded"
        cash = sum(max(each.cash, 0) for each in self._documents(in_tree=True).values())
        assert refunded == (cash if refunds else 0)

    async def _check_events(self, outcome: Outcome) -> None:
        events = await self.closing.events()
        endings = {EventType(each.value) for each in Outcome if each is not Outcome.REFUSED}
        ended = [] if outcome is Outcome.REFUSED else [EventType(outcome.value)]
        assert [each.event for each in events if each.event in endings] == ended
        sums = await moved(self.installation.database)
        currency = str(self.scene.accounts[0]["currency"])
        for event in events:
            if event.event is EventType.BALANCE_FORFEITED:
                told = [event.details[name] for name in ("forfeited_cash", "forfeited_promo", "voided_debt")]
                there = [sums.get(name, 0) for name in ("forfeit-cash", "forfeit-promo", "void-debt")]
                assert told == [str(Money(minor=minor, currency=currency)) for minor in there]
            if event.event is EventType.REFUND_SETTLED:
                refunded = Money(minor=sums["refund-settled"], currency=currency)
                assert event.details["settled"] == str(refunded)

    def _documents(self, *, in_tree: bool) -> dict[str, Holding]:
        return {
            str(each["id"]): _holding(each)
            for each in self.scene.accounts
            if (each["id"] in self.tree) is in_tree
        }

    # The story.

    async def _load(self) -> None:
        named = [
            {
                **each,
                "id": f"{self.prefix}{each['id']}",
                "subaccounts": [f"{self.prefix}{name}" for name in _list(each["subaccounts"])],
            }
            for each in self.scene.accounts
        ]
        text = json.dumps({"accounts": named}, default=str)
        await load_accounts(self.installation.database, parse_account_file(text, "drawn.json"), "drawn.json")

    async def _play_to_the_end(self) -> Outcome:
        closing = self.closing
        if not await self._allowed(self._close()):
            return await self._refused()
        for act in self.scene.drafting:
            if (await closing.status()).stage in REVOCABLE:
                await self._do(act)
        if (await closing.status()).stage in REVOCABLE:
            await self._end_the_draft()
        stage = (await closing.status()).stage
        if stage in REVOCABLE:  # something blocks for good
            await closing.withdraw()
        elif stage.outcome is None:
            await self._follow()
        ended = (await _ended(closing)).outcome
        assert ended is not None
        return ended

    async def _close(self) -> StatusDocument:
        closing, is_twilio = self.closing, self.scene.provider is TWILIO
        method = IdentityMethod.PASSWORD if is_twilio else IdentityMethod.EMAIL_CODE
        kind = str(self.scene.accounts[0]["kind"])
        return await closing.close(
            proof_id=await closing.prove(method=method),
            mode=self.scene.mode,
            acknowledgements=closing.policy.acknowledgements.get(kind, ()),
        )

    async def _end_the_draft(self) -> None:
        if self.scene.clears:
            for name in self.tree:
                await self._handle_elsewhere(self.prefix + name)
            await self.closing.recheck()
            await self._allowed(self.closing.renounce(all=True))
        match self.scene.ending:
            case Ending.CONFIRM:
                await self._allowed(self.closing.confirm())
            case Ending.WITHDRAW:
                await self._allowed(self.closing.withdraw())
            case Ending.EXPIRE:
                await self.closing.fast_forward(self.closing.policy.draft_lifetime + BEYOND)
                await self.closing.until(Stage.EXPIRED)
        await must_balance(self.installation.database)

    async def _follow(self) -> None:
        """From confirm to the outcome, with what happens in between."""
        closing = self.closing
        if self.scene.provider is TWILIO:
            await closing.until(lambda document: document.stage in (Stage.RETAINED, Stage.DORMANT))
        else:
            await closing.fast_forward(closing.policy.entering_duration + BEYOND)
            await closing.until(Stage.SILENT)
        for act in self.scene.closing:
            if (await closing.status()).outcome is None:
                await self._do(act)
        document = await closing.status()
        if document.stage is Stage.SILENT:
            await self._end_the_silence(document)
        if document.stage is Stage.RETAINED:
            await self._end_the_retention(document)

    async def _end_the_silence(self, document: StatusDocument) -> None:
        assert document.silent_until is not None
        await self.closing.fast_forward_to(document.silent_until + BEYOND)

        async def is_decided() -> bool:
            types = await self.closing.event_types()
            return bool({EventType.FINAL_CHECK_WAITING, EventType.DELETED, EventType.RESTORED} & {*types})

        await eventually(is_decided, bool, "a decision or a wait")
        for name in self.tree:
            with suppress(Refused):
                await elsewhere.move_watermark(self.installation.database, self.prefix + name, FAR)
        if (await self.closing.status()).outcome is None:
            await self.closing.handle.signal("recheck")

    async def _end_the_retention(self, document: StatusDocument) -> None:
        assert document.delete_after is not None
        for answer in self.scene.answers:
            if answer.says is not None:
                await play_answer(self.installation.database, self.closing.account_id, answer.says)
            await self.closing.fast_forward(timedelta(days=answer.days) + BEYOND)
            await must_balance(self.installation.database)
        if any(answer.says is not None for answer in self.scene.answers):
            await play_answer(self.installation.database, self.closing.account_id, RefundAnswer.SETTLED)
        await self.closing.fast_forward_to(document.delete_after + BEYOND)

    # Acts.

    async def _do(self, act: Act) -> None:
        closing, database = self.closing, self.installation.database
        target = closing.account_id
        match act:
            case Act.RECHECK:
                await closing.handle.signal("recheck")
            case Act.RENOUNCE:
                await self._allowed(closing.renounce(all=True))
            case Act.CHARGE:
                smallest = Money(minor=7, currency=str(self.scene.accounts[0]["currency"]))
                await elsewhere.charge(database, target, str(smallest), "ecs")
            case Act.PAY:
                for name in await self._ids("bills", target):
                    await elsewhere.pay_bill(database, target, name)
            case Act.SETTLE:
                for name in await self._ids("credit_notes", target):
                    await elsewhere.settle_credit_note(database, target, name)
            case Act.CONFIRM:
                await self._allowed(closing.confirm())
            case Act.CONFIRM_STALE:
                assert not await self._allowed(closing.confirm(plan_hash="0" * 64))
            case Act.CANCEL:
                await closing.handle.cancel()
        await must_balance(database)

    async def _handle_elsewhere(self, account_id: str) -> None:
        """All that a customer can do about what is manual; money and debts stay as they are."""
        database = self.installation.database
        for name in await self._ids("bills", account_id):
            await elsewhere.pay_bill(database, account_id, name)
        for name in await self._ids("credit_notes", account_id):
            await elsewhere.settle_credit_note(database, account_id, name)
        for name in await self._ids("domains", account_id):
            await elsewhere.transfer_domain(database, account_id, name)
        for name in await self._ids("icp_filings", account_id):
            await elsewhere.cancel_filing(database, account_id, name)
        for name in await self._ids("relationships", account_id):
            await elsewhere.unlink(database, account_id, name)
        for name in await self._ids("subscriptions", account_id):
            await elsewhere.release_resource(database, account_id, name)
        while names := await self._ids("resources", account_id):
            for name in names:
                with suppress(Refused):  # something needs it yet
                    await elsewhere.release_resource(database, account_id, name)

    async def _ids(self, kind: str, account_id: str) -> Sequence[str]:
        table = tables.metadata.tables[f"platform_{kind}"]
        query = select(table.c.id).where(table.c.account_id == account_id)
        return await self.installation.database.read(lambda connection: connection.scalars(query).all())

    async def _allowed(self, act: Awaitable[object]) -> bool:
        """False when a rule refused; anything else that fails is a failure."""
        try:
            await act
        except Refused:
            return False
        finally:
            await must_balance(self.installation.database)
        return True

    async def _refused(self) -> Outcome:
        """The record has the refusal with its act, and no closure."""
        document = await self.closing.status()
        assert document.outcome is Outcome.REFUSED
        assert await self.installation.records.last(self.closing.account_id) is None
        return Outcome.REFUSED


async def _ended(closing: AccountDriver) -> StatusDocument:
    document = await closing.outcome()
    recorded = await closing.installation.records.get(closing.closure_id)
    assert recorded is not None
    assert recorded.state.outcome is document.outcome
    return document


def _holding(document: AccountDocument) -> Holding:
    balance, currency = document["balance"], str(document["currency"])
    assert isinstance(balance, Mapping)
    cash, promo = (Money.parse(str(balance[name]), currency).minor for name in ("cash", "promo"))
    return Holding(cash, promo)


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
