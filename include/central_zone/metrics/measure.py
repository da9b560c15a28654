"""Measures the centre: reads the ledger as the steward, the policy, and the register of keys. Changes nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from central_zone.ledger import TAKEN_IN
from central_zone.metrics import names
from central_zone.metrics.names import Metric, Sample
from central_zone.quality.small_numbers import SMALLEST_SHOWN
from central_zone.quality.window import Window
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import STEWARD
from central_zone.zone import Zone, opened
from crossing.key_register import read_key_register

OPEN_STATES = ("received", "validated", "waiting", "held", "approved")
_DAY = timedelta(days=1)
_TAKEN_WITHIN = timedelta(days=35)  # longer than any parcel may be loaded after it was made
_SECONDS_A_DAY = 86_400

_OPEN = """
SELECT state, count(*) AS parcels, extract(epoch FROM :now - min(received_at))::float8 AS oldest
FROM ledger.parcel WHERE collection = :collection AND state = ANY(:open) GROUP BY 1
"""
_OF_A_DAY = "collection = :collection AND parcel_number >= :first"
_PRACTICES = f"""
SELECT DISTINCT ON (practice_code) practice_code, state,
  bool_or(received_at >= :day_ago) OVER of_practice AS arrived,
  bool_or(coalesce(loaded_at, decided_at) >= :day_ago AND state = ANY(:taken_in)) OVER of_practice AS loaded
FROM ledger.parcel WHERE {_OF_A_DAY}
WINDOW of_practice AS (PARTITION BY practice_code)
ORDER BY practice_code, parcel_number DESC
"""  # noqa: S608 (all of it is ours)
_ROWS = f"""
SELECT key AS table_name, sum(value::bigint)::bigint AS rows FROM ledger.parcel, jsonb_each_text(rows_loaded)
WHERE {_OF_A_DAY} AND loaded_at >= :day_ago GROUP BY 1
HAVING key <> 'patient' OR sum(value::bigint) >= :smallest
"""  # noqa: S608 (all of it is ours)
_BROKEN = """
SELECT r.severity, sum(r.rows_failed)::bigint AS breaches
FROM ledger.rule_result AS r JOIN ledger.parcel AS p USING (parcel_number)
WHERE p.collection = :collection AND p.parcel_number >= :first AND r.parcel_number >= :first AND r.at >= :day_ago
  AND r.table_name <> 'patient' GROUP BY 1
"""
_STEPS = f"""
SELECT key AS step, sum(value::float8) AS seconds, max(value::float8) AS slowest FROM ledger.parcel, jsonb_each_text(seconds)
WHERE {_OF_A_DAY} AND coalesce(loaded_at, decided_at) >= :day_ago AND state = ANY(:taken_in) GROUP BY 1
"""  # noqa: S608 (all of it is ours)
_NOTICES = "SELECT kind, count(*) AS notices FROM ledger.notice WHERE collection = :collection AND applied_at IS NULL GROUP BY 1"
# Each answers its label first; then the columns that are the metrics.
_BY_ONE_LABEL = {
    _ROWS: {1: names.ROWS_LOADED},
    _BROKEN: {1: names.ROWS_BROKEN},
    _STEPS: {1: names.STEP_SECONDS, 2: names.STEP_SLOWEST},
    _NOTICES: {1: names.NOTICES},
}
_DIFFERING = """
SELECT count(*) FILTER (WHERE NOT agrees) FROM (
  SELECT DISTINCT ON (practice_code) practice_code, agrees FROM ledger.practice_report
  WHERE collection = :collection AND at >= :now - interval '3 days' ORDER BY practice_code, at DESC
) AS latest
"""


def measure(settings: Settings) -> list[Sample]:
    """Every sample there is now. Raises StoreDown, or PolicyRefused."""
    with opened(settings, inbox=Path(), role=STEWARD) as zone:  # it has no business with parcels
        return measured_in(zone)


def measured_in(zone: Zone) -> list[Sample]:
    """The same in a zone that is open, by the steward's role."""
    samples = [Sample(names.MEASURED, {}, zone.now().timestamp()), *_keys(zone)]
    with transaction(zone.store, "measure") as connection:
        for collection in zone.policy.collections():
            samples += _of_collection(zone, connection, collection)
    return samples


def _of_collection(zone: Zone, connection: Connection, collection: str) -> Iterator[Sample]:
    asked = _parameters(zone, collection)
    of_this = {"collection": collection}
    open_now = {row.state: row for row in connection.execute(text(_OPEN), asked)}
    for state in OPEN_STATES:
        row = open_now.get(state)
        yield Sample(names.OPEN, {**of_this, "state": state}, row.parcels if row else 0)
        yield Sample(names.OLDEST, {**of_this, "state": state}, row.oldest if row else 0)
    for metric, number in _practices(zone, connection, asked).items():
        yield Sample(metric, of_this, number)
    for query, metrics in _BY_ONE_LABEL.items():
        for row in connection.execute(text(query), asked):
            yield from (Sample(each, {**of_this, each.labels[1]: row[0]}, row[at]) for at, each in metrics.items())


def _parameters(zone: Zone, collection: str) -> dict[str, Any]:
    now = zone.now()
    return {
        **Window(collection, now - _TAKEN_WITHIN).asked(),
        "now": now,
        "day_ago": now - _DAY,
        "open": list(OPEN_STATES),
        "taken_in": list(TAKEN_IN),
        "smallest": SMALLEST_SHOWN,
    }


def _practices(zone: Zone, connection: Connection, asked: dict[str, Any]) -> dict[Metric, float]:
    taking_part = {each.practice_code for each in zone.policy.practices() if each.takes_part_on(zone.now().date())}
    found = [row for row in connection.execute(text(_PRACTICES), asked) if row.practice_code in taking_part]
    loaded = sum(bool(row.loaded) for row in found)
    return {
        names.TAKING_PART: len(taking_part),
        names.ARRIVED: sum(bool(row.arrived) for row in found),
        names.LOADED: loaded,
        names.COVERAGE: loaded / len(taking_part) if taking_part else 0,
        names.FAILED: sum(row.state in ("held", "refused") for row in found),
        names.DIFFERING: connection.scalar(text(_DIFFERING), asked) or 0,
    }


def _keys(zone: Zone) -> Iterator[Sample]:
    """Where this process has the centre's folder of keys; the register in it is no secret, and the keys are not opened."""
    if "GP_CENTRAL_KEYS_DIR" not in zone.settings.values:
        return
    now = zone.now()
    for name, entry in sorted(read_key_register(zone.settings.keys_folder).entries.items()):
        ends = min(entry.valid_until, entry.revoked_at or entry.valid_until)
        yield Sample(names.KEY_DAYS, {"key": name}, (ends - now).total_seconds() / _SECONDS_A_DAY)
