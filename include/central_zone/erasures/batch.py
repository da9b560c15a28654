"""One batch of people, all of it or nothing: rows, marks, counts, how far the journal is applied, the audit entry."""

from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, insert, select

from central_zone import audit, staged
from central_zone.erasures import agree
from central_zone.erasures.journal import Line
from central_zone.erasures.people import Word
from central_zone.erasures.rows import Erased, erase_rows
from central_zone.folders import usable
from central_zone.inbox import is_parcel_id
from central_zone.rotation.open_pairs import also_former
from central_zone.store.erasure_tables import batch, mark
from central_zone.zone import Zone
from crossing.faultpoint import faultpoint


def is_done(connection: Connection, notice_id: str, number: int) -> bool:
    wanted = select(batch.c.batch).where(batch.c.notice_id == UUID(notice_id), batch.c.batch == number)
    return connection.execute(wanted).first() is not None


def carry_out(zone: Zone, connection: Connection, word: Word, line: Line, line_sha256: str, subkey: bytes) -> Erased:
    """Does what a line of the journal says, in the caller's transaction; the caller holds the lock of all erasures."""
    erased = erase_rows(zone, connection, word, subkey)
    faultpoint("erase.rows_gone")
    connection.execute(
        insert(batch).values(
            notice_id=UUID(line.notice),
            batch=line.batch,
            journal_number=line.number,
            people=erased.people,
            registrations=erased.registrations,
            practices=erased.practices,
            rows_erased=erased.rows,
            rows_out_of_quarantine=erased.out_of_quarantine,
            rows_out_of_release=erased.out_of_release,
        )
    )
    agree.move_to(connection, line.number, line_sha256)
    if erased.tokens is not None:
        erased.tokens = also_former(connection, word.collection, erased.tokens)
    discard_staged(zone.settings.work_folder, erased.tokens)
    audit.append(connection, actor=audit.LOADER, event=_audited(line, line_sha256, erased))
    faultpoint("erase.batch_written_down")
    return erased


def _audited(line: Line, line_sha256: str, erased: Erased) -> dict[str, object]:
    return {
        "erased": line.notice,
        "batch": line.batch,
        "practice_code": line.practice_code,
        "people": erased.people,
        "registrations": erased.registrations,
        "rows": erased.rows,
        "rows_out_of_release": erased.out_of_release,
        "journal": [line.number, line_sha256],
    }


def discard_staged(work: Path, tokens: pa.Array | None) -> None:
    """Staged rows of parcels that hold any of these registrations or people go; they are made again, through the gate.

    So do drafts: of a run that was killed nobody else takes them away, and one that is under way begins anew.
    """
    if tokens is None or not work.is_dir():
        return
    with usable("GP_CENTRAL_WORK_DIR"):
        for folder in work.iterdir():
            if is_parcel_id(folder.name.split(".")[0]) and _holds(folder, tokens):
                staged.discard_folder(folder)


def _holds(folder: Path, tokens: pa.Array) -> bool:
    tables = staged.mapped_tables(folder)
    if tables is None:
        return True
    whose = ("registration_token", "patient_token")
    columns = [rows[name] for rows in tables.values() for name in whose if name in rows.column_names]
    return any(pc.any(pc.is_in(column, value_set=tokens)).as_py() for column in columns)


def marks_kept(connection: Connection, collection: str, practice_code: str, said_in: int) -> int:
    """How many registrations a notice's word holds back."""
    said = (mark.c.collection == collection, mark.c.said_by == practice_code, mark.c.said_in == said_in)
    return int(connection.scalar(select(func.count()).select_from(mark).where(*said)) or 0)
