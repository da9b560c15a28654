"""One turn of NHS England's data validation engine for `bench/validate.py`: a million rows, eight rules. Runs in its own Python.

The first four rules and the shapes stand in its data contract where it has a place for them, the others are filters in SQL.
"""

import argparse
import json
import shutil
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

POLICY = Path(__file__).parents[1] / "include" / "policy" / "vocabularies.toml"
FILTERS = {
    "dated_in_future": "effective_date IS NULL OR effective_date <= DATE '2026-12-01'",
    "placeholder_date": "effective_date IS NULL OR effective_date NOT IN "
    "(DATE '1860-01-01', DATE '1900-01-01', DATE '1901-01-01')",
    "range_upside_down": "range_low IS NULL OR range_high IS NULL OR range_low <= range_high",
    "number_too_large": "value IS NULL OR abs(value) < 1000000000",
}


def one_of(column: str) -> str:
    words = [*tomllib.loads(POLICY.read_text())[column]["words"], "other"]
    listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
    return f"{column} IS NULL OR {column} IN ({listed})"


def rules() -> dict[str, Any]:
    filters = {**FILTERS, **{f"{name}_not_on_list": one_of(name) for name in ("observation_type", "value_unit")}}
    shape = {"callable": "constr", "constraints": {}}
    return {
        "contract": {
            "types": {
                "Snomed": {**shape, "constraints": {"regex": r"^[1-9]\d{5,17}$"}},
                "Read": {**shape, "constraints": {"regex": r"^[0-9A-Za-z][0-9A-Za-z.]{4}"}},
            },
            "datasets": {
                "observation": {
                    "fields": {
                        "record_token": "str",
                        "registration_token": "str",
                        "effective_date": "date",
                        "observation_type": "str",
                        "value_unit": "str",
                        "snomed_concept_id": "Snomed",
                        "read_v2_code": "Read",
                        "value": "float",
                        "range_low": "float",
                        "range_high": "float",
                    },
                    "mandatory_fields": ["record_token", "registration_token"],
                    "key_field": "record_token",
                    "reader_config": {".csv": {"reader": "DuckDBCSVReader"}},
                }
            },
        },
        "transformations": {
            "filters": [
                {
                    "entity": "observation",
                    "name": name,
                    "expression": expression,
                    "error_code": name.upper(),
                    "reporting_field": "record_token",
                    "failure_message": name,
                }
                for name, expression in filters.items()
            ]
        },
    }


def run(root: Path) -> None:
    from duckdb import connect
    from dve.core_engine.backends.implementations.duckdb.auditing import DDBAuditingManager
    from dve.core_engine.models import SubmissionInfo
    from dve.pipeline.duckdb_pipeline import DDBDVEPipeline

    connection = connect(str(root / "audit.duckdb"), config={"default_null_order": "NULLS_LAST"})
    audit = DDBAuditingManager(str(root / "audit.duckdb"), connection=connection)
    pipeline = DDBDVEPipeline(str(root), audit, connection, str(root / "observation.dischema.json"), str(root))
    info = SubmissionInfo(submission_id="s1", dataset_id="observation", file_name="observation", file_extension="csv")
    started, wall = time.process_time(), time.perf_counter()
    info, status = pipeline.file_transformation(info)
    info, status = pipeline.apply_data_contract(info, status)
    info, status = pipeline.apply_business_rules(info, status)
    spent = {"wall": time.perf_counter() - wall, "processor": time.process_time() - started}
    if status.processing_failed or (status.number_of_records, status.number_of_records_rejected) != (1_000_000, 100):
        raise SystemExit(f"It did not carry out the rules: {status}")
    print(json.dumps({"rows": 1_000_000, "rules": 8, **spent}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=Path, required=True)
    folder = parser.parse_args().rows
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        root = Path(temporary)
        (root / "s1").mkdir()
        shutil.copy(folder / "observation.csv", root / "s1" / "observation.csv")
        (root / "observation.dischema.json").write_text(json.dumps(rules()))
        run(root)


if __name__ == "__main__":
    main()
