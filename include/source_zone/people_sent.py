"""Of whom records have left, and of whom they were erased since: what a later opt-out, or a change of mind, rests on.

Two tables of a practice's memory, registrations as a token is made of them. Whoever is in `erased` is held back until all
there is of them has been read again: rows of today beside a history that is gone would look like a whole record.
"""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl
import pyarrow as pa

from source_zone.memory import Memory
from source_zone.opt_outs import ROSTER, spelt_once

OPTED_IN_AGAIN = "opted_in_again"  # the reason to stay until the whole record leaves
_IDS = pa.schema([("registration_id", pa.string())])


def sent(memory: Memory) -> frozenset[str]:
    """Whose records may have left and were not erased. A memory of before we kept this: everybody it knows, if any left."""
    if "sent" not in memory.tables and memory.sequence:
        known = memory.tables["patients"].column("registration_id").to_pylist()
        return frozenset(spelt_once(each) for each in known if each)
    return _ids(memory, "sent")


def erased(memory: Memory) -> frozenset[str]:
    """Whose erasure was asked for, and who have not been sent whole since."""
    return _ids(memory, "erased")


def with_people(memory: Memory, *, sent: Iterable[str], erased: Iterable[str]) -> Memory:
    """The memory with these in place of what it had."""
    tables = {**memory.tables, "sent": _table(sent), "erased": _table(erased)}
    return replace(memory, tables=tables)


def may_leave(roster: pa.Table) -> frozenset[str]:
    """The registrations of a roster that no reason holds back."""
    free = pl.DataFrame(pl.from_arrow(roster)).filter(pl.col("reason").is_null())
    return frozenset(spelt_once(each) for each in free["registration_id"])


def held_until_whole(roster: pa.Table, erased: frozenset[str]) -> pa.Table:
    """The roster, with those who opted in again kept back. Columns as in opt_outs.ROSTER."""
    if not erased:
        return roster
    who = pl.col("registration_id").str.strip_chars("{} ").str.to_uppercase()
    waits = pl.when(pl.col("reason").is_null() & who.is_in(list(erased))).then(pl.lit(OPTED_IN_AGAIN))
    decided = pl.DataFrame(pl.from_arrow(roster)).with_columns(pl.coalesce("reason", waits).alias("reason"))
    return decided.to_arrow().cast(ROSTER)


def _ids(memory: Memory, table: str) -> frozenset[str]:
    return frozenset(memory.tables[table].column(0).to_pylist()) if table in memory.tables else frozenset()


def _table(ids: Iterable[str]) -> pa.Table:
    return pa.table({"registration_id": sorted(ids)}, schema=_IDS)
