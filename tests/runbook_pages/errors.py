"""Every error class of ours, found by reading the code: what it means, whose move it is, and the lines it may say."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("include/crossing", "include/source_zone", "include/central_zone", "include/key_custody", "plugins")
BRANCHES = {"TryAgain": "tries again by itself", "PersonMustAct": "a person must act"}


@dataclass(slots=True)
class OurError:
    """One name; two zones may each have a class of it."""

    name: str
    branch: str
    parents: list[str] = field(default_factory=list)
    meanings: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@cache
def our_errors(root: Path = ROOT) -> dict[str, OurError]:
    """By name. The two branches themselves and their root are none."""
    trees = [ast.parse(path.read_text()) for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    bases = {each.name: [name for name in map(_name, each.bases) if name] for each in classes}
    found: dict[str, OurError] = {}
    for each in classes:
        branch = _branch(each.name, bases)
        if branch and each.name not in BRANCHES:
            error = found.setdefault(each.name, OurError(each.name, branch))
            error.parents += [base for base in bases[each.name] if base not in (*error.parents, *BRANCHES)]
            error.meanings.append(" ".join((ast.get_docstring(each) or "").split()))
    for tree in trees:
        for name, line in _lines(tree):
            if name in found and line not in found[name].lines:
                found[name].lines.append(line)
    return dict(sorted(found.items()))


def _branch(name: str, bases: dict[str, list[str]]) -> str | None:
    if name in BRANCHES:
        return name
    return next((branch for base in bases.get(name, ()) if (branch := _branch(base, bases))), None)


def _lines(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What is said where an error is made of words that stand in the code; `...` where the code puts something in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and (name := _name(node.func)):
            words = _words(node.args[0])
            if words:
                yield name, " ".join(words.split())


def _words(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)
    return ""


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
