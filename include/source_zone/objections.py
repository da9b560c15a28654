"""Finding objections in a stream of rows: every entry that is, was or may have been a dissent or a withdrawal.

A dissent counts wherever it is written. A withdrawal counts only where it is beyond doubt: a sound, live entry of the
patient's own record. So whatever goes wrong with an entry, nobody leaves because of it.
"""

from collections.abc import Iterable

import polars as pl
import pyarrow as pa

from source_zone.code_forms import any_of, distinct_cells, forms
from source_zone.identified import IdentifiedBatch

DISSENT = "dissent"
WITHDRAWAL = "withdrawal"
AMENDED = "none"  # the record held a consent code once and now soundly says something else

CONSENTS = pa.schema(
    [
        ("registration_id", pa.string()),
        ("record_id", pa.string()),
        ("meaning", pa.string()),
        ("effective_date", pa.date32()),
        ("effective_date_precision", pa.string()),
        ("recorded_at", pa.timestamp("us")),
        ("is_deleted", pa.bool_()),
    ]
)
_OWN_RECORD = ("observation", "immunisation", "allergy")  # tables whose rows carry the code of their own record


class Objections:
    """Looks at every coded table as it streams by."""

    def __init__(self, consent_codes: dict[str, str], remembered: pa.Table) -> None:
        self._dissent = frozenset(code for code, meaning in consent_codes.items() if meaning == DISSENT)
        self._withdrawal = frozenset(code for code, meaning in consent_codes.items() if meaning == WITHDRAWAL)
        self._known = set(remembered.column("record_id").to_pylist()) - {None}
        self._found: list[pa.Table] = []

    def look_at(self, table: str, rows: pa.RecordBatch) -> None:
        if "snomed_concept_id" not in rows.schema.names:
            return
        frame = pl.DataFrame(pl.from_arrow(rows))
        kept = frame.with_columns(self._meaning(table, frame).alias("meaning")).filter(pl.col("meaning").is_not_null())
        if kept.height:
            if table not in _OWN_RECORD:  # a referral has the id of its entry, and is not lifted by what that says
                kept = kept.with_columns(pl.concat_str(pl.lit(f"{table}|"), pl.col("record_id")).alias("record_id"))
            found = kept.select(CONSENTS.names).to_arrow().cast(CONSENTS)
            self._known.update(each for each in found.column("record_id").to_pylist() if each is not None)
            self._found.append(found)

    def _meaning(self, table: str, rows: pl.DataFrame) -> pl.Expr:
        """Dissent first: an entry that says both, in two code systems, is a dissent."""
        says_no = any_of(distinct_cells(rows, lambda cell: bool(forms(cell) & self._dissent)))
        says_yes = any_of(
            distinct_cells(rows, lambda cell: cell.strip() in self._withdrawal or _is_read(cell, self._withdrawal))
        )
        deleted = pl.col("is_deleted").fill_null(False)
        sound = ~deleted & pl.col("fault").is_null()
        own_words = sound & pl.lit(table == "observation")
        if "observation_type" in rows.columns:
            own_words &= (pl.col("observation_type") != "family_history").fill_null(True)
        ended = pl.col("record_id").is_in(list(self._known)) & (deleted | sound) & pl.lit(table in _OWN_RECORD)
        return (
            pl.when(says_no)
            .then(pl.lit(DISSENT))
            .when(says_yes & own_words)
            .then(pl.lit(WITHDRAWAL))
            .when(ended & ~(says_yes & ~own_words))
            .then(pl.lit(AMENDED))
        )

    def found(self) -> pa.Table:
        """In order of arrival; columns as in CONSENTS."""
        return pa.concat_tables([CONSENTS.empty_table(), *self._found])


def _is_read(cell: str, codes: frozenset[str]) -> bool:
    """A withdrawal in Read with or without its term id, but not one of its children."""
    stem = cell.strip().split("-")[0]
    return len(stem) <= 7 and stem[:5].ljust(5, ".") in codes


def objections_in(batches: Iterable[IdentifiedBatch], consent_codes: dict[str, str], remembered: pa.Table) -> pa.Table:
    """All objections of one extract, read for nothing else."""
    objections = Objections(consent_codes, remembered)
    for batch in batches:
        objections.look_at(batch.table, batch.rows)
    return objections.found()
