"""What a write to a closure's row requires of it, and what the row holds afterwards."""

from sqlalchemy import RowMapping

from closure.errors import RefusalType, Refused
from closure.lifecycle import Stage, may_step
from closure.messages import StatusDocument
from records.entries import Entry
from records.rows import belongs_to


def require_step(row: RowMapping, entry: Entry) -> None:
    require_epoch(row, entry.run_epoch)
    stage = Stage(row["stage"])
    if stage is not entry.stage_from:
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {entry.closure_id} is {stage.value}, not {entry.stage_from.value}",
        )
    if entry.stage_to is not None and not may_step(stage, entry.stage_to):
        raise Refused(
            RefusalType.STAGE_CONFLICT,
            f"closure {entry.closure_id} can't go from {stage.value} to {entry.stage_to.value}",
        )


def require_epoch(row: RowMapping, epoch: int) -> None:
    if row["run_epoch"] != epoch:
        raise Refused(
            RefusalType.STALE_RUN,
            f"run {epoch} of closure {row['closure_id']} was replaced by run {row['run_epoch']}",
        )


def document_after(row: RowMapping, entry: Entry) -> StatusDocument:
    """The stored document after the step. The stage that the record checked is the one it stores."""
    document = entry.document or StatusDocument.model_validate_json(row["document"])
    if not belongs_to(document, row):
        raise Refused(RefusalType.MALFORMED_INPUT, f"the document is not closure {entry.closure_id}'s")
    stage = entry.stage_to or entry.stage_from
    return document.model_copy(update={"stage": stage, "outcome": stage.outcome})


def document_columns(document: StatusDocument) -> dict[str, str | int | None]:
    return {
        "stage": document.stage.value,
        "outcome": document.outcome.value if document.outcome else None,
        "document": document.model_dump_json(),
    }
