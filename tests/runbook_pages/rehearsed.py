"""Which tests bring an error about: those that expect it to be raised, or that say so by `@pytest.mark.runbook("Name")`."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from runbook_pages.errors import ROOT

MARK = "pytest.mark.runbook"


@cache
def rehearsals(root: Path = ROOT) -> dict[str, list[str]]:
    """Error -> tests, as path::function. Tests are read and not imported."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for name, function in _in_file(ast.parse(path.read_text())):
            test = f"{path.relative_to(root)}::{function}"
            if test not in found.setdefault(name, []):
                found[name].append(test)
    return found


def _in_file(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        if function.name.startswith("test_"):
            yield from ((name, function.name) for name in _named_in(function))


def _named_in(function: ast.FunctionDef) -> Iterator[str]:
    """Where it is expected, in the test or in what it is given; a word of a log or a line counts where the test compares it."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 400:
            yield from (word.strip("`.:,;()'\"\\") for word in node.value.replace("|", " ").split())
