"""The table of docs/store-rights.md, made from policy/store_rights.toml: `python -m rights_page` writes it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from central_zone.store.role_names import OWNER, ROLES
from crossing.policy import policy_folder

PAGE = Path(__file__).parents[1] / "docs" / "store-rights.md"
MARK = "<!-- made by `make pages` from include/policy/store_rights.toml -->\n"
_WORKING = tuple(role for role in ROLES if role != OWNER)
_LETTERS = {
    "SELECT": "S", "INSERT": "I", "UPDATE": "U", "DELETE": "D",
    "USAGE": "u", "CREATE": "c", "EXECUTE": "x", "CONNECT": "C", "TEMP": "T",
}  # fmt: skip


def page() -> str:
    """The whole page as it should be: what people wrote, and the table beneath."""
    written = PAGE.read_text().partition(MARK)[0]
    return f"{written}{MARK}\n" + "\n".join(_table()) + "\n"


def _table() -> Iterator[str]:
    content = tomllib.loads((policy_folder() / "store_rights.toml").read_text())
    yield "| | " + " | ".join(role.removeprefix("gp_") for role in _WORKING) + " |"
    yield "|---" * (len(_WORKING) + 1) + "|"
    for entry in content["objects"]:
        cells = [_cell(entry.get(role, [])) for role in _WORKING]
        yield f"| {_names(entry)} | " + " | ".join(cells) + " |"


def _names(entry: dict[str, Any]) -> str:
    """Functions without their arguments; what is treated alike, together."""
    if "names" not in entry:
        return f"*{entry['is']}*"
    names = ", ".join(f"`{name.partition('(')[0]}`" for name in entry["names"])
    return names if entry["is"] == "table" else f"{entry['is']} {names}"


def _cell(lines: Any) -> str:
    every = lines if isinstance(lines, list) else [lines]
    return " ".join(_letters(line) for line in every if line)


def _letters(line: dict[str, Any]) -> str:
    letters = "".join(_LETTERS[word] for word in line["may"])
    return f"({letters})" if "of" in line else f"{letters}, own uses" if "only_if" in line else letters


if __name__ == "__main__":
    PAGE.write_text(page())
