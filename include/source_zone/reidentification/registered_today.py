"""Whom a practice treats today, by the last that is known of it, under the tokens that its parcels carry.

Whoever left, died, moved elsewhere or objects is not among them: their practice is not told, and the centre never hears why.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from crossing.case_file import Asked
from crossing.case_request import CaseRefused
from source_zone import identified
from source_zone.identifier import Identifier, nhs_number_in
from source_zone.keys import SourceKeys
from source_zone.memory import Memory
from source_zone.pseudonymise import tokens_of_people
from source_zone.release import Release
from source_zone.roster import people
from source_zone.uphold_opt_outs import standing

NOT_HERE, ANOTHER_PERSON = "not_at_this_practice", "another_person_by_now"
_LEFT, _DIED, _NOT_YET = "left_the_practice", "died", "not_registered_yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One of them, for their practice."""

    reference: int
    local_id: Identifier = field(repr=False)
    nhs_number: Identifier | None = field(repr=False)  # none where the supplier made the tokens itself


@dataclass(frozen=True, slots=True)
class Answer:
    """Who was asked about and is a patient of the practice today; of the others, how many and why. The repr shows counts."""

    patients: list[Patient] = field(repr=False)
    not_told: Counter[str]


def answer(release: Release, asked: Iterable[Asked], keys_of: dict[str, SourceKeys], now: datetime) -> Answer:
    """Matches by both tokens: the registration that the centre knows, and the person who it was and still is."""
    memory = release.memory_file().read()
    _check_is_of_today(release, memory, now)
    known = {name: _by_registration(release, memory, keys, now.date()) for name, keys in keys_of.items()}
    told: dict[int, Patient] = {}
    reasons: dict[int, str] = {}
    for each in asked:
        row = known[each.token_key].get(each.registration)
        reason = NOT_HERE if row is None else ANOTHER_PERSON if row["patient"] != each.patient else row["reason"]
        if row is None or reason:
            reasons.setdefault(each.reference, reason)
        else:
            told[each.reference] = _patient(each.reference, row)
    patients = [told[reference] for reference in sorted(told)]
    return Answer(patients, Counter(reason for reference, reason in reasons.items() if reference not in told))


def _patient(reference: int, row: dict[str, Any]) -> Patient:
    local_id = Identifier(row["registration_id"])
    return Patient(reference=reference, local_id=local_id, nhs_number=nhs_number_in(row["nhs_number"]))


def _check_is_of_today(release: Release, memory: Memory, now: datetime) -> None:
    """Opt-outs and lists that are too old to release records by are too old to tell a practice by."""
    days = release.rules.collection.opt_out_source.stale_after_days
    taken = memory.taken_until_instant()
    if taken is None or now - taken > timedelta(days=days):
        raise CaseRefused(
            "list_is_old",
            f"{release.practice.practice_code}: nothing was taken of it for more than {days} days, so nobody knows who is "
            "registered there today. Collect it, then try again.",
        )


def _by_registration(release: Release, memory: Memory, keys: SourceKeys, today: date) -> dict[bytes, dict[str, Any]]:
    """Every registration that is known, by its token; `reason` is None for whoever may be told of."""
    versions = memory.tables.get("patients", identified.schema("patient").empty_table())
    known = pl.DataFrame(pl.from_arrow(people(versions)))
    tokens = tokens_of_people(known, release.practice.practice_code, keys)
    roster = pl.DataFrame(pl.from_arrow(standing(release, memory).roster)).select(
        "registration_id", pl.col("reason").alias("stays")
    )
    named = known.join(roster, on="registration_id", how="left", maintain_order="left")
    rows = named.select("registration_id", "nhs_number", pl.coalesce(_not_treated(today), "stays").alias("reason"))
    pairs = zip(
        tokens["registration_token"].to_pylist(), tokens["patient_token"].to_pylist(), rows.to_dicts(), strict=True
    )
    return {registration: {**row, "patient": patient} for registration, patient, row in pairs}


def _not_treated(today: date) -> pl.Expr:
    return pl.coalesce(
        _if(pl.col("date_of_death").is_not_null(), _DIED),
        _if(pl.col("registration_end_date") <= today, _LEFT),
        _if(pl.col("registered_date") > today, _NOT_YET),
    )


def _if(condition: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason))
