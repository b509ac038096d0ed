"""What users sign in with: the name of a sign-in, and the key in an authenticator app's secret."""

import base64
import binascii


def default_login(account_id: str, user_id: str) -> str:
    """The sign-in of a user whose entry names none."""
    return f"{account_id}/{user_id}"


def authenticator_key(secret: str) -> bytes:
    """The key in the base32 secret of an authenticator app.

    Raises:
        ValueError: no base32, or shorter than 16 bytes.
    """
    try:
        key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    except binascii.Error as error:
        raise ValueError("must be base32") from error
    if len(key) < 16:
        raise ValueError("must hold at least 16 bytes")
    return key
