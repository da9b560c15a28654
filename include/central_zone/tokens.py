"""From the source's token (T1) to the store's own (T2). T1 is never stored, so the store alone cannot be joined to it."""

import polars as pl
import pyarrow as pa

from crossing.canonical import Kind, column_names
from crossing.tokens import keyed_tokens, keyed_tokens_of_repeats

# Unlike every other token, a record's own hardly repeats within a parcel: looking for repeats would only cost.
_HARDLY_REPEATS = "record_token"


def with_store_tokens(table: str, rows: pa.Table, subkey: bytes) -> pa.Table:
    """The same rows, every token column keyed again with the store's subkey; NULL stays NULL."""
    for name in column_names(table, Kind.TOKEN):
        hash_column = keyed_tokens if name == _HARDLY_REPEATS else keyed_tokens_of_repeats
        tokens = hash_column(as_hex(rows[name]), subkey)
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), tokens)
    return rows


def as_hex(tokens: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Tokens as the lower-case hexadecimal text that keyed hashes are made of."""
    return pl.Series(tokens.cast(pa.binary())).bin.encode("hex").to_arrow().cast(pa.string())
