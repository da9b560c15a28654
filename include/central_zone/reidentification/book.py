"""The book of cases in the store: what was carried out, what was refused and why, in counts. In the audit chain too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update

from central_zone import audit
from central_zone.reidentification.find_people import Found
from central_zone.store.custody_tables import case, case_file, refused_case
from crossing.case_request import CaseRefused, CaseRequest

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect cases', 0))")


def lock(connection: Connection) -> None:
    """One case at a time, until the transaction ends: two runs of one case must not both find it new."""
    connection.execute(_ONE_AT_A_TIME)


def unwritten_files(connection: Connection, request: CaseRequest) -> dict[str, bytes] | None:
    """The files of this very case where it was carried out and a run was killed before they were written; None if it is new.

    Raises CaseRefused where it was carried out and answered, or another was under the same id.
    """
    same = (case.c.case_id == request.case_id) | (case.c.request_sha256 == request.sha256())
    before = connection.execute(select(case.c.case_id, case.c.request_sha256).where(same)).all()
    if not before:
        return None
    files = connection.execute(
        select(case_file.c.practice_code, case_file.c.data).where(
            case_file.c.case_id == request.case_id, case_file.c.data.is_not(None)
        )
    ).all()
    if not files or [tuple(row) for row in before] != [(request.case_id, request.sha256())]:
        raise CaseRefused("already_carried_out", "it was carried out before, or another was under its id. Ask anew.")
    return {row.practice_code: bytes(row.data) for row in files}


def write_down(
    connection: Connection,
    request: CaseRequest,
    found: Found,
    files: Mapping[str, tuple[bytes, str]],
    *,
    approved_by: list[str],
    now: datetime,
) -> None:
    """The case, its files and the audit entry, in the caller's transaction; last, since it queues for the audit chain."""
    counts = {"people": request.people, "people_found": found.people, "practices": len(files)}
    rows = [
        {"case_id": request.case_id, "practice_code": code, "data": data, "sha256": sha256}
        for code, (data, sha256) in files.items()
    ]
    if rows:
        connection.execute(insert(case_file), rows)
    event = {**_audited(request, found), "approved_by": approved_by, **counts}
    head = audit.append(connection, actor=audit.LOADER, event=event)
    said = {
        "case_id": request.case_id,
        "request_sha256": request.sha256(),
        "use_id": request.use,
        "purpose": request.purpose,
        "approved_by": approved_by,
        "carried_out_at": now,
        "audit_hash": head,
    }
    connection.execute(insert(case).values(**said, **counts))


def _audited(request: CaseRequest, found: Found) -> dict[str, Any]:
    return {
        "reidentified": request.case_id,
        "request_sha256": request.sha256(),
        "use": request.use,
        "purpose": request.purpose,
        "not_released": found.not_released,
        "not_in_store": found.not_in_store,
        "without_escrow": found.without_escrow,
    }


def mark_written(connection: Connection, request: CaseRequest) -> None:
    """From here on the bytes are in the files alone, and the case is over."""
    connection.execute(
        update(case_file).where(case_file.c.case_id == request.case_id).values(data=None, written_at=func.now())
    )


def write_refusal(connection: Connection, refusal: CaseRefused, request: CaseRequest | None, now: datetime) -> None:
    """Who was asked about is not told, and of whom nothing could be read not even the id."""
    case_id, people = (request.case_id, request.people) if request else (None, None)
    event: dict[str, Any] = {"reidentification_refused": case_id, "reason": refusal.reason, "people": people}
    head = audit.append(connection, actor=audit.LOADER, event=event)
    connection.execute(
        insert(refused_case).values(
            case_id=case_id, reason=refusal.reason, people=people, refused_at=now, audit_hash=head
        )
    )
