"""Ports to the adopter's world. Every system that a closure touches is one Protocol here.

Rules for an implementation; `python -m connectors.conformance` tries them all:

- **Failing.** A read that fails raises (any exception): the engine takes the source as unknown, never as
  empty. An effect that fails is called again with its key, for ever; `connectors.faults.Unavailable` says
  when.
- **Key.** An effect takes an idempotency `key`. A second call with it, also one at the same time, finds the
  first effect, does nothing and returns the first answer: so an answer that got lost is had again. A
  refused effect has not happened: its key may be tried again.
- **Unknown.** An unknown account raises `closure.errors.Refused` with `ACCOUNT_NOT_FOUND`, in reads and
  effects. An unknown user is an answer (None, False). An unknown thing is one that is gone, and that is
  success.
- **Gone.** An account that is closed may be forgotten, or kept: every call on it answers as before, or is
  refused with `ACCOUNT_NOT_FOUND` or `ACCOUNT_CLOSED`; beyond the point of no return the engine takes the
  former as done. What is still asked after `AccessControl.close`: all calls of the deletion once more where
  an answer was lost; `Directory.profile` and `subaccounts`; and all of `Refunds` with `Billing.statement`,
  as long as money is on its way: who forgets earlier can't bring back what failed.
- **Accepted is not done.** Releases, cancellations and erasures may take days: accept them, and go on
  showing in reads what is still there. The engine reads again until it is gone.
- **In part.** An answer is whole, or the call raises: no first page, no account without its subaccounts. An
  implementation that reads page by page reads all pages, and raises where one of them is missing. An effect
  on several things (`stop`) happens to all or to none.
- **Time.** `time` is the closure's clock (UTC), which on a local server can be ahead of the wall. A read
  that takes longer than the setting `source_time_limit` counts as unknown; an effect has
  `effect_time_limit`, then it is called again with its key. What takes longer is accepted (above).
- **Holds.** While `LegalHolds.is_held`, forfeit, void_debt, release_resource, cancel_subscription, erase,
  delete_bindings and close are refused with `LEGAL_HOLD` within the transaction that would have destroyed.
- **Money** below zero or in another currency than the account's is refused (`MALFORMED_INPUT`).
"""

from connectors.ports.access import AccessControl, LegalHolds, StoppedAccounts
from connectors.ports.directory import Directory
from connectors.ports.messages import AddressBook, Addressee, Messages, OutgoingMessage, Undeliverable
from connectors.ports.money import Billing, Forfeited, Refunds
from connectors.ports.platform import Callback, Callbacks, Platform
from connectors.ports.retention import MustRetain
from connectors.ports.things import DataStores, InventorySource

__all__ = [
    "AccessControl",
    "AddressBook",
    "Addressee",
    "Billing",
    "Callback",
    "Callbacks",
    "DataStores",
    "Directory",
    "Forfeited",
    "InventorySource",
    "LegalHolds",
    "Messages",
    "MustRetain",
    "OutgoingMessage",
    "Platform",
    "Refunds",
    "StoppedAccounts",
    "Undeliverable",
]
