"""Typical questions to a filled store, timed, for `bench/store.py`."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from filled_store import code_of

# Some codes that together are about this share of a practice's observations: a list of codes, as a study has one.
CODES = 10
_CODES = """SELECT snomed_concept_id FROM records.observation WHERE practice_code = %s AND snomed_concept_id IS NOT NULL
GROUP BY 1 ORDER BY count(*) LIMIT %s"""
_PERSONS = """SELECT patient_token FROM records.patient WHERE patient_token IS NOT NULL AND NOT is_deleted
ORDER BY md5(record_token::text) LIMIT 21"""
_COUNTS = """SELECT practice_code, date_trunc('month', effective_date) AS month, count(*)
FROM records.current_observation WHERE snomed_concept_id = ANY(%s) GROUP BY 1, 2"""
_WHERE = "SELECT DISTINCT practice_code, registration_token FROM records.patient WHERE patient_token = %s"
_HISTORY = "SELECT * FROM records.current_{table} WHERE practice_code = %s AND registration_token = %s"
_EVENTS = (
    "patient",
    "encounter",
    "observation",
    "immunisation",
    "recall",
    "allergy",
    "medication",
    "referral",
    "problem",
)


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = run()
    return time.perf_counter() - started, answer


def questions(connection: Any) -> None:
    """Histories, then counts. The first time of each is cold in the server's memory; the system may still have the pages."""
    with connection:
        connection.execute("SET work_mem = '128MB'")
        persons = [person for (person,) in connection.execute(_PERSONS)]
        for what in ("first time", "again"):
            _told(what, [timed(lambda person=person: history(connection, person)) for person in persons])
        codes = [code for (code,) in connection.execute(_CODES, (code_of(1), CODES))]
        for what in ("first time", "again", "again"):
            seconds, groups = timed(lambda: connection.execute(_COUNTS, (codes,)).fetchall())
            rows = f"{sum(row[2] for row in groups):,} rows in {len(groups):,} groups"
            print(f"| {len(codes)} codes by month and practice, {what} | {rows} | {seconds:.1f} s |", flush=True)


def _told(what: str, histories: list[tuple[float, int]]) -> None:
    spent = [1000 * seconds for seconds, _ in histories]
    rows = statistics.median(each for _, each in histories)
    times = f"median {statistics.median(spent):.0f} ms, worst {max(spent):.0f} ms"
    print(f"| one person's history, {what} | {rows:.0f} rows | {times} |", flush=True)


def history(connection: Any, person: Any) -> int:
    rows = 0
    for where in connection.execute(_WHERE, (person,)).fetchall():
        rows += sum(len(connection.execute(_HISTORY.format(table=table), where).fetchall()) for table in _EVENTS)
    return rows
