"""Two independent American exports through the source zone: everything is counted under a name, and nothing leaks.

They are the honest negative test: no NHS number, no British registration, codes nobody here records in. Once more with
patients said to be registered here, so that their SNOMED entries do leave and the search has something to fail on.
"""

import gzip
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from crossing.manifest import Manifest
from crossing.policy import policy_folder
from source_zone.release import prepare
from source_zone.release_practice import release_practice
from support.fhir_exports import PRACTICE, Resource, american_export
from support.simulated_nights import SimulatedNights, find_parcels, heard
from support.source_zone import a_practice, make_source_zone

pytestmark = [pytest.mark.rehearsal, pytest.mark.needs_shared, pytest.mark.slow]

SYNTHEA, CAREBUNDLE = "fhir_bulk_us_synthea100", "fhir_bulk_us_carebundle1000"
_IDENTIFYING = ("family", "given", "line", "city", "postalCode", "phone", "birthDate", "valueAddress", "serialNumber")
_WORDS = re.compile(r"[A-Za-z]{4,}|[0-9]{5,}|[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Five digits within the hexadecimal of tokens, keys and signatures are a postcode of somebody's by chance.
_WORDS_MADE = re.compile(r"[A-Za-z]{4,}|(?<![0-9A-Fa-f])[0-9]{5,}(?![0-9A-Fa-f])|[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Night:
    """One export released, and what its own resources say, found without any code of ours."""

    name: str
    registered_here: bool
    manifest: Manifest
    made: dict[str, str] = field(repr=False)  # where -> text
    resources: list[Resource] = field(repr=False)


@pytest.fixture(scope="module", params=[(SYNTHEA, False), (SYNTHEA, True), (CAREBUNDLE, False), (CAREBUNDLE, True)])
def night(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    name, at_this_practice = request.param
    root = tmp_path_factory.mktemp(name)
    zone = make_source_zone(root, _policy_that_knows_nobody_objected(tmp_path_factory.mktemp("policy") / "it"))
    zone = replace(zone, settings=replace(zone.settings, lineage=zone.root / "lineage"))
    folder = zone.settings.incoming / PRACTICE
    american_export(shared_data / name, folder, at_this_practice=at_this_practice)
    lived = SimulatedNights(zone, "fhir_r4", truth={"practices": {}})
    with heard(lived.said):
        practice = a_practice(PRACTICE, "fhir_r4")
        release = prepare("gpdpr", practice, "run", zone.settings, folder=folder, progress=lived.said.append)
        lived.said.append(json.dumps(release_practice(release)))
    find_parcels(lived)
    (manifest,) = lived.manifests.values()
    return Night(name, at_this_practice, manifest, dict(lived.everything_made()), list(_resources(shared_data / name)))


def _policy_that_knows_nobody_objected(folder: Path) -> Path:
    """A thousand patients without one objection would stop an English practice; Americans cannot have any."""
    shutil.copytree(policy_folder(), folder)
    with (folder / "approved_opt_outs.csv").open("a") as approved:
        approved.write(f"{PRACTICE},every,test,2999-12-31,The export is of another country.\n")
    return folder


def _resources(source: Path) -> Iterator[Resource]:
    for path in sorted(source.glob("*.ndjson.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            yield json.loads(line)


def test_every_resource_is_a_row_or_counted_by_its_name(night: Night) -> None:
    kinds = Counter(each["resourceType"] for each in night.resources)
    counts = night.manifest.counts
    components = sum(len(each.get("component", [])) for each in night.resources)
    read = sum(row["read"] for row in counts["tables"].values())
    left = {name: n for name, n in counts["not_collected"].items() if name in kinds}
    assert night.manifest.supplier_record_count == len(night.resources)
    assert read + sum(left.values()) == len(night.resources) + components
    assert left.get("Claim", 0) == kinds["Claim"]
    for row in counts["tables"].values():
        assert row["read"] == row["sent"] + sum(row["held_back"].values()) + sum(row["quarantined"].values())


def test_what_stays_has_a_name(night: Night) -> None:
    reasons = Counter[str]()
    for row in night.manifest.counts["tables"].values():
        reasons.update(row["held_back"])
        reasons.update(row["quarantined"])
    assert reasons.total() > 20_000
    assert {*reasons} <= {
        *("registration_out_of_scope", "died_before_start", "foreign_code_system", "test_patient"),
        *("dated_before_birth", "outside_look_back", "confidential_record"),  # of staff labelled as test data
    }


def test_only_what_is_coded_in_snomed_ever_leaves(night: Night) -> None:
    sent = {name: row["sent"] for name, row in night.manifest.counts["tables"].items() if row["sent"]}
    assert ("patient" in sent) == night.registered_here
    assert ("problem" in sent) == (night.registered_here and night.name == SYNTHEA)
    assert "medication" not in sent
    assert "immunisation" not in sent


def test_nothing_identifying_is_found_anywhere(night: Night) -> None:
    wanted = set(_identifying(night.resources))
    assert len(wanted) > 1_000
    found = {where: len(wanted & _pieces(where, text)) for where, text in night.made.items()}
    assert {where: n for where, n in found.items() if n} == {}


# A part may be as many bytes long as somebody's postcode is a number.
_SIZES = re.compile(r'"(?:cipher|plain)text_bytes":[0-9]+')


def _pieces(where: str, text: str) -> set[str]:
    """Of sealed files, signatures and public keys only longer ones: four letters stand in a million random bytes by chance."""
    if where.endswith("manifest.json"):
        text = _SIZES.sub("", text)
    shortest = 8 if where.endswith((".sealed", ".hpke", ".sig", "key_register.toml")) else 4
    return {each for each in _WORDS_MADE.findall(text) if len(each) >= shortest}


def test_the_search_would_find_something(night: Night) -> None:
    wanted = set(_identifying(night.resources))
    told = " ".join(json.dumps(each) for each in night.resources if each["resourceType"] == "Patient")
    assert len(wanted & set(_WORDS.findall(told))) > 500


def _identifying(resources: list[Resource]) -> Iterator[str]:
    """Names, addresses, telephones, numbers, days of birth of patients and staff; ids are searched for as their digits."""
    public = {"Organization"}  # their names are words like "health"
    ours = {"test", "data", "family", "practice", "unknown", "male", "female", "other", "code", "name"}
    for each in resources:
        if each["resourceType"] in ("Patient", "Practitioner"):
            told = [each.get(name) for name in ("name", "address", "telecom", "birthDate")]
            told += [number.get("value") for number in each.get("identifier", [])]
            told += [extension.get("valueString") for extension in each.get("extension", [])]
            for text in _texts(told):
                yield from (word for word in _WORDS.findall(text) if word.lower() not in ours | public)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in ("use", "system", "prefix", "extension", "country", "state", "period"):
                yield from _texts(each)
    elif isinstance(value, str):
        yield value
