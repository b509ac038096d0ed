"""Which form of an answer a request prefers (RFC 9110, 12.5.1)."""


def preferred(accept: str, offered: tuple[str, ...]) -> str:
    """The media type of `offered` that the `Accept` header wants most; the first where it does not care."""
    wanted = dict(_weighted(part) for part in accept.split(",") if part.strip())
    return max(offered, key=lambda each: (_weight(each, wanted), -offered.index(each)))


def _weight(media_type: str, wanted: dict[str, float]) -> float:
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in wanted:
            return wanted[name]
    return 0.0


def _weighted(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for each in parameters:
        key, _, value = each.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0
