"""Small shell programs that stand in for Go, Python and Temporal's own."""

from pathlib import Path


def write_program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return path


def printing(path: Path, text: str) -> Path:
    """A program that prints one text, whatever it is asked."""
    return write_program(path, f"echo '{text}'")
