"""The pieces that UK Core R4 resources are put together from."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from simulator import codings
from simulator.facts import NO_CODE, Rows
from simulator.practice import Practice

Cells = Mapping[str, str]
Resource = dict[str, Any]

UK_SITE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
SNOMED = "http://snomed.info/sct"
_OWN_SITE = "https://supplier.example.invalid/codes/"
_SYSTEMS = (
    ("snomed", SNOMED),
    ("read_v2", "http://read.info/readv2"),
    ("ctv3", "http://read.info/ctv3"),
    ("local", _OWN_SITE + "local"),
    ("national", _OWN_SITE + "national"),
)
_PRECISION = {"Y": 4, "YM": 7, "YMD": 10, "YMDT": 10, "U": 0, "": 10}


def plain(guid: str) -> str:
    return guid.strip("{}").lower()


def reference(kind: str, guid: str) -> Resource | None:
    return {"reference": f"{kind}/{plain(guid)}"} if guid else None


def resource(kind: str, guid: str, cells: Cells, **elements: object) -> Resource:
    meta = {"versionId": "1", "security": label("R", "v3-Confidentiality")} if is_confidential(cells) else None
    return without_blanks(resourceType=kind, id=plain(guid), meta=meta, **elements)


def is_confidential(cells: Cells) -> bool:
    return "true" in (cells.get("IsConfidential"), cells.get("SpineSensitive"))


def label(code: str, system: str) -> list[Resource]:
    return [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]


def concept(*parts: tuple[str, str]) -> Resource:
    """One coding each of (system, code)."""
    return {"coding": [{"system": system, "code": code} for system, code in parts]}


def word(text: str) -> Resource:
    """A word of the supplier's own list."""
    return concept((_OWN_SITE + "words", text))


def concepts(source: Practice, rows: Rows) -> Iterator[Resource]:
    """The codes of rows; of a code that no table has, a coding that says only that there was one."""
    named = codings.codings(source, rows)
    columns = [getattr(named, name).to_pylist() for name, _ in _SYSTEMS]
    codes = rows.facts.code.tolist() if rows.facts is not None else []
    for code, term, *cells in zip(codes, named.term.to_pylist(), *columns, strict=True):
        found = [{"system": system, "code": cell} for (_, system), cell in zip(_SYSTEMS, cells, strict=True) if cell]
        if code == NO_CODE:
            yield {}
        else:
            yield without_blanks(coding=found or [{"system": _OWN_SITE + "local", "display": "Not found"}], text=term)


def drug_concepts(rows: Rows) -> Iterator[Resource]:
    for dmd, term in zip(*(column.to_pylist() for column in codings.drugs(rows)), strict=True):
        coding = {"system": SNOMED, "code": dmd, "display": term} if dmd else {"system": SNOMED, "display": "Not found"}
        yield {"coding": [coding]}


def effective(cells: Cells) -> str:
    """As much of the date as is meant; the whole of what is no date."""
    day = cells["EffectiveDate"]
    return day[: _PRECISION[cells["EffectiveDatePrecision"]]] if _is_date(day) else day


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def entered(cells: Cells) -> str:
    return moment(cells["EnteredDate"], cells["EnteredTime"])


def moment(day: str, time: str) -> str:
    return f"{day}T{time}Z" if day and time else day


def number(text: str) -> float | int | str | None:
    """A number, or what was typed where one belongs."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def note(text: str) -> list[Resource] | None:
    return [{"text": text}] if text else None


def without_blanks(**elements: object) -> Resource:
    return {name: value for name, value in elements.items() if value not in (None, "", {}, [], [None])}
