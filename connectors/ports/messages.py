"""What users are told, and where they are reached."""

from collections.abc import Mapping
from typing import Protocol

from closure.accounts import Channel
from closure.model import Instant, WireModel


class OutgoingMessage(WireModel):
    """One message to every user of the account that holds one of `roles` and has an address for `channel`.

    `user_id` narrows the recipients to one user. `subjects` (of an e-mail) and `bodies` map a language tag to
    the rendered text, `pages` (of an e-mail) to the same as an HTML document; the recipient's language is
    chosen, else English. Who has templates of their own fills the one named `template` with `values`, by
    language and placeholder; `status_url` is where the closure can be seen, or the certificate of a deleted
    account. Addresses are looked up by the implementation.
    """

    key: str
    account_id: str
    channel: Channel
    template: str
    subjects: Mapping[str, str] = {}
    bodies: Mapping[str, str]
    pages: Mapping[str, str] = {}
    values: Mapping[str, Mapping[str, str]] = {}
    status_url: str | None = None
    roles: tuple[str, ...] = ()
    user_id: str | None = None
    time: Instant


class Undeliverable(Exception):
    """Addresses of a message were refused for good, such as dead ones; whoever else there is has got it.

    `addresses` is how many, `reason` a short code such as ``550 5.1.1``: never an address, never a carrier's
    own words, which may name one.
    """

    def __init__(self, addresses: int, reason: str) -> None:
        super().__init__(f"{addresses} refused for good: {reason}")
        self.addresses = addresses
        self.reason = reason


class Messages(Protocol):
    """E-mail and text messages to the account's users."""

    async def send(self, message: OutgoingMessage) -> int:
        """Stores or sends the message once per key and recipient; returns the number of recipients.

        Where the carrier can't tell whether it took a message, that may reach its recipient again.

        Raises:
            Undeliverable: asking again with the key sends nothing more and raises the same. Any other
                exception may pass: asked again, it sends what has not been sent.
        """
        ...


class Addressee(WireModel):
    """One user whom a message is for. `address` is an e-mail address or a phone number."""

    user_id: str
    address: str
    language: str


class AddressBook(Protocol):
    """Where the account's users are reached, for a carrier that doesn't look that up itself."""

    async def addressees(self, message: OutgoingMessage) -> tuple[Addressee, ...]:
        """Whom the message is for, as `OutgoingMessage` says; nobody, for an unknown account or one gone."""
        ...
