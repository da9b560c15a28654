"""Nights of practices whose patients have generated histories, through the very steps of the source zone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from central_zone import keys
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.policy import Practice
from simulator.simulate import HISTORIES_NAME, simulate
from source_zone.release import Release, prepare
from source_zone.release_practice import decide_practice, pull_practice, seal_practice, shred_practice
from source_zone.uphold_opt_outs import uphold_practice
from support.books import WHO, Books, as_upheld
from support.centre_lived import Centre
from support.slow_decisions import SlowPractice
from support.source_zone import SourceZone, a_practice
from support.tokens_again import SourceKey, StoreKey

# One block, see simulator.histories.company: two practices of one supplier, and one each of those to which people moved.
FORMATS = ("emis_csv", "emis_csv", "medicus_csv", "tpp_csv")
DELIVERED = (
    "delta",
    "snapshot",
    "recon",
)  # kinds of extracts that suppliers deliver, as against what we ask for or tell


@dataclass(slots=True)
class HistoriesLived:
    """By night: what had to be decided of each registration, what was, and whose records were sealed."""

    zone: SourceZone
    formats: dict[str, str] = field(default_factory=dict)  # practice -> format
    expected: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)
    decided: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)
    slow: dict[str, SlowPractice] = field(default_factory=dict, repr=False)
    opted_out_slowly: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)
    sealed: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)  # practice_code, token
    books: Books = field(default_factory=Books, repr=False)
    centre: Centre | None = None
    in_any_table: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)  # as Centre says it
    today: dict[int, pl.DataFrame] = field(default_factory=dict, repr=False)

    def folder(self, practice: str) -> Path:
        return self.zone.settings.incoming / self.formats[practice] / practice

    def release(self, practice: str, run: str) -> Release:
        folder = self.folder(practice)
        return prepare("gpdpr", self.practice(practice), run, self.zone.settings, folder=folder)

    def practice(self, code: str) -> Practice:
        return a_practice(code, self.formats[code])

    def central_zone(self) -> Centre:
        if self.centre is None:
            raise ValueError("These nights have no central zone.")
        return self.centre

    def tokens(self) -> pl.DataFrame:
        """Of every registration on any sheet, the tokens of it and of its person, all made a second time."""
        every = pl.concat([each.select(*WHO, "person") for each in self.expected.values()]).unique()
        source = SourceKey(self.zone.settings.keys)
        store = StoreKey(self.zone.settings.keys.parent / "central")
        made = [source.token(practice, local_id) for practice, local_id, _ in every.iter_rows()]
        people = [source.person(self._number(*row[:2])) if row[2] >= 0 else None for row in every.iter_rows()]
        stored = [store.token(each) if each else None for each in people]
        return every.with_columns(
            source_token=pl.Series(made),
            store_token=pl.Series([store.token(token) for token in made]),
            person_source=pl.Series(people, dtype=pl.Binary),
            person_store=pl.Series(stored, dtype=pl.Binary),
            person_project=pl.Series([store.project(each) if each else None for each in stored], dtype=pl.Binary),
        )

    def _number(self, practice: str, local_id: str) -> str:
        """As a slow reading of the files found it."""
        return (self.slow[practice].people[local_id][-1].nhs_number or "").replace(" ", "")


def sealed_on(lived: HistoriesLived, night: int) -> pl.DataFrame:
    """practice_code, token: the registrations that any record of a night's parcels is of, by the source's token."""
    central = lived.zone.settings.keys.parent / "central"
    found = []
    for path in sorted(lived.zone.settings.outbox.glob("*/manifest.json")):
        manifest = read_signed_manifest(path.parent, central)
        if manifest.extract_kind in DELIVERED and manifest.extract_taken_at.startswith(f"{taken_on(night):%Y-%m-%d}"):
            opened = opened_rows(path.parent, manifest, keys.recipient_key(central))
            tokens = _tokens(table for _, table in opened)
            found.append(tokens.select(pl.lit(manifest.practice_code).alias("practice_code"), "token"))
    return pl.concat(found)


def taken_on(night: int) -> datetime:
    """When the night's extracts were taken."""
    return datetime(2026, 9, 1, 1) + timedelta(days=night)


def a_block(number: int) -> dict[int, str]:
    """The numbers of the practices of a block, counted from 0, and their formats."""
    return {len(FORMATS) * number + place: format for place, format in enumerate(FORMATS, 1)}


def simulate_night(lived: HistoriesLived, night: int, *, practices: dict[int, str], **size: int) -> int:
    """Writes a night's deliveries of the practices, each in its format, and takes in the answer sheets. Returns the rows."""
    sheets, rows = [], 0
    for format in dict.fromkeys(practices.values()):
        out, numbers = lived.zone.settings.incoming / format, [each for each in practices if practices[each] == format]
        said = simulate(
            out,
            format=format,
            first_practice=numbers[0],
            practices=len(numbers),
            night=night,
            histories=True,
            entries_per_patient=0,
            **size,
        )
        rows += said["rows"]
        sheets.append(pl.read_parquet(out / HISTORIES_NAME.format(night)))
        lived.formats |= dict.fromkeys(sheets[-1]["practice_code"].unique().sort().to_list(), format)
    lived.expected[night] = as_upheld(_spelt_once(pl.concat(sheets)), lived.expected.get(night - 1))
    lived.books.keep(lived.expected[night], night)
    return rows


def release_night(lived: HistoriesLived, night: int) -> None:
    """Every step of the source, practice by practice."""
    lived.decided[night] = _spelt_once(pl.concat([_released(lived, each, night) for each in lived.formats]))
    lived.sealed[night] = sealed_on(lived, night)


def uphold_night(lived: HistoriesLived, night: int) -> None:
    """The night's parcels are loaded; opt-outs are upheld, people erased, and whoever is back is loaded too."""
    centre = lived.central_zone()
    centre.load()
    for code in lived.formats:
        uphold_practice(lived.release(code, f"uphold-{night}"))
    centre.take_notices()
    centre.load()
    lived.in_any_table[night], lived.today[night] = centre.in_any_table(), centre.today()


def read_slowly(lived: HistoriesLived, night: int) -> None:
    """What the slow rule says of a night, reading the suppliers' files itself. Nights must come in order."""
    taken = taken_on(night)
    rows = []
    for practice, format in lived.formats.items():
        slow = lived.slow.setdefault(practice, SlowPractice(format, lived.folder(practice)))
        rows += [(practice, local_id) for local_id in slow.opted_out_on(taken)]
    lived.opted_out_slowly[night] = pl.DataFrame(rows, schema=WHO, orient="row")


def _released(lived: HistoriesLived, code: str, night: int) -> pl.DataFrame:
    release = lived.release(code, f"night-{night}")
    try:
        pull_practice(release)
        decide_practice(release)
        decided = _roster(release)
        seal_practice(release)
    finally:
        shred_practice(release)
    return decided.with_columns(practice_code=pl.lit(code))


def _roster(release: Release) -> pl.DataFrame:
    """What was decided of each registration, as the sheet says it."""
    run_spool = release.spool()
    (extract,) = run_spool.read_note("extracts")["ids"]
    roster = pl.DataFrame(pl.from_arrow(run_spool.read_table(f"roster-{extract}")))
    return roster.select(
        pl.col("registration_id").alias("local_id"), pl.col("reason").fill_null("may_leave").alias("decision")
    )


def _spelt_once(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("local_id").str.strip_chars("{}").str.to_uppercase())


def _tokens(tables: Iterable[pa.Table]) -> pl.DataFrame:
    columns = [table["registration_token"] for table in tables if "registration_token" in table.column_names]
    every = pa.chunked_array([chunk.cast(pa.binary()) for column in columns for chunk in column.chunks], pa.binary())
    return pl.DataFrame({"token": pl.Series(every)}).drop_nulls().unique()
