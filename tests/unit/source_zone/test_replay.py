"""Asking again: what the command says of a day, as known on another, is what the nights themselves decided. Counts only."""

import json
from datetime import date
from pathlib import Path

import pytest

from source_zone import command_line
from source_zone.memory import Memory
from source_zone.release_practice import release_practice
from source_zone.replay import NothingKnownThen, Replayed, replay
from support.emis_files import PRACTICE, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, make_source_zone

NIGHTS = ("20260902010000", "20260903010000", "20260904010000")
DISSENT = an_observation("p", "no", "2")
WITHDRAWAL = an_observation("p", "yes", "3", EffectiveDate="2026-09-03")


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> SourceZone:
    """Three nights: a dissent, its withdrawal, and the withdrawal deleted again."""
    made = make_source_zone(tmp_path_factory.mktemp("zone"))
    people = {"Admin_Patient": [a_patient("p"), a_patient("q")]}
    nights = [[DISSENT], [WITHDRAWAL], [{**WITHDRAWAL, "Deleted": "true"}]]
    for stamp, entries in zip(NIGHTS, nights, strict=True):
        write_extract(made.deliveries, {**people, "CareRecord_Observation": entries}, stamp)
        people = {}
        release_practice(made.release(stamp))
    return made


def asked(zone: SourceZone, effective: str, known: str) -> Replayed:
    release = zone.release()
    memory = release.memory_file().read()
    return replay(release.rules, memory, effective=date.fromisoformat(effective), known=date.fromisoformat(known))


@pytest.mark.parametrize(
    ("effective", "known", "held"),
    [
        ("2026-09-02", "2026-09-02", 1),
        ("2026-09-03", "2026-09-03", 0),
        ("2026-09-04", "2026-09-04", 1),
        ("2026-09-02", "2026-09-03", 1),  # it was taken back on the third: on the second it stood
        ("2026-09-03", "2026-09-04", 1),  # known by then: the withdrawal was a mistake
        ("2026-09-03", "2026-09-02", 1),
        ("2024-02-29", "2026-09-04", 0),
    ],
)
def test_a_day_is_told_as_it_was_known(zone: SourceZone, effective: str, known: str, held: int) -> None:
    said = asked(zone, effective, known)
    assert (said.held_back, said.registrations_known, said.rule_version) == (held, 2, 1)


def test_where_nothing_was_known_there_is_no_answer(zone: SourceZone) -> None:
    with pytest.raises(NothingKnownThen, match="by 2026-09-01"):
        asked(zone, "2026-09-02", "2026-09-01")
    with pytest.raises(NothingKnownThen):
        replay(zone.release().rules, Memory(), effective=date(2026, 9, 2), known=date(2026, 9, 2))


def test_the_command_prints_one_line_of_counts_and_nobody(
    zone: SourceZone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = {
        "GP_SOURCE_KEYS_DIR": zone.settings.keys,
        "GP_SOURCE_WORK_DIR": zone.settings.spool,
        "GP_SOURCE_STATE_DIR": zone.settings.memory,
        "GP_INCOMING_DIR": zone.settings.incoming,
        "GP_OUTBOX_DIR": zone.settings.outbox,
    }
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(Path(folder)))
    days = ["--effective", "2026-09-02", "--known", "2026-09-04"]
    monkeypatch.setattr("sys.argv", ["gp-source", "opt-outs", "--collection", "gpdpr", "--practice", PRACTICE, *days])
    assert command_line.main() == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == {
        "practice_code": PRACTICE,
        "effective": "2026-09-02",
        "known": "2026-09-04",
        "rule_version": 1,
        "registrations_known": 2,
        "held_back": 1,
    }
    assert guid("p").strip("{}") not in printed
