"""How commands are made: in groups, each with an example, and no option given twice."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

STARTER: Final = "python starter.py"
Function = TypeVar("Function", bound=Callable[..., object])

_RULES = re.compile(r" \([AT]\d+(?:(?:,| to| and) [AT]?\d+)*\)")
"""The numbers of the procedures' rules in a docstring mean nothing to who reads the help."""


class Purpose(StrEnum):
    """What commands are for, in the order of the help."""

    CLOSE = "Close an account"
    LOOK = "Look"
    OPERATE = "Operate"
    TRY = "Try it on this machine"


ORDER: Final = tuple(Purpose)


class OneOfEach(TyperCommand):
    """A command that refuses an option given twice: of two users or reasons none is surely the one meant."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # a private type
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        for option in order:
            if isinstance(option, TyperOption) and not option.multiple and order.count(option) > 1:
                raise typer.BadParameter("is given twice; give it once", ctx=ctx, param=option)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override] # a private type
        """Runs it; what it says against its options is said of this command."""
        try:
            result: object = super().invoke(ctx)
        except typer.BadParameter as error:
            error.ctx = error.ctx or ctx
            raise
        return result


class Grouped(TyperGroup):
    """Commands listed under what they are for."""

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override] # noqa: ANN401 # private types
        """Writes a section for each group."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        there = [(name, each) for name, each in commands if each is not None and not each.hidden]
        width = formatter.width - 6 - max((len(name) for name, _ in there), default=0)
        for purpose in ORDER:
            rows = [
                (name, each.get_short_help_str(width))
                for name, each in there
                if getattr(each, "rich_help_panel", None) == purpose.value
            ]
            if rows:
                with formatter.section(purpose.value):
                    formatter.write_dl(rows)


def starter_command(
    app: typer.Typer, purpose: Purpose, *examples: str, name: str | None = None
) -> Callable[[Function], Function]:
    """Makes a function a command of the starter: its docstring is the help, without rule numbers.

    `examples` are commands as they would be typed after the starter's name.
    """

    def made(function: Function) -> Function:
        shown = "\n".join(f"  {STARTER} {each}" for each in examples)
        app.command(
            name,
            cls=OneOfEach,
            help=_RULES.sub("", function.__doc__ or ""),
            # The first line keeps the others from being wrapped.
            epilog=f"\b\nExample{'s' if len(examples) > 1 else ''}:\n{shown}",
            rich_help_panel=purpose.value,
        )(function)
        return function

    return made
