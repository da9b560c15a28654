"""One patient's Bundle: the patient, whom and what the entries name, lists that show all there is, and the entries."""

import json
import re
from collections.abc import Iterable

from simulator.codes import DRUGS
from simulator.formats.gp_connect.elements import SNOMED, Resource
from simulator.formats.gp_connect.medication import medication
from simulator.formats.gp_connect.people import is_patient
from simulator.formats.gp_connect.record import Standing

_NAMED = re.compile(r'"(Practitioner|Organization|Medication)/([^"]+)"')
_DRUG_TERMS = {drug.dmd: drug.term for drug in DRUGS}
_LISTS = {  # list -> what it names
    "886921000000105": ("AllergyIntolerance",),
    "1103671000000101": (),
    "1102181000000102": ("Immunization",),
    "887191000000108": (),
    "826501000000100": ("Observation",),
    "1149501000000101": ("Encounter",),
    "933361000000108": ("MedicationStatement",),
    "792931000000107": ("ReferralRequest",),
    "714311000000108": ("ProcedureRequest",),
    "717711000000103": ("Condition",),
}


def bundle(standing: Standing, patient: int) -> list[Resource]:
    """In an order that does not depend on when an entry was last changed."""
    own = standing.resources[patient]
    (person,) = (each for each in own if is_patient(each))
    entries = sorted((each for each in own if each is not person), key=_name)
    named = sorted(set(_NAMED.findall(json.dumps(own))))
    shared = [each for kind, key in named if kind != "Medication" for each in standing.shared[key]]
    medications = [medication(key, _DRUG_TERMS[key]) for kind, key in named if kind == "Medication"]
    return [person, *shared, *_lists(entries), *medications, *entries]


def as_text(resources: Iterable[Resource]) -> str:
    entries = [{"resource": each} for each in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _lists(entries: list[Resource]) -> list[Resource]:
    return [
        _list(code, [_name(each) for each in entries if each["resourceType"] in kinds])
        for code, kinds in _LISTS.items()
    ]


def _list(code: str, names: list[str]) -> Resource:
    coding = {"system": SNOMED, "code": code}
    shown = {"resourceType": "List", "id": code, "status": "current", "mode": "snapshot", "code": {"coding": [coding]}}
    if names:
        return shown | {"entry": [{"item": {"reference": name}} for name in names]}
    return shown | {"emptyReason": {"coding": [{"code": "no-content-recorded"}]}}
