"""Clocks that differ, go back, change for summer, or meet the 29th of February: the sequence decides, never the clock."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from central_zone import ledger
from central_zone.admit import admit
from central_zone.chain.verify import verify
from central_zone.commit import commit
from central_zone.errors import ParcelRefused, WaitsForEarlier
from central_zone.judge import judge
from central_zone.store.role_names import LOADER
from central_zone.zone import opened
from crossing.manifest import Manifest, read_manifest
from crossing.parcel import read_manifest_bytes
from faults.conftest import CentralZone
from source_zone.release_practice import release_practice
from support.emis_files import a_patient, an_observation, write_extract
from support.parcels import Sealed, a_night
from support.source_zone import SourceZone, make_source_zone

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def loaded_at(zone: CentralZone, parcel: Sealed, now: datetime) -> str:
    """The state of the parcel where the centre's clock says so; all steps in one."""
    with opened(zone.settings, role=LOADER) as of_today:
        central = replace(of_today, now=lambda: now)
        entry = admit(central, parcel.manifest.parcel_id)
        if entry.state == ledger.RECEIVED:
            judge(central, [entry])
        return commit(central, entry.parcel_id).state


@pytest.mark.fault(
    "F22",
    injected="the source's clock behind the centre's by an hour, two days; ahead of it by four minutes",
    happened="loaded",
)
def test_clocks_that_differ_and_do_no_harm(zone: CentralZone) -> None:
    for number, ahead in enumerate((-2 * DAY, -HOUR, timedelta(0), timedelta(minutes=4))):
        dates = {name: (NOW + ahead).isoformat() for name in ("created_at", "extract_taken_at")}
        parcel = zone.sealed(a_night(), practice_code=f"A0000{number}", **dates)
        assert loaded_at(zone, parcel, NOW) == "loaded", ahead


@pytest.mark.fault(
    "F22",
    injected="the source's clock ahead of the centre's by six minutes, an hour, two days",
    happened="refused as made in the future, with a receipt that says which clocks to set; sealed again, it loads",
)
def test_a_source_that_is_in_the_future_is_told_so(zone: CentralZone) -> None:
    for number, ahead in enumerate((timedelta(minutes=6), HOUR, 2 * DAY)):
        code = f"A0000{number}"
        parcel = zone.sealed(a_night(), practice_code=code, created_at=(NOW + ahead).isoformat())
        with pytest.raises(ParcelRefused, match=r"in the future\. Set the clocks"):
            loaded_at(zone, parcel, NOW)
        receipt = zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.receipt.json"
        assert "Set the clocks of both zones" in receipt.read_text()
        assert loaded_at(zone, zone.sealed(a_night(), practice_code=code), NOW) == "loaded", ahead


@pytest.mark.fault(
    "F22",
    injected="the source's clock is set back two days between two parcels, and the second arrives first",
    happened="the second waits for the first: their sequence decides",
)
def test_a_clock_that_was_set_back_does_not_change_the_order(zone: CentralZone) -> None:
    first = zone.sealed(a_night())
    earlier = (NOW - 2 * DAY).isoformat()
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first, created_at=earlier)
    away = first.folder.rename(zone.root / "away")
    with pytest.raises(WaitsForEarlier, match="parcel 2 waits for 1"):
        loaded_at(zone, second, NOW)
    away.rename(first.folder)
    assert [loaded_at(zone, each, NOW) for each in (first, second)] == ["loaded", "loaded"]
    assert zone.query("SELECT event->>'sequence' FROM audit.entry ORDER BY seq") == [("1",), ("2",)]


# Moments at which a clock on the wall says something odd. In Britain clocks go back at 01:00 UTC on 25 October 2026.
MOMENTS = {
    "before the clocks go back": datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    "after the clocks went back": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    "before the clocks go forward": datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC),
    "after the clocks went forward": datetime(2027, 3, 28, 1, 0, 1, tzinfo=UTC),
    "a leap day": datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
}


@pytest.fixture
def in_britain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own zone, which nothing of ours should look at."""
    monkeypatch.setenv("TZ", "Europe/London")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def source(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path / "source")


def sealed_at(source: SourceZone, moment: datetime, **cells: str) -> Manifest:
    """The parcel of a delivery that was taken an hour before this moment."""
    entries = [an_observation("p", f"{moment}", **cells)]
    rows: Any = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries}
    write_extract(source.deliveries, rows, f"{moment - HOUR:%Y%m%d%H%M%S}")
    said = release_practice(replace(source.release(f"{moment}"), clock=lambda: moment))
    assert (said["state"], said["quarantined"]) == ("released", {})
    return read_manifest(read_manifest_bytes(source.settings.outbox / said["parcels"][0])[0])


@pytest.mark.fault(
    "F22",
    injected="releases in the doubled hour of October, around the missing one of March, and on a leap day, in British time",
    happened="each leaves in its turn; every instant is in UTC, days are counted right, an entry of 29 February is kept",
)
def test_odd_hours_and_the_leap_day_at_the_source(source: SourceZone, in_britain: None) -> None:
    assert os.environ["TZ"] == "Europe/London"
    made = [sealed_at(source, moment, EffectiveDate="2024-02-29") for moment in MOMENTS.values()]
    assert [each.sequence for each in made] == [1, 2, 3, 4, 5]
    assert [datetime.fromisoformat(each.created_at) for each in made] == list(MOMENTS.values())
    assert all(each.created_at.endswith("+00:00") for each in made)
    valid = {datetime.fromisoformat(each.not_after) - datetime.fromisoformat(each.created_at) for each in made}
    assert len(valid) == 1
    taken = [datetime.fromisoformat(each.extract_taken_at) for each in made]
    assert taken == sorted(taken)


@pytest.mark.fault(
    "F22",
    injected="the centre loads at each of these moments, in British time; the last parcel is valid from leap day to its year's end",
    happened="loaded, in order, each once",
)
def test_odd_hours_and_the_leap_day_at_the_centre(zone: CentralZone, in_britain: None) -> None:
    previous: Sealed | None = None
    for sequence, moment in enumerate(MOMENTS.values(), start=1):
        dates = {name: moment.isoformat() for name in ("created_at", "extract_taken_at")}
        until = (moment + 366 * DAY).isoformat()
        previous = zone.sealed(
            a_night(seed=sequence + 3), sequence=sequence, previous=previous, not_after=until, **dates
        )
        assert loaded_at(zone, previous, moment + timedelta(seconds=1)) == "loaded"
    ranks = zone.query("SELECT sequence FROM ledger.parcel ORDER BY parcel_number")
    assert ranks == [(1,), (2,), (3,), (4,), (5,)]
    assert verify(zone.settings)["entries"] == 5
