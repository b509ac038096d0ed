"""Which closure a command means, and how it stands: with what only a terminal shows."""

from closure.errors import RefusalType, Refused
from closure.messages import Standing, StatusDocument
from commandline.check_progress import progress_text
from commandline.installation import Connected
from commandline.rendering import status_text
from commandline.terminal import Answer, ExitCode
from temporal.connection import web_url


async def standing_of(
    there: Connected, name: str, closure_id: str | None = None, *, page: int = 1
) -> StatusDocument:
    """How the closure named stands; else the last of the account `name`, else the closure `name`.

    `page` is of its checklist.

    Raises:
        Refused: `CLOSURE_NOT_FOUND`.
    """
    try:
        return shown(there, await there.closures.status(name, closure_id=closure_id, page=page))
    except Refused as unknown:
        if closure_id is not None or unknown.type is not RefusalType.CLOSURE_NOT_FOUND:
            raise
        try:
            return shown(there, await there.closures.status(closure_id=name, page=page))
        except Refused:
            said = f"{name} is neither an account that has a closure nor a closure"
            raise Refused(unknown.type, said, facts=unknown.facts) from None


def shown(there: Connected, document: StatusDocument) -> StatusDocument:
    """The document with the Web UI's address."""
    address = web_url(there.temporal, document.workflow_id, document.run_id)
    return document.model_copy(update={"web_url": address})


async def progress_of(there: Connected, document: StatusDocument) -> str:
    """How far the system check is (A14); empty when none runs."""
    return progress_text(await there.closures.check_progress(document))


def answer_of(document: StatusDocument, progress: str = "", *, user: str | None = None) -> Answer:
    """What every command about a closure answers; `user` is who acted, and may act next."""
    interrupted = document.standing is Standing.INTERRUPTED
    return Answer(
        document.model_dump(mode="json"),
        status_text(document, progress=progress, user=user),
        ExitCode.REFUSED if interrupted else ExitCode.DONE,
    )
