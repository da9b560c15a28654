"""A parcel between its steps: verified, its tokens the store's own, on disk until it is loaded or refused.

Everything here can be made again from the parcel, so whatever cannot be read is made again.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossing.canonical import NOTICES, TABLES, schema
from crossing.faultpoint import faultpoint

Tables = dict[str, pa.Table]
Thin = Callable[[Tables], Tables]  # answers the tables that lose rows, as they are without them
_ABOUT = "about.json"
_BESIDE = ".sealed"  # how a table ends that is no table of records: sealed, and only loaded with them
_VERDICT = "verdict.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVerdict:
    """What validation found, as it is kept between validating and loading."""

    failed_rows: dict[str, dict[str, "np.ndarray[Any, Any]"]]
    held_because: tuple[str, ...]
    facts: dict[str, Any]  # for the ledger: how many expectations, which suite, warnings


def stage(
    work: Path,
    parcel_id: str,
    manifest_sha256: str,
    rows: Iterable[tuple[str, pa.Table]],
    *,
    thin: Thin = lambda _: {},
    signed_for: Mapping[str, int] | None = None,
) -> None:
    """Writes rows as they come, one file a table. The folder gets its name only when all of it is there.

    A table that is none of the canonical ones is kept beside them, sealed, and is never among `staged_tables`.
    Rows that `thin` takes out are gone before that. How many of those `signed_for` are not here is kept, by table. A draft
    that an erasure took away meanwhile leaves nothing staged, and is no error.
    """
    work.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{parcel_id}.", dir=work))  # mode 0700
    faultpoint("stage.folder_made")
    try:
        _write_tables(draft, rows)
        faultpoint("stage.rows_written")
        here = _thin_out(draft, thin)
        out = {table: count - here.get(table, 0) for table, count in (signed_for or here).items()}
        about = {
            "manifest_sha256": manifest_sha256,
            "taken_out": {table: count for table, count in out.items() if count},
            "sealed": sorted(path.stem for path in draft.glob(f"*{_BESIDE}")),
        }
        (draft / _ABOUT).write_text(json.dumps(about))
        faultpoint("stage.before_rename")
        shutil.rmtree(work / parcel_id, ignore_errors=True)
        draft.rename(work / parcel_id)
        faultpoint("stage.renamed")
    except BaseException as error:
        if isinstance(error, OSError) and not draft.exists():
            return
        discard_folder(draft)
        raise


def _write_tables(folder: Path, rows: Iterable[tuple[str, pa.Table]]) -> None:
    writers: dict[str, pa.ipc.RecordBatchFileWriter] = {}
    try:
        for table, some in rows:
            if table not in writers:
                path, shape = _place(folder, table, some)
                writers[table] = pa.ipc.new_file(str(path), shape)
            writers[table].write_table(some)
    finally:
        for writer in writers.values():
            writer.close()


def _place(folder: Path, table: str, some: pa.Table) -> tuple[Path, pa.Schema]:
    if table in TABLES or table in NOTICES:
        return folder / f"{table}.arrow", schema(table)
    return folder / f"{table}{_BESIDE}", some.schema


def _thin_out(folder: Path, thin: Thin) -> dict[str, int]:
    """Answers how many rows each table has afterwards."""
    tables = mapped_tables(folder) or {}
    for table, rest in thin(tables).items():
        new = folder / f"{table}.draft"
        with pa.ipc.new_file(str(new), schema(table)) as writer:
            writer.write_table(rest)
        new.rename(folder / f"{table}.arrow")
        tables[table] = rest
        if table == "patient":
            _thin_beside(folder, rest["registration_token"])
    return {table: rows.num_rows for table, rows in tables.items()}


def _thin_beside(folder: Path, registrations: pa.ChunkedArray) -> None:
    """What is sealed beside the records goes with the patients it is of."""
    for path in sorted(folder.glob(f"*{_BESIDE}")):
        rows = _mapped(path)
        new = path.with_suffix(".draft")
        with pa.ipc.new_file(str(new), rows.schema) as writer:
            writer.write_table(rows.filter(pc.is_in(rows["registration_token"], value_set=pc.unique(registrations))))
        new.rename(path)


def taken_out(work: Path, parcel_id: str) -> dict[str, int]:
    """How many of the rows that were signed for did not get as far as being staged, by table: people who were erased."""
    return dict(json.loads((work / parcel_id / _ABOUT).read_text())["taken_out"])


def staged_tables(work: Path, parcel_id: str, manifest_sha256: str) -> Tables | None:
    """The staged tables, mapped rather than read, so that memory does not grow with the parcel. None: stage it again."""
    folder = work / parcel_id
    try:
        about = json.loads((folder / _ABOUT).read_text())
        if about["manifest_sha256"] != manifest_sha256 or "taken_out" not in about:
            return None
        for name in about["sealed"]:
            _mapped(folder / f"{name}{_BESIDE}")
    except (OSError, ValueError, KeyError, TypeError):  # ArrowInvalid is a ValueError
        return None
    return mapped_tables(folder)


def sealed_table(work: Path, parcel_id: str, name: str) -> pa.Table | None:
    """A table that was staged sealed, beside the records; None where the parcel has none of this name."""
    path = work / parcel_id / f"{name}{_BESIDE}"
    return _mapped(path) if path.exists() else None


def mapped_tables(folder: Path) -> Tables | None:
    """The tables of one folder; None where one cannot be read."""
    try:
        return {path.stem: _mapped(path) for path in sorted(folder.glob("*.arrow"))}
    except (OSError, pa.ArrowException):
        return None


def _mapped(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        return reader.read_all()


def keep_verdict(work: Path, parcel_id: str, verdict: KeptVerdict) -> None:
    """Keeps a verdict beside the staged tables: positions, rule ids and counts."""
    failed = {
        table: {rule: positions.tolist() for rule, positions in rules.items()}
        for table, rules in verdict.failed_rows.items()
    }
    content = {"failed_rows": failed, "held_because": verdict.held_because, "facts": verdict.facts}
    draft = work / parcel_id / f"{_VERDICT}.draft"
    draft.write_text(json.dumps(content))
    faultpoint("validate.verdict_drafted")
    draft.rename(draft.with_name(_VERDICT))
    faultpoint("validate.verdict_kept")


def kept_verdict(work: Path, parcel_id: str) -> KeptVerdict | None:
    """The verdict kept beside the staged tables. None: validate again."""
    try:
        content: Mapping[str, Any] = json.loads((work / parcel_id / _VERDICT).read_text())
        failed = {
            table: {rule: np.array(positions, np.int64) for rule, positions in rules.items()}
            for table, rules in content["failed_rows"].items()
        }
        return KeptVerdict(
            failed_rows=failed, held_because=tuple(content["held_because"]), facts=dict(content["facts"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def staged_parcels(work: Path) -> set[str]:
    """Ids of the parcels of which anything is staged, drafts too."""
    return {path.name.split(".")[0] for path in work.iterdir()} if work.exists() else set()


def discard(work: Path, parcel_id: str) -> None:
    """Removes everything of a parcel that is loaded or refused, drafts of stopped runs too."""
    for folder in [work / parcel_id, *work.glob(f"{parcel_id}.*")]:
        discard_folder(folder)


def discard_folder(folder: Path) -> None:
    """Removes one folder, staged or draft, whether or not somebody else does too; who fills it never finds half of it."""
    gone = folder.with_name(f"{folder.name.split('.')[0]}.{uuid4().hex}.gone")
    with suppress(OSError):
        folder.rename(gone)
    faultpoint("discard.renamed")
    shutil.rmtree(gone, ignore_errors=True)
