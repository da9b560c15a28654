"""A parcel whose parts are not what they should be: whoever made it holds a signing key, and what is in it is not repeated."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central_zone import load_parcel
from support.parcels import a_night, to_parquet
from support.told import told_by

NAME = "Zebrowska9990000018"


def written(table: pa.Table, **how: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **how)
    return sink.getvalue()


def another_column(piece: pa.Table) -> bytes:
    return written(piece.append_column(NAME, pa.array([NAME] * piece.num_rows)))


def text_for_tokens(piece: pa.Table) -> bytes:
    return written(piece.set_column(0, piece.schema.names[0], pa.array([NAME] * piece.num_rows)))


def text_for_a_date(piece: pa.Table) -> bytes:
    index = next(number for number, each in enumerate(piece.schema) if pa.types.is_date(each.type))
    return written(piece.set_column(index, piece.schema.names[index], pa.array([NAME] * piece.num_rows)))


def a_name_for_a_code(piece: pa.Table) -> bytes:
    if "snomed_concept_id" not in piece.column_names:
        return to_parquet(piece)
    index = piece.schema.get_field_index("snomed_concept_id")
    return written(piece.set_column(index, piece.schema.field(index), pa.array([NAME] * piece.num_rows)))


def a_broken_page(piece: pa.Table) -> bytes:
    """Sound at both ends, and spoilt where the rows are."""
    data = bytearray(written(piece.append_column(NAME, pa.array([NAME] * piece.num_rows)), compression="none"))
    data[8:400] = (NAME.encode() * 30)[:392]
    return bytes(data)


PACKED: dict[str, Callable[[pa.Table], bytes]] = {
    "no Parquet": lambda _: NAME.encode() * 20,
    "Parquet, cut off": lambda piece: another_column(piece)[:-40],
    "Parquet, spoilt": a_broken_page,
    "another column": another_column,
    "text for tokens": text_for_tokens,
    "text for a date": text_for_a_date,
}


@pytest.mark.parametrize("what", PACKED)
def test_what_is_in_a_part_is_not_repeated(what: str, zone: Any, capfd: pytest.CaptureFixture[str]) -> None:
    parcel = zone.sealed(a_night(), pack=PACKED[what])
    told = told_by(lambda: load_parcel.load_parcel(parcel.folder, zone.settings), capfd)
    assert not told.has(NAME)
    assert NAME not in kept_by(zone)


def test_a_name_where_a_code_belongs_is_a_count_and_a_rule(
    zone: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No parser fails over it: the rules find it, and Great Expectations would gladly give examples."""
    parcel = zone.sealed(a_night(), pack=a_name_for_a_code)
    result = load_parcel.load_parcel(parcel.folder, zone.settings)
    assert result["state"] != "loaded"
    assert NAME not in "\n".join([str(result), *capfd.readouterr(), caplog.text, kept_by(zone)])


def kept_by(zone: Any) -> str:
    """What the ledger, the quarantine and the audit chain have of it."""
    tables = ("ledger.parcel", "ledger.refusal", "quarantine.row", "audit.entry")
    kept = [row for table in tables for row in zone.query(f"SELECT t::text FROM {table} AS t")]
    assert kept
    return str(kept)
