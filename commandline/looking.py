"""What can be looked up of one account: a plan beforehand, where its closure stands, how it goes on."""

from typing import Annotated

import typer

from client.planning import Planning
from client.standing import ITEMS_A_PAGE
from closure.languages import ENGLISH
from closure.lifecycle import Mode
from commandline.commands import Purpose, starter_command
from commandline.following import tell, when_over
from commandline.installation import Connected, Installation, on_closures, on_record, require_language
from commandline.options import (
    Account,
    AccountOrClosure,
    AsJson,
    ClosureId,
    ClosureMode,
    Language,
    PolicyName,
    whole_number,
)
from commandline.planning import dry_run_answer
from commandline.rendering import items_text
from commandline.standing import answer_of, progress_of, standing_of
from commandline.terminal import Answer, BadInput, execute

app = typer.Typer()


@starter_command(app, Purpose.LOOK, "plan ali-100", "plan tw-100 --mode keep-data")
def plan(
    context: typer.Context,
    account: Account,
    policy: PolicyName = None,
    mode: ClosureMode = Mode.DELETE,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """Dry run: what a closure would find and do, and when. Changes nothing."""

    async def act(installation: Installation) -> Answer:
        require_language(installation, language)
        planning = Planning(
            installation.platform, installation.policies, installation.settings.source_time_limit
        )
        found = await planning.dry_run(account, policy=policy, mode=mode, language=language)
        return dry_run_answer(found)

    execute(on_record(context, act), as_json=as_json)


@starter_command(app, Purpose.LOOK, "status ali-100", "status ali-100 --items --page 2")
def status(
    context: typer.Context,
    account: AccountOrClosure,
    closure: ClosureId = None,
    items: Annotated[
        bool, typer.Option("--items", help=f"The checklist, {ITEMS_A_PAGE} items a page.")
    ] = False,
    page: Annotated[
        int | None, typer.Option("--page", metavar="N", help="With --items: which page.", parser=whole_number)
    ] = None,
    language: Language = ENGLISH,
    as_json: AsJson = False,
) -> None:
    """How the account's last closure stands, or the one named.

    Ends 1 when it is interrupted: open, but no workflow carries it on.
    """
    if page is not None and not items:
        raise typer.BadParameter("--page goes with --items")

    async def act(there: Connected) -> Answer:
        document = await standing_of(there, account, closure, page=page or 1)
        if document.page > document.pages:
            raise BadInput(f"the checklist has {document.pages} page(s) of items, no page {document.page}")
        if items:
            return Answer(document.model_dump(mode="json"), items_text(document))
        return answer_of(document, await progress_of(there, document))

    execute(on_closures(context, act, language=language), as_json=as_json)


@starter_command(app, Purpose.LOOK, "watch ali-100")
def watch(
    context: typer.Context, account: AccountOrClosure, language: Language = ENGLISH, as_json: AsJson = False
) -> None:
    """Follows a closure live, with a countdown, until its outcome."""

    async def act(there: Connected) -> Answer:
        document = await standing_of(there, account)
        return answer_of(await (when_over(there, document) if as_json else tell(there, document)))

    execute(on_closures(context, act, language=language), as_json=as_json)
