"""One extract from the spool to drafts: minimised, generalised, pseudonymised, every row accounted for."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from crossing.accounting import Counts, check_counts_close
from crossing.canonical import TABLES
from crossing.faultpoint import faultpoint
from crossing.identifiers import canonical_nhs_number
from source_zone.background import Background
from source_zone.canonical_forms import check_told_apart
from source_zone.generalise import generalise
from source_zone.identifying_numbers import IDENTIFIER_VALUED
from source_zone.ids_sent import NotedIds
from source_zone.minimise import Rules, Withheld, minimise, superseded_rows
from source_zone.pseudonymise import pseudonymise
from source_zone.pull import table_in_spool
from source_zone.release import Release
from source_zone.roster import held_by_reason, taken_on
from source_zone.seal import Drafts
from source_zone.spool import Spool


@dataclass(slots=True)
class Drafted:
    """An extract as drafts, with what became of its rows."""

    extract_id: str
    drafts: Drafts = field(repr=False)
    ids: NotedIds = field(repr=False)
    counts: Counts = field(default_factory=Counts)


def draft_extract(release: Release, run_spool: Spool, extract_id: str, roster: pa.Table, withheld: Withheld) -> Drafted:
    with Background() as background:
        drafts = Drafts(run_spool, extract_id, background)
        made = Drafted(extract_id, drafts, NotedIds(run_spool, extract_id, background))
        _draft_tables(release, run_spool, roster, withheld, made)
        made.ids.end()
    note = run_spool.read_note(f"read-{extract_id}")
    made.counts.reference_rows = Counter(note["reference_rows"])
    made.counts.not_collected = Counter(note["not_collected"])
    made.counts.retired_objections = Counter(note["retired_objections"])
    made.counts.patients_held_back = Counter(held_by_reason(roster))
    made.counts.patients_may_leave = roster.num_rows - made.counts.patients_held_back.total()
    check_counts_close(made.counts.as_dict())
    faultpoint("pseudonymise.extract_drafted")
    return made


def _draft_tables(release: Release, run_spool: Spool, roster: pa.Table, withheld: Withheld, made: Drafted) -> None:
    rules = Rules(
        restricted_codes=release.rules.codes.restricted,
        identifier_valued=release.rules.codes.identifier_valued,
        code_shapes=release.rules.generalisations.code_shapes,
        look_back_from=release.rules.look_back_from(taken_on(run_spool, made.extract_id)),
        own_identifiers=_own_identifiers(run_spool),
    )
    known = pl.DataFrame(pl.from_arrow(roster))
    check_told_apart(known["registration_id"], f"{release.practice.practice_code}, patients known")
    for table in TABLES:
        _draft_table(release, run_spool, table, made, known, rules, withheld)


def _draft_table(
    release: Release, run_spool: Spool, table: str, made: Drafted, known: pl.DataFrame, rules: Rules, withheld: Withheld
) -> None:
    name = table_in_spool(made.extract_id, table)
    total = made.counts.of(table)
    ids = pl.Series(pl.from_arrow(run_spool.read_table(name, ["record_id"]).column(0)))
    check_told_apart(ids, f"{release.practice.practice_code}, extract {made.extract_id}, {table}")
    superseded = superseded_rows(ids)
    for rows in run_spool.batches(name):
        part = superseded.slice(total.read, rows.num_rows)
        kept, counts = minimise(table, rows, part, known, rules, withheld)
        total.add(counts)
        made.counts.generalised += Counter({IDENTIFIER_VALUED: int(kept[IDENTIFIER_VALUED].sum())})
        coarse = generalise(table, kept, release.rules.generalisations, made.counts.generalised)
        made.ids.note(table, coarse)
        made.drafts.add(table, pseudonymise(table, coarse, release.practice.practice_code, release.keys))
        release.progress(f"pseudonymise {made.extract_id}: {table} {total.read:,} rows")
    made.drafts.end_of(table)


def _own_identifiers(run_spool: Spool) -> frozenset[str]:
    """This practice's NHS numbers and postcodes, to recognise them where they do not belong."""
    patients = run_spool.read_table("patients", ["nhs_number", "postcode"])
    numbers = {canonical_nhs_number(each) for each in patients.column("nhs_number").to_pylist()}
    postcodes = {each.replace(" ", "").upper() for each in patients.column("postcode").to_pylist() if each}
    return frozenset(each for each in numbers | postcodes if each)
