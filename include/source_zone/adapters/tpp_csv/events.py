"""The tables about what happened to patients, one after the other: whose each row is, what it says, what was removed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from source_zone.adapters.tpp_csv import medication as tpp_medication
from source_zone.adapters.tpp_csv import tables as tpp_tables
from source_zone.adapters.tpp_csv.kept import is_removed
from source_zone.adapters.tpp_csv.late_codes import LateCodes
from source_zone.adapters.tpp_csv.ownership import VISIBLE_TO_ANOTHER, Ownership
from source_zone.adapters.tpp_csv.reading import batch
from source_zone.adapters.tpp_csv.records import Records
from source_zone.adapters.tpp_csv.tables import Known, Mapping
from source_zone.code_forms import any_of, distinct_cells, forms
from source_zone.identified import IdentifiedBatch, ReadTally


@dataclass(frozen=True, slots=True)
class EventTable:
    """What a table of TPP becomes, and whether its codes need the dictionary, which may come later."""

    canonical: str
    mapping: Mapping
    has_dictionary_codes: bool = False


# Entries before the problems that are about them.
_TABLES = {
    "SREvent": EventTable("encounter", tpp_tables.encounters),
    "SRCode": EventTable("observation", tpp_tables.observations, has_dictionary_codes=True),
    "SRImmunisation": EventTable("immunisation", tpp_tables.immunisations, has_dictionary_codes=True),
    "SRDrugSensitivity": EventTable("allergy", tpp_tables.allergies, has_dictionary_codes=True),
    "SRProblem": EventTable("problem", tpp_tables.problems, has_dictionary_codes=True),
    "SRReferralOut": EventTable("referral", tpp_tables.referrals, has_dictionary_codes=True),
    "SRRecall": EventTable("recall", tpp_tables.recalls),
    "SRRepeatTemplate": EventTable("medication", tpp_medication.authorisations),
    "SRPrimaryCareMedication": EventTable("medication", tpp_medication.issues),
    "SRAppointment": EventTable("appointment", tpp_tables.appointments),
}


@dataclass(slots=True)
class Events:
    """Reads the event tables of one extract."""

    known: Known
    ownership: Ownership
    tally: ReadTally
    remembered: dict[str, pa.Table] = field(repr=False)
    dissent_codes: frozenset[str]

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(_TABLES)

    def read(
        self, name: str, columns: tuple[str, ...], parts: Iterable[pl.DataFrame], *, whole: bool
    ) -> Iterator[IdentifiedBatch]:
        """Rows that had waited for their codes first, then the extract's own, then what it removes."""
        table = _TABLES[name]
        records = Records(self._earlier(_records(name)))
        # A full load brings what waits once more; what it does not bring is gone.
        late = LateCodes(None if whole else self._earlier(_waiting(name)), columns)
        mapped = self._mapped(table)
        if table.has_dictionary_codes:
            yield from _told(table, late.now_known(mapped))
        for rows in parts:
            own, theirs = self.ownership.divided(rows)
            if theirs.height:
                yield from _told(table, self._objections_in(theirs, mapped))
            live = _without_removed(own, records, late)
            records.saw(live)
            told = mapped(live)
            if table.has_dictionary_codes:
                late.look_at(live, told)
            yield from _told(table, told)
        yield from _told(table, _removals(name, records.removals(whole=whole)))
        self._remember(_records(name), records.standing(whole=whole), "record")
        if table.has_dictionary_codes:
            self._remember(_waiting(name), late.still_waiting(), "RowIdentifier")

    def _objections_in(self, theirs: pl.DataFrame, mapped: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """Of the rows of other organisations' extracts those with a dissent, which counts wherever it is written.

        They do not travel, and never take the place of a row of our own. The others are counted, and left.
        """
        told = mapped(theirs.filter(~is_removed()))
        (dissents,) = distinct_cells(told, dissents=lambda cell: bool(forms(cell) & self.dissent_codes))
        found = told.filter(any_of(dissents))
        self.tally.not_collected[VISIBLE_TO_ANOTHER] += theirs.height - found.height
        return found.with_columns(
            pl.concat_str("record_id", pl.lit(f"|{VISIBLE_TO_ANOTHER}")).alias("record_id"),
            pl.lit(VISIBLE_TO_ANOTHER).alias("fault"),
        )

    def _mapped(self, table: EventTable) -> Callable[[pl.DataFrame], pl.DataFrame]:
        return lambda rows: table.mapping(self.ownership.with_fault(rows), self.known)

    def _earlier(self, name: str) -> pa.Table | None:
        return self.tally.remembered.get(name, self.remembered.get(name))

    def _remember(self, name: str, table: pa.Table, key: str) -> None:
        self.tally.remembered[name] = table
        self.tally.told_apart_by[name] = (key,)


def _records(table: str) -> str:
    return f"records_{table}"


def _waiting(table: str) -> str:
    return f"waiting_{table}"


def _without_removed(rows: pl.DataFrame, records: Records, late: LateCodes) -> pl.DataFrame:
    flags = rows.select(is_removed()).to_series()
    if not flags.any():
        return rows
    gone = rows.filter(flags)
    records.removed(gone)
    late.forget(gone)
    return rows.filter(~flags)


def _removals(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """A removal says which record of whom, and nothing else."""
    return rows.select(
        pl.concat_str(pl.lit(f"{name}/"), pl.col("record").cast(pl.String)).alias("record_id"),
        pl.concat_str(pl.lit("SRPatient/"), pl.col("patient").cast(pl.String)).alias("registration_id"),
        pl.lit(True).alias("is_deleted"),
        pl.lit(False).alias("is_confidential"),
    )


def _told(table: EventTable, rows: pl.DataFrame | None) -> Iterator[IdentifiedBatch]:
    if rows is not None and rows.height:
        yield batch(table.canonical, rows)
