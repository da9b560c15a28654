"""What tables and columns mean: meanings.toml, as comments on the models."""

import tomllib
from functools import cache
from pathlib import Path

from sqlalchemy import Table

FILE = Path(__file__).with_name("meanings.toml")
TABLE = "_"  # the line about a table itself


@cache
def meanings() -> dict[str, dict[str, str]]:
    """By `schema.table`, then by column. Under `schema.*` stands what holds for every table of the schema."""
    content = tomllib.loads(FILE.read_text())
    said = {name: columns for name, columns in content.items() if "." in name}
    for schema in content.keys() - said.keys():
        said |= {f"{schema}.{table}": columns for table, columns in content[schema].items()}
    return said


def describe(table: Table) -> None:
    """Gives a table and its columns their comments, as far as there are any. That there are is for a test to see."""
    shared, own = meanings().get(f"{table.schema}.*", {}), meanings().get(f"{table.schema}.{table.name}", {})
    table.comment = own.get(TABLE)
    for column in table.c:
        column.comment = own.get(column.name, shared.get(column.name))
