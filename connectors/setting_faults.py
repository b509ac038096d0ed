"""What an operator has to put right before connectors work; alone here, so that looking imports no more."""


class BrandFault(Exception):
    """A brand file that can't be used: where, and why."""

    def __init__(self, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}" if key else f"{file}: {reason}")


class PlatformFault(Exception):
    """There is no such platform, or it can't be used; the message says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"setting CLOSURE_PLATFORM: {' '.join(name.split()) or '(empty)'}: {reason}")


class SendingFault(Exception):
    """Messages can't be sent as the settings are; the message says which setting and why."""


def in_one_line(error: BaseException) -> str:
    """What others' code has raised. Its text is theirs, too, and may fail."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - whatever it is, the error's type is all that can be said
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
