"""Each adapter meets an identifier in the very place where it gives up: it says where, and not what."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crossing.policy import Policy
from source_zone.adapters.choose import FORMATS, choose_adapter
from source_zone.identified import ReadTally
from source_zone.memory import Memory
from support.failing_deliveries import (
    WHERE,
    Spoil,
    a_quote_too_many,
    among_the_names,
    called_after,
    copy_of,
    cut_off,
    deliver,
    member_called_after,
    no_header,
    nothing_but,
    of_another_encoding,
    of_another_kind,
    spoil_delivery,
)
from support.source_zone import a_practice
from support.told import told_by

NAME, NUMBER = "Zebrowska", "9990000018"
CSV = (cut_off, among_the_names, no_header, nothing_but)
STRUCTURED = (cut_off, of_another_encoding, a_quote_too_many, among_the_names, no_header, nothing_but, of_another_kind)
# What stops a practice of each format. What is not here is no failure: a quote too many in CSV is a cell of another value,
# TPP's encoding has a letter for nearly every byte, and FHIR's NDJSON may hold bytes of any encoding where nothing is read.
STOPS: dict[str, tuple[Spoil, ...]] = {
    "emis_csv": (*CSV, of_another_encoding),
    "tpp_csv": CSV,
    "medicus_csv": (*CSV, of_another_encoding),
    "gpdpr_xml": STRUCTURED,
    "fhir_r4": tuple(each for each in STRUCTURED if each is not of_another_encoding),
    "gp_connect": STRUCTURED,
}


@pytest.fixture(scope="module", params=FORMATS)
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, deliver(tmp_path_factory.mktemp(request.param), request.param)


def reading(format_name: str, folder: Path) -> Callable[[], int]:
    def read() -> int:
        adapter = choose_adapter(a_practice(folder.name, format_name), Policy(), Memory(), "token-gpdpr-v1")
        tally = ReadTally()
        return sum(
            batch.rows.num_rows for extract in adapter.find_extracts(folder) for batch in adapter.read(extract, tally)
        )

    return read


def test_every_format_is_tried() -> None:
    assert set(STOPS) == set(WHERE) == set(FORMATS)


def test_what_stops_it_is_told_without_the_value(
    sound: tuple[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    format_name, delivery = sound
    for spoil in STOPS[format_name]:
        for canary in (NUMBER,) if spoil is among_the_names else (NAME, NUMBER):
            folder = copy_of(delivery, tmp_path / f"{spoil.__name__}-{canary}" / delivery.name)
            spoil_delivery(folder, format_name, spoil, canary)
            told = told_by(reading(format_name, folder), capfd)
            assert "Ask" in told.text or "policy" in told.text, "it says what to do"
            assert not told.has(canary), f"{spoil.__name__} tells the value"


def test_a_sound_delivery_is_read_and_a_careless_word_would_be_found(
    sound: tuple[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    format_name, delivery = sound
    assert reading(format_name, delivery)() > 50
    folder = copy_of(delivery, tmp_path / delivery.name)
    spoil_delivery(folder, format_name, cut_off, NAME)

    def careless() -> None:
        try:
            reading(format_name, folder)()
        except Exception:
            raise type("Careless", (Exception,), {})(f"could not read {NAME}")  # noqa: B904  (careless on purpose)

    assert not told_by(careless, capfd).has(NAME), "an edge withholds what it does not know"


def test_the_name_of_a_file_is_told_only_where_it_has_the_form_that_the_format_gives_it(
    sound: tuple[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    format_name, delivery = sound
    folder = copy_of(delivery, tmp_path / delivery.name)
    called_after(folder, NAME)
    try:
        reading(format_name, folder)()
    except Exception:
        assert not told_by(reading(format_name, folder), capfd).has(NAME)
    out, err = capfd.readouterr()
    assert NAME not in out + err


def test_an_archive_tells_no_member_s_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Python's zipfile does, for a member that is not what the archive says it is."""
    folder = deliver(tmp_path, "medicus_csv")
    [archive] = folder.glob("*.zip")
    member_called_after(archive, NAME)
    assert not told_by(reading("medicus_csv", folder), capfd).has(NAME)
