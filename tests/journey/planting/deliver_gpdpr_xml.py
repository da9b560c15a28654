"""Canaries in GPDPR XML: for every attribute of every element, an element like others that differs in it."""

import copy
import gzip
import json
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

from crossing.policy import Policy
from journey.planting.canaries import Canaries

FORMAT = "gpdpr_xml"
_NAMESPACE = "http://www.nhsdigital.nhs.uk/GPDFSU/XMLSchema/GPDataExtract/ns"
_NOT_ELEMENTS = ("marks", "words")
_ROWS = {"organisation", "practitioner", "patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication",
         "referral", "problem", "problem_link", "appointment"}  # fmt: skip
_AROUND = ("gpdata-extract", "practice-extract")  # there is one of each in a file
Samples = dict[str, list[tuple[ET.Element, ET.Element]]]  # by name, each with what it stands in


def read_policy() -> Mapping[str, Any]:
    return {name: part for name, part in Policy().table(f"fields/{FORMAT}.toml").items() if name not in _NOT_ELEMENTS}


def places(content: Mapping[str, Any]) -> set[str]:
    return {f"{element}.{attribute}" for element, lines in content.items() for attribute in lines}


@dataclass(slots=True)
class GpdprPlanter:
    """The two files of a delivery: patients' records, and appointments."""

    canaries: Canaries
    folder: Path
    left_out: Collection[str] = ()
    only: Collection[str] = ()
    content: Mapping[str, Any] = field(default_factory=read_policy)

    def plant(self) -> None:
        ET.register_namespace("", _NAMESPACE)
        for path in sorted(self.folder.glob("*EXTRACT*.gz")):
            tree = ET.ElementTree(ET.fromstring(gzip.decompress(path.read_bytes())))  # noqa: S314  (the simulator wrote it)  (our own simulator's)
            self._plant(tree.getroot(), with_appointments="_APPT_" in path.name)
            self._report(path, sum(_name(each) in _ROWS for each in tree.getroot().iter()))
            path.write_bytes(gzip.compress(ET.tostring(tree.getroot(), encoding="utf-8", xml_declaration=True)))

    def _report(self, extract: Path, rows: int) -> None:
        """The supplier's own count of the rows, in the report that comes with the file."""
        kind = extract.name.split("_EXTRACT_")[0]
        (report,) = self.folder.glob(f"{kind}_REPORT_*.jsonl")
        said = json.loads(report.read_text())
        for submission in said["actual_submissions"]:
            submission["record_count"] = rows
        report.write_text(json.dumps(said) + "\n")

    def _plant(self, root: ET.Element, *, with_appointments: bool) -> None:
        samples: Samples = {}
        for parent in list(root.iter()):
            for element in parent:
                samples.setdefault(_name(element), []).append((parent, element))
        samples["gpdata-extract"] = [(root, root)]
        for name in self.content:
            if name in _AROUND:
                self._around(samples[name][0][1], name, with_appointments=with_appointments)
            elif (name == "appointment") == with_appointments:
                self._like_others(name, samples)

    def _like_others(self, name: str, samples: Samples) -> None:
        for attribute in self.content[name]:
            for value in self._values(f"{name}.{attribute}"):
                parent, element = _sample(name, samples)
                element.set("id", str(uuid4()))
                if name == "patient":
                    element.set("patient_id_deid", self.canaries.person(FORMAT, "patient.patient_id_deid"))
                    parent = ET.SubElement(
                        samples["practice-patient-extracts"][0][1], _full("patient-extract-snapshot")
                    )
                element.set(attribute, value)
                parent.append(element)

    def _around(self, element: ET.Element, name: str, *, with_appointments: bool) -> None:
        """There is one of it in a file: the word in the records' file, the number in that of the appointments."""
        for attribute in self.content[name]:
            if self._is_wanted(place := f"{name}.{attribute}"):
                plant = self.canaries.number if with_appointments else self.canaries.word
                element.set(attribute, plant(FORMAT, place))

    def _values(self, place: str) -> list[str]:
        return (
            [self.canaries.word(FORMAT, place), self.canaries.number(FORMAT, place)] if self._is_wanted(place) else []
        )

    def _is_wanted(self, place: str) -> bool:
        return place not in self.left_out and (not self.only or place in self.only)


def note_identities(canaries: Canaries, folder: Path) -> None:
    for path in sorted(folder.glob("*PAT_EXTRACT*.gz")):
        root = ET.fromstring(gzip.decompress(path.read_bytes()))  # noqa: S314  (the simulator wrote it)
        for element in root.iter(_full("patient")):
            for attribute in ("id", "patient_id_deid", "local_id_deid", "postcode_deid"):
                canaries.note(FORMAT, f"patient.{attribute}", element.get(attribute, ""))


def _sample(name: str, samples: Samples) -> tuple[ET.Element, ET.Element]:
    """A copy of one that was delivered, and where that stands: a snapshot holds one patient's rows."""
    if name not in samples:
        return random.choice(samples["patient-extract-snapshot"])[1], ET.Element(_full(name))
    parent, element = random.choice(samples[name])
    return parent, copy.deepcopy(element)


def _full(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name.replace('problem_link', 'problem-link')}"


def _name(element: ET.Element) -> str:
    """As policy names it: of one element, policy's name is that of a table."""
    return element.tag.rpartition("}")[2].replace("problem-link", "problem_link")
