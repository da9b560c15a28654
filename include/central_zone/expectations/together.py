"""The rows of several parcels side by side: which row is whose parcel's, and what a row's tokens lead to in its own parcel.

A token is used as a number that this process alone can make: mixed with chance and with the parcel's place, so that the
same token in another parcel is another number, and nothing in a frame could be looked up anywhere.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crossing.canonical import TABLES, schema

Keys = np.ndarray  # of unsigned 64 bits; NO_TOKEN where there is none
NO_TOKEN = 0
_ODD = np.uint64(0x9E3779B97F4A7C15)
_OTHER_ODD = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True)
class Parcel:
    """The rows of one parcel, the day its extract was taken, and whether all that its rows refer to must be among them."""

    tables: Mapping[str, pa.Table]
    extract_date: date
    is_whole_record: bool = False


@dataclass(slots=True)
class Together:
    """Several parcels. Tables are joined when they are first asked for; keys and patients are remembered."""

    parcels: Sequence[Parcel]
    _keys: dict[tuple[str, str], Keys] = field(default_factory=dict)
    _tables: dict[tuple[str, str], pa.ChunkedArray] = field(default_factory=dict)
    _patient_rows: dict[str, pa.Array] = field(default_factory=dict)
    _salt: np.uint64 = field(default_factory=lambda: np.uint64(secrets.randbits(64)))

    def lengths(self, table: str) -> list[int]:
        return [parcel.tables[table].num_rows if table in parcel.tables else 0 for parcel in self.parcels]

    def column(self, table: str, name: str) -> pa.ChunkedArray:
        """One column of all parcels."""
        if (table, name) not in self._tables:
            pieces = [parcel.tables[table].column(name) for parcel in self.parcels if table in parcel.tables]
            kind = schema(table).field(name).type
            self._tables[table, name] = pa.chunked_array([chunk for piece in pieces for chunk in piece.chunks], kind)
        return self._tables[table, name]

    def for_each_row(self, table: str, of_parcels: Sequence[object], kind: pa.DataType) -> pa.Array:
        """What is known of each parcel, once a row of it."""
        return pa.array(of_parcels, kind).take(pa.array(self._place(table)))

    def _place(self, table: str) -> np.ndarray:
        return np.repeat(np.arange(len(self.parcels)), self.lengths(table))

    def keys(self, table: str, column: str) -> Keys:
        """A token column as numbers."""
        if (table, column) not in self._keys:
            tokens = self.column(table, column)
            places = self._place(table).astype(np.uint64) * _OTHER_ODD
            self._keys[table, column] = _mixed(tokens, places + self._salt)
        return self._keys[table, column]

    def forget(self, table: str) -> None:
        """Lets go of what no later table asks for: a large parcel's numbers need not all be in memory at one time."""
        kept = {"registration_token"} if table == "patient" else set()
        if any(parcel.is_whole_record for parcel in self.parcels):
            kept.add("record_token")
        self._keys = {place: keys for place, keys in self._keys.items() if place[0] != table or place[1] in kept}
        self._patient_rows.pop(table, None)

    def patient_rows(self, table: str) -> pa.Array:
        """Of each row, where its patient stands in the patient table of the same parcel; NULL where nowhere."""
        if table not in self._patient_rows:
            mine, theirs = self.keys(table, "registration_token"), self.keys("patient", "registration_token")
            found = pc.index_in(pa.array(mine), value_set=pa.array(theirs))
            self._patient_rows[table] = pc.if_else(pa.array(mine == NO_TOKEN), None, found)
        return self._patient_rows[table]

    def of_patients(self, table: str, name: str) -> pa.Array:
        """What a column of the patient table says of each row's patient; NULL for patients not in the same parcel."""
        return pc.take(self.column("patient", name).combine_chunks(), self.patient_rows(table))

    def has_patient(self, table: str) -> pa.Array:
        """Whether each row's patient is in the patient table of the same parcel; NULL as in `is_in`."""
        if not any(parcel.is_whole_record for parcel in self.parcels):
            return pa.nulls(sum(self.lengths(table)), pa.bool_())
        none = pa.array(self.keys(table, "registration_token") == NO_TOKEN)
        return pc.if_else(none, None, pc.is_valid(self.patient_rows(table)))

    def is_in(self, table: str, column: str, *, other: str, key: str) -> pa.Array:
        """Whether a token is one of another table of the same parcel; NULL where there is no token.

        NULL throughout where no parcel need hold what its rows refer to: only rules about whole records ask.
        """
        if not any(parcel.is_whole_record for parcel in self.parcels):
            return pa.nulls(sum(self.lengths(table)), pa.bool_())
        mine, theirs = self.keys(table, column), self.keys(other, key)
        found = pl.Series(mine).is_in(pl.Series(theirs).implode()).to_arrow()
        return pc.if_else(pa.array(mine == NO_TOKEN), None, found)

    def again(self, table: str, column: str) -> pa.Array:
        """Whether a token stands in the same column of the same parcel again, further on, in a row alike live or deleted."""
        keys, deleted = self.keys(table, column), self.column(table, "is_deleted").to_numpy()
        of_deleted = np.where(keys == NO_TOKEN, keys, keys ^ _OTHER_ODD)
        return pa.array(seen_before(np.where(deleted, of_deleted, keys)[::-1])[::-1])


def seen_before(keys: Keys) -> np.ndarray:
    """Where a number is not the first of its kind. That none is, which is usual, is seen at once when they are sorted."""
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.zeros(len(keys), bool)
    later: np.ndarray = ~pl.Series(keys).is_first_distinct().to_numpy() & (keys != NO_TOKEN)
    return later


def has_column(table: str, name: str) -> bool:
    return any(column.name == name for column in TABLES[table])


def places_of(column: pa.ChunkedArray, words: Sequence[str]) -> np.ndarray:
    """Where each word stands in the list, from 0; -1 for what is not on it, and for NULL."""
    places: np.ndarray = pc.fill_null(pc.index_in(column, value_set=pa.array(list(words), column.type)), -1).to_numpy()
    return places


def _mixed(tokens: pa.ChunkedArray, salts: np.ndarray) -> Keys:
    halves = _halves(tokens)
    with np.errstate(over="ignore"):
        mixed: Keys = (halves[:, 0] ^ (halves[:, 1] * _ODD) ^ salts) * _OTHER_ODD
    mixed ^= mixed >> np.uint64(29)
    mixed |= np.uint64(1)  # never NO_TOKEN
    if tokens.null_count:
        mixed[pc.is_null(tokens).to_numpy()] = NO_TOKEN
    return mixed


def _halves(tokens: pa.ChunkedArray) -> np.ndarray:
    pieces = [_bytes_of(chunk).view(np.uint64).reshape(-1, 2) for chunk in tokens.chunks if len(chunk)]
    return np.concatenate(pieces) if pieces else np.empty((0, 2), np.uint64)


def _bytes_of(chunk: pa.Array) -> np.ndarray:
    wide = chunk.type.byte_width
    data = chunk.buffers()[1]
    return np.frombuffer(data, np.uint8)[chunk.offset * wide : (chunk.offset + len(chunk)) * wide].copy()
