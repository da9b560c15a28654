"""Every reason for which a patient or a record stays at the practice has words that anybody understands."""

import ast
from collections.abc import Iterator
from pathlib import Path

from crossing.reasons import REASONS_IN_WORDS

SOURCE = Path(__file__).parents[2] / "include" / "source_zone"
# Calls whose last argument is a reason, and the calls of polars that turn one into a column.
GIVES_A_REASON = {"_if": 1, "_stays": 1, "lit": 0}
# Constants of the adapters that are written like a reason and are none, and counts of what is not collected.
NO_REASON = {
    *("gpdpr_channels", "gpdpr_people", "gp_connect_records", "own_organisation", "change_type", "further_codes"),
    *(
        "full_extract",
        "problem_link",
        "problem_link_without_its_entry",
        "repeated_submission",
        "unchanged_entries",
        "not_collected",
    ),
    *("records_not_delivered", "incomplete_records", "missing_but_not_deleted", "gone_since", "other_warning"),
}


def reasons_in(path: Path) -> Iterator[str]:
    """What is written in a file where a reason belongs: in those calls, in the quarantine's list, as an adapter's constant."""
    tree = ast.parse(path.read_text())
    constants = {
        name: text(node.value) for node in ast.walk(tree) if isinstance(node, ast.Assign) for name in names_of(node)
    }
    if path.is_relative_to(SOURCE / "adapters"):
        yield from (value for name, value in constants.items() if name.isupper())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = GIVES_A_REASON.get(name, len(node.args))
            yield from (
                text(each) or constants.get(getattr(each, "id", ""), "") for each in node.args[place : place + 1]
            )
        if isinstance(node, ast.Assign) and "_QUARANTINE_RULES" in names_of(node):
            yield from (text(each) for each in ast.walk(node.value))


def names_of(node: ast.Assign) -> list[str]:
    return [each.id for each in node.targets if isinstance(each, ast.Name)]


def text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def all_reasons() -> set[str]:
    found = {each for path in SOURCE.rglob("*.py") for each in reasons_in(path)}
    return {each for each in found if "_" in each and each.replace("_", "").isalpha() and each.islower()} - NO_REASON


def test_every_reason_of_the_source_has_words() -> None:
    assert sorted(all_reasons() - set(REASONS_IN_WORDS)) == [], (
        "Add the words to crossing/reasons.py, or the name to NO_REASON."
    )


def test_the_search_finds_reasons_of_every_make() -> None:
    assert all_reasons() >= {
        "type_one_opt_out",
        "awaits_whole_record",
        "legally_restricted_code",
        "uncoded_entry",
        "no_record_id",
        "malformed_resource",
    }


def test_words_belong_to_a_reason_that_exists() -> None:
    written = "\n".join(
        path.read_text() for path in [*SOURCE.rglob("*.py"), *(SOURCE.parent / "central_zone").rglob("*.py")]
    )
    policy = "\n".join(path.read_text() for path in (SOURCE.parent / "policy").rglob("*.toml"))
    assert [each for each in REASONS_IN_WORDS if f'"{each}"' not in written + policy] == []
