"""Real failures of the libraries that our zones stand on, each holding the value it choked on, in its text or beside it."""

import io
import ipaddress
import json
import re
import tomllib
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

import ijson
import msgspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from polars.exceptions import PanicException


class _Patient(msgspec.Struct, forbid_unknown_fields=True):
    sex: str = ""


def _zip_of_another_name(name: str) -> None:
    """Its directory and its member disagree about what the member is called."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, b"x")
    damaged = packed.getvalue().replace(name.encode(), name[::-1].encode(), 1)
    zipfile.ZipFile(io.BytesIO(damaged)).read(name)


def _panic(value: str) -> None:
    raise PanicException(f"called `Result::unwrap()` on an `Err` value: {value}")


def _of_a_cause(value: str) -> None:
    try:
        int(value)
    except ValueError as error:
        raise RuntimeError("a column could not be read") from error


def _with_a_note(value: str) -> None:
    error = ValueError("a column could not be read")
    error.add_note(f"the cell was {value}")
    raise error


def _several(value: str) -> None:
    raise ExceptionGroup("two cells", [ValueError(value), KeyError(value)])


def _xml(text: str) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: int(attributes["born"])
    parser.Parse(text, True)


# What a value does to each. Where the library is quoted by its own text, the test sees that it does quote.
FAILURES: dict[str, Callable[[str], Any]] = {
    "a number": int,
    "a date": date.fromisoformat,
    "a date of another form": lambda value: datetime.strptime(value, "%d %b %Y"),  # noqa: DTZ007  (it fails before it has a zone)
    "a key": lambda value: {"a": 1}[value],
    "an attribute": lambda value: getattr(object(), value),
    "a file's name": lambda value: (Path("/nonexistent") / value).read_bytes(),
    "another encoding": lambda value: (value + "é").encode("cp1252").decode(),
    "a letter that has no byte": lambda value: (value + "\ud800").encode(),
    "a pattern": lambda value: re.compile(f"({value}"),
    "an address": ipaddress.ip_address,
    "JSON": lambda value: json.loads(f'{{"surname": "{value}", }}'),
    "JSON, streamed": lambda value: list(ijson.items(io.BytesIO(f'{{"surname": {value}}}'.encode()), "surname")),
    "JSON, typed": lambda value: msgspec.json.decode(json.dumps({value: 1}), type=_Patient),
    "XML": lambda value: _xml(f'<patient born="{value}"/>'),
    "TOML": lambda value: tomllib.loads(f"a = {{{value} = 1, {value} = 2}}"),
    "zip, no such member": lambda value: zipfile.ZipFile(io.BytesIO(b"PK\5\6" + bytes(18))).read(value),
    "zip, two names": _zip_of_another_name,
    "Arrow, a cast": lambda value: pc.cast(pa.array([value]), pa.int64()),
    "Arrow, a date": lambda value: pc.strptime(pa.array([value]), format="%Y-%m-%d", unit="s"),
    "Arrow, CSV": lambda value: pa.csv.read_csv(
        io.BytesIO(f"a\n{value}\n".encode()), convert_options=pa.csv.ConvertOptions(column_types={"a": pa.int64()})
    ),
    "Arrow, a column": lambda value: pa.table({"a": [1]}).column(value),
    "Parquet": lambda value: pq.read_table(Path("/nonexistent") / f"{value}.parquet"),
    "polars, a cast": lambda value: pl.Series([value]).cast(pl.Int64),
    "polars, a date": lambda value: pl.Series([value]).str.to_date("%Y-%m-%d"),
    "polars, CSV": lambda value: pl.read_csv(io.BytesIO(f"a\n{value}\n".encode()), schema={"a": pl.Int64}),
    "polars, a column": lambda value: pl.DataFrame({"a": [1]}).select(value),
    "pandas, a date": lambda value: pd.to_datetime([value]),
    "pandas, a number": lambda value: pd.to_numeric([value]),
    "a panic": _panic,
    "an error with a cause": _of_a_cause,
    "an error with a note": _with_a_note,
    "several errors at once": _several,
}


def holds(error: BaseException, value: str) -> bool:
    """Whether the value is anywhere in an error: its text, its arguments, what hangs on it, and what led to it."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        beside = [repr(getattr(each, name, None)) for name in dir(each) if not name.startswith("__")]
        if value in "\n".join([str(each), repr(each), repr(each.args), *beside, *getattr(each, "__notes__", [])]):
            return True
        waiting += [found for found in (each.__cause__, each.__context__) if found is not None]
        waiting += getattr(each, "exceptions", ())
    return False
