"""How far the running system check is (A14), in words."""

from activities.sources import SurveyProgress


def progress_text(progress: SurveyProgress | None) -> str:
    """What has been read and what is awaited; empty when no check runs or none has told yet."""
    if progress is None:
        return ""
    read = ", ".join(_plain(source) for source in progress.done) or "nothing"
    parts = [f"read: {read}"]
    if progress.running:
        parts.append("waiting for: " + ", ".join(_plain(source) for source in progress.running))
    if progress.subaccounts:
        parts.append(f"{progress.subaccounts_read} of {progress.subaccounts} subaccounts")
    return "; ".join(parts)


def _plain(source: str) -> str:
    return source.replace("_", " ")
