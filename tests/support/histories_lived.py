"""Nights of practices whose patients have generated histories, through the very steps of the source zone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from central_zone import keys
from central_zone.receive import opened_rows, read_signed_manifest
from simulator.simulate import HISTORIES_NAME, simulate
from source_zone.release import Release, prepare
from source_zone.release_practice import decide_practice, pull_practice, seal_practice, shred_practice
from support.slow_decisions import SlowPractice
from support.source_zone import SourceZone, a_practice
from support.tokens_again import SourceKey, StoreKey

# One block, see simulator.histories.company: two practices of one supplier, and one each of those to which people moved.
FORMATS = ("emis_csv", "emis_csv", "medicus_csv", "tpp_csv")
WHO = ["practice_code", "local_id"]
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

    def folder(self, practice: str) -> Path:
        return self.zone.settings.incoming / self.formats[practice] / practice

    def tokens(self) -> pl.DataFrame:
        """Of every registration on any sheet, the token the source makes of it and the store's own, made a second time."""
        every = pl.concat([each.select(WHO) for each in self.expected.values()]).unique()
        source, central = self.zone.settings.keys, self.zone.settings.keys.parent / "central"
        keys_of = SourceKey(source), StoreKey(central)
        made = [keys_of[0].token(practice, local_id) for practice, local_id in every.iter_rows()]
        again = [keys_of[1].token(token) for token in made]
        return every.with_columns(source_token=pl.Series(made), store_token=pl.Series(again))

    def sealed(self, night: int) -> pl.DataFrame:
        """practice_code, token: the registrations that any record of a night's parcels is of, by the source's token."""
        central = self.zone.settings.keys.parent / "central"
        found = []
        for path in sorted(self.zone.settings.outbox.glob("*/manifest.json")):
            manifest = read_signed_manifest(path.parent, central)
            if manifest.extract_kind in DELIVERED and manifest.extract_taken_at.startswith(
                f"{taken_on(night):%Y-%m-%d}"
            ):
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
    lived.expected[night] = _spelt_once(pl.concat(sheets))
    return rows


def release_night(lived: HistoriesLived, night: int) -> None:
    """Every step of the source, practice by practice."""
    lived.decided[night] = _spelt_once(pl.concat([_released(lived, each, night) for each in lived.formats]))


def read_slowly(lived: HistoriesLived, night: int) -> None:
    """What the slow rule says of a night, reading the suppliers' files itself. Nights must come in order."""
    taken = taken_on(night)
    rows = []
    for practice, format in lived.formats.items():
        slow = lived.slow.setdefault(practice, SlowPractice(format, lived.folder(practice)))
        rows += [(practice, local_id) for local_id in slow.opted_out_on(taken)]
    lived.opted_out_slowly[night] = pl.DataFrame(rows, schema=WHO, orient="row")


def _released(lived: HistoriesLived, code: str, night: int) -> pl.DataFrame:
    practice = a_practice(code, lived.formats[code])
    release = prepare("gpdpr", practice, f"night-{night}", lived.zone.settings, folder=lived.folder(code))
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
