"""Pseudonymise: every identifier becomes a token, and the row takes the canonical shape, in which none fits.

Messages hashed (HMAC-SHA-256, first 128 bits, one key a field):
`local_id NUL <practice code> NUL <the supplier's id in its canonical form>` and `nhs_number NUL <ten digits>`.
An id without a canonical form becomes NULL: a reference then points nowhere, and a row without an own id was not let in.
"""

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crossing.canonical import TABLES, Kind, schema
from crossing.identifiers import canonical_nhs_number
from crossing.tokens import keyed_tokens
from source_zone.canonical_forms import canonical_local_ids
from source_zone.identified import identified_name
from source_zone.keys import LOCAL_ID, NHS_NUMBER, SourceKeys

_MOSTLY_DISTINCT = frozenset({"record_token", "patient_token"})


def pseudonymise(table: str, rows: pl.DataFrame, practice_code: str, keys: SourceKeys) -> pa.Table:
    """The rows in canonical form. Only columns named in crossing.canonical can come out of here.

    A tombstone leaves as its tokens alone, whatever the supplier left in its other fields.
    """
    live = ~pl.col("is_deleted").fill_null(False)
    columns = {}
    for column in TABLES[table]:
        if column.kind == Kind.TOKEN:
            columns[column.name] = _token(column.name, rows, live, practice_code, keys)
        else:
            columns[column.name] = _plain(column.name, rows, live, column.type)
    return pa.table(columns, schema=schema(table))


def tokens_of_people(rows: pl.DataFrame, practice_code: str, keys: SourceKeys) -> pa.Table:
    """Registration and patient token of identified patient rows, as `pseudonymise` makes them: for what is said of people."""
    live = pl.lit(True)
    made = {name: _token(name, rows, live, practice_code, keys) for name in ("registration_token", "patient_token")}
    return pa.table(made)


def _plain(name: str, rows: pl.DataFrame, live: pl.Expr, type_: pa.DataType) -> pa.Array:
    if name == "is_deleted":
        return rows.select(pl.col(name).fill_null(False)).to_series().to_arrow()
    values = rows.select(pl.when(live).then(pl.col(name))).to_series()
    return values.to_arrow().cast(type_)


def _token(name: str, rows: pl.DataFrame, live: pl.Expr, practice_code: str, keys: SourceKeys) -> pa.Array:
    if name == "patient_token":
        return _person_tokens_or_ready(rows, live, keys)
    local_id = pl.col(identified_name(name))
    if name not in ("record_token", "registration_token"):
        local_id = pl.when(live).then(local_id)
    ids = rows.select(local_id).to_series()
    if name in _MOSTLY_DISTINCT:
        return local_tokens(ids, practice_code, keys)
    return local_tokens_of_repeats(ids, practice_code, keys)


def local_tokens_of_repeats(ids: pl.Series, practice_code: str, keys: SourceKeys) -> pa.Array:
    """The same as local_tokens. The ids are told apart before they are made into messages, which are twice as long."""
    encoded = pc.dictionary_encode(ids.to_arrow())
    return local_tokens(pl.Series(pl.from_arrow(encoded.dictionary)), practice_code, keys).take(encoded.indices)


def local_tokens(ids: pl.Series, practice_code: str, keys: SourceKeys) -> pa.Array:
    """Bound to the practice: "1" at two practices is two tokens. NULL where an id has no canonical form."""
    message = pl.lit(f"{LOCAL_ID}\0{practice_code}\0") + pl.col("id")
    messages = canonical_local_ids(ids).to_frame("id").select(message).to_series()
    return keyed_tokens(messages, keys.token_keys[LOCAL_ID])


def tokens_of_numbers(nhs_numbers: pl.Series, keys: SourceKeys) -> pa.Array:
    """The person's token of each NHS number, likewise."""
    return _person_tokens(nhs_numbers, keys)


def _person_tokens_or_ready(rows: pl.DataFrame, live: pl.Expr, keys: SourceKeys) -> pa.Array:
    """A token the supplier made itself, with our key and checked by its adapter, stands as it is."""
    made = _person_tokens(rows.select(pl.when(live).then(pl.col("nhs_number"))).to_series(), keys)
    if "ready_patient_token" not in rows.columns:
        return made
    ready = rows.select(pl.when(live).then(pl.col("ready_patient_token"))).to_series().to_arrow()
    return pc.coalesce(ready.cast(pa.binary()).cast(made.type), made)


def _person_tokens(nhs_numbers: pl.Series, keys: SourceKeys) -> pa.Array:
    """No valid NHS number, no person token: NULL, so that people who cannot be told apart never become one person."""
    valid = [canonical_nhs_number(each) for each in nhs_numbers.to_list()]
    messages = pa.array([None if each is None else f"{NHS_NUMBER}\0{each}" for each in valid], pa.string())
    return keyed_tokens(messages, keys.token_keys[NHS_NUMBER])
