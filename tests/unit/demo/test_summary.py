"""The summary adds up what the two zones say about a night."""

from pathlib import Path
from typing import Any

from demo.nights import Night
from demo.places import Places
from demo.summary import last_words, night_in_words

RELEASED = {
    "practice_code": "Y99001",
    "state": "released",
    "parcels": ["a"],
    "read": 1000,
    "held_back": {"type_one_opt_out": 90, "duplicate": 10},
    "quarantined": {"unreadable_date": 5},
    "seconds": 0.5,
}
FAILED = {"practice_code": "Y99008", "state": "failed", "step": "pull", "error": "FileRefused: cut off."}
LOADED = {
    "parcel_id": "a",
    "state": "loaded",
    "rows_loaded": {"observation": 800, "patient": 93},
    "rows_quarantined": {"observation": {"dated_in_future": 2}},
    "seconds": {"receive": 0.2, "load": 0.3},
}


def a_night(number: int = 1, **changes: Any) -> Night:
    facts = {
        "collect": "failed",
        "load": "success",
        "publish": "success",
        "uphold": "success",
        "erased": [],
        "seconds": 41.6,
    }
    facts |= {"practices": [RELEASED, FAILED], "parcels": [LOADED, LOADED | {"parcel_id": "of another night"}]}
    return Night(number=number, **(facts | changes))


def cells(night: Night, practice: str) -> list[str]:
    return next(line.split() for line in night_in_words(night) if line.strip().startswith(practice))


def test_a_practice_is_one_line_in_which_the_counts_close() -> None:
    line = cells(a_night(), "Y99001")
    assert line == ["Y99001", "loaded", "1,000", "100", "7", "893", "1.0"]
    assert 1000 == 100 + 7 + 893


def test_a_failed_practice_is_named_with_its_reason() -> None:
    told = "\n".join(night_in_words(a_night()))
    assert "Y99008 failed at pull: FileRefused: cut off." in told


def test_reasons_are_added_up_over_the_practices_of_this_night_only() -> None:
    told = "\n".join(night_in_words(a_night()))
    assert "type_one_opt_out 90, duplicate 10" in told
    assert "unreadable_date 5, dated_in_future 2" in told


def test_a_parcel_that_has_not_arrived_is_not_called_loaded() -> None:
    assert cells(a_night(parcels=[]), "Y99001")[1:6] == ["released", "1,000", "100", "5", "0"]


def test_catching_up_is_said_only_where_it_happened() -> None:
    places = Places(root=Path("somewhere"), port=1)
    caught_up = a_night(2, practices=[RELEASED, RELEASED | {"practice_code": "Y99008"}])
    assert any("Y99008's file" in line for line in last_words([a_night(), caught_up], places))
    assert not any("Y99008" in line for line in last_words([a_night(), a_night(2)], places))


def test_erasures_are_told_where_there_were_any() -> None:
    assert not any("erased" in line for line in night_in_words(a_night()))
    assert any("erased: people of 1 practices" in line for line in night_in_words(a_night(erased=["a-notice"])))
