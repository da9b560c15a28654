"""A delivery that cannot be trusted whole: one clear line, no value in it, nothing taken, and the right way to exit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crossing.errors import PersonMustAct
from source_zone.release_practice import release_practice
from support.emis_files import PRACTICE, a_patient, an_observation, write_extract
from support.source_zone import SourceZone, make_source_zone

SECRET = "Surnamep"


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    zone = make_source_zone(tmp_path)
    rows = {
        "Admin_Patient": [a_patient("p")],
        "CareRecord_Observation": [an_observation("p", f"o{n}", AssociatedText=SECRET) for n in range(5)],
    }
    write_extract(zone.deliveries, rows)
    return zone


def file_of(zone: SourceZone, table: str) -> Path:
    return next(zone.deliveries.glob(f"*_{table}_*.csv"))


def cut_in_a_row(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def cut_in_a_row_but_closed(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40] + b'"\n')


def extra_column(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ',"PatientComment"', *(f'{line},"{SECRET}"' for line in lines[1:])]) + "\n")


def no_header(path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")


def other_encoding(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"2024-03-01", "Zoë-".encode("cp1252") + b"2024", 1))


def utf_16(path: Path) -> None:
    path.write_bytes(path.read_text().encode("utf-16") + b"\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def header_only_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def missing(path: Path) -> None:
    path.unlink()


def stray_quote(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"2024-03-01"', b'"2024-03-01', 1))


@pytest.mark.fault(
    "F25",
    injected="the file that holds opt-outs is missing, empty or cut off",
    happened="the practice stops, nothing leaves",
)
@pytest.mark.fault(
    "F27",
    injected="a column more than policy lists, or no headers",
    happened="the practice stops: nothing is taken that nobody decided on",
)
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut_in_a_row, "cut off"),
        (cut_in_a_row_but_closed, "row 6: a row has too few"),
        (extra_column, "column number 24 .PatientComment. is not in policy"),
        (no_header, "column number 1 is not in policy"),
        (other_encoding, "not UTF-8"),
        (utf_16, "not UTF-8"),
        (empty, "the file is empty"),
        (header_only_cut, "cut off"),
        (missing, "is missing"),
        (stray_quote, "a row has too few or too many columns"),
    ],
)
def test_a_spoilt_file_stops_the_practice(zone: SourceZone, spoil: Callable[[Path], None], says: str) -> None:
    spoil(file_of(zone, "CareRecord_Observation"))
    with pytest.raises(PersonMustAct, match=says) as refused:
        release_practice(zone.release())
    message = str(refused.value)
    assert "CareRecord_Observation" in message
    assert SECRET not in message
    assert "\n" not in message
    assert refused.value.__cause__ is None
    assert not zone.settings.outbox.exists() or not list(zone.settings.outbox.iterdir())
    assert not list(zone.settings.spool.rglob("*.spool"))


def test_a_good_redelivery_after_a_bad_one_is_taken_whole(zone: SourceZone) -> None:
    observations = file_of(zone, "CareRecord_Observation")
    whole = observations.read_bytes()
    cut_in_a_row(observations)
    with pytest.raises(PersonMustAct):
        release_practice(zone.release())
    observations.write_bytes(whole)
    assert release_practice(zone.release())["sent"] == 6


def test_a_disabled_agreement_stops_the_practice(tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path)
    write_extract(zone.deliveries, {"Agreements_SharingOrganisation": [{"IsActivated": "true", "Disabled": "true"}]})
    with pytest.raises(PersonMustAct, match="sharing is disabled"):
        release_practice(zone.release())


def test_a_folder_that_is_not_there_is_not_an_empty_night(tmp_path: Path) -> None:
    with pytest.raises(PersonMustAct, match=f"{PRACTICE}: its folder {PRACTICE} is not there"):
        release_practice(make_source_zone(tmp_path).release())


@pytest.mark.parametrize(
    "name",
    [f"{SECRET} 9990548609", "9990548609_Admin_Patient_20260902010000_45E7CD20-EE37-41AB-90D6-DC9D4B03D102"],
)
def test_a_strangers_file_name_is_not_repeated(zone: SourceZone, name: str) -> None:
    (zone.deliveries / f"{name}.csv").write_text("x\n")
    with pytest.raises(PersonMustAct, match="not named as EMIS names its files") as refused:
        release_practice(zone.release())
    assert SECRET not in str(refused.value)
    assert "9990548609" not in str(refused.value)
