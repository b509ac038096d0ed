"""Texts with ``{placeholders}``: which names a text may use is checked when the policy is read."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from string import Formatter


@lru_cache(maxsize=1024)  # a check fills the same few for each of very many things
def placeholders(template: str) -> frozenset[str]:
    """The names used in `template`.

    Raises:
        ValueError: unbalanced braces, or anything but a plain name between them.
    """
    names = set()
    for _, name, specification, conversion in Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or specification or conversion:
            raise ValueError(f"{{{name}}} is no plain placeholder such as {{amount}}")
        names.add(name)
    return frozenset(names)


def fault_in(template: str, allowed: Collection[str]) -> str | None:
    """What is wrong with `template`, or None."""
    if not template.strip():
        return "must not be empty"
    try:
        unknown = placeholders(template) - set(allowed)
    except ValueError as error:
        return f"bad placeholder: {error}"
    if unknown:
        listed = ", ".join(f"{{{name}}}" for name in sorted(unknown))
        offered = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "none"
        return f"unknown placeholder {listed}; allowed here: {offered}"
    return None


def fill(template: str, values: Mapping[str, str]) -> str:
    """`template` with every placeholder replaced.

    Raises:
        ValueError: a placeholder has no value.
    """
    missing = placeholders(template) - values.keys()
    if missing:
        raise ValueError(f"no value for the placeholder {', '.join(sorted(missing))}")
    return template.format_map(values)
