"""An export that is not whole, or holds what no reviewer has seen, stops the practice in one line without a value."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone.adapters.fhir_r4.adapter import FhirR4
from source_zone.adapters.fhir_r4.policy import NotInPolicy
from source_zone.adapters.reading import FileRefused
from source_zone.identified import ReadTally
from support.fhir_exports import NIGHT, PRACTICE, UK_SITE, a_patient, a_resource, an_entry, coded, read, write_export

SECRET = "Snibbletwitch"
Spoil = Callable[[Path], None]


def manifest(**changes: Any) -> Spoil:
    def spoil(export: Path) -> None:
        path = export / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def text(name: str, change: Callable[[str], str]) -> Spoil:
    return lambda export: (export / name).write_text(change((export / name).read_text())) and None


def outcome(severity: object, part: str) -> Spoil:
    def spoil(export: Path) -> None:
        issue = {"severity": severity, "diagnostics": SECRET}
        (export / "e.ndjson").write_text(json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}) + "\n")
        manifest(**{part: [{"type": "OperationOutcome", "url": "https://x/e.ndjson"}]})(export)

    return spoil


SPOILT: dict[str, tuple[Spoil, str]] = {
    "no manifest": (lambda export: (export / "manifest.json").unlink(), "manifest.json"),
    "cut manifest": (text("manifest.json", lambda all_: all_[:-9]), "is not JSON, or was cut off"),
    "no output": (manifest(output=None), "output is not a list"),
    "no time": (manifest(transactionTime="today"), "transaction time is no date"),
    "another time": (manifest(transactionTime="2026-09-03T01:00:00Z"), "not that of its folder"),
    "file missing": (lambda export: (export / "Observation.ndjson").unlink(), "output 2: the file is missing"),
    "file outside": (manifest(output=[{"type": "Patient", "file": f"../{SECRET}"}]), "names no file that could be one"),
    "file not named": (lambda export: (export / SECRET).touch(), "1 of its files are not in the manifest"),
    "named twice": (manifest(output=[{"type": "Patient", "file": "Patient.ndjson"}] * 2), "names one file twice"),
    "a line too few": (
        text("Observation.ndjson", lambda all_: all_[: all_.index("\n") + 1]),
        "has 1 lines where the manifest says 2",
    ),
    "a line too many": (
        text("Observation.ndjson", lambda all_: all_ * 2),
        "has more than 2 lines where the manifest says 2",
    ),
    "cut line": (text("Observation.ndjson", lambda all_: all_[:-20]), "line 2: is not JSON in UTF-8, or was cut off"),
    "not JSON": (text("Observation.ndjson", lambda all_: f"{SECRET}\n" + all_), "line 1: is not JSON"),
    "another type": (
        text("Observation.ndjson", lambda all_: all_.replace('"Observation"', f'"{SECRET}"', 1)),
        "line 1: is of another type than Observation",
    ),
    "cut gzip": (
        lambda export: (export / "Observation.ndjson").write_bytes(gzip.compress(b"{}\n" * 99)[:-9]) and None,
        "cannot be read, or was cut off|is of another type",
    ),
    "errors": (outcome("error", "error"), "could not export everything"),
    "fatal outcome": (outcome("fatal", "outcome"), "could not export everything"),
    "unknown severity": (outcome("unheard-of", "outcome"), "could not export everything"),
    "deletes nothing": (
        lambda export: (
            manifest(deleted=[{"type": "Bundle", "file": "d"}])(export)
            or ((export / "d").write_text('{"resourceType": "Bundle", "entry": [{}]}\n') and None)
        ),
        "does not say what it deletes",
    ),
    "deletes no bundle": (
        lambda export: (
            manifest(deleted=[{"type": "Bundle", "file": "d"}])(export) or ((export / "d").write_text("[]\n") and None)
        ),
        "is not a bundle of deletions",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=[*SPOILT])
def test_a_spoilt_export_is_refused_whole(tmp_path: Path, spoil: Spoil, said: str) -> None:
    spoil(write_export(tmp_path, a_patient(), an_entry(), an_entry(id="O2")))
    with pytest.raises(FileRefused, match=said) as refused:
        read(tmp_path)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_remarks_of_the_server_are_counted(tmp_path: Path) -> None:
    outcome("warning", "outcome")(write_export(tmp_path, a_patient()))
    tally = ReadTally()
    assert len(read(tmp_path, tally)["patient"]) == 1
    assert tally.not_collected["OperationOutcome"] == 1


def test_a_type_can_come_in_many_files_compressed_or_not(tmp_path: Path) -> None:
    export = write_export(tmp_path, an_entry())
    (export / "more.gz").write_bytes(gzip.compress(json.dumps(an_entry(id="O2")).encode()))  # and no end of line
    output = [{"type": "Observation", "url": f"https://x/{name}?a=b"} for name in ("Observation.ndjson", "more.gz")]
    manifest(output=output)(export)
    assert [row["record_id"] for row in read(tmp_path)["observation"]] == ["Observation/O1", "Observation/O2"]


def test_exports_are_taken_in_order_and_one_under_way_is_not_seen(tmp_path: Path) -> None:
    write_export(tmp_path, a_patient(), night="20260903T010000Z", request="https://x/$export?_since=2026")
    write_export(tmp_path, a_patient(), a_resource("Claim"))
    (tmp_path / ".20260904T010000Z").mkdir()
    first, second = FhirR4(PRACTICE, Policy()).find_extracts(tmp_path)
    assert (first.extract_id, first.kind, first.supplier_record_count) == (NIGHT.lower(), "snapshot", 2)
    assert (second.extract_id, second.kind) == ("20260903t010000z", "delta")
    assert first.taken_at.isoformat() == "2026-09-02T01:00:00+00:00"


@pytest.mark.parametrize("name", [SECRET, "20260902", None])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str | None) -> None:
    folder = tmp_path / "in"
    if name:
        (folder / name).mkdir(parents=True)
    with pytest.raises(FileRefused) as refused:
        FhirR4(PRACTICE, Policy()).find_extracts(folder)
    assert SECRET not in str(refused.value)


UNSEEN: list[tuple[dict[str, Any], str]] = [
    (an_entry(patientComment=SECRET), "Observation.patientComment is not in policy/fields/fhir_r4.toml"),
    (an_entry(**{SECRET: 1}), "an element of Observation whose name cannot be printed"),
    (an_entry(**{"Mrs Smith": SECRET}), "an element of Observation whose name cannot be printed"),
    (an_entry(code={"coding": [{"soundex": SECRET}]}), "Observation.code.coding.soundex"),
    (an_entry(**{f"a`\n{SECRET}": 1}), "an element of Observation whose name cannot be printed"),
    (an_entry(implicitRules="x"), "Observation.implicitRules"),
    (a_patient(address=[{"uprn": SECRET}]), "Patient.address.uprn"),
    (
        an_entry(extension=[{"url": f"{UK_SITE}New", "valueString": SECRET}]),
        "the extension Extension-UKCore-New, of Observation",
    ),
    (an_entry(extension=[{"url": f"https://x/{SECRET}"}]), "an extension that cannot be named here, of Observation"),
    (an_entry(extension=[{"url": f"{UK_SITE}New {SECRET}"}]), "an extension that cannot be named here, of Observation"),
    (an_entry(extension=[{"valueString": SECRET}]), "an extension that cannot be named here, of Observation"),
    (
        a_patient(extension=[{"url": f"{UK_SITE}RegistrationDetails", "extension": [{"url": SECRET}]}]),
        "an extension that cannot be named here, of Patient.Extension-UKCore-RegistrationDetails",
    ),
    (an_entry(method={"modifierExtension": [{"url": SECRET}]}), "can turn an entry into its opposite"),
    (an_entry(modifierExtension=[{"url": "x"}]), "Observation.modifierExtension"),
    (an_entry(component=[{"code": coded(), "modifierExtension": []}]), "Observation"),
    (a_resource("Genome", text=SECRET), "output 2: resource type Genome is not in policy"),
]


@pytest.mark.parametrize(("resource", "said"), UNSEEN, ids=[said[:40] for _, said in UNSEEN])
def test_what_no_reviewer_has_seen_stops_the_practice(tmp_path: Path, resource: dict[str, Any], said: str) -> None:
    write_export(tmp_path, a_patient(id="P2"), resource)
    with pytest.raises(NotInPolicy, match=said) as refused:
        read(tmp_path)
    assert "Smith" not in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "add its line" in str(refused.value)


def test_a_type_that_cannot_be_one_is_not_printed(tmp_path: Path) -> None:
    manifest(output=[{"type": "Mrs Smith", "file": "Patient.ndjson"}])(write_export(tmp_path, a_patient()))
    with pytest.raises(NotInPolicy, match="a resource type that cannot be one of the standard's"):
        read(tmp_path)


def test_a_deletion_of_a_type_nobody_knows_stops_the_practice(tmp_path: Path) -> None:
    write_export(tmp_path, a_patient(), deleted=["Genome/1"])
    with pytest.raises(NotInPolicy, match="resource type Genome"):
        read(tmp_path)


def test_a_reviewed_line_lets_it_pass(tmp_path: Path) -> None:
    changed = shutil.copytree(policy_folder(), tmp_path / "policy")
    path = changed / "fields/fhir_r4.toml"
    path.write_text(path.read_text().replace('"valueString"]', '"valueString", "patientComment"]', 1))
    write_export(tmp_path / "in", an_entry(patientComment=SECRET))
    assert len(read(tmp_path / "in", policy=Policy(changed))["observation"]) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('why = "What was observed." }', 'why = "" }'),
        ('code = { action = "keep", of = "CodeableConcept", to = "codes", ', 'code = { action = "keep", '),
        ('of = "CodeableConcept"', 'of = "NoSuchType"'),
        ('[datatypes.Coding.dropped]\n"Words', '[datatypes.Coding.dropped]\n"" = ["x"]\n"Words'),
        ("[live_statuses]", "[other]"),
    ],
)
def test_a_policy_without_a_reason_or_a_part_is_refused(tmp_path: Path, before: str, after: str) -> None:
    changed = shutil.copytree(policy_folder(), tmp_path / "policy")
    path = changed / "fields/fhir_r4.toml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    write_export(tmp_path / "in", an_entry())
    with pytest.raises(PolicyRefused):
        read(tmp_path / "in", policy=Policy(changed))


def test_a_resource_nested_beyond_reason_is_refused(tmp_path: Path) -> None:
    export = write_export(tmp_path, an_entry())
    deep = "[" * 100_000 + "]" * 100_000
    for line in (f'{{"id": {deep}}}', f'{{"text": {deep}}}', f'{{"status": {deep}}}', deep):
        (export / "Observation.ndjson").write_text(line + "\n")
        with pytest.raises(FileRefused):
            read(tmp_path)
