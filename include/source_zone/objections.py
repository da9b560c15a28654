"""Finding objections in a stream of rows: every entry that is, was or may have been a dissent or a withdrawal.

A dissent counts wherever it is written. A withdrawal counts only where it is beyond doubt: a sound, live entry of the
patient's own record, and the last word on that entry. So whatever goes wrong with an entry, nobody leaves because of it.
"""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import polars as pl
import pyarrow as pa

from source_zone.code_forms import any_of, distinct_cells, forms
from source_zone.consent_codes import DISSENT, RETIRED, WITHDRAWAL, ConsentCodes
from source_zone.identified import UNREADABLE_DATE, UNREADABLE_FLAG, IdentifiedBatch

AMENDED = "none"  # the record held a consent code once and now soundly says something else
DOUBTFUL = "doubtful"  # it held one once, and what it says now cannot be relied on: ends a withdrawal, and no dissent

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

    def __init__(self, codes: ConsentCodes, remembered: pa.Table) -> None:
        self._dissent = frozenset(code for code, meaning in codes.obeyed.items() if meaning == DISSENT)
        self._withdrawal = frozenset(code for code, meaning in codes.obeyed.items() if meaning == WITHDRAWAL)
        self._retired = [
            frozenset(code for code, meaning in codes.retired.items() if meaning == what) for what in RETIRED
        ]
        self._known = set(remembered.column("record_id").to_pylist()) - {None}
        self._found: list[pa.Table] = []
        # What the outcome and the checks of this source say of it.
        self.retired: Counter[str] = Counter()  # live entries with a code that is not obeyed any more, by what it said
        self.read = 0  # entries with a code of an objection
        self.unreadable = 0  # of these, with a date or a flag that cannot be read

    def look_at(self, table: str, rows: pa.RecordBatch) -> None:
        if "snomed_concept_id" not in rows.schema.names:
            return
        frame = self._with_what_it_says(pl.DataFrame(pl.from_arrow(rows)))
        # Also what stands in this very batch: whether a later line of a record counts must not hang on how lines are bundled.
        spoken = frame.filter(pl.col("says_no") | pl.col("says_yes"))
        known = self._known.union(spoken["record_id"].drop_nulls().to_list() if table in _OWN_RECORD else ())
        self.read += spoken.height
        self.unreadable += spoken.filter(pl.col("fault").is_in((UNREADABLE_DATE, UNREADABLE_FLAG))).height
        kept = frame.with_columns(_meaning(table, frame, known)).filter(pl.col("meaning").is_not_null())
        if kept.height:
            if table not in _OWN_RECORD:  # a referral has the id of its entry, and is not lifted by what that says
                kept = kept.with_columns(pl.concat_str(pl.lit(f"{table}|"), pl.col("record_id")).alias("record_id"))
            found = kept.select(CONSENTS.names).to_arrow().cast(CONSENTS)
            self._known.update(each for each in found.column("record_id").to_pylist() if each is not None)
            self._found.append(found)

    def _with_what_it_says(self, rows: pl.DataFrame) -> pl.DataFrame:
        no, yes, *retired = distinct_cells(
            rows,
            no=lambda cell: bool(forms(cell) & self._dissent),
            yes=lambda cell: cell.strip() in self._withdrawal or _is_read(cell, self._withdrawal),
            retired_no=lambda cell: bool(forms(cell) & self._retired[0]),
            retired_yes=lambda cell: bool(forms(cell) & self._retired[1]),
        )
        for what, cells in zip(RETIRED, retired, strict=True):
            if any(cells.values()):
                self.retired[what] += rows.filter(any_of(cells) & ~pl.col("is_deleted").fill_null(False)).height
        return rows.with_columns(any_of(no).alias("says_no"), any_of(yes).alias("says_yes"))

    def found(self) -> pa.Table:
        """In order of arrival; columns as in CONSENTS."""
        return pa.concat_tables([CONSENTS.empty_table(), *self._found])


def _meaning(table: str, rows: pl.DataFrame, known: AbstractSet[str]) -> pl.Expr:
    """Dissent first: an entry that says both, in two code systems, is a dissent. Then what becomes of one known before."""
    deleted = pl.col("is_deleted").fill_null(False)
    sound = ~deleted & pl.col("fault").is_null()
    own_words = sound & pl.lit(table == "observation")
    if "observation_type" in rows.columns:
        own_words &= (pl.col("observation_type") != "family_history").fill_null(True)
    known_before = pl.col("record_id").is_in(list(known)) & pl.lit(table in _OWN_RECORD)
    return (
        pl.when(pl.col("says_no"))
        .then(pl.lit(DISSENT))
        .when(pl.col("says_yes") & own_words)
        .then(pl.lit(WITHDRAWAL))
        .when(known_before & (deleted | (sound & ~pl.col("says_yes"))))
        .then(pl.lit(AMENDED))
        .when(known_before)
        .then(pl.lit(DOUBTFUL))
        .alias("meaning")
    )


def _is_read(cell: str, codes: frozenset[str]) -> bool:
    """A withdrawal in Read with or without its term id, but not one of its children."""
    stem = cell.strip().split("-")[0]
    return len(stem) <= 7 and stem[:5].ljust(5, ".") in codes


def objections_in(batches: Iterable[IdentifiedBatch], codes: ConsentCodes, remembered: pa.Table) -> pa.Table:
    """All objections of one extract, read for nothing else."""
    objections = Objections(codes, remembered)
    for batch in batches:
        objections.look_at(batch.table, batch.rows)
    return objections.found()
