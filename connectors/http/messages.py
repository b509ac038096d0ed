"""Messages that the provider's own service sends."""

from connectors.http import operations
from connectors.http.asked import MessageToSend, OfRecipients
from connectors.http.calling.caller import Caller
from connectors.ports import Addressee, OutgoingMessage, Undeliverable


class HttpMessages:
    """Implements `connectors.ports.Messages`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def send(self, message: OutgoingMessage) -> int:
        asked = MessageToSend.model_validate(message.model_dump(exclude={"key"}))
        sent = await self._caller.ask(operations.SEND, asked, key=message.key)
        if sent.undelivered is not None:
            raise Undeliverable(sent.undelivered.addresses, sent.undelivered.reason)
        return sent.recipients


class HttpAddressBook:
    """Implements `connectors.ports.AddressBook`, for e-mail that the provider's service doesn't send."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def addressees(self, message: OutgoingMessage) -> tuple[Addressee, ...]:
        asked = OfRecipients(
            account_id=message.account_id,
            channel=message.channel,
            template=message.template,
            roles=message.roles,
            user_id=message.user_id,
            time=message.time,
        )
        return (await self._caller.ask(operations.ADDRESSEES, asked)).addressees
