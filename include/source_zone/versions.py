"""Facts beside the instant of the extract that stated them, so that a delivery taken late undoes nothing newer.

Patients and objections are remembered so: in the order of their extracts, whatever the order in which these were taken.
"""

from datetime import datetime

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

STATED_AT = pa.field("stated_at", pa.timestamp("us", "UTC"))


def stated(rows: pa.Table, at: datetime) -> pa.Table:
    """The rows of one extract, each with the instant it was taken."""
    return rows.append_column(STATED_AT, pa.repeat(pa.scalar(at, STATED_AT.type), rows.num_rows))


def in_order(*tables: pa.Table) -> pa.Table:
    """All of them, by instant; rows of one instant stay in the order given. An older memory's rows have none: first."""
    # A memory written by an earlier version may lack the instant or a newer column.
    whole = pa.concat_tables(tables, promote_options="permissive")
    if STATED_AT.name not in whole.column_names:
        whole = whole.append_column(STATED_AT, pa.nulls(whole.num_rows, STATED_AT.type))
    order = pc.sort_indices(whole, sort_keys=[(STATED_AT.name, "ascending", "at_start")])
    return whole.take(order)


def known_by(versions: pa.Table, at: datetime | None = None) -> pa.Table:
    """What had been stated by an instant, or ever, in order and without the instants."""
    if STATED_AT.name not in versions.column_names:
        return versions  # an older memory's
    if at is not None:
        by_then = pc.less_equal(versions[STATED_AT.name], pa.scalar(at, STATED_AT.type))
        versions = versions.filter(pc.fill_null(by_then, True))
    return versions.drop_columns([STATED_AT.name])


def without_repeats(versions: pa.Table, key: list[str]) -> pa.Table:
    """Of a fact stated again and again only the first and the last time: what comes between two can change nothing else.

    What has no id of its own (the first column of `key`) is told apart by all it says, and kept once.
    """
    said = [name for name in versions.column_names if name != STATED_AT.name]
    frame = pl.DataFrame(pl.from_arrow(versions)).with_columns(pl.struct(said).hash().alias("said"))
    before, after = pl.col("said").shift(1).over(key), pl.col("said").shift(-1).over(key)
    same = (pl.col("said") == before).fill_null(False) & (pl.col("said") == after).fill_null(False)
    kept = pl.when(pl.col(key[0]).is_null()).then(pl.col("said").is_first_distinct()).otherwise(~same)
    return versions.filter(frame.select(kept).to_series().to_arrow())


def added_to(remembered: pa.Table | None, read: pa.Table, key: list[str]) -> pa.Table:
    """An adapter's table after a late delivery: what the memory has stands, all of it; new rows are added.

    What the late delivery lacks or ends may have come after it: an entry that waits for its code can be an objection, and
    is rather read twice than never. Without a key the memory's table stands as it is, since nobody can tell its rows apart.
    """
    if remembered is None:
        return read
    if not key:
        return remembered
    frames = [pl.DataFrame(pl.from_arrow(each)) for each in (remembered, read)]
    new = frames[1].join(frames[0], on=key, how="anti", maintain_order="left", nulls_equal=True)
    return pl.concat([frames[0], new], how="diagonal_relaxed").to_arrow()
