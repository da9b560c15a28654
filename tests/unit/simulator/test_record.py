"""What writers of other formats are told of a practice's rows."""

import numpy as np
import pyarrow as pa
import pytest

from simulator import codes, codings, record
from simulator.check_digits import snomed_id_is_valid
from simulator.codes import CODES, Role
from simulator.consents import consents
from simulator.emis.layout import OBSERVATION
from simulator.emis.nights import Night
from simulator.facts import Rows
from simulator.practice import Practice, Size, practice

NIGHTS = (1, 2, 3)


@pytest.fixture(scope="module")
def source() -> Practice:
    return practice(1, Size(patients=100, entries_per_patient=40, seed=7, trouble=True), nights=3)


def rows_of(source: Practice, night: int, file: str) -> list[Rows]:
    return [rows for rows in Night(source, night, consents(source, night)).rows(file) if len(rows)]


def ids(parts: list[Rows]) -> list[str]:
    return [guid for rows in parts for guid in rows.columns[record.id_column(rows)].to_pylist()]


def test_a_number_stands_for_each_guid_and_none_for_no_guid(source: Practice) -> None:
    guids = source.guids("patient", np.arange(100))
    numbers = record.numbered(guids).to_pylist()
    assert len({*numbers}) == 100
    assert all(len(number) == 18 for number in numbers)
    assert record.numbered(pa.array(["", guids[5].as_py(), ""])).to_pylist() == ["", numbers[5], ""]


def test_the_plain_guid_has_no_braces_nor_capitals() -> None:
    assert record.plain(pa.array(["{AB01}", ""])).to_pylist() == ["ab01", ""]


@pytest.mark.parametrize("file", ["CareRecord_Problem", "CareRecord_ObservationReferral"])
@pytest.mark.parametrize("night", NIGHTS)
def test_every_problem_and_referral_has_its_observation(source: Practice, night: int, file: str) -> None:
    for rows in rows_of(source, night, file):
        behind = record.observations_behind(source, night, rows)
        assert behind.columns["ObservationGuid"].equals(rows.columns["ObservationGuid"])
        assert (behind.facts.patient == rows.facts.patient).all()  # type: ignore[union-attr]


def test_a_problem_about_nothing_is_an_error(source: Practice) -> None:
    rows = rows_of(source, 1, "CareRecord_Problem")[0]
    with pytest.raises(ValueError, match="no observation"):
        record.observations_behind(source, 1, rows.with_columns(ObservationGuid="{elsewhere}"))


@pytest.mark.parametrize("night", NIGHTS)
def test_what_stands_is_the_last_version_of_what_was_not_deleted(source: Practice, night: int) -> None:
    written = [rows for number in range(1, night + 1) for rows in rows_of(source, number, OBSERVATION)]
    last = {guid: deleted for rows in written for guid, deleted in zip(ids([rows]), _deleted(rows), strict=True)}
    standing = ids(list(record.as_it_stands(source, night, OBSERVATION)))
    expected = {guid for guid, deleted in last.items() if not deleted}
    of_deleted_patients = expected - {*standing}
    assert len(standing) == len({*standing})
    assert {*standing} <= expected
    assert bool(of_deleted_patients) == bool((source.roster.deleted_on <= night).any())


def _deleted(rows: Rows) -> list[bool]:
    return list(rows.facts.deleted) if rows.facts is not None else []


def test_codes_are_told_as_the_truth_has_them(source: Practice) -> None:
    seen = {
        (code.role, _systems(codings.codings(source, _coded(source, place))))
        for place, code in enumerate(CODES)
        if code.role == Role.DISSENT
    }
    assert {told for _, told in seen} == {
        ("827241000000103", "", "", ""),
        ("", "9Nu0.", "", ""),
        ("", "", "XaZ89", ""),
        ("", "9Nu0.00", "", ""),
    }


def test_every_concept_has_a_code_in_ctv3_and_all_but_local_ones_in_snomed(source: Practice) -> None:
    for place, code in enumerate(CODES):
        snomed, _, ctv3, local = _systems(codings.equivalents(source, _coded(source, place)))
        assert len(ctv3) == 5
        assert snomed_id_is_valid(snomed) != bool(local), code.term


def test_an_entry_without_a_code_and_one_with_an_unknown_one_have_none(source: Practice) -> None:
    for place in (-1, codes.UNKNOWN_CODE):
        assert _systems(codings.codings(source, _coded(source, place))) == ("", "", "", "")


def test_every_drug_has_a_product_unless_it_is_unknown(source: Practice) -> None:
    parts = rows_of(source, 1, "Prescribing_IssueRecord")
    products = [product for rows in parts for product in codings.drugs(rows)[0].to_pylist()]
    assert {product for product in products if product} <= {drug.dmd for drug in codes.DRUGS}
    assert 0 < products.count("") < 10


def _coded(source: Practice, place: int) -> Rows:
    return rows_of(source, 1, OBSERVATION)[0].part(slice(0, 1)).with_facts(code=place)


def _systems(told: codings.Codings) -> tuple[str, ...]:
    return tuple(column[0].as_py() for column in (told.snomed, told.read_v2, told.ctv3, told.local))
