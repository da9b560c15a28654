"""A code that the law forbids to share is recognised wherever a supplier's format can write one, in all six formats."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from crossing.errors import PersonMustAct
from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone.adapters.choose import FORMATS, choose_adapter
from source_zone.adapters.emis_csv.tables import CLINICAL_CODE, DRUG_CODE
from source_zone.adapters.gpdpr_xml.layout import ROWS
from source_zone.code_forms import EVERY_CODE_COLUMN
from source_zone.consent_codes import ListMissing
from source_zone.identified import ReadTally, schema
from source_zone.memory import Memory
from source_zone.minimise import Rules, Withheld, minimise
from source_zone.record_codes import RESTRICTED_LIST
from source_zone.rules import read_rules
from support import emis_files, fhir_exports, gp_connect_bundles, gpdpr_files, tpp_files
from support.source_zone import a_practice

RULES = read_rules(Policy(), "gpdpr", synthetic=True)
SNOMED, READ, CTV3 = "63487001", "7E0A.", "Xa9Z0"
POLICY = Policy()
Write = Callable[[Path], object]

# Formats that name their columns: a place for each column that policy reads and that can hold a code


def _emis() -> Iterator[tuple[str, Write]]:
    clinical = [
        ("SnomedCTConceptId", SNOMED),
        ("SnomedCTDescriptionId", SNOMED),
        ("NationalCode", SNOMED),
        ("ReadTermId", READ),
        ("ReadTermId", CTV3),
    ]
    for table, (record, column) in (CLINICAL_CODE | DRUG_CODE).items():
        for named, code in [("DmdProductCodeId", SNOMED)] if table in DRUG_CODE else clinical:
            whole = emis_files.an_observation("p", "o") | {record: emis_files.guid("o"), column: "99"}
            cells = {name: whole[name] for name in emis_files.headers()[table] if name in whole}
            codes = [{"CodeId": "99", named: code}]
            rows = {table: [cells], ("Coding_DrugCode" if table in DRUG_CODE else "Coding_ClinicalCode"): codes}
            yield f"{table} {named} {code}", lambda folder, rows=rows: emis_files.write_extract(folder, rows)


def _tpp() -> Iterator[tuple[str, Write]]:
    def entry(table: str, **cells: str) -> Write:
        rows = {**tpp_files.a_patient(), table: [tpp_files.an_entry(**cells)]}
        return lambda folder: tpp_files.write_extract(folder, rows)

    yield "SRCode SNOMEDCode", entry("SRCode", CTV3Code="H33..", SNOMEDCode=SNOMED)
    yield "SRCode CTV3Code", entry("SRCode", CTV3Code=CTV3)
    yield "SRImmunisation ImmsReadCode", entry("SRImmunisation", ImmsReadCode=CTV3)
    yield "SRImmunisation ImmsSNOMEDCode", entry("SRImmunisation", ImmsReadCode="H33..", ImmsSNOMEDCode=SNOMED)
    yield "SRProblem CTV3Code", entry("SRProblem", CTV3Code=CTV3)
    yield "SRReferralOut SNOMEDPrimaryDiagnosis", entry("SRReferralOut", SNOMEDPrimaryDiagnosis=SNOMED)
    for table, mapped in (("SRCtv3ToSnomed", {"SnomedCode": SNOMED}), ("SRCtv3ToVersion2", {"Version2Code": READ})):
        mapping = {table: [{"RowIdentifier": "9", "Ctv3Code": "H33..", **mapped}]}
        rows = {**tpp_files.a_patient(), "SRCode": [tpp_files.a_code(SNOMEDCode="")], **mapping}
        yield f"{table}, mapped", lambda folder, rows=rows: tpp_files.write_extract(folder, rows)
    drug = {"SRMedicationReadCodeDetails": [{"RowIdentifier": "31", "IDMultiLexProduct": "777", "DrugReadCode": CTV3}]}
    for table, cells in (
        ("SRDrugSensitivity", {"IDDrugCode": "777"}),
        ("SRPrimaryCareMedication", {"IDMultiLexDMD": "322236009", "IDMultiLexProduct": "777"}),
        ("SRRepeatTemplate", {"IDMultiLexDMD": "322236009", "IDMultiLexProduct": "777"}),
    ):
        rows = {**tpp_files.a_patient(), table: [tpp_files.an_entry(**cells)], **drug}
        yield f"{table} drug, mapped", lambda folder, rows=rows: tpp_files.write_extract(folder, rows)
    yield "SRPrimaryCareMedication IDMultiLexDMD", entry("SRPrimaryCareMedication", IDMultiLexDMD=SNOMED)


_CODED = ("snomed_concept_id", "snomed_description_id", "readv2_code", "ctv3_code", "_other_code", "snomed_expression")


def _gpdpr() -> Iterator[tuple[str, Write]]:
    for name in ROWS.values():
        for column, rule in POLICY.table("fields/gpdpr_xml.toml").get(name, {}).items():
            if rule["action"] == "drop" or not (column.endswith(_CODED) or column == "other_code"):
                continue
            code = READ if "readv2" in column else CTV3 if "ctv3" in column else SNOMED
            row = gpdpr_files.an_entry(name.replace("_", "-"), "p", "o", **{column: code})
            delivered = [[gpdpr_files.a_patient("p"), row]]
            yield f"{name} {column}", lambda folder, rows=delivered: gpdpr_files.write_extract(folder, rows)


def _medicus() -> Iterator[tuple[str, Write]]:
    places = {
        "snomed_concept_id": {"snomed_concept_id": SNOMED},
        "snomed_description_id": {"snomed_description_id": SNOMED},
        "other_codes": {"snomed_concept_id": "195967001", "other_codes": f"H33.. {READ}"},
        "dmd_code": {"dmd_code": SNOMED},
    }
    systems = {"Read v2": READ, "CTV3": CTV3, "Local": SNOMED, "unheard of": READ}
    fields = POLICY.table("fields/medicus_csv.toml")
    for table, columns in fields.items():
        found = [(column, cells) for column, cells in places.items() if column in columns]
        if "original_code" in columns:
            found += [
                (f"original_code {system}", {"original_code": code, "original_code_system": system})
                for system, code in systems.items()
            ]
        for label, cells in found:
            row = {"uid": "o", "patient_uid": "p", "is_confidential": "false", **cells}
            yield f"{table} {label}", lambda folder, table=table, row=row: _write_medicus(folder, table, row)


def _write_medicus(folder: Path, table: str, row: dict[str, str]) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, versions in POLICY.table("fields/medicus_csv_headers.toml").items():
            columns = versions["full"]["columns"]
            cells = [",".join(f'"{row.get(column, "")}"' for column in columns)] if name == table else []
            archive.writestr(f"{name}.csv", "\n".join([",".join(columns), *cells]) + "\n")
    folder.mkdir(parents=True)
    (folder / "Y99001-medicus-test-extract-2026-09-02.zip").write_bytes(content.getvalue())


# FHIR: wherever a resource has a CodeableConcept

_PLAIN = {"coding": [{"system": "http://snomed.info/sct", "code": "271649006"}]}
_COMPONENT = {"code": _PLAIN}


def _restricted(system: str = "http://snomed.info/sct", code: str = SNOMED) -> dict[str, Any]:
    return {"coding": [{"system": "http://snomed.info/sct", "code": "22298006"}, {"system": system, "code": code}]}


_PLACES: dict[str, dict[str, Any]] = {
    "code": {"code": _restricted()},
    "code, CTV3": {"code": _restricted("http://read.info/ctv3", CTV3)},
    "code, Read v2": {"code": _restricted("http://read.info/readv2", READ)},
    "code, a local system": {"code": _restricted("http://example.org/own", SNOMED)},
    "value": {"valueCodeableConcept": _restricted()},
    "component's code": {"component": [{**_COMPONENT, "code": _restricted()}]},
    "component's value": {"component": [{**_COMPONENT, "valueCodeableConcept": _restricted()}]},
    "method": {"method": _restricted()},
    "body site": {"bodySite": _restricted()},
    "interpretation": {"interpretation": [_restricted()]},
    "an extension": {"extension": [{"url": "http://x", "valueCodeableConcept": _restricted()}]},
}
_UNKNOWN_EXTENSION = "an extension"  # FHIR R4 by policy refuses the whole export for one that is not on its list
_OTHER_PLACES: list[tuple[str, str, dict[str, Any]]] = [
    ("Condition", "code", {"code": _restricted()}),
    ("Condition", "evidence", {"code": _PLAIN, "evidence": [{"code": [_restricted()]}]}),
    ("Condition", "category", {"code": _PLAIN, "category": [_restricted()]}),
    ("Condition", "body site", {"code": _PLAIN, "bodySite": [_restricted()]}),
    ("AllergyIntolerance", "code", {"code": _restricted()}),
    ("AllergyIntolerance", "manifestation", {"code": _PLAIN, "reaction": [{"manifestation": [_restricted()]}]}),
    ("AllergyIntolerance", "substance", {"code": _PLAIN, "reaction": [{"substance": _restricted()}]}),
    ("Immunization", "vaccine", {"vaccineCode": _restricted(), "status": "completed"}),
    ("Immunization", "reason", {"vaccineCode": _PLAIN, "status": "completed", "reasonCode": [_restricted()]}),
    ("ServiceRequest", "code", {"intent": "order", "status": "active", "code": _restricted()}),
    (
        "ServiceRequest",
        "reason",
        {"intent": "order", "status": "active", "code": _PLAIN, "reasonCode": [_restricted()]},
    ),
    ("MedicationRequest", "medication", {"intent": "order", "medicationCodeableConcept": _restricted()}),
    (
        "MedicationRequest",
        "reason",
        {"intent": "order", "medicationCodeableConcept": _PLAIN, "reasonCode": [_restricted()]},
    ),
]


def _fhir() -> Iterator[tuple[str, Write]]:
    def export(entry: dict[str, Any]) -> Write:
        return lambda folder: fhir_exports.write_export(folder, fhir_exports.a_patient(), entry)

    for label, elements in _PLACES.items():
        if label != _UNKNOWN_EXTENSION:
            yield f"Observation {label}", export(fhir_exports.an_entry("Observation", **elements))
    for kind, label, elements in _OTHER_PLACES:
        whose = "patient" if kind in ("AllergyIntolerance", "Immunization") else "subject"
        entry = fhir_exports.a_resource(kind, **{whose: {"reference": "Patient/P1"}}, **elements)
        yield f"{kind} {label}", export(entry)


def _gp_connect() -> Iterator[tuple[str, Write]]:
    def bundle(elements: dict[str, Any]) -> Write:
        def write(folder: Path) -> None:
            folder.mkdir(parents=True)
            gp_connect_bundles.write(folder, gp_connect_bundles.a_bundle(gp_connect_bundles.an_observation(**elements)))

        return write

    for label, elements in _PLACES.items():
        yield f"Observation {label}", bundle(elements)


PLACES = {
    "emis_csv": _emis,
    "tpp_csv": _tpp,
    "gpdpr_xml": _gpdpr,
    "medicus_csv": _medicus,
    "fhir_r4": _fhir,
    "gp_connect": _gp_connect,
}
CASES = [pytest.param(name, write, id=f"{name}: {label}") for name, of_it in PLACES.items() for label, write in of_it()]


def test_every_format_is_tried() -> None:
    assert set(PLACES) == set(FORMATS)


def rows_read(format_name: str, folder: Path) -> Iterator[tuple[str, pa.RecordBatch]]:
    adapter = choose_adapter(a_practice(format_=format_name), POLICY, Memory(), "token-gpdpr-v1")
    for extract in adapter.find_extracts(folder):
        for batch in adapter.read(extract, ReadTally()):
            yield batch.table, batch.rows


def verdicts(table: str, rows: pa.RecordBatch) -> tuple[int, dict[str, int]]:
    """How many of the rows leave, and why the others stay, for a patient who may leave."""
    names = rows["registration_id"].to_pylist()
    roster = pl.DataFrame(
        {"registration_id": sorted({name or "-" for name in names}), "reason": None, "date_of_birth": date(1950, 6, 1)},
        schema={"registration_id": pl.String, "reason": pl.String, "date_of_birth": pl.Date},
    )
    rules = Rules(
        restricted_codes=RULES.codes.restricted,
        identifier_valued=RULES.codes.identifier_valued,
        code_shapes=RULES.generalisations.code_shapes,
        look_back_from={},
        own_identifiers=frozenset(),
    )
    superseded = pl.Series([False] * rows.num_rows, dtype=pl.Boolean)
    kept, counts = minimise(table, rows, superseded, roster, rules, Withheld())
    return kept.height, dict(counts.held_back + counts.quarantined)


@pytest.mark.parametrize(("format_name", "write"), CASES)
def test_an_entry_with_a_restricted_code_anywhere_does_not_leave(
    format_name: str, write: Write, tmp_path: Path
) -> None:
    write(tmp_path / "delivered")
    read = [
        (table, rows)
        for table, rows in rows_read(format_name, tmp_path / "delivered")
        if "snomed_concept_id" in rows.schema.names and rows.num_rows
    ]
    assert read
    for table, rows in read:
        left, stayed = verdicts(table, rows)
        assert (left, set(stayed)) == (0, {"legally_restricted_code"}), table


@pytest.mark.parametrize("column", EVERY_CODE_COLUMN)
def test_every_code_of_the_list_is_looked_for_in_every_column(column: str) -> None:
    codes = RULES.codes.restricted
    for table in ("observation", "immunisation", "allergy", "problem", "referral", "recall", "medication", "encounter"):
        names = schema(table).names
        if column in names:
            plain = {"registration_id": "p", "is_deleted": False, "is_confidential": False}
            rows = [{**plain, "record_id": code, column: code} for code in codes]
            filled = [{name: row.get(name) for name in names} for row in rows]
            batch = pa.RecordBatch.from_pylist(filled, schema=schema(table))
            assert verdicts(table, batch) == (0, {"legally_restricted_code": len(codes)})


# The list itself


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    collection = tmp_path / "policy" / "collections" / "gpdpr.toml"
    text = collection.read_text().replace("synthetic_only = true", "synthetic_only = false")
    collection.write_text(text.replace("stale_after_days = 7300", "stale_after_days = 7"))
    return Policy(tmp_path / "policy")


def amend(policy: Policy, change: Callable[[str], str]) -> None:
    file = policy.folder / RESTRICTED_LIST
    file.write_text(change(file.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text, id="as it ships"),
        pytest.param(
            lambda text: text.replace("STAND-IN", "The list").replace("Stand-in", "Is"), id="without the word"
        ),
        pytest.param(lambda text: text.replace("stand_in", "official", 5), id="one line a stand-in"),
        pytest.param(
            lambda text: "\n".join(
                line.replace("stand_in", "official") for line in text.splitlines() if "Gender Rec" not in line[1:]
            ),
            id="one refset only",
        ),
    ],
)
def test_a_practice_that_is_not_synthetic_is_refused_a_list_that_is_not_official(
    policy: Policy, change: Callable[[str], str]
) -> None:
    amend(policy, change)
    with pytest.raises(ListMissing, match="official"):
        read_rules(Policy(policy.folder), "gpdpr", synthetic=False)
    assert read_rules(Policy(policy.folder), "gpdpr", synthetic=True).codes.restricted


def test_with_both_refsets_official_it_is_not(policy: Policy) -> None:
    amend(policy, lambda text: text.replace("stand_in", "official"))
    assert read_rules(Policy(policy.folder), "gpdpr", synthetic=False).codes.restricted_are_official


@pytest.mark.fault("F26", injected="the list of restricted codes is empty or damaged", happened="no run begins")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda text: text.replace("1955851000000101,stand_in", "999004371000000100,stand_in"), PolicyRefused),
        (lambda text: text.replace("stand_in,HFE", "perhaps,HFE", 1), PolicyRefused),
        (lambda text: text.replace("refset,status", "refset,state"), PolicyRefused),
        (lambda text: text[: text.index("snomed,")], ListMissing),
    ],
)
def test_a_list_that_is_not_whole_is_refused(
    policy: Policy, change: Callable[[str], str], error: type[PersonMustAct]
) -> None:
    amend(policy, change)
    with pytest.raises(error, match="legally_restricted"):
        read_rules(Policy(policy.folder), "gpdpr", synthetic=True)
