"""docs/data-dictionary.md: every schema, table and column of the store, from the models, policy and meanings.toml."""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from central_zone.store import erasure_tables  # noqa: F401  (its tables are registered)
from central_zone.store.tables import metadata
from crossing.canonical import TABLES
from crossing.policy import Policy, policy_folder
from dictionary.sources import FORMATS, Field, sources
from rule_pages.page import HOW_TO_MAKE, table

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
RIGHTS = "store_rights.toml"
_SCHEMAS = {
    "records": "Records of patients under the store's tokens, every version of each. "
    "`records.current_<table>` is today's state, "
    "`records.<table>_as_of(taken_until, known_until)` the state [at a time](who-knew-what-when.md), "
    "`records.gdppr` today's in the layout of [GDPPR](gdppr.md).",
    "quarantine": "Rows that broke a rule: which, and which rule.",
    "ledger": "What became of every parcel and notice. It alone says what is loaded.",
    "audit": "The audit chain.",
    "lineage": "Lineage on its way out.",
    "erasure": "What stays of people who opted out later: marks and counts.",
    "release": "Who may be used, what was disclosed, and the released tables `release.<use>__<table>`, which each release makes anew. "
    "They have the columns that the data use lists, under the project's own tokens.",
    "rotation": "What keeps track of a change of token key.",
    "custody": "What re-identification under dual control needs. The store can open none of it.",
}
_TITLE = f"""<!-- Made from the models and policy by `{HOW_TO_MAKE}`. Change those, not this page, and make it again. -->

# Data dictionary of the store

Every table and column: type, whether it may be empty, meaning; of records, from which field of which format it comes and what
policy does with it on the way (`keep` as it is, `token` replaced by a keyed token, `generalise` made coarser). Whatever is not
here does not exist in the store: there is no column for free text, names, addresses, NHS numbers or whole dates of birth. The
same words are in the database (`\\d+ records.patient`), and a test compares models, database and this page.

There is no schema for landing: validated rows go straight into `records`, in one transaction a parcel. Partitions
(`records.<table>_NN`) are pieces of their table and have no lines of their own."""


def page() -> str:
    parts = [_TITLE]
    for schema, told in _SCHEMAS.items():
        parts.append(f"## {schema}\n\n{told}")
        parts += ["\n\n".join(_table(each)) for each in _tables_of(schema)]
    return "\n\n".join(parts) + "\n"


def unknown_schemas() -> set[str]:
    return {str(each.schema) for each in metadata.tables.values()} ^ set(_SCHEMAS)


def _tables_of(schema: str) -> list[Table]:
    order = list(TABLES)
    ours = [each for each in metadata.tables.values() if each.schema == schema]
    return sorted(ours, key=lambda each: (order.index(each.name) if each.name in order else 0, each.name))


def _table(each: Table) -> Iterator[str]:
    yield f"### {each.schema}.{each.name}"
    yield f"{each.comment}{_readers(f'{each.schema}.{each.name}')}"
    rows = [(f"`{column.name}`", _type(column), _may_be_empty(column), column.comment or "") for column in each.c]
    yield table(("column", "type", "may be empty", "meaning"), rows)
    if each.schema == "records":
        yield _where_from(each)


def _type(column: Column[Any]) -> str:
    return str(column.type.compile(dialect=postgresql.dialect())).removesuffix(' COLLATE "C"').lower()  # type: ignore[no-untyped-call]


def _may_be_empty(column: Column[Any]) -> str:
    return "yes" if column.nullable else "no"


def _where_from(each: Table) -> str:
    """The store itself adds practice and parcel; no field of a format fills them."""
    found = _sources()
    names = [column.name for column in TABLES[each.name]]
    rows = [
        (f"`{name}`", *(_fields(found.get((each.name, name), {}).get(format, [])) for format in FORMATS))
        for name in names
    ]
    return f"Where `{each.name}` comes from:\n\n{table(('column', *FORMATS), rows)}"


@cache
def _sources() -> Any:
    return sources(Policy())


def _fields(fields: list[Field]) -> str:
    return "; ".join(f"{field.name} ({field.action})" for field in fields)


def _readers(name: str) -> str:
    """Who may read it, as the reviewed file of rights has it."""
    readers = [
        f"{role} ({', '.join(right['of'])})" if "of" in right else role
        for rights in _rights()
        if name in rights.get("names", ())
        for role, given in rights.items()
        if role.startswith("gp_")
        for right in (given if isinstance(given, list) else [given])
        if "SELECT" in right["may"]
    ]
    return f" Read by: {', '.join(readers) or 'nobody'}." if _rights() else ""


@cache
def _rights() -> list[dict[str, Any]]:
    path = policy_folder() / RIGHTS
    return tomllib.loads(path.read_text())["objects"] if path.exists() else []
