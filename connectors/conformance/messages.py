"""Rules of messages that no key is about."""

from typing import Final

from closure.accounts import Channel
from connectors.conformance.rule import Trial, require, rule
from connectors.ports import OutgoingMessage


@rule("messages.send.nobody", "goes to nobody where nobody holds its roles, and says so")
async def sent_to_nobody(trial: Trial) -> None:
    message = OutgoingMessage(
        key=trial.key("message"),
        account_id=trial.account_id,
        channel=Channel.EMAIL,
        template="conformance",
        subjects={"en": "Conformance"},
        bodies={"en": "A test message."},
        roles=(trial.trial_id,),
        time=trial.time,
    )
    require(await trial.platform.messages.send(message) == 0, "it was sent to somebody")


RULES: Final = (sent_to_nobody,)
