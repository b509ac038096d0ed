"""What staff do about a refund that can't go back by its payments."""

from typing import Annotated

import typer

from client.refunding import LONGEST_REFERENCE
from closure.errors import RefusalType, Refused
from commandline.commands import Grouped, Purpose, starter_command
from commandline.installation import Connected, on_closures
from commandline.options import AsJson, free_text, identifier
from commandline.standing import answer_of, shown
from commandline.terminal import Answer, BadInput, execute

app = typer.Typer()
refund = typer.Typer(cls=Grouped, help="What staff do about a refund that failed.")
app.add_typer(refund, name="refund", rich_help_panel=Purpose.OPERATE.value)


@refund.callback()
def _group() -> None:
    """Keeps `settle` a word of its own."""


@starter_command(refund, Purpose.OPERATE, "refund settle closure-0f3c --amount 12.34 --reference transfer-77")
def settle(
    context: typer.Context,
    closure: Annotated[str, typer.Argument(metavar="CLOSURE", help="Closure id.", callback=identifier)],
    amount: Annotated[
        str,
        typer.Option("--amount", metavar="A", help="How much was paid, such as 12.34.", callback=free_text),
    ],
    reference: Annotated[
        str,
        typer.Option("--reference", metavar="R", help="Of the payment, for the audit.", callback=free_text),
    ],
    as_json: AsJson = False,
) -> None:
    """Records that staff paid part of a refund another way.

    The same reference is recorded once.
    """
    if not 0 < len(reference.strip()) <= LONGEST_REFERENCE:
        raise typer.BadParameter(f"--reference has 1 to {LONGEST_REFERENCE} characters")

    async def act(there: Connected) -> Answer:
        try:
            document = await there.closures.settle_refund(closure, amount, reference.strip())
        except Refused as refused:
            if refused.type is RefusalType.MALFORMED_INPUT:  # only the record knows the refund's currency
                raise BadInput(refused.message) from refused
            raise
        return answer_of(shown(there, document))

    execute(on_closures(context, act), as_json=as_json)
