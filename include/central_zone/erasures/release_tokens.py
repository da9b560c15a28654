"""How a table of schema `release` writes the people it holds."""

import pyarrow as pa
from sqlalchemy import Connection

from central_zone.zone import Zone


def tokens_in(zone: Zone, connection: Connection, table: str, tokens: pa.Array) -> pa.Array:
    """The store's tokens (T2) of people as `table` writes them. A project's table has tokens of its own (T3)."""
    return tokens
