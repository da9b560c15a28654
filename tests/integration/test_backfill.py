"""A delivery that comes late and is backfilled gives the store that would be there had it been taken on its own night.

Through both zones and a real PostgreSQL: five nights in order against the third one taken last.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from central_zone import load_parcel
from crossing.canonical import TABLES
from journey.both_zones import COLLECTION, BothZones, make_both_zones
from source_zone import command_line, shards
from source_zone.backfill import backfill, practices_to_backfill
from source_zone.windows import window_of_days
from support.emis_files import CODES, PRACTICE, Rows, a_patient, an_observation, write_extract
from support.postgres import Postgres, a_server, psycopg_url

pytestmark = pytest.mark.rehearsal  # today's state after a backfill is in test_todays_state.py

NIGHTS = (1, 2, 3, 4, 5)
LATE = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


def stamp(night: int) -> str:
    return f"2026090{night}010000"


@dataclass(frozen=True, slots=True)
class World:
    """Both zones, and one practice whose deliveries a test writes."""

    zones: BothZones

    def deliver(self, night: int, rows: Rows) -> None:
        write_extract(self.zones.source.incoming / PRACTICE, rows, stamp(night))

    def night(self, run_id: str) -> list[dict[str, Any]]:
        steps = (shards.pull_shard, shards.decide_shard, shards.seal_shard)
        try:
            return [step(COLLECTION, [PRACTICE], run_id, self.zones.source) for step in steps][-1]
        finally:
            shards.shred_shard(COLLECTION, [PRACTICE], run_id, self.zones.source)

    def backfill(self, night: int) -> list[dict[str, Any]]:
        day = date(2026, 9, night)
        practices = practices_to_backfill([PRACTICE], self.zones.source)
        told = list(backfill(COLLECTION, practices, window_of_days(day, day), self.zones.source, lambda _: None))
        assert [error for _, error in told if error] == []
        return [outcome for outcome, _ in told]

    def today(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every current view, without the number of the parcel that brought a row."""
        with psycopg.connect(psycopg_url(self.zones.central.store_url)) as connection:
            found = {}
            for table, columns in TABLES.items():
                names = ", ".join(column.name for column in columns)
                rows = connection.execute(f"SELECT {names} FROM records.current_{table}").fetchall()
                found[table] = sorted(rows, key=repr)
            return found

    def counts(self, night: int) -> dict[str, Any]:
        return self.zones.manifests()[PRACTICE, stamp(night)].counts["tables"]


@pytest.fixture
def worlds(tmp_path: Path, postgres: Postgres) -> tuple[World, World]:
    """Two of them under the same keys, so that their tokens can be compared."""
    first, second = (make_both_zones(tmp_path / name, postgres) for name in ("in_order", "late"))
    shutil.rmtree(tmp_path / "late" / "keys")
    shutil.copytree(tmp_path / "in_order" / "keys", tmp_path / "late" / "keys")
    return World(first), World(second)


PEOPLE = ("anne", "bob", "cat", "dan", "eve")
Content = dict[int, Rows]


def nights(*families: str) -> Content:
    """In each family everybody has two entries from the first night; each later night brings its bob another one."""
    people = [f"{who}{family}" for family in families for who in PEOPLE]
    first = [an_observation(who, f"{who}-{number}") for who in people for number in (1, 2)]
    bobs = [f"bob{family}" for family in families]
    later = {night: [an_observation(bob, f"{bob}-of-night-{night}") for bob in bobs] for night in (2, 3, 4, 5)}
    return {
        1: {"Admin_Patient": [a_patient(who) for who in people], "CareRecord_Observation": first},
        **{night: {"Admin_Patient": [], "CareRecord_Observation": rows} for night, rows in later.items()},
    }


def entries(night: Rows, *more: dict[str, str]) -> None:
    night["CareRecord_Observation"] += more


def patients(night: Rows, *more: dict[str, str]) -> None:
    night["Admin_Patient"] += more


def lived(worlds: tuple[World, World], content: Content) -> tuple[World, World]:
    """One world takes night after night; the other gets the third night's delivery only after the fourth's was taken."""
    in_order, late = worlds
    for world, order in ((in_order, (1, 2, 3, 4)), (late, (1, 2, 4))):
        for night in order:
            world.deliver(night, content[night])
            world.night(f"night-{night}")
    late.deliver(LATE, content[LATE])
    assert [each["state"] for each in late.backfill(LATE)] == ["released"]
    for world in worlds:
        world.zones.load()
        world.zones.uphold()  # who was held back on one of the nights, and may leave, is sent whole
        world.zones.erase()
        world.zones.load()
    return in_order, late


def moved(name: str, day: int) -> dict[str, str]:
    return an_observation(name.partition("-")[0], name, EffectiveDate=f"2024-05-{day:02d}")


def gone(name: str) -> dict[str, str]:
    return an_observation(name.partition("-")[0], name, Deleted="true")


# Each takes the nights and the name of a family of its own, and adds to what happens to that family.


def a_record_deleted_and_one_changed(content: Content, of: str) -> None:
    entries(content[3], gone(f"dan{of}-1"), moved(f"anne{of}-1", 3))


def records_that_the_next_night_touches_too(content: Content, of: str) -> None:
    entries(content[3], moved(f"anne{of}-1", 3), gone(f"cat{of}-1"), moved(f"dan{of}-1", 3), gone(f"eve{of}-1"))
    entries(content[4], moved(f"anne{of}-1", 4), moved(f"cat{of}-1", 4), gone(f"dan{of}-1"), gone(f"eve{of}-1"))


def a_record_said_again_as_it_was(content: Content, of: str) -> None:
    entries(content[3], moved(f"anne{of}-1", 3))
    entries(content[4], an_observation(f"anne{of}", f"anne{of}-1"))


def patients_whose_facts_change(content: Content, of: str) -> None:
    anne, cat, dan = f"anne{of}", f"cat{of}", f"dan{of}"
    temporary = a_patient(dan, PatientTypeDescription="Temporary")
    patients(content[3], a_patient(anne, Sex="M"), a_patient(cat, Sex="M"), temporary)
    patients(content[4], a_patient(anne, Sex="F"), a_patient(dan))
    entries(content[3], an_observation(dan, f"{dan}-while-temporary"))
    entries(content[5], an_observation(dan, f"{dan}-of-night-5"), an_observation(cat, f"{cat}-of-night-5"))


def a_patient_who_is_withdrawn(content: Content, of: str) -> None:
    patients(content[3], a_patient(f"anne{of}", Deleted="true"), a_patient(f"cat{of}", Deleted="true"))
    patients(content[4], a_patient(f"cat{of}"))


def a_patient_who_is_new_on_the_next_night(content: Content, of: str) -> None:
    """On the third night nobody knew flo: an entry of hers was held back, and it is so in a backfill too."""
    entries(content[3], an_observation(f"flo{of}", f"flo{of}-before-she-was-known"))
    patients(content[4], a_patient(f"flo{of}"))
    entries(content[4], an_observation(f"flo{of}", f"flo{of}-1"))


def a_code_that_comes_with_it(content: Content, of: str) -> None:
    code = {"CodeId": "77", "Term": "Hypertension", "ReadTermId": "G20..", "SnomedCTConceptId": "38341003"}
    content[3]["Coding_ClinicalCode"] = [*CODES, code]
    entries(content[3], an_observation(f"anne{of}", f"anne{of}-77", "77"))
    entries(content[5], an_observation(f"cat{of}", f"cat{of}-77", "77"))


def a_dissent_that_is_withdrawn_the_next_night(content: Content, of: str) -> None:
    eve = f"eve{of}"
    entries(content[3], an_observation(eve, f"{eve}-no", "2", EffectiveDate="2026-09-02"), moved(f"{eve}-1", 3))
    entries(content[4], an_observation(eve, f"{eve}-yes", "3", EffectiveDate="2026-09-04"), moved(f"{eve}-2", 4))
    entries(content[5], moved(f"{eve}-1", 5))


def a_dissent_that_was_an_error(content: Content, of: str) -> None:
    """The third night says no, the fourth amends the same entry to asthma: read late, it is known which entry that was."""
    eve = f"eve{of}"
    entries(content[3], an_observation(eve, f"{eve}-no", "2"))
    entries(content[4], an_observation(eve, f"{eve}-no", "1"))
    entries(content[5], moved(f"{eve}-1", 5))


def a_dissent_that_was_deleted(content: Content, of: str) -> None:
    eve = f"eve{of}"
    entries(content[3], an_observation(eve, f"{eve}-no", "2"))
    entries(content[4], an_observation(eve, f"{eve}-no", "", Deleted="true"))
    entries(content[5], moved(f"{eve}-1", 5))


CASES = (
    a_record_deleted_and_one_changed,
    records_that_the_next_night_touches_too,
    a_record_said_again_as_it_was,
    patients_whose_facts_change,
    a_patient_who_is_withdrawn,
    a_patient_who_is_new_on_the_next_night,
    a_code_that_comes_with_it,
    a_dissent_that_is_withdrawn_the_next_night,
    a_dissent_that_was_an_error,
    a_dissent_that_was_deleted,
)


def test_a_backfilled_night_gives_the_store_that_the_nights_in_order_give(worlds: tuple[World, World]) -> None:
    """All the cases at once, a family of patients each; what is then remembered shows in the fifth night."""
    content = nights(*(case.__name__ for case in CASES))
    for case in CASES:
        case(content, case.__name__)
    in_order, late = lived(worlds, content)
    assert late.today() == in_order.today()
    assert late.counts(3) == in_order.counts(3)
    for world in worlds:
        world.deliver(5, content[5])
        world.night("night-5")
        world.zones.load()
    assert late.today() == in_order.today()
    assert late.counts(5) == in_order.counts(5)


def test_a_night_without_a_deletion_or_a_change_comes_late(worlds: tuple[World, World]) -> None:
    in_order, late = lived(worlds, nights(""))
    assert late.today() == in_order.today()
    assert len(late.today()["observation"]) == 13


def test_an_opt_out_known_today_counts_in_a_backfill_too_and_is_upheld_in_both(worlds: tuple[World, World]) -> None:
    content = nights("")
    entries(content[3], moved("eve-1", 3), moved("anne-1", 3))
    entries(content[4], an_observation("eve", "eve-no", "2", EffectiveDate="2026-09-03"))
    in_order, late = lived(worlds, content)
    assert late.today() == in_order.today()
    assert late.counts(3)["observation"]["held_back"] == {"type_one_opt_out": 1}
    assert in_order.counts(3)["observation"]["held_back"] == {}


def test_nothing_is_taken_twice_and_a_night_does_not_take_what_is_late(worlds: tuple[World, World]) -> None:
    _, late = worlds
    content = nights("")
    for night in (1, 2, 4):
        late.deliver(night, content[night])
        late.night(f"night-{night}")
    late.deliver(LATE, content[LATE])
    with pytest.raises(shards.PracticesFailed, match=r"gp-source backfill .* --from 2026-09-03 --until 2026-09-03"):
        late.night("night-5")
    assert [each["state"] for each in late.backfill(2)] == ["already"]
    assert [each["state"] for each in late.backfill(LATE)] == ["released"]
    assert [each["state"] for each in late.backfill(LATE)] == ["already"]
    assert [each["state"] for each in late.night("night-5")] == ["already"]
    assert len(late.zones.load()) == 4


def test_nights_that_were_missed_are_taken_together_in_their_order(worlds: tuple[World, World]) -> None:
    in_order, missed = worlds
    content = nights("")
    records_that_the_next_night_touches_too(content, "")
    for night in NIGHTS:
        in_order.deliver(night, content[night])
        in_order.night(f"night-{night}")
    in_order.zones.load()
    missed.deliver(1, content[1])
    missed.night("night-1")
    for night in NIGHTS[1:]:
        missed.deliver(night, content[night])
    (taken,) = missed.night("night-5")
    assert taken["extracts"] == [stamp(night) for night in NIGHTS[1:]]
    missed.zones.load()
    assert missed.today() == in_order.today()
    assert missed.night("once more") == [{"practice_code": PRACTICE, "state": "already", "parcels": []}]


def test_one_practice_is_down_for_nights_while_the_other_goes_on_and_then_catches_up(
    worlds: tuple[World, World],
) -> None:
    in_order, world = worlds
    content, other = nights(""), "Y99002"
    for night in NIGHTS:
        in_order.deliver(night, content[night])
        in_order.night(f"night-{night}")
    in_order.zones.load()

    def both(night: int) -> dict[str, str]:
        shard, run_id, source = [PRACTICE, other], f"night-{night}", world.zones.source
        for step in (shards.pull_shard, shards.decide_shard, shards.seal_shard):
            told = step(COLLECTION, shard, run_id, source)
        shards.shred_shard(COLLECTION, shard, run_id, source)
        world.zones.load()
        return {each["practice_code"]: each["state"] for each in told}

    cut_off = {}
    for night in NIGHTS[:3]:
        world.deliver(night, content[night])
        files = write_extract(world.zones.source.incoming / other, content[night], stamp(night))
        whole = files["CareRecord_Observation"].read_bytes()
        if night > 1:
            cut_off[files["CareRecord_Observation"]] = whole
            files["CareRecord_Observation"].write_bytes(whole[:-40])
        assert both(night) == {PRACTICE: "released", other: "failed" if night > 1 else "released"}
    for path, whole in cut_off.items():
        path.write_bytes(whole)
    for night in NIGHTS[3:]:
        world.deliver(night, content[night])
        write_extract(world.zones.source.incoming / other, content[night], stamp(night))
    assert both(5) == {PRACTICE: "released", other: "released"}
    taken = {(entry["practice_code"], entry["extract_id"]) for entry in world.zones.ledger().values()}
    assert taken == {(code, stamp(night)) for code in (PRACTICE, other) for night in NIGHTS}
    assert {table: len(rows) for table, rows in world.today().items()} == {
        table: 2 * len(rows) for table, rows in in_order.today().items()
    }


def test_the_command_backfills_and_says_already_the_second_time(
    worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, late = worlds
    for night in (1, 2, 4, LATE):
        late.deliver(night, nights("")[night])
        if night != LATE:
            late.night(f"night-{night}")
    folders = {
        "GP_SOURCE_KEYS_DIR": late.zones.source.keys,
        "GP_SOURCE_WORK_DIR": late.zones.source.spool,
        "GP_SOURCE_STATE_DIR": late.zones.source.memory,
        "GP_INCOMING_DIR": late.zones.source.incoming,
        "GP_OUTBOX_DIR": late.zones.source.outbox,
    }
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(folder))

    def told(*words: str) -> tuple[int, list[str]]:
        given = [
            "gp-source",
            "backfill",
            "--collection",
            COLLECTION,
            "--from",
            "2026-09-03",
            "--until",
            "2026-09-03",
            *words,
        ]
        monkeypatch.setattr("sys.argv", given)
        code = command_line.main()
        return code, [json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()]

    assert told("--practice", PRACTICE) == (0, ["released"])
    assert told("--practice", PRACTICE) == (0, ["already"])
    code, states = told("--all")  # the other practices of policy have no folder here: each fails alone, and is told
    assert (code, states.count("already"), set(states)) == (4, 1, {"already", "failed"})


def test_a_backfill_of_airflow_takes_the_window_that_ends_at_the_moment_it_is_named_by(
    worlds: tuple[World, World],
) -> None:
    _, late = worlds
    content = nights("")
    for night in (1, 2, 4):
        late.deliver(night, content[night])
        late.night(f"night-{night}")
    late.deliver(LATE, content[LATE])
    settings = late.zones.source
    due = [
        code
        for shard in shards.practices_due(COLLECTION, settings, "backfill__2026-09-03T00:00:00+00:00")
        for code in shard
    ]
    assert PRACTICE not in due  # taken at 01:00 UTC of the third: after one o'clock in London, so in the next window
    (taken,) = late.night("backfill__2026-09-04T00:00:00+00:00")
    assert taken["extracts"] == [stamp(LATE)]
    late.zones.load()
    entry = next(each for each in late.zones.ledger().values() if each["extract_id"] == stamp(LATE))
    assert (entry["sequence"], entry["state"]) == (4, "loaded")
    assert entry["extract_taken_at"] == datetime(2026, 9, 3, 1, tzinfo=UTC)


def test_the_ledger_ranks_by_the_time_of_the_extract_not_by_arrival(worlds: tuple[World, World]) -> None:
    _, late = lived(worlds, nights(""))
    ranked = sorted(late.zones.ledger().values(), key=lambda entry: entry["parcel_number"])
    assert [entry["extract_id"] for entry in ranked] == [stamp(night) for night in NIGHTS[:4]]
    assert [entry["sequence"] for entry in ranked] == [1, 2, 4, 3]
    assert load_parcel.gaps_of(late.zones.central) == []
