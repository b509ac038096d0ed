"""One line that tells a waiting person what happens, on the standard error stream."""

import sys


class ProgressLine:
    """Rewrites one line on a terminal; elsewhere writes each text once, on a line of its own."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._rewrites = self._stream.isatty()
        self._unfinished = False

    def __call__(self, text: str) -> None:
        if self._rewrites:
            self._stream.write(f"\r{text}\x1b[K")
            self._unfinished = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def finish(self) -> None:
        """Ends a rewritten line, so that what follows starts on a new one."""
        if self._unfinished:
            self._stream.write("\n")
            self._stream.flush()
            self._unfinished = False
