"""The 44 independent GP Connect records, as three practices, through the whole path: commands, parcels, store.

What must not leave is collected from the bundles here, with none of our code, and looked for everywhere.
"""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from central_zone import keys
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.canonical import TABLES
from crossing.manifest import Manifest, read_manifest
from crossing.parcel import read_manifest_bytes
from source_zone.release import prepare
from source_zone.release_practice import release_practice
from support.gp_connect_bundles import (
    FOLDERS,
    RECORDS,
    Resource,
    a_bundle,
    a_patient,
    an_observation,
    coded,
    needs_records,
    resources,
    write,
)
from support.postgres import a_server, psycopg_url
from support.several_commands import Said, said_by
from support.source_zone import SourceZone, a_practice, make_source_zone

PRACTICES = {"Y99101": FOLDERS[0], "Y99102": FOLDERS[1], "Y99103": FOLDERS[2]}


@dataclass(frozen=True)
class Night:
    """What one night left behind, everywhere a value could be."""

    manifests: dict[str, Manifest]
    stored: dict[str, Counter[str]]  # practice -> table -> rows in the store
    quarantined: dict[str, dict[str, dict[str, int]]]
    sealed_rows: str  # every cell of every parcel, opened
    database: str  # every row of every table of the store
    said: str  # all output of all commands
    again: list[dict[str, Any]]  # what the same commands answered the second time


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    needs_records()
    root = tmp_path_factory.mktemp("night")
    with a_server() as server:
        url = server.a_store()
        environment = _environment(root, url)
        keys_made = ("gp-source", "keys", "init", "--dir", str(root / "keys"), "--collection", "gpdpr")
        said = _said([keys_made, *(_release(code) for code in PRACTICES)], environment)[1:]
        parcels = [json.loads(each.out)["parcels"][0] for each in said]
        said += _said([("gp-central", "load", *parcels)], environment)
        yield _left_behind(root, url, environment, said, parcels)


def _environment(root: Path, url: str) -> dict[str, str]:
    folders = {
        "GP_SOURCE_KEYS_DIR": "keys/source",
        "GP_SOURCE_WORK_DIR": "spool",
        "GP_SOURCE_STATE_DIR": "memory",
        "GP_INCOMING_DIR": "incoming",
        "GP_OUTBOX_DIR": "crossing",
        "GP_INBOX_DIR": "crossing",
        "GP_CENTRAL_KEYS_DIR": "keys/central",
        "GP_CENTRAL_WORK_DIR": "work",
        "GP_RECEIPTS_DIR": "receipts",
    }
    path = os.pathsep.join(each for each in sys.path if each)
    return {
        **os.environ,
        **{name: str(root / each) for name, each in folders.items()},
        "GP_STORE_URL": url,
        "PYTHONPATH": path,
    }


def _said(commands: list[tuple[str, ...]], environment: dict[str, str]) -> list[Said]:
    """Of one zone, in a process of its own."""
    said = said_by(commands, environment)
    assert [each.err for each in said if each.code] == []
    return said


def _release(code: str) -> tuple[str, ...]:
    source = f"gp_connect:{RECORDS / PRACTICES[code]}"
    return ("gp-source", "release", "--collection", "gpdpr", "--practice", code, "--from", source)


def _left_behind(root: Path, url: str, environment: dict[str, str], said: list[Said], parcels: list[str]) -> Night:
    said = [*said, *_said([_release("Y99101")], environment)]
    loaded, listed = _said([("gp-central", "load", parcels[0]), ("gp-central", "ledger", "--json")], environment)
    said, ledger = [*said, loaded], json.loads(listed.out)
    manifests = [read_manifest(read_manifest_bytes(root / "crossing" / each)[0]) for each in parcels]
    return Night(
        manifests={each.practice_code: each for each in manifests},
        stored=_stored(url),
        quarantined={each["practice_code"]: each["rows_quarantined"] for each in ledger},
        sealed_rows="\n".join(_opened(root / "crossing" / each, root / "keys" / "central") for each in parcels),
        database=_dump(url),
        said="\n".join(each.out + each.err for each in said) + "\n".join(_texts(root)),
        again=[json.loads(each.out.splitlines()[-1]) for each in said[-2:]],
    )


def _opened(folder: Path, keys_folder: Path) -> str:
    manifest = read_signed_manifest(folder, keys_folder)
    rows = opened_rows(folder, manifest, keys.recipient_key(keys_folder))
    return "\n".join(str(row) for _, table in rows for row in table.to_pylist())


def _stored(url: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {code: Counter() for code in PRACTICES}
    with psycopg.connect(psycopg_url(url)) as connection:
        for table in TABLES:
            for code, rows in connection.execute(f"SELECT practice_code, count(*) FROM records.{table} GROUP BY 1"):
                found[code][table] = rows
    return found


def _dump(url: str) -> str:
    query = (
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    with psycopg.connect(psycopg_url(url)) as connection:
        tables = [name for (name,) in connection.execute(query).fetchall()]
        rows = [row for name in tables for (row,) in connection.execute(f"SELECT t::text FROM {name} t").fetchall()]
    return "\n".join(rows)


def _texts(root: Path) -> list[str]:
    """Manifests, receipts and what the zones remember in plain text; and the names of all files."""
    files = [path for path in root.rglob("*") if path.is_file()]
    plain = [path.read_text() for path in files if path.suffix in (".json", ".jsonl", ".log", ".txt")]
    return [*plain, *(str(path.relative_to(root)) for path in files)]


@pytest.mark.needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("code", PRACTICES)
def test_everything_is_in_the_store_or_under_a_named_reason(night: Night, code: str) -> None:
    counts = night.manifests[code].counts
    for table, row in counts["tables"].items():
        assert row["read"] == row["sent"] + sum(row["held_back"].values()) + sum(row["quarantined"].values())
        kept_out = sum(night.quarantined[code].get(table, {}).values())
        assert row["sent"] == night.stored[code][table] + kept_out, table


@pytest.mark.needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("code", PRACTICES)
def test_every_resource_and_coded_component_is_in_the_counts(night: Night, code: str) -> None:
    """Staff rows stand for practitioners, and for roles whose practitioner the bundle left out."""
    found = list(resources(RECORDS / PRACTICES[code]))
    components = [each for resource in found for each in resource.get("component", [])]
    people = [resource for resource in found if resource["resourceType"] == "Practitioner"]
    counts = night.manifests[code].counts
    read = sum(row["read"] for table, row in counts["tables"].items() if table != "staff_role")
    beside = sum(counts["reference_rows"].values()) - counts["reference_rows"].get("repeated_Practitioner", 0)
    inside = (
        "malformed_supplier_code",
        "further_code_of_the_same_system",
        "uncoded_component",
        "AllergyIntolerance.reaction",
        "Observation.valueCodeableConcept",
    )
    left = sum(
        rows
        for name, rows in counts["not_collected"].items()
        if name not in inside and not name.startswith("incomplete_records.")
    )
    coded_components = sum(1 for each in components if each["code"].get("coding"))
    assert read + beside + left == len(found) - len(people) + coded_components
    assert counts["not_collected"].get("uncoded_component", 0) == len(components) - coded_components


@pytest.mark.needs_shared
@pytest.mark.slow
def test_the_same_delivery_and_the_same_parcel_again_change_nothing(night: Night) -> None:
    assert [each["state"] for each in night.again] == ["already", "already"]


# Staff of suppliers' test systems are called "Recall" or "Unknown"; these words our own columns and reports use.
OUR_OWN_WORDS = frozenset({"code", "name", "practice", "previous", "recall", "test", "unknown"})
ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"
TEXT_ELEMENTS = (
    "text",
    "display",
    "comment",
    "description",
    "title",
    "conclusion",
    "valueString",
    "div",
    "line",
    "city",
)


@pytest.fixture(scope="module")
def forbidden() -> dict[str, set[str]]:
    """In lower case: single words by kind, and texts of several words."""
    needs_records()
    found: dict[str, set[str]] = {"names": set(), "numbers": set(), "ids": set(), "texts": set(), "ods_codes": set()}
    for resource in (each for folder in FOLDERS for each in resources(RECORDS / folder)):
        _collect(resource, found)
    found["names"] -= OUR_OWN_WORDS
    found["numbers"] -= found.pop("ods_codes")
    assert {kind: len(each) > 20 for kind, each in found.items()} == dict.fromkeys(found, True)
    return found


@pytest.mark.needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("where", ["sealed_rows", "database", "said"])
def test_no_name_address_number_or_free_text_is_anywhere(
    night: Night, forbidden: dict[str, set[str]], where: str
) -> None:
    haystack = getattr(night, where).lower()
    assert len(haystack) > 2000
    in_order = WORD.findall(haystack)
    words, pairs = set(in_order), set(pairwise(in_order))
    leaked = {kind: sorted(forbidden[kind] & words) for kind in ("names", "numbers", "ids")}
    likely = (text for text in forbidden["texts"] if tuple(WORD.findall(text)[:2]) in pairs)
    leaked["texts"] = sorted(text for text in likely if text in haystack)
    assert {kind: each for kind, each in leaked.items() if each} == {}


WORD = re.compile(r"[a-z0-9.@-]+")  # no apostrophe: Python writes one around every text


def _collect(resource: Resource, found: dict[str, set[str]]) -> None:
    own_id = str(resource.get("id", "")).lower()
    found["ids"].update({own_id} if len(own_id) > 8 else ())
    for name in _all(resource, "family") + _all(resource, "given"):
        found["names"].update(part for part in re.findall(r"[a-z-]+", name.lower()) if len(part) > 3)
    identifiers = resource.get("identifier", [])
    for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
        kind = "ods_codes" if identifier.get("system") == ODS_SYSTEM else "numbers"  # organisations are public
        found[kind].add(str(identifier["value"]).lower())
    for text in [each for key in (*TEXT_ELEMENTS, "postalCode", "patientInstruction") for each in _all(resource, key)]:
        found["texts"].update({text.lower()} if len(WORD.findall(text.lower())) > 1 and len(text) > 6 else ())


def _all(value: Any, key: str) -> list[str]:
    """Every text found under this key, however deep."""
    if isinstance(value, list):
        return [each for inner in value for each in _all(inner, key)]
    if not isinstance(value, dict):
        return []
    own = value.get(key)
    here = (
        [own]
        if isinstance(own, str)
        else [each for each in own if isinstance(each, str)]
        if isinstance(own, list)
        else []
    )
    return here + [each for inner in value.values() for each in _all(inner, key)]


@pytest.mark.needs_shared
@pytest.mark.slow
def test_no_whole_date_of_birth_is_in_a_patient_row(night: Night) -> None:
    born = {
        each["birthDate"]
        for folder in FOLDERS
        for each in resources(RECORDS / folder)
        if each["resourceType"] == "Patient"
    }
    assert len(born) > 20
    rows = [row for row in night.sealed_rows.splitlines() if "year_of_birth" in row]
    assert len(rows) == sum(counter["patient"] for counter in night.stored.values())
    as_written = {f"datetime.date({day.replace('-0', '-').replace('-', ', ')})" for day in born}
    assert [day for day in as_written | born for row in rows if day in row] == []


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def _released(zone: SourceZone, *bundles: Resource) -> dict[str, Any]:
    zone.deliveries.mkdir(parents=True)
    write(zone.deliveries, *bundles)
    practice = a_practice("Y99101", "gp_connect")
    return release_practice(prepare("gpdpr", practice, "run", zone.settings, folder=zone.deliveries))


@pytest.mark.parametrize(
    "concept",
    [coded("827241000000103"), coded("9Nu0.00", "http://read.info/readv2"), coded("XaZ89", "http://read.info/ctv3")],
)
def test_a_dissent_in_any_code_system_keeps_every_bundle_of_the_patient_here(
    zone: SourceZone, concept: Resource
) -> None:
    dissent = an_observation(id="dissent", code=concept)
    outcome = _released(zone, a_bundle(dissent), a_bundle(an_observation()))
    assert outcome["patients_held_back"] == {"type_one_opt_out": 1}
    assert outcome["sent"] == 0


DISSENT, WITHDRAWAL = coded("827241000000103"), coded("827261000000102")
LEFT = {
    "resourceType": "QuestionnaireResponse",
    "id": "Q1",
    "item": [{"answer": [{"valueCoding": DISSENT["coding"][0]}]}],
}


@pytest.mark.parametrize(
    "dissent",
    [
        an_observation(id="d", code={"coding": [*coded()["coding"], *DISSENT["coding"]]}),
        an_observation(id="d", valueCodeableConcept=DISSENT),
        an_observation(id="d", code=DISSENT, subject={"reference": "urn:uuid:1d0e"}),
        an_observation(id="d", code=DISSENT, status="cancelled"),
        LEFT,
    ],
)
def test_a_dissent_in_an_unlikely_place_keeps_the_patient_here(zone: SourceZone, dissent: Resource) -> None:
    outcome = _released(zone, a_bundle(dissent, an_observation()))
    assert outcome["patients_held_back"] == {"type_one_opt_out": 1}
    assert outcome["sent"] == 0


@pytest.mark.parametrize("status", ["cancelled", "unknown", "preliminary"])
def test_a_withdrawal_that_is_not_final_lifts_no_dissent(zone: SourceZone, status: str) -> None:
    dissent = an_observation(id="1", code=DISSENT)
    withdrawal = an_observation(id="2", code=WITHDRAWAL, status=status, effectiveDateTime="2021-03-01")
    assert _released(zone, a_bundle(dissent, withdrawal))["patients_held_back"] == {"type_one_opt_out": 1}


def test_a_final_withdrawal_lifts_a_dissent(zone: SourceZone) -> None:
    dissent = an_observation(id="1", code=DISSENT)
    withdrawal = an_observation(id="2", code=WITHDRAWAL, effectiveDateTime="2021-03-01")
    assert _released(zone, a_bundle(dissent, withdrawal))["patients_held_back"] == {}


def test_a_withdrawal_later_the_same_day_counts_only_when_both_times_are_known(zone: SourceZone) -> None:
    day = {"effectiveDateTime": "2020-03-01"}
    dissent = an_observation(id="1", code=coded("827241000000103"), issued="2020-03-01T09:00:00Z", **day)
    withdrawal = an_observation(id="2", code=coded("827261000000102"), issued="2020-03-01", **day)
    assert _released(zone, a_bundle(dissent, withdrawal))["patients_held_back"] == {"type_one_opt_out": 1}


def test_restricted_confidential_and_misplaced_entries_stay_and_the_rest_goes(zone: SourceZone) -> None:
    entries = (
        an_observation(id="plain"),
        an_observation(id="restricted", code=coded("63487001")),
        an_observation(id="also restricted", code={"coding": [*coded()["coding"], *coded("63487001")["coding"]]}),
        an_observation(id="confidential", meta={"security": [{"code": "NOPAT"}]}),
        an_observation(id="another's", subject={"reference": "Patient/another"}),
        an_observation(id="number", code=coded("9990548609", "urn:own")),
    )
    outcome = _released(zone, a_bundle(*entries), a_bundle(patient=a_patient("9990000018", id="P2", active=False)))
    assert outcome["held_back"] == {
        "legally_restricted_code": 2,
        "confidential_record": 1,
        "patient_not_in_bundle": 1,
        "registration_out_of_scope": 1,
    }
    assert outcome["quarantined"] == {"identifier_in_code": 1}
    assert outcome["sent"] == 2, "one patient and one observation"
