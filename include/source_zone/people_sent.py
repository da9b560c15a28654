"""Of whom records have left, and of whom some never did: what a later opt-out, or a change of mind, rests on.

Two tables of a practice's memory, registrations as a token is made of them. Whoever is in `held` has had rows held back, or
erased, and is held back until all there is of them has been read again: rows of today beside a history with a hole in it
would look like a whole record.
"""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl
import pyarrow as pa

from source_zone.canonical_forms import spelling, spelt_once
from source_zone.memory import Memory
from source_zone.opt_outs import ROSTER

AWAITS_WHOLE_RECORD = "awaits_whole_record"  # the reason to stay until the whole record leaves
_IDS = pa.schema([("registration_id", pa.string())])
_SPELT_ONCE = spelling("registration_id")


def sent(memory: Memory) -> frozenset[str]:
    """Whose records may have left and were not erased. A memory of before we kept this: everybody it knows, if any left."""
    if "sent" not in memory.tables and memory.sequence:
        known = memory.tables["patients"].column("registration_id").to_pylist()
        return frozenset(spelt_once(each) for each in known if each)
    return _ids(memory, "sent")


def held(memory: Memory) -> frozenset[str]:
    """Of whom something was held back or erased, and who have not been sent whole since."""
    return _ids(memory, "held")


def with_people(memory: Memory, *, sent: Iterable[str], held: Iterable[str]) -> Memory:
    """The memory with these in place of what it had."""
    tables = {**memory.tables, "sent": _table(sent), "held": _table(held)}
    return replace(memory, tables=tables)


def after_leaving(before: Memory, moved_on: Memory, roster: pa.Table) -> Memory:
    """The memory after a parcel left under this roster: who may have been in it, and who was held back from it."""
    decided = pl.DataFrame(pl.from_arrow(roster)).with_columns(_SPELT_ONCE.alias("spelt"))
    free = frozenset(decided.filter(pl.col("reason").is_null())["spelt"])
    stay = frozenset(decided.filter(pl.col("reason").is_not_null())["spelt"])
    return with_people(moved_on, sent=sent(before) | free, held=(held(before) | stay) - free)


def may_leave(roster: pa.Table) -> frozenset[str]:
    """The registrations of a roster that no reason holds back."""
    return frozenset(
        pl.DataFrame(pl.from_arrow(roster)).filter(pl.col("reason").is_null()).select(_SPELT_ONCE)["registration_id"]
    )


def held_until_whole(roster: pa.Table, held: frozenset[str]) -> pa.Table:
    """The roster, with those kept back of whom something was held back before. Columns as in opt_outs.ROSTER."""
    if not held:
        return roster
    waits = pl.when(pl.col("reason").is_null() & _SPELT_ONCE.is_in(list(held))).then(pl.lit(AWAITS_WHOLE_RECORD))
    decided = pl.DataFrame(pl.from_arrow(roster)).with_columns(pl.coalesce("reason", waits).alias("reason"))
    return decided.to_arrow().cast(ROSTER)


def _ids(memory: Memory, table: str) -> frozenset[str]:
    return frozenset(memory.tables[table].column(0).to_pylist()) if table in memory.tables else frozenset()


def _table(ids: Iterable[str]) -> pa.Table:
    return pa.table({"registration_id": sorted(ids)}, schema=_IDS)
