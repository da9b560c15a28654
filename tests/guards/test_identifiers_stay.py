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

import msgspec
import pytest

import source_zone
from crossing.policy import Policy
from source_zone.adapters.fhir_r4.policy import read_field_policy
from support.for_each import for_each

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
    around = re.compile(r"_Identifier__|object\.__getattribute__|get_referents|__text\b")
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


# What holds rows, or any number of cells; and what holds one of a patient's.
_ROWS = re.compile(
    r"\b(Table|RecordBatch|Array|ChunkedArray|DataFrame|LazyFrame|Series|NDArray|ndarray|Numbers|Rows?|Any|bytes|array)\b"
)
_MANY = re.compile(r"\b(set|frozenset|Set|list|dict|tuple|Mapping|Sequence|deque|Iterable)\[")
_OF_A_PATIENT = re.compile(r"patient|registration|nhs|postcode|birth|surname|person|subject|record_id|local_id")
_HARMLESS = ("<class 'int'>", "<class 'bool'>", "collections.abc.Callable[")

# Reviewed: of these classes nothing comes out of a record. They hold policy, settings, headers, files, counts and parcels.
HOLD_NO_RECORDS = {
    *(
        "FieldPolicy",
        "Fields",
        "FileMap",
        "Ignored",
        "Generalisations",
        "Rules",
        "RuleVersion",
        "TypeOneRule",
        "RecordCodes",
    ),
    *(
        "ConsentCodes",
        "Header",
        "Events",
        "Stream",
        "Completeness",
        "Found",
        "Export",
        "Delivery",
        "Left",
        "Drafts",
        "_OnePart",
        "_Pairs",
    ),
    *(
        "MeshConnection",
        "BulkFhirConnection",
        "BulkServer",
        "Sorting",
        "Service",
        "Check",
        "Request",
        "Reading",
        "Deletions",
    ),
    *("CompletenessReport", "ExpectedSubmissions", "ActualSubmission"),
}
# Reviewed: single fields of other classes.
SHOWN = {
    "adapters.tpp_csv.late_codes.LateCodes.columns",  # the names of columns
    "identified.ReadTally.told_apart_by",  # the same
    "memory.Memory.taken_extracts",  # ids of extracts: moments
}


def shown_fields(each: type[Any]) -> Iterator[tuple[str, str]]:
    if "__repr__" not in vars(each) or hasattr(each.__repr__, "__wrapped__"):  # a dataclass's own is wrapped
        yield from ((field.name, str(field.type)) for field in dataclasses.fields(each) if field.repr)


def shows_a_record(name: str, field: str, type_: str) -> bool:
    if name.rpartition(".")[2] in HOLD_NO_RECORDS or f"{name}.{field}" in SHOWN:
        return False
    holds = _ROWS.search(type_) or _MANY.search(type_) or _OF_A_PATIENT.search(field)
    return bool(holds) and not type_.startswith(_HARMLESS)


def test_nothing_that_holds_identified_rows_shows_them() -> None:
    """Whatever holds rows, ids or cells leaves them out of its repr: a traceback, a log or a debugger may ask for it."""
    shown = [
        f"{name}.{field}: {type_}"
        for name, each in dataclasses_of_the_source_zone().items()
        for field, type_ in shown_fields(each)
        if shows_a_record(name, field, type_)
    ]
    assert shown == [], "Write field(repr=False), or have it reviewed and named above."


def test_a_reviewed_name_is_of_something_that_is_there() -> None:
    classes = dataclasses_of_the_source_zone()
    known = {name.rpartition(".")[2] for name in classes} | {each.__name__ for each in structs()}
    fields = {f"{name}.{field}" for name, each in classes.items() for field, _ in shown_fields(each)}
    assert HOLD_NO_RECORDS - known == set()
    assert SHOWN - fields == set()


def structs() -> list[type[Any]]:
    list(modules())
    waiting, found = [msgspec.Struct], list[type[Any]]()
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        found += [each] if each.__module__.startswith("source_zone") else []
    return found


def test_nothing_that_records_are_decoded_into_shows_them() -> None:
    """msgspec's own types print every field: ours say their kind, also those made of policy when a run begins."""
    loud = [each.__name__ for each in structs() if each.__repr__ is msgspec.Struct.__repr__]
    assert sorted(set(loud) - HOLD_NO_RECORDS) == [], "Derive it from source_zone.unshown.Unshown."
    decoder = read_field_policy(Policy()).decoders["Patient"]
    said = b'{"resourceType": "Patient", "id": "zebrowska", "birthDate": "1931-02-28", "address": [{"postalCode": "QQ1 1QQ"}]}'
    patient = decoder.decode(said)
    assert patient.birthDate == "1931-02-28"
    assert repr(patient) == "Patient(…)"
    assert "QQ1" not in repr([patient, patient.address])


def ours() -> set[str]:
    """The names of our own errors, and of constants that are tuples of them."""
    known, classes, constants = {"GPCollectError", "CannotOpen"}, dict[str, set[str]](), dict[str, set[str]]()
    for path in OURS:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                classes[node.name] = {ast.unparse(base) for base in node.bases}
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                constants[ast.unparse(node.targets[0])] = {ast.unparse(each) for each in node.value.elts}
    while new := {name for name, bases in classes.items() if bases & known} - known:
        known |= new
    return known | {name for name, members in constants.items() if members and members <= known}


def foreign_handlers(path: Path) -> Iterator[ast.ExceptHandler]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if not all(each is not None and ast.unparse(each) in OUR_ERRORS for each in caught):
                yield node


OUR_ERRORS = ours()
# What may be asked of a foreign error: numbers, and words that the library chose itself. Never its text or its arguments.
_MAY_BE_ASKED = {"strerror", "errno", "code", "lineno", "response", "orig", "ask_again_at"}
# Reviewed: functions that look into a foreign error and tell none of it; each has tests of its own.
_LOOKED_INTO_BY = {
    "as_ours",
    "_ours",
    "_told",
    "_failed_in",
    "failures_told_by",
    "is_a_panic",
    "refuse_element",
    "_down",
    "isinstance",
    "type",
    "_place_in",
    "_refusal",
}
_REVIEWED = {
    "include/source_zone/command_line.py",  # the simulator's own words about its arguments; it knows nobody real
    "include/leak_search/parts.py",  # kept until what came before it is read; then its kind is told
    "include/simulator",
    "include/demo",
}


@for_each(OURS)
def test_an_error_of_ours_never_carries_a_foreign_one(path: Path) -> None:
    """`from None`, wherever one is raised while a foreign error is handled."""
    for handler in foreign_handlers(path):
        for node in within(handler):
            if isinstance(node, ast.Raise) and node.exc is not None:
                none = isinstance(node.cause, ast.Constant) and node.cause.value is None
                assert none, f"line {node.lineno}: raise it `from None`; the error it was made of quotes values."


@for_each(OURS)
def test_nothing_of_a_foreign_errors_text_is_used(path: Path) -> None:
    if any(str(path.relative_to(ROOT)).startswith(each) for each in _REVIEWED):
        return
    for handler in foreign_handlers(path):
        for line in uses_of_its_text(handler):
            pytest.fail(
                f"line {line}: tell its kind, the file and the rule. What a library says of it quotes the value."
            )


def uses_of_its_text(handler: ast.ExceptHandler) -> Iterator[int]:
    allowed: set[int] = set()
    for node in within(handler):
        if isinstance(node, ast.Attribute) and node.attr in _MAY_BE_ASKED:
            allowed.add(id(node.value))
        if isinstance(node, ast.Call) and name_of(node.func) in _LOOKED_INTO_BY:
            allowed.update(id(each) for each in node.args)
    for node in within(handler):
        if isinstance(node, ast.Name) and node.id == handler.name and id(node) not in allowed:
            yield node.lineno


def name_of(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def within(handler: ast.ExceptHandler) -> Iterator[ast.AST]:
    for statement in handler.body:
        yield from ast.walk(statement)


@for_each(OURS)
def test_no_traceback_is_ever_printed(path: Path) -> None:
    loud = re.compile(
        r"exc_info|stack_info|\.exception\(|print_exc|format_exc|format_exception|print_tb|faulthandler|show_locals"
    )
    found = [line for line in path.read_text().splitlines() if loud.search(line)]
    assert found == [], "A traceback prints the error's text, which quotes what was read."


def test_the_rules_about_errors_can_fail(tmp_path: Path) -> None:
    careless = tmp_path / "careless.py"
    careless.write_text(
        "try:\n    read()\nexcept ValueError as error:\n    note = f'bad: {error}'\n    raise PersonMustAct(note)\n"
        "try:\n    read()\nexcept PersonMustAct as error:\n    raise NotAllLoaded(str(error))\n"
        "try:\n    read()\nexcept OSError as error:\n    raise FileRefused(error.strerror) from None\n"
    )
    first, second = foreign_handlers(careless)
    assert list(uses_of_its_text(first)) == [4]
    assert list(uses_of_its_text(second)) == []
    with pytest.raises(AssertionError, match="line 5"):
        test_an_error_of_ours_never_carries_a_foreign_one.of_one(careless)
