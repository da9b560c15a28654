"""The declared map of Medicus's files: policy says where each column goes, and this turns it into expressions. Nothing is decided here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from crossing.canonical import TABLES
from crossing.policy import Policy, PolicyRefused
from source_zone.adapters.known_columns import Header, KnownColumns
from source_zone.adapters.reading import day, first_fault, flag, number, selected, whole_instant, whole_number, words
from source_zone.identified import UNKNOWN_CODE, UNREADABLE_DATE, UNREADABLE_FLAG, identified_name, schema

FILE = "fields/medicus_csv_map.toml"
CHANGE_TYPE = "change_type"
_LIVE, _REMOVED = ["added", "updated"], "removed"
_UNCODED = "uncoded_entry"
_FURTHER_CODES = "further_codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMap:
    """One file of the zip: the canonical table it becomes, and what each column of that is made of."""

    table: str
    columns: Mapping[str, str]  # of the identified table -> of the file
    always: Mapping[str, Any]
    code: tuple[str, str] | None  # the column of a code, and that of its system
    systems: Mapping[str, str]  # a system's name -> the column of a code of it; those this file may have
    must_have_code: bool
    words: Mapping[str, Mapping[str, str]] = field(repr=False)

    def mapped(self, batch: pa.RecordBatch, header: Header) -> pa.RecordBatch:
        """The rows as the identified table, every column of it, in order. What only moves is not looked at."""
        wanted = schema(self.table)
        moved = {each.name: self.columns[each.name] for each in wanted if self._only_moves(each)}
        needed = [name for name in header.to_read if name not in moved.values() or name in self._looked_at_too()]
        rows = header.complete(pl.DataFrame(pl.from_arrow(batch.select(needed or header.to_read[:1]))))
        made_here = [each for each in wanted if each.name not in moved and not self._is_never_filled(each.name)]
        made = selected(rows, *(self._made_of(each).alias(each.name) for each in made_here)).to_arrow()
        columns = {name: batch.column(column) for name, column in moved.items()}
        columns |= {each.name: made.column(each.name).cast(each.type).combine_chunks() for each in made_here}
        empty = (pa.nulls(batch.num_rows, each.type) for each in wanted if each.name not in columns)
        arrays = [columns[each.name] if each.name in columns else next(empty) for each in wanted]
        return pa.RecordBatch.from_arrays(arrays, schema=wanted)

    def _only_moves(self, wanted: pa.Field) -> bool:
        made = {_FURTHER_CODES, *self.systems.values(), *self.always, *self.words}
        return bool(wanted.type == pa.string() and wanted.name in self.columns and wanted.name not in made)

    def _is_never_filled(self, name: str) -> bool:
        made_of_a_code = {_FURTHER_CODES, *self.systems.values()} if self.code else set()
        return name not in {"fault", "is_deleted", *self.always, *self.columns, *made_of_a_code}

    def _looked_at_too(self) -> list[str]:
        return [self.columns[name] for name in _CODES if self.must_have_code and name in self.columns]

    def _made_of(self, wanted: pa.Field) -> pl.Expr:
        if wanted.name == "fault":
            return self._fault()
        if wanted.name in self.always:
            return pl.lit(self.always[wanted.name])
        if self.code and wanted.name in {_FURTHER_CODES, *self.systems.values()}:
            return self._code_of(wanted.name, *self.code)
        if wanted.name in self.columns:
            return self._read(wanted.name, wanted.type, self.columns[wanted.name])
        return (pl.col(CHANGE_TYPE) == _REMOVED).fill_null(False)  # is_deleted

    def _read(self, name: str, type_: pa.DataType, column: str) -> pl.Expr:
        if name in self.words:
            return words(column, dict(self.words[name]))
        readers = {pa.bool_(): flag, pa.date32(): day, pa.float64(): number, pa.int32(): whole_number}
        if pa.types.is_timestamp(type_):
            return whole_instant(column)
        return readers.get(type_, pl.col)(column)

    def _code_of(self, name: str, code: str, system: str) -> pl.Expr:
        """A code of a system nobody knows still says what it says, should it be an objection."""
        if name != _FURTHER_CODES:
            of_it = [each for each, column in self.systems.items() if column == name]
            return pl.when(pl.col(system).is_in(of_it)).then(pl.col(code))
        unknown = pl.when(self._is_of_no_known_system()).then(pl.col(code))
        if name not in self.columns:
            return unknown
        both = pl.concat_str(self.columns[name], unknown, separator=" ", ignore_nulls=True)
        return pl.when(both != "").then(both)

    def _is_of_no_known_system(self) -> pl.Expr:
        if not self.code:
            return pl.lit(False)
        known = pl.col(self.code[1]).is_in(list(self.systems)).fill_null(False)
        return pl.col(self.code[0]).is_not_null() & ~known

    def _fault(self) -> pl.Expr:
        kinds = {name: schema(self.table).field(name).type for name in self.columns}
        of = {type_: tuple(self.columns[name] for name, each in kinds.items() if each == type_) for type_ in _CHECKED}
        instants = [self.columns[name] for name, each in kinds.items() if pa.types.is_timestamp(each)]
        lost = [pl.col(each).is_not_null() & whole_instant(each).is_null() for each in instants]
        return pl.coalesce(
            first_fault(dates=of[pa.date32()], numbers=of[pa.float64()], whole=of[pa.int32()]),
            *(pl.when(each).then(pl.lit(UNREADABLE_DATE)) for each in lost),
            pl.when(~pl.col(CHANGE_TYPE).is_in([*_LIVE, _REMOVED]).fill_null(False)).then(pl.lit(UNREADABLE_FLAG)),
            pl.when(self._is_of_no_known_system()).then(pl.lit(UNKNOWN_CODE)),
            pl.when(self._has_no_code()).then(pl.lit(_UNCODED)),
        )

    def _has_no_code(self) -> pl.Expr:
        if not self.must_have_code:
            return pl.lit(False)
        codes = [*self._looked_at_too(), *([self.code[0]] if self.code else [])]
        return pl.all_horizontal(*(pl.col(each).is_null() for each in codes))


_CHECKED = (pa.date32(), pa.float64(), pa.int32())
_CODES = ("snomed_concept_id", "snomed_description_id", "dmd_code", _FURTHER_CODES)


def read_map(policy: Policy, known: KnownColumns) -> dict[str, FileMap]:
    """File -> its map. Raises PolicyRefused for a column that leads nowhere, or nowhere alone, or a word that is not ours."""
    content = policy.table(FILE)
    if content["tables"].keys() != known.fields.keys():
        raise PolicyRefused(f"policy/{FILE} and medicus_csv.toml do not name the same files. Correct one of them.")
    for column, ours in content["words"].items():
        if not set(ours.values()) <= policy.vocabulary(column):
            raise PolicyRefused(f"policy/{FILE} [words.{column}] has a word that vocabularies.toml does not.")
    return {file: _file_map(file, line, content, known) for file, line in content["tables"].items()}


def _file_map(file: str, line: dict[str, Any], content: dict[str, Any], known: KnownColumns) -> FileMap:
    lines = {name: known.fields[file][name] for name in known.to_read(file)}
    made = [(target, name) for name, each in lines.items() for target in _targets(each)]
    by_system = [(name, each["by_system"]) for name, each in lines.items() if "by_system" in each]
    columns = dict(made)
    always = line.get("always", {})
    if line["table"] not in TABLES or not line["why"] or len(by_system) > 1:
        raise PolicyRefused(f"policy/{FILE} [tables] {file}: needs a canonical table, a reason and at most one code.")
    stray = {*columns, *always} - set(schema(line["table"]).names)
    if stray or len(columns) != len(made) or columns.keys() & always.keys() or "record_id" not in columns:
        raise PolicyRefused(
            f"policy/fields/medicus_csv.toml [{file}]: two columns lead to one place, or one leads nowhere in {line['table']}."
        )
    code_columns = lines[by_system[0][0]].get("to", "").split(", ") if by_system else []
    systems = {name: column for name, column in content["code_systems"].items() if column in code_columns}
    return FileMap(
        table=line["table"],
        columns=columns,
        always=always,
        code=by_system[0] if by_system else None,
        systems=systems,
        must_have_code=bool(line.get("must_have_code", False)),
        words={name: words for name, words in content["words"].items() if name in columns},
    )


def _targets(line: Mapping[str, str]) -> list[str]:
    """The identified columns that a column is read into. A code goes where its system says."""
    if "by_system" in line:
        return []
    if "into" in line:
        return [line["into"]]
    return [identified_name(each) for each in line["to"].split(", ")] if "to" in line else []
