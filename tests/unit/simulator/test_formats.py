"""Writers are found by name, and held to what they say they are made from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from simulator.deliver import Delivery
from simulator.emis.layout import FILES
from simulator.formats import RowsOf, UnknownFormat, Written, formats, writer
from simulator.formats.emis_csv import WRITER, EmisCsv
from simulator.practice import Practice, Size, practice


def test_every_format_there_is_has_the_name_of_its_module() -> None:
    assert [writer(name).name for name in formats()] == formats()
    assert "emis_csv" in formats()


@pytest.mark.parametrize("name", ["gpdpr_xml_rows", "../emis_csv", "", "nonsense"])
def test_parts_of_a_format_and_what_is_none_are_refused_with_the_list(name: str) -> None:
    with pytest.raises(UnknownFormat, match="choose one of emis_csv, "):
        writer(name)


@dataclass(frozen=True, slots=True)
class Forgetful(EmisCsv):
    """Leaves out the last file, or asks for the first one twice."""

    twice: bool = False

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        asked = (FILES[0], *FILES) if self.twice else FILES[:-1]
        for file in asked:
            list(rows_of(file))
        return Written(files=0, bytes=0, extract_id="of its own")


def delivery(out: Path, **how: Any) -> Delivery:
    source = practice(1, Size(patients=20, entries_per_patient=5, seed=1, trouble=True), nights=1)
    return Delivery(out=out, source=source, troubles={}, **how)


def test_a_writer_that_leaves_out_a_file_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="other files than it asked for"):
        delivery(tmp_path, writer=Forgetful()).deliver(1)


def test_a_file_asked_for_twice_is_counted_once(tmp_path: Path) -> None:
    plain, twice = delivery(tmp_path, writer=WRITER), delivery(tmp_path, writer=replace(Forgetful(), twice=True))
    assert plain.deliver(1).reference_rows == twice.deliver(1).reference_rows
    assert plain.rows == twice.rows
    assert (plain.extract_id(1), twice.extract_id(1)) == (WRITER.extract_id(1), "of its own")
