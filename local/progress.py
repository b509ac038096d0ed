"""One line that tells a waiting person what happens, on the standard error stream."""

import sys

BAR_COLUMNS = 30


class ProgressLine:
    """Rewrites one line on a terminal; elsewhere writes each new text once, on a line of its own."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._rewrites = self._stream.isatty()
        self._text = ""

    def __call__(self, text: str, share: float | None = None) -> None:
        """`share` is how much is done, from 0 to 1, where that is known: on a terminal it is a bar."""
        if self._rewrites:
            bar = "" if share is None else f"[{'#' * int(share * BAR_COLUMNS):.<{BAR_COLUMNS}}] "
            self._stream.write(f"\r{bar}{text}\x1b[K")
        elif text != self._text:
            self._stream.write(f"{text}\n")
        self._text = text
        self._stream.flush()

    def finish(self) -> None:
        """Ends a rewritten line, so that what follows starts on a new one."""
        if self._rewrites and self._text:
            self._stream.write("\n")
            self._stream.flush()
        self._text = ""
