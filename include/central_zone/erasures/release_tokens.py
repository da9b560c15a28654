"""How a table of schema `release` writes the people it holds."""

import pyarrow as pa
from sqlalchemy import Connection, select

from central_zone import keys
from central_zone.materialise import name_of_released
from central_zone.store.release_tables import released_table
from central_zone.tokens import as_hex
from central_zone.zone import Zone
from crossing.errors import SoftwareFault
from crossing.tokens import keyed_tokens


def tokens_in(zone: Zone, connection: Connection, table: str, tokens: pa.Array) -> pa.Array:
    """The store's tokens (T2) of people as `table` writes them. A project's table has tokens of its own (T3)."""
    for row in connection.execute(select(released_table)):
        if name_of_released(row.use_id, row.table_name) == table:
            label = keys.project_label(row.use_id, row.project_key_version)
            return keyed_tokens(as_hex(tokens), keys.project_subkey(zone.settings.keys_folder, label))
    if "__" in table:
        raise SoftwareFault(f"release.{table} is of no release that is known. Nobody was erased; report it.")
    return tokens
