"""One-time codes: how they are made, hashed and compared."""

import asyncio
import json
import secrets
from typing import Final

from argon2.low_level import Type, hash_secret

CODE_DIGITS: Final = 8
_PURPOSE: Final = "account closure"
_SALT_BYTES: Final = 16
# About 40 ms on a small machine, and little memory where many guess at once.
_TIME_COST: Final = 5
_MEMORY_KIBIBYTES: Final = 19_456
_HASH_BYTES: Final = 32


def new_code() -> str:
    """Eight random decimal digits (26 bits)."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def new_salt() -> str:
    """A random salt, in hex."""
    return secrets.token_hex(_SALT_BYTES)


async def hash_code(code: str, salt: str, account_id: str, user_id: str) -> str:
    """The slow hash (argon2id) of a code or a guess, in argon2's own notation; computed in a thread.

    Whose code it is and what for is part of the hash: a row that is moved to another user matches nothing.
    """
    return await asyncio.to_thread(_hash_code, code, salt, account_id, user_id)


def _hash_code(code: str, salt: str, account_id: str, user_id: str) -> str:
    # A guess may be anything; what is longer than any code is cut to keep the work constant.
    secret = json.dumps([_PURPOSE, account_id[:200], user_id[:200], code[:64]]).encode()
    encoded = hash_secret(
        secret,
        bytes.fromhex(salt),
        time_cost=_TIME_COST,
        memory_cost=_MEMORY_KIBIBYTES,
        parallelism=1,
        hash_len=_HASH_BYTES,
        type=Type.ID,
    )
    return encoded.decode("ascii")
