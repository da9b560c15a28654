"""A mark: what is kept of an erased token, so that it is known again. Only who holds the store key can make one.

The first 128 bits of HMAC-SHA-256 of the token's hexadecimal text, under a sub-key of the store key that is for nothing else.
"""

from collections.abc import Iterable
from uuid import UUID

import pyarrow as pa

from central_zone.tokens import as_hex
from crossing.canonical import TOKEN_BYTES
from crossing.tokens import keyed_tokens

TOKEN = pa.binary(TOKEN_BYTES)


def marks_of(tokens: pa.Array | pa.ChunkedArray, subkey: bytes) -> pa.Array:
    """One for each token, NULL for NULL."""
    return keyed_tokens(as_hex(tokens), subkey)


def uuids(tokens: pa.Array | pa.ChunkedArray) -> list[UUID]:
    """As the database's driver takes them; without the NULLs."""
    return [UUID(bytes=token) for token in tokens.to_pylist() if token is not None]


def tokens_of(values: Iterable[UUID | None]) -> pa.Array:
    """And back."""
    return pa.array([None if value is None else value.bytes for value in values], TOKEN)
