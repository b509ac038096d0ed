"""What somebody sees who waits: one line with a bar on a terminal, each new text once in a pipe."""

import io
import sys

import pytest

from local.progress import BAR_COLUMNS, ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_with_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = ProgressLine()
    for share in (0.0, 0.5, 1.0):
        progress("fetching", share)
    progress.finish()
    progress.finish()
    half = BAR_COLUMNS // 2
    bars = ("." * BAR_COLUMNS, "#" * half + "." * half, "#" * BAR_COLUMNS)
    assert terminal.getvalue() == "".join(f"\r[{bar}] fetching\x1b[K" for bar in bars) + "\n"


def test_where_nobody_knows_how_much_is_done_there_is_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    ProgressLine()("waiting")
    assert terminal.getvalue() == "\rwaiting\x1b[K"


def test_a_pipe_gets_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    progress = ProgressLine()
    for share, text in ((0.0, "fetching"), (0.3, "fetching"), (0.5, "installing"), (0.9, "installing")):
        progress(text, share)
    progress.finish()
    assert pipe.getvalue() == "fetching\ninstalling\n"
