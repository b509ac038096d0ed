"""All rules, in an order in which one account can bear many: what takes all comes late, its end last."""

from typing import Final

from connectors.conformance import access, effects, messages, money, reads, things, together

_ENDS: Final = tuple(each for each in effects.RULES if each.name.startswith("access."))

RULES: Final = (
    *reads.RULES,
    *together.RULES,
    *(each for each in effects.RULES if each not in _ENDS),
    *messages.RULES,
    *money.RULES,
    *things.RULES,
    *_ENDS,
    *access.RULES,
)
