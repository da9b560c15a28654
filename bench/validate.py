"""Validation of a million rows: all our suites, and eight rules that others can carry out too, on the same rows, in turn.

    python bench/validate.py [--rounds 5] [--patients 2500] [--rows FOLDER] [--dve PYTHON]

`--dve`: the Python of an environment of its own with data-validation-engine 0.9.0 (never ours: it brings Spark and DuckDB).
`--rows`: keeps the simulated rows there between runs. Each turn is a process of its own, and counts what it does after its
imports: processor seconds (of all its threads), seconds on the wall. Medians; read processor time where others work too.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from crossing.canonical import TABLES, schema

DAY = date(2026, 12, 1)
MILLION, FAULTS = 1_000_000, 100
EIGHT = (
    *("missing_required", "dated_in_future", "placeholder_date", "word_not_on_list"),
    *("snomed_concept_shape", "read_v2_shape", "number_too_large", "range_upside_down"),
)
COLUMNS = (
    *("record_token", "registration_token", "effective_date", "observation_type", "value_unit", "snomed_concept_id"),
    *("read_v2_code", "value", "range_low", "range_high"),
)
Tables = dict[str, pa.Table]


def rows_in(folder: Path) -> Tables:
    return {path.stem: pq.read_table(path).cast(schema(path.stem)) for path in sorted(folder.glob("*.parquet"))}


def a_million_observations(folder: Path) -> pa.Table:
    """Some of them are dated in the future: whoever does not find just those has not carried out the rules."""
    rows = rows_in(folder)["observation"]
    rows = pa.concat_tables([rows] * (MILLION // rows.num_rows + 1)).slice(0, MILLION).combine_chunks()
    place = rows.schema.get_field_index("effective_date")
    days = rows["effective_date"].to_pandas(date_as_object=False)
    days.iloc[:: MILLION // FAULTS] = "2027-01-01"
    return rows.set_column(place, rows.schema.field(place), pa.array(days, pa.date32()))


def all_suites(folder: Path, *, whole: bool) -> Callable[[], tuple[int, int]]:
    from central_zone.expectations import suites  # noqa: F401  (its import takes seconds that are not measured)
    from central_zone.validate import Unvalidated, validate_shard
    from crossing.policy import Policy

    tables = rows_in(folder)

    def run() -> tuple[int, int]:
        (verdict,) = validate_shard([Unvalidated(tables, DAY, is_whole_record=whole)], policy=Policy())
        return sum(rows.num_rows for rows in tables.values()), len(verdict.rules)

    return run


def our_eight(folder: Path) -> Callable[[], tuple[int, int]]:
    from dataclasses import replace

    from central_zone.expectations.frames import frame_of
    from central_zone.expectations.rules import read_rule_book
    from central_zone.expectations.suites import Suites
    from central_zone.expectations.together import Parcel, Together
    from crossing.policy import Policy

    rows, whole = a_million_observations(folder), read_rule_book(Policy())
    rules = tuple(rule for rule in whole.rules["observation"] if rule.id in EIGHT)
    book = replace(whole, rules={**whole.rules, "observation": rules})

    def run() -> tuple[int, int]:
        parcel = Together([Parcel({"observation": rows}, DAY)])
        frame = frame_of(parcel, book.lists, "observation", book.columns("observation"))
        _, failed = Suites(book).run("observation", frame)
        check_found(sum(len(found) for found in failed.values()))
        return rows.num_rows, len(rules)

    return run


def stock_eight(folder: Path) -> Callable[[], tuple[int, int]]:
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from crossing.policy import Policy

    rows, policy = a_million_observations(folder), Policy()

    def run() -> tuple[int, int]:
        frame = rows.select(COLUMNS).to_pandas()
        frame["effective_date"] = pd.to_datetime(frame["effective_date"])
        frame["extract_date"] = pd.Timestamp(DAY)
        later = {"column_A": "extract_date", "column_B": "effective_date", "or_equal": True}
        suite = gx.ExpectationSuite(
            "eight",
            expectations=[
                gxe.ExpectColumnValuesToNotBeNull(column="record_token"),
                gxe.ExpectColumnValuesToNotBeNull(column="registration_token"),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(**later, ignore_row_if="either_value_is_missing"),
                gxe.ExpectColumnValuesToNotBeInSet(
                    column="effective_date",
                    value_set=[pd.Timestamp(day) for day in ("1860-01-01", "1900-01-01", "1901-01-01")],
                ),
                *(
                    gxe.ExpectColumnValuesToBeInSet(column=name, value_set=sorted(policy.vocabulary(name)))
                    for name in ("observation_type", "value_unit")
                ),
                gxe.ExpectColumnValuesToMatchRegex(column="snomed_concept_id", regex=r"^[1-9]\d{5,17}$"),
                gxe.ExpectColumnValuesToMatchRegex(column="read_v2_code", regex=r"^[0-9A-Za-z][0-9A-Za-z.]{4}"),
                gxe.ExpectColumnValuesToBeBetween(column="value", min_value=-1e9, max_value=1e9),
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A="range_high", column_B="range_low", or_equal=True, ignore_row_if="either_value_is_missing"
                ),
            ],
        )
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        batch = source.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
        found = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
        check_found(sum(result.result["unexpected_count"] for result in found.results))
        return rows.num_rows, len(EIGHT)

    return run


def check_found(found: int) -> None:
    if found != FAULTS:
        raise SystemExit(f"{found} rows failed, {FAULTS} were faulty: the rules were not carried out.")


CONTESTANTS: dict[str, Callable[[Path], Callable[[], tuple[int, int]]]] = {
    "all our suites, a night's changes": lambda folder: all_suites(folder, whole=False),
    "all our suites, a whole record": lambda folder: all_suites(folder, whole=True),
    "our eight rules": our_eight,
    "stock Great Expectations, eight rules": stock_eight,
}
DVE = "data-validation-engine 0.9.0, eight rules"


def measured(name: str, folder: Path) -> dict[str, Any]:
    run = CONTESTANTS[name](folder)
    wall, processor = time.perf_counter(), time.process_time()
    rows, rules = run()
    return {
        "rows": rows,
        "rules": rules,
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
    }


def in_a_process(name: str, folder: Path, dve: str | None) -> dict[str, Any]:
    here = Path(__file__)
    turn = [dve, str(here.with_name("validate_dve.py"))] if name == DVE else [sys.executable, str(here), "--turn", name]
    ran = subprocess.run([*turn, "--rows", str(folder)], check=True, capture_output=True, text=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def simulate(folder: Path, patients: int) -> None:
    from filled_store import a_practice

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as root:
        for table, rows in a_practice(Path(root), patients).items():
            pq.write_table(rows, folder / f"{table}.parquet")


def write_csv(folder: Path) -> None:
    """The same million rows, as a submission to the data validation engine."""
    rows = a_million_observations(folder).select(COLUMNS)
    tokens = {name: pa.array([value.hex() for value in rows[name].to_pylist()]) for name in COLUMNS[:2]}
    pa_csv.write_csv(pa.table({**{name: rows[name] for name in COLUMNS}, **tokens}), folder / "observation.csv")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patients", type=int, default=2500)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--dve")
    parser.add_argument("--turn")
    told = parser.parse_args()
    if told.turn:
        print(json.dumps(measured(told.turn, told.rows)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.rows or Path(temporary)
        if not set(TABLES) <= {path.stem for path in folder.glob("*.parquet")}:
            simulate(folder, told.patients)
        names = [*CONTESTANTS, *([DVE] if told.dve else [])]
        if told.dve:
            write_csv(folder)
        turns: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for _ in range(told.rounds):
            for name in names:
                turns[name].append(in_a_process(name, folder, told.dve))
                sys.stderr.write(f"{name}: {turns[name][-1]['processor']:.2f} s of processor\n")
        print(table_of(turns))


def table_of(turns: dict[str, list[dict[str, Any]]]) -> str:
    lines = ["| what | rules | rows | processor s | rows / processor s | wall s |", "|---|---|---|---|---|---|"]
    for name, found in turns.items():
        rows, rules = found[0]["rows"], found[0]["rules"]
        processor, wall = (statistics.median(turn[key] for turn in found) for key in ("processor", "wall"))
        lines.append(f"| {name} | {rules} | {rows:,} | {processor:.2f} | {rows / processor:,.0f} | {wall:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
