"""Telling the account's people how it stands, by e-mail and text message (A24)."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.held import HeldClosure, Writing
from activities.log_context import log_error
from closure.accounts import Channel
from closure.certificate import STORES_LISTED
from closure.events import MessageUndeliverable
from closure.findings import Change
from closure.lifecycle import Mode, Stage
from closure.losses import kept_in_words, losses_in_words
from closure.notices import Value, followed_by, render
from closure.policy import MessageTemplate, Policy
from closure.reasons import why_restored
from closure.templates import fill
from closure.wording import Words
from connectors.ports import Messages, OutgoingMessage, Undeliverable
from records.erasures import answered_retained
from records.plans import read_items, read_losses
from records.reading import read_events

NOTICE_PATIENCE: Final = timedelta(seconds=3)
"""How long a turn waits for its notice to be taken: a mail service that is away holds nothing up."""


class CustomerMessages:
    """Renders the pinned policy's texts; addresses are the connector's business."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def tell(
        self,
        closure: HeldClosure,
        template: MessageTemplate,
        *,
        number: str | None = None,
        to_everyone: bool = False,
        afterwards: Callable[[Words], str] | None = None,
        status_url: str | None = None,
        **values: Value,
    ) -> None:
        """Sends it once per channel and recipient: once per template, or per template and `number`.

        A policy that has no such message sends none. A channel that fails keeps no other from being used, and
        raises in the end; an address that refuses the message for good is noted, and holds nothing up.
        `afterwards` says what comes after the policy's text, `status_url` where an e-mail leads if not to the
        closure's page.
        """
        if template not in closure.policy.messages:
            return
        once = template.value if number is None else f"{template.value}/{number}"
        failure: Exception | None = None
        for channel in Channel:
            message = self._message(closure, template, channel, once, to_everyone, afterwards, values)
            if channel is Channel.EMAIL:
                message = message.model_copy(update={"status_url": status_url})
            try:
                await self._messages.send(message)
            except Undeliverable as refused:
                await _note(
                    closure,
                    MessageUndeliverable(
                        message=once, channel=channel, addresses=refused.addresses, reason=refused.reason
                    ),
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, the other channel may work
                failure = failure or error
        if failure is not None:
            raise failure

    def _message(
        self,
        closure: HeldClosure,
        template: MessageTemplate,
        channel: Channel,
        once: str,
        to_everyone: bool,
        afterwards: Callable[[Words], str] | None,
        values: Mapping[str, Value],
    ) -> OutgoingMessage:
        notice = render(
            closure.policy,
            template.value,
            channel,
            account_id=closure.account_id,
            closure_id=closure.closure_id,
            **values,
        )
        notice = notice if afterwards is None else followed_by(notice, channel, afterwards)
        return OutgoingMessage(
            key=f"{closure.key('notify')}/{once}/{channel.value}",
            account_id=closure.account_id,
            channel=channel,
            template=template.value,
            subjects=notice.subjects,
            bodies=notice.bodies,
            values=notice.values,
            roles=() if to_everyone else closure.policy.eligibility.roles,
            time=closure.now,
        )

    async def tell_restored(self, closure: HeldClosure) -> None:
        """Why the account was not closed, what can't come back and what to do now (A23, A26)."""
        closure_id = closure.closure_id
        plan = await closure.plan()
        items = await closure.read(lambda each: read_items(each, closure_id))
        has_lost = bool(await closure.read(lambda each: read_losses(each, closure_id, limit=1)))

        def reason(policy: Policy) -> tuple[str, ...]:
            return why_restored(policy, plan, items)

        def unrecoverable(policy: Policy) -> tuple[str, ...]:
            return losses_in_words(plan, policy.languages[0]) if has_lost else ()

        await self.tell(closure, MessageTemplate.CLOSURE_RESTORED, reason=reason, unrecoverable=unrecoverable)

    async def tell_deleted(self, closure: HeldClosure, certificate_url: str | None) -> None:
        """That the account and its data are gone, but for what the provider's systems have to keep (A24)."""
        kept = await closure.read(
            lambda each: answered_retained(each, closure.closure_id, limit=STORES_LISTED)
        )

        def besides(words: Words) -> str:
            return fill(words.kept_besides, {"stores": words.separator.join(kept_in_words(kept, words))})

        await self.tell(
            closure,
            MessageTemplate.CLOSURE_DELETED,
            afterwards=besides if kept else None,
            status_url=certificate_url,
        )

    async def notify(self, closure: HeldClosure) -> None:
        """Tells the turn that the closure has taken, once, as far as the mail service takes it now.

        Comes after the turn: it says nothing that has not happened, and what fails here holds nothing up.
        """
        try:
            await asyncio.wait_for(self._tell_turn_twice(closure), NOTICE_PATIENCE.total_seconds())
        except Exception as error:  # noqa: BLE001 - whatever the mail service answers, the turn stands
            activity.logger.warning("a notice could not be sent", extra=log_error(error))

    async def _tell_turn_twice(self, closure: HeldClosure) -> None:
        """At the second time only what failed at the first: what was taken is known by its key."""
        try:
            await self._tell_turn(closure)
        except Exception:  # noqa: BLE001 - an answer may only have been lost
            await self._tell_turn(closure)

    async def _tell_turn(self, closure: HeldClosure) -> None:
        state = closure.state
        if state.mode is Mode.KEEP_DATA and state.stage is Stage.ENTERING:
            return  # nothing ends, and that the account sleeps is told at once (T6)
        match state.stage:
            case Stage.CHECKING:
                await self.tell(
                    closure,
                    MessageTemplate.CLOSURE_OPENED,
                    opened_at=state.opened_at,
                    draft_until=state.draft_until,
                )
            case Stage.COOLING_OFF | Stage.ENTERING if state.confirmed_at and state.entering_since:
                await self.tell(
                    closure,
                    MessageTemplate.CLOSURE_CONFIRMED,
                    number=str(state.confirmations),
                    confirmed_at=state.confirmed_at,
                    irrevocable_from=state.entering_since,
                )
            case Stage.SILENT if state.silent_until and state.delete_after:
                await self.tell(
                    closure,
                    MessageTemplate.SILENCE_BEGAN,
                    silent_until=state.silent_until,
                    delete_after=state.delete_after,
                )
            case Stage.EXPIRED:
                await self.tell(closure, MessageTemplate.CLOSURE_EXPIRED)
            case Stage.WITHDRAWN if state.outcome_reason is None:  # else it goes with its owner's
                await self.tell(closure, MessageTemplate.CLOSURE_WITHDRAWN)
            case _:
                pass


async def _note(closure: HeldClosure, event: MessageUndeliverable) -> None:
    """Once, although a message that is told again is refused again."""

    def write(writing: Writing) -> None:
        noted = read_events(writing.connection, closure.closure_id)
        if not any(each.event is event.TYPE and each.content == event for each in noted):
            writing.apply(Change(writing.state, event))

    await closure.write(write)
