"""Gaps of a practice's sequence are shown, and only a steward's word lets later parcels go on without what is missing."""

import json
import shutil

import pytest

from central_zone import load_parcel
from central_zone.chain.verify import verify
from central_zone.errors import DecisionRefused, NothingToSkip, ParcelRefused, WaitsForEarlier
from crossing.parcel import ParcelUnreadable
from support.parcels import PRACTICE, a_night

WHO = {"by": "steward", "reason": "the practice lost it"}


def four(zone):
    """Four parcels; the second and third are not in the inbox."""
    parcels, previous = [], None
    for number in range(1, 5):
        previous = zone.sealed(a_night(seed=number + 3), sequence=number, previous=previous)
        parcels.append(previous)
    for parcel in parcels[1:3]:
        shutil.move(parcel.folder, zone.root / f"away-{parcel.manifest.sequence}")
    return parcels


def load(zone, parcel):
    return load_parcel.load_parcel(parcel.folder, zone.settings)["state"]


def skip(zone, sequence, **words):
    return load_parcel.skip("gpdpr", PRACTICE, sequence, **{**WHO, **words}, settings=zone.settings)


@pytest.mark.fault(
    "F15",
    injected="parcels 2 and 3 of four never come",
    happened="the gap is shown with what is missing, what waits and since when",
)
def test_a_gap_is_shown_with_what_is_missing_what_waits_and_since_when(zone):
    first, *_, fourth = four(zone)
    assert load(zone, first) == "loaded"
    assert load_parcel.gaps_of(zone.settings) == []
    with pytest.raises(WaitsForEarlier, match="parcel 4 waits for 2"):
        load(zone, fourth)
    (gap,) = load_parcel.gaps_of(zone.settings)
    assert (gap.practice_code, gap.settled_up_to, gap.missing, gap.waiting) == (PRACTICE, 1, (2, 3), (4,))
    assert gap.in_words().startswith("parcels 2 3 are not here, parcel 4 is waiting; since 20")


def test_a_parcel_that_waits_is_told_as_waiting_and_not_as_a_failure(zone):
    """Else a practice whose parcel a steward has to look at would stand among what failed, every hour anew."""
    first, *_, fourth = four(zone)
    load(zone, first)
    (waits,) = load_parcel.receive_shard("gpdpr", [fourth.manifest.parcel_id], zone.settings)
    assert (waits["state"], waits["reason"]) == ("waiting", f"{PRACTICE}: parcel 4 waits for 2.")
    assert "failed" not in waits


def test_a_refused_parcel_leaves_its_place_open_until_it_is_sent_again(zone):
    parcel = zone.sealed(a_night())
    whole = (parcel.folder / "part-00000.hpke").read_bytes()
    (parcel.folder / "part-00000.hpke").write_bytes(b"")
    with pytest.raises(ParcelUnreadable):
        load(zone, parcel)
    assert [gap.missing for gap in load_parcel.gaps_of(zone.settings)] == [(1,)]
    (parcel.folder / "part-00000.hpke").write_bytes(whole)
    assert load(zone, parcel) == "loaded"
    assert load_parcel.gaps_of(zone.settings) == []


@pytest.mark.fault(
    "F15",
    injected="as before, and a steward gives the places up",
    happened="the later ones load; what was given up is refused should it come after all",
)
def test_a_steward_gives_up_what_will_never_come_and_the_later_ones_load(zone):
    first, second, _, fourth = four(zone)
    load(zone, first)
    with pytest.raises(WaitsForEarlier):
        load(zone, fourth)
    assert skip(zone, 2)["waiting"] == 1
    with pytest.raises(WaitsForEarlier, match="parcel 4 waits for 3"):
        load(zone, fourth)
    assert skip(zone, 3) == skip(zone, 3)
    assert load(zone, fourth) == "loaded"
    assert load_parcel.gaps_of(zone.settings) == []
    assert verify(zone.settings)["entries"] == 4  # two loads, two decisions
    shutil.move(zone.root / "away-2", second.folder)
    with pytest.raises(ParcelRefused, match="a steward decided to go on without parcel 2"):
        load(zone, second)


@pytest.mark.parametrize("sequence", [1, 3, 4, 5])
def test_only_the_first_missing_place_that_others_wait_for_can_be_given_up(zone, sequence):
    first, *_, fourth = four(zone)
    load(zone, first)
    with pytest.raises(WaitsForEarlier):
        load(zone, fourth)
    with pytest.raises(NothingToSkip):
        skip(zone, sequence)


def test_a_place_nobody_waits_for_cannot_be_given_up(zone):
    load(zone, four(zone)[0])
    with pytest.raises(NothingToSkip):
        skip(zone, 2)


def test_giving_up_a_place_needs_a_reason_that_names_nobody(zone):
    first, *_, fourth = four(zone)
    load(zone, first)
    with pytest.raises(WaitsForEarlier):
        load(zone, fourth)
    with pytest.raises(DecisionRefused):
        skip(zone, 2, reason="patient 943 476 5919 left")


def test_the_commands_show_the_gap_and_give_a_place_up(zone, monkeypatch, capsys):
    from central_zone.command_line import main

    for name, value in zone.environment().items():
        monkeypatch.setenv(name, value)
    first, *_, fourth = four(zone)
    load(zone, first)
    assert main(["load", fourth.manifest.parcel_id]) == 3
    capsys.readouterr()
    assert main(["ledger", "--gaps"]) == 0
    assert (
        f"{PRACTICE}  gpdpr  loaded up to 1: parcels 2 3 are not here, parcel 4 is waiting" in capsys.readouterr().out
    )
    assert main(["ledger", "--gaps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["missing"] == [2, 3]
    for sequence in ("2", "3"):
        words = ["--by", "steward", "--reason", "lost"]
        assert main(["skip", "--collection", "gpdpr", "--practice", PRACTICE, "--sequence", sequence, *words]) == 0
    assert main(["load", fourth.manifest.parcel_id]) == 0
    capsys.readouterr()
    assert main(["ledger", "--gaps"]) == 0
    assert "No gap." in capsys.readouterr().out
