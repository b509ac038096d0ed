"""Following a closure until it is over: live on a terminal, else a line for each change."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from closure.certificate import CERTIFIED
from closure.lifecycle import Stage
from closure.messages import Standing, StatusDocument
from closure.stage_texts import DEADLINES, STORY
from commandline.countdown import spoken_time
from commandline.installation import Connected
from commandline.layout import money_text
from commandline.next_step import command
from commandline.rendering import moment_text, refund_text, stage_text, waiting_text
from commandline.standing import progress_of, shown
from commandline.terminal import console, plain

_SECONDS: Final = 1.0
_CERTIFICATE_SECONDS: Final = 30
"""So long after the outcome its certificate is waited for: it is signed last."""


async def _standings(there: Connected, closure_id: str) -> AsyncIterator[StatusDocument]:
    """How the closure stands, second by second, until it is over or nothing carries it on."""
    for_certificate = _CERTIFICATE_SECONDS
    while True:
        document = shown(there, await there.closures.status(closure_id=closure_id))
        yield document
        if document.outcome in CERTIFIED and document.certificate_id is None and for_certificate:
            for_certificate -= 1
        elif not _goes_on(document):
            return
        await asyncio.sleep(_SECONDS)


def _goes_on(document: StatusDocument) -> bool:
    is_awaited = document.standing is Standing.UNANSWERED and document.waiting_for is not None
    return document.standing is Standing.RUNNING or is_awaited


async def when_over(there: Connected, document: StatusDocument) -> StatusDocument:
    """How the closure stands when it has its outcome and certificate, or nothing carries it on."""
    async for each in _standings(there, document.closure_id):
        document = each
    return document


async def tell(there: Connected, document: StatusDocument) -> StatusDocument:
    """Shows how it goes on, and returns how the closure stands when it is over.

    On a terminal it is a short view, renewed in its place; interrupted, its last state stays there.
    """
    output = console()
    live = Live(console=output, auto_refresh=False) if output.is_terminal else None
    said = ""
    with live or nullcontext():
        async for each in _standings(there, document.closure_id):
            document = each
            progress = await progress_of(there, document)
            if live is not None:
                live.update(ShortView(document, progress), refresh=True)
                continue
            line = progress_line(document, progress)
            if line != said:
                output.print(plain(line), soft_wrap=True)
                output.file.flush()
                said = line
        if live is not None:
            live.transient = True  # the whole status comes in its place
    return document


class ShortView:
    """A closure in as many lines as the terminal has: what it does, the countdown, and what is in the way."""

    def __init__(self, document: StatusDocument, progress: str) -> None:
        self._document = document
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = max(3, console.height - 1)  # the cursor's line is the terminal's last
        lines = list(self._lines())
        hidden = len(lines) - height + 1
        for line in islice(lines, height if hidden <= 1 else height - 1):
            line.no_wrap, line.overflow = True, "ellipsis"
            yield line
        if hidden > 1:
            yield plain(f"… and {hidden} more lines: {command('status', self._document.account_id)}")

    def _lines(self) -> Iterator[Text]:
        document = self._document
        yield Text.assemble(plain(f"{document.account_id}  ", style="bold"), stage_text(document))
        if document.deadline is not None:
            yield plain(f"  {moment_text(document.deadline, document.remaining_seconds)}")
            yield plain(f"  then: {DEADLINES[document.deadline.what]}")
        if document.standing is Standing.INTERRUPTED:
            yield plain("  interrupted: no workflow carries it on", style="bold red")
        if document.waiting_for is not None:
            yield plain(f"  waits for {waiting_text(document.waiting_for)}", style="yellow")
        if self._progress:
            yield plain(f"  {self._progress}")
        if document.refund is not None:
            yield plain(f"  refund {refund_text(document.refund)}")
        yield plain("  Ctrl-C ends the watching; the closure goes on.", style="dim")
        for item in document.checklist:
            if item.blocks:
                amount = money_text(item.amount, item.currency)
                yield plain(f"  {item.item_id}  {amount}  {item.title}".replace("    ", "  "))


def progress_line(document: StatusDocument, progress: str) -> str:
    """What is said again only when it changes: the stage and what blocks, not every second that passes."""
    parts = [f"{document.account_id}: {document.stage.value}: {STORY[document.stage]}"]
    if document.standing is Standing.UNANSWERED:
        parts = [f"{document.account_id}: {stage_text(document).plain}"]
    if progress:
        parts.append(progress)
    if document.stage is Stage.BLOCKED:
        parts.append(f"{document.blocking} item(s) left")
    if document.waiting_for is not None:
        parts.append(f"waits for {waiting_text(document.waiting_for)}")
    if document.deadline is not None:
        parts.append(f"until {spoken_time(document.deadline.at)}")
    if document.standing is Standing.INTERRUPTED:
        parts.append("interrupted: no workflow carries it on")
    return ", ".join(parts)
