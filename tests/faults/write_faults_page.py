"""Writes docs/faults.md from the marks of the tests: which fault, how it was injected, what happened, which test shows it.

Tests are read and not imported, so that this takes a second and needs no fixture of theirs.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults.forty import CANNOT_BE_INJECTED, FORTY, ONLY_REHEARSED

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
MARK, REHEARSAL = "pytest.mark.fault", "pytest.mark.rehearsal"
_HEAD = """# Faults

Forty faults the pipeline was designed against, each injected by a test. Made by `make pages` from the marks of the tests
(`@pytest.mark.fault`), so a line stands here because a test of that name shows it; a guard holds the page to them. *Rehearsal*:
runs by `make rehearse`, not by `make test`. What to do at night when one of these happens: [runbook](runbook.md).

| | fault | how injected | what happened | test |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One mark on one test."""

    fault: str
    injected: str
    happened: str
    path: str
    test: str
    rehearsal: bool


def shown_by_tests(root: Path = ROOT) -> list[Shown]:
    """Every mark on a test function, in the order of faults, then of files. Raises ValueError for one that is not whole."""
    paths = sorted((root / "tests").rglob("test_*.py"))
    found = [shown for path in paths if MARK in (text := path.read_text()) for shown in _in_file(path, root, text)]
    return sorted(found, key=lambda shown: shown.fault)


def _in_file(path: Path, root: Path, text: str) -> Iterator[Shown]:
    tree = ast.parse(text)
    all_rehearsed = any(REHEARSAL in ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign))
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        marks = [ast.unparse(mark) for mark in function.decorator_list]
        rehearsed = all_rehearsed or any(mark.startswith(REHEARSAL) for mark in marks)
        for mark in function.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
                yield _shown(mark, str(path.relative_to(root)), function.name, rehearsed)


def _shown(mark: ast.Call, path: str, test: str, rehearsal: bool) -> Shown:
    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
    faults = [ast.literal_eval(argument) for argument in mark.args]
    if len(faults) != 1 or faults[0] not in FORTY or set(said) != {"injected", "happened"}:
        raise ValueError(f"{path}::{test}: a mark names one of F01-F40, `injected` and `happened`.")
    return Shown(faults[0], said["injected"], said["happened"], path, test, rehearsal)


def page_as_it_should_be() -> str:
    by_fault: dict[str, list[Shown]] = {fault: [] for fault in FORTY}
    for shown in shown_by_tests():
        by_fault[shown.fault].append(shown)
    lines = [line for fault, all_shown in by_fault.items() for line in _lines(fault, all_shown)]
    return _HEAD + "\n".join(
        [*lines, "", "## What was not injected, and why", "", *_listed(CANNOT_BE_INJECTED), *_rehearsed()]
    )


def _lines(fault: str, all_shown: list[Shown]) -> Iterator[str]:
    if not all_shown:
        yield f"| {fault} | {FORTY[fault]} | | not injected, see below | |"
    for number, shown in enumerate(all_shown):
        named = f"{fault} | {FORTY[fault]}" if number == 0 else " | "
        where = f"[{shown.test}](../{shown.path})" + (" (rehearsal)" if shown.rehearsal else "")
        yield f"| {named} | {shown.injected} | {shown.happened} | {where} |"


def _listed(reasons: dict[str, str]) -> list[str]:
    return [f"- {fault}: {why}" for fault, why in reasons.items()] + [""]


def _rehearsed() -> list[str]:
    return ["## Only rehearsed", "", *_listed(ONLY_REHEARSED)] if ONLY_REHEARSED else []


if __name__ == "__main__":
    PAGE.write_text(page_as_it_should_be())
