"""Every identifier the simulator gave out, so that a search for any of them outside the source zone finds a leak."""

from collections.abc import Iterable

import numpy as np

from simulator.emis.administration import patients
from simulator.names import COUNTY, DISTINCTIVE_WORDS, FAMILY, GIVEN, STREETS, TOWN
from simulator.places import ALL_POSTCODES
from simulator.practice import Practice
from simulator.record import numbered


def canaries(practices: Iterable[Practice], night: int) -> dict[str, list[str]]:
    """Sorted lists by kind. NHS numbers also as they stand with spaces."""
    found: dict[str, set[str]] = {
        kind: set() for kind in ("nhs_numbers", "patient_guids", "patient_numbers", "local_numbers", "emails", "phones")
    }
    for source in practices:
        columns = patients(source, np.arange(len(source.roster)), night).columns
        found["nhs_numbers"].update(_both_ways(columns["NhsNumber"].to_pylist()))
        found["patient_guids"].update(columns["PatientGuid"].to_pylist())
        found["patient_numbers"].update(numbered(columns["PatientGuid"]).to_pylist())
        found["local_numbers"].update(columns["PatientNumber"].to_pylist())
        found["emails"].update(columns["EmailAddress"].to_pylist())
        for column in ("HomePhone", "MobilePhone"):
            found["phones"].update(columns[column].to_pylist())
    return {kind: sorted(texts - {""}) for kind, texts in found.items()} | _same_for_all()


def _same_for_all() -> dict[str, list[str]]:
    return {
        "names": sorted([*GIVEN.to_pylist(), *FAMILY.to_pylist()]),
        "streets": sorted([*STREETS.to_pylist(), TOWN, COUNTY]),
        "postcodes": sorted(text for text in ALL_POSTCODES.to_pylist() if text),
        "words": sorted(DISTINCTIVE_WORDS),
    }


def _both_ways(numbers: list[str]) -> set[str]:
    return {text for number in numbers for text in (number, number.replace(" ", ""))}
