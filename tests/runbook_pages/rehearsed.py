"""Which tests bring an error about: those that expect it to be raised, or that say so by `@pytest.mark.runbook("Name")`."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from runbook_pages.errors import ROOT

MARK = "pytest.mark.runbook"

# Errors that no test brings about, each with the reason. Reviewed; the guard holds it to what is found.
NOT_REHEARSED: dict[str, str] = {
    "AnotherParcelThere": "It takes two parcels of one id, which only a source that lost count makes; refusing the second is tested.",
    "FolderMissing": "A practice's folder that is not there is passed over or told by the look at what is due, as FileRefused.",
    "FormatUnknown": "A guard holds the formats in policy to the adapters there are.",
    "LinkExpired": "The link is asked for anew before anybody sees it; only a second refusal would show it.",
    "MessageLocked": "The sandbox of MESH locks no message.",
    "NotAllBridgedYet": "Its twin NotAllBridged is tested; the two differ in the branch alone.",
    "NotAllTakenYet": "Its twin NotAllTaken is tested; the two differ in the branch alone.",
    "NotDeliveredYet": "Its twin NotDelivered is tested; the two differ in the branch alone.",
    "NotTakingPart": "Told by a backfill by hand only, of a practice that left; nothing is read.",
    "NothingToTake": "It never comes out of a step: a step says `already` instead.",
    "PracticesNotReady": "Its twin PracticesFailed is tested; the two differ in the branch alone.",
    "SnapshotMixed": "Each row of a snapshot is refused by it in tests that look at what was counted, not at the error.",
    "StoreWeaker": "What it sums up is tested line by line, in tests of `weaker`.",
    "TooManyRequests": "It takes 9,999 requests in a day.",
    "TransportUnknown": "A guard holds the ways in in policy to the transports there are.",
}


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
