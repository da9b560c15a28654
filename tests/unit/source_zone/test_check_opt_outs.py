"""A practice whose opt-outs as a whole cannot be relied on stops before anything leaves, and is where it was."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crossing.errors import PersonMustAct
from crossing.policy import OptOutSource, Policy, PolicyRefused, policy_folder
from source_zone.check_opt_outs import (
    NoOptOutsAtAll,
    OptOutsAbsent,
    OptOutsShrunk,
    OptOutsStale,
    OptOutsUnreadable,
    Seen,
    check_fresh,
    check_not_empty,
    check_not_shrunk,
    check_readable,
    check_there,
)
from source_zone.consent_codes import ListMissing
from source_zone.release_practice import release_practice
from source_zone.rules import read_rules
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, make_source_zone

NIGHTS = ("20260902010000", "20260903010000", "20260904010000")
NAMES = [f"patient {number}" for number in range(20)]
EVERYBODY = [a_patient(name) for name in NAMES]
SMALL = {  # what policy says of practices, for one of twenty patients
    "entries_expected_from_patients": 20,
    "objections_expected_from_patients": 20,
    "unreadable_at_least": 2,
    "fall_at_least": 2,
}


def say(zone_policy: Path, **values: float) -> None:
    file = zone_policy / "collections" / "gpdpr.toml"
    text = file.read_text()
    for name, value in values.items():
        text, changed = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
        assert changed == 1
    file.write_text(text)


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    say(tmp_path / "policy", **SMALL)
    return make_source_zone(tmp_path / "zone", tmp_path / "policy")


def release(zone: SourceZone, rows: Rows, night: int = 0, *, now: datetime | None = None) -> dict[str, Any]:
    write_extract(zone.deliveries, rows, NIGHTS[night])
    running = zone.release(NIGHTS[night])
    return release_practice(replace(running, clock=lambda: now) if now else running)


def approve(zone: SourceZone, extract: str) -> None:
    file = zone.settings.policy_folder / "approved_opt_outs.csv"
    file.write_text(file.read_text() + f"{PRACTICE},{extract},A Steward,2099-01-01,The practice was asked\n")


def as_it_stands(zone: SourceZone) -> dict[str, bytes]:
    """Everything that has left, and everything that is remembered."""
    folders = (zone.settings.outbox, zone.settings.memory / "gpdpr")
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path): path.read_bytes() for path in files}


def stops(zone: SourceZone, error: type[PersonMustAct], rows: Rows, night: int, **how: Any) -> str:
    before = as_it_stands(zone)
    with pytest.raises(error) as stopped:
        release(zone, rows, night, **how)
    assert as_it_stands(zone) == before
    return str(stopped.value)


def observations(*entries: dict[str, str]) -> Rows:
    return {"CareRecord_Observation": list(entries)}


def dissents(count: int, code: str = "2", **cells: str) -> list[dict[str, str]]:
    return [an_observation(name, f"no of {name}", code, **cells) for name in NAMES[:count]]


@pytest.mark.fault(
    "F25",
    injected="patients, and the table that holds opt-outs is empty",
    happened="the practice stops, nothing leaves or is remembered",
)
def test_patients_without_one_coded_entry_are_half_an_extract(zone: SourceZone) -> None:
    said = stops(zone, OptOutsAbsent, {"Admin_Patient": EVERYBODY}, 0)
    assert f"{PRACTICE}, extract {NIGHTS[0]}: 20 patients and not one coded entry" in said
    assert "entries_expected_from_patients" in said


def test_an_increment_may_well_have_no_entry(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": EVERYBODY, **observations(*dissents(1))})
    assert release(zone, {"Admin_Patient": EVERYBODY}, 1)["state"] == "released"


@pytest.mark.fault(
    "F25",
    injected="twenty patients of whom nobody ever objected",
    happened="the practice stops until a named person approves",
)
def test_a_practice_in_which_nobody_ever_objected_is_asked_first(zone: SourceZone) -> None:
    rows = {"Admin_Patient": EVERYBODY, **observations(an_observation(NAMES[0], "o"))}
    said = stops(zone, NoOptOutsAtAll, rows, 0)
    assert "20 patients are known, and nobody ever objected" in said
    assert "policy/approved_opt_outs.csv" in said
    approve(zone, "every")
    assert release(zone, rows)["patients_may_leave"] == 20
    more = observations(an_observation(NAMES[1], "more"))
    assert release(zone, more, 1)["state"] == "released"


def test_an_objection_of_an_earlier_night_is_one(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": EVERYBODY[:5], **observations(*dissents(1))})
    assert release(zone, {"Admin_Patient": EVERYBODY[5:]}, 1)["state"] == "released"


@pytest.mark.fault(
    "F25", injected="what is known of opt-outs is seven days and a second old", happened="the practice stops"
)
def test_what_is_known_of_objections_may_not_be_old(zone: SourceZone) -> None:
    say(zone.settings.policy_folder, stale_after_days=7)
    rows = {"Admin_Patient": EVERYBODY, **observations(*dissents(1))}
    said = stops(zone, OptOutsStale, rows, 0, now=datetime(2026, 9, 9, 1, 0, 1, tzinfo=UTC))
    assert "the newest extract known is 7 days old" in said
    assert "stale_after_days" in said
    assert release(zone, rows, now=datetime(2026, 9, 9, 1, tzinfo=UTC))["state"] == "released"


def test_entries_about_objections_that_cannot_be_read_stop_the_practice_where_they_are_many(zone: SourceZone) -> None:
    unreadable = [{**entry, "EffectiveDate": "2024-02-31"} for entry in dissents(2)]
    rows = {"Admin_Patient": EVERYBODY, **observations(*unreadable, *dissents(7)[2:])}
    said = stops(zone, OptOutsUnreadable, rows, 0)
    assert "cannot be read in 2 of 7 entries" in said
    approve(zone, NIGHTS[0])
    assert release(zone, rows)["patients_held_back"] == {"type_one_opt_out": 7}


@pytest.mark.fault(
    "F25",
    injected="two of nine opt-outs are gone in one night",
    happened="the practice stops until a named person approves",
)
@pytest.mark.parametrize(
    "ends",
    [
        pytest.param(lambda entry: {**entry, "CodeId": "1"}, id="recoded"),
        pytest.param(lambda entry: {"ObservationGuid": entry["ObservationGuid"], "Deleted": "true"}, id="deleted"),
    ],
)
def test_many_objections_that_end_in_one_night_are_asked_about(
    zone: SourceZone, ends: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    release(zone, {"Admin_Patient": EVERYBODY, **observations(*dissents(9))})
    fewer = observations(*({**ends(entry), "PatientGuid": entry["PatientGuid"]} for entry in dissents(2)))
    said = stops(zone, OptOutsShrunk, fewer, 1)
    assert "of 9 registrations with an objection in force, 2 have none any more" in said
    assert "policy/approved_opt_outs.csv" in said
    approve(zone, NIGHTS[1])
    assert release(zone, fewer, 1)["patients_held_back"] == {"awaits_whole_record": 2, "type_one_opt_out": 7}


def test_new_objections_do_not_make_up_for_those_that_end(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": EVERYBODY, **observations(*dissents(4))})
    recoded = [{**entry, "CodeId": "1"} for entry in dissents(2)]
    stops(zone, OptOutsShrunk, observations(*recoded, *dissents(20)[4:]), 1)


@pytest.mark.fault("F25", injected="the list of opt-out codes is gone, or half of it", happened="no run begins")
def test_a_missing_list_of_codes_stops_the_practice(zone: SourceZone) -> None:
    lines = (zone.settings.policy_folder / "codelists" / "type_one_opt_out.csv").read_text().splitlines()
    kept = [line for line in lines if ",withdrawal," not in line]
    (zone.settings.policy_folder / "codelists" / "type_one_opt_out.csv").write_text("\n".join(kept))
    with pytest.raises(ListMissing):
        zone.release()
    (zone.settings.policy_folder / "codelists" / "type_one_opt_out.csv").unlink()
    with pytest.raises(PolicyRefused, match="type_one_opt_out"):
        zone.release()


# Where each limit lies

SOURCE = OptOutSource(
    stale_after_days=7,
    entries_expected_from_patients=100,
    objections_expected_from_patients=1000,
    largest_unreadable_share=0.2,
    unreadable_at_least=10,
    largest_fall=0.2,
    fall_at_least=10,
)
NOW = datetime(2026, 9, 9, 1, tzinfo=UTC)
SOUND = Seen(
    practice_code=PRACTICE,
    extract_id=NIGHTS[0],
    patients=5_000,
    bare_extract_patients=0,
    spoken=250,
    pulled=250,
    pulled_unreadable=0,
    in_force_before=240,
    ended=0,
    newest=datetime(2026, 9, 2, 1, tzinfo=UTC),
)


def check(seen: Seen) -> None:
    check_there(seen, SOURCE)
    check_fresh(seen, SOURCE, NOW)
    check_not_empty(seen, SOURCE)
    check_readable(seen, SOURCE)
    check_not_shrunk(seen, SOURCE)


@pytest.mark.parametrize(
    "passes",
    [
        {},
        {"bare_extract_patients": 99},
        {"spoken": 0, "patients": 999},
        {"pulled_unreadable": 50},
        {"pulled": 9, "pulled_unreadable": 9},
        {"ended": 48},
        {"in_force_before": 9, "ended": 9},
    ],
)
def test_up_to_the_limit_it_passes(passes: dict[str, int]) -> None:
    check(replace(SOUND, **passes))


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"bare_extract_patients": 100}, OptOutsAbsent),
        ({"spoken": 0, "patients": 1_000}, NoOptOutsAtAll),
        ({"pulled_unreadable": 51}, OptOutsUnreadable),
        ({"pulled": 10, "pulled_unreadable": 10}, OptOutsUnreadable),
        ({"ended": 49}, OptOutsShrunk),
        ({"in_force_before": 10, "ended": 10}, OptOutsShrunk),
        ({"newest": datetime(2026, 9, 2, 0, 59, tzinfo=UTC)}, OptOutsStale),
    ],
)
def test_and_beyond_it_stops(over: dict[str, Any], error: type[PersonMustAct]) -> None:
    with pytest.raises(error, match=PRACTICE):
        check(replace(SOUND, **over))


def test_a_week_is_the_longest_for_a_practice_that_is_not_synthetic(zone: SourceZone) -> None:
    folder = zone.settings.policy_folder
    text = (folder / "collections" / "gpdpr.toml").read_text()
    (folder / "collections" / "gpdpr.toml").write_text(text.replace("synthetic_only = true", "synthetic_only = false"))
    restricted = folder / "codelists" / "legally_restricted.csv"
    restricted.write_text(restricted.read_text().replace("stand_in", "official"))
    say(folder, stale_after_days=8)
    with pytest.raises(ListMissing, match="it may be 7 at most"):
        read_rules(Policy(folder), "gpdpr", synthetic=False)
    say(folder, stale_after_days=7)
    assert read_rules(Policy(folder), "gpdpr", synthetic=False).collection.opt_out_source.stale_after_days == 7


def test_the_outcome_warns_where_withdrawals_outnumber_dissents(zone: SourceZone) -> None:
    entries = [*dissents(1), *dissents(3, "3")[1:]]
    assert release(zone, {"Admin_Patient": EVERYBODY, **observations(*entries)})["warnings"] == [
        "more_withdrawals_than_dissents"
    ]
    assert release(zone, observations(an_observation(NAMES[5], "one more", "2")), 1)["warnings"] == []
    recorded = zone.settings.memory / "gpdpr" / PRACTICE / "outcome.json"
    assert json.loads(recorded.read_text())["warnings"] == []
    assert guid(NAMES[5]) not in recorded.read_text()
