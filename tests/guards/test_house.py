"""The rules of the house, each with a message that says how to obey."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from support.for_each import for_each

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for room in ("include", "dags", "plugins")
    for path in (ROOT / room).rglob("*.py")
    if "migrations" not in path.parts
)
LONGEST_FUNCTION = 40
LONGEST_FILE = 250


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_go_one_way() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    ran = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


@for_each(SOURCES)
def test_files_are_the_size_of_a_room(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= LONGEST_FILE, (
        f"{name_of(path)} has {lines} lines. Find the second subject in it and give that a file."
    )


@for_each([path for path in SOURCES if "dags" not in path.parts])
def test_functions_can_be_read_at_once(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, (
                f"{name_of(path)}: {node.name} has {lines} lines. Name the steps within it."
            )


@for_each(SOURCES)
def test_no_room_is_named_for_everything(path: Path) -> None:
    banned = {"utils", "common", "helpers", "manager", "base", "misc", "processor"}
    assert not banned & {path.stem, *path.relative_to(ROOT).parts}, "Name the module for what it does or is."


@for_each(SOURCES)
def test_privacy_never_rests_on_assert(path: Path) -> None:
    asserts = [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
    assert not asserts, f"{name_of(path)}, lines {asserts}: asserts vanish under python -O. Raise an error of ours."


def test_the_word_nhs_number_stays_at_the_source() -> None:
    """Only the source zone, the simulator and the two checks of the crossing may know the word."""
    allowed = (
        "include/source_zone/",
        "include/simulator/",
        "include/crossing/identifiers.py",
        "include/crossing/lineage.py",
    )
    known = [
        name_of(path)
        for path in SOURCES
        if re.search(r"(?<!is_)(?<!an_)(?<!canonical_)nhs_number", path.read_text())
        and not name_of(path).startswith(allowed)
    ]
    assert known == [], f"{known} name nhs_number. Past the source zone there are tokens only."


ZONES = [path for path in SOURCES if {"source_zone", "central_zone"} & set(path.parts)]


@for_each(ZONES)
def test_what_is_fenced_off_is_fenced_against_panics_too(path: Path) -> None:
    """`except Exception` stands where one practice must not stop the others; a panic of a library in Rust passes it by."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Try) and any(
            isinstance(each.type, ast.Name) and each.type.id == "Exception" for each in node.handlers
        ):
            within = {each.id for step in node.body for each in ast.walk(step) if isinstance(each, ast.Name)}
            assert "without_panics" in within, (
                f"{name_of(path)}, line {node.lineno}: put `with without_panics():` within the try."
            )
