"""Who may take an identifier's text, what may show rows when it is printed, and what may be said of a foreign error."""

import ast
import dataclasses
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import source_zone

ROOT = Path(__file__).parents[2]
ZONES = [path for room in ("include", "plugins", "dags") for path in sorted((ROOT / room).rglob("*.py"))]
OURS = [path for path in ZONES if "simulator" not in path.parts]
IDENTIFIER = ROOT / "include" / "source_zone" / "identifier.py"

# Reviewed. Each reason, where it is given, and how often. A change here is a change of who may see a person.
REVEALED = {
    ("adapters/fhir_r4/people.py", "COLUMN"): 2,  # a patient's row: number and postcode
    ("adapters/fhir_r4/rows.py", "COLUMN"): 1,  # an objection that names nobody but a number
    ("adapters/gp_connect/people.py", "COLUMN"): 2,
    ("adapters/gp_connect/registration.py", "COLUMN"): 2,  # the registration's id, and whether the number is valid
    ("reidentification/answer_case.py", "TREATING_PRACTICE"): 2,  # local id and number, of a case two people approved
    ("roster.py", "COLUMN"): 1,  # an objection that came before its patient
}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def reveals(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and node.attr == "reveal":
            yield "not called"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reveal":
            (reason,) = node.args
            yield reason.attr if isinstance(reason, ast.Attribute) else "not named"


def test_every_place_that_takes_an_identifiers_text_was_reviewed() -> None:
    found = Counter[tuple[str, str]]()
    for path in OURS:
        if path != IDENTIFIER:
            name = str(path).removeprefix(f"{ROOT / 'include' / 'source_zone'}/")
            for reason in reveals(path):
                found[name, reason] += 1
    mentioned = Counter({place: number for place, number in found.items() if place[1] == "not called"})
    called = found - mentioned
    assert dict(called) == REVEALED, "Have the new place reviewed, with its reason, and write it down here."
    assert mentioned.total() == called.total(), "`reveal` is called where it stands, never handed on."


def test_there_is_no_other_way_to_the_text() -> None:
    """Its slot has a name that only the class itself knows; whoever writes that name wants around the way."""
    around = re.compile(r"_Identifier__|object\.__getattribute__|\.__slots__|get_referents|__text\b")
    found = {path.name for path in OURS if around.search(path.read_text())}
    assert found == {"identifier.py"}


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(source_zone.__path__, "source_zone."):
        yield importlib.import_module(found.name)


def dataclasses_of_the_source_zone() -> dict[str, type[Any]]:
    return {
        f"{each.__module__.removeprefix('source_zone.')}.{each.__name__}": each
        for module in modules()
        for each in vars(module).values()
        if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__module__ == module.__name__
    }


# Of what is printed, these hold rows, or many values, or one of a patient's.
_ROWS = re.compile(
    r"pa\.(Table|RecordBatch|Array|ChunkedArray)|pl\.(DataFrame|LazyFrame|Series)|NDArray|\bnp\.|\bNumbers\b|\bRows?\b|"
    r"\bElement\b|\bAny\b|\bbytes\b|\barray\b|\bIdentifier\b"
)
_MANY = re.compile(r"\b(set|frozenset|list|dict|tuple|Mapping|Sequence|deque|Iterable)\[")
_OF_A_PATIENT = re.compile(r"patient|registration|nhs|postcode|birth|surname|person|subject|record_id|local_id")
_OF_OURS = re.compile(r"^(int|bool|float|date|datetime|timedelta|Path)\b")

# Reviewed: classes that hold many values, none of which comes from a record. Policy, settings, files, counts and parcels.
HOLD_NO_RECORDS = re.compile(
    r"(^|\.)(FieldPolicy|Fields|FileMap|KnownColumns|Header|Ignored|Generalisations|ReleaseRules|Rules|RuleVersion|TypeOneRule|"
    r"RecordCodes|ConsentCodes|Settings|Check|Request|Reading|Service|Found|Export|Left|Delivery|ReadTally|Deletions|Release|"
    r"MeshConnection|BulkFhirConnection|SftpConnection|BulkServer|Sorting|Drafts|_OnePart|Completeness|Extract|Stream|LateCodes|"
    r"Events|SourceKeys|Notice|Memory)$"
)


def shown_fields(each: type[Any]) -> Iterator[tuple[str, str]]:
    if not _has_a_repr_of_its_own(each):
        yield from ((field.name, str(field.type)) for field in dataclasses.fields(each) if field.repr)


def _has_a_repr_of_its_own(each: type[Any]) -> bool:
    return "__repr__" in vars(each) and not getattr(each.__repr__, "__wrapped__", None)


def shows_a_record(name: str, field: str, type_: str) -> bool:
    if _ROWS.search(type_) and not HOLD_NO_RECORDS.search(name):
        return True
    if _MANY.search(type_):
        return bool(_ROWS.search(type_)) or not HOLD_NO_RECORDS.search(name)
    return bool(_OF_A_PATIENT.search(field)) and not _OF_OURS.match(type_)


def test_nothing_that_holds_identified_rows_shows_them() -> None:
    """Whatever holds rows, ids or cells leaves them out of its repr: a traceback, a log or a debugger may ask for it."""
    shown = [
        f"{name}.{field}: {type_}"
        for name, each in dataclasses_of_the_source_zone().items()
        for field, type_ in shown_fields(each)
        if shows_a_record(name, field, type_)
    ]
    assert shown == [], "Write field(repr=False), or have the class reviewed and named above."
