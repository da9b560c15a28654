"""Every token column of a practice's rows from the old tokens to the new, in the caller's transaction. All of them, or none.

A row's tokens are looked up once, all its columns together; where one has no pair, nothing is changed at all.
"""

from sqlalchemy import Connection, text

from central_zone.errors import ParcelRefused
from central_zone.rotation.pairs import Bridge
from central_zone.store.tables import RECORDS
from crossing.canonical import PERSON, Kind, column_names

_PERSON_COLUMN = "patient_token"
_LOOKED_UP = """
CREATE TEMPORARY TABLE moving ON COMMIT DROP AS
SELECT r.ctid AS place, {found}, {strange} AS is_strange
FROM {table} AS r JOIN ledger.parcel AS p USING (parcel_number) {joins}
WHERE p.collection = :collection AND p.practice_code = :practice {here}
"""
_MOVED = "UPDATE {table} AS r SET {columns} FROM pg_temp.moving AS m WHERE r.ctid = m.place {here}"
# A practice's rows and a million pairs: how many either is the planner often cannot know, and a nested loop would compare
# each with each. Other practices' rows, on the other hand, are to be found by their index alone.
_JOINS = "SELECT set_config('enable_nestloop', :may, true)"
_PERSONS = f"""
UPDATE records.patient AS r SET patient_token = b.new_token FROM pg_temp.bridge AS b
WHERE b.stands_for = '{PERSON}' AND r.patient_token = b.old_token
"""  # noqa: S608 (a constant of ours)
_PERSONS_WITHOUT = f"""
SELECT count(*) FROM records.patient AS r JOIN ledger.parcel AS p USING (parcel_number)
WHERE p.collection = :collection AND r.practice_code = :practice AND r.patient_token IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_temp.bridge AS b WHERE b.stands_for = '{PERSON}' AND b.new_token = r.patient_token)
"""  # noqa: S608 (a constant of ours)


def move_persons(connection: Connection) -> int:
    """Whoever the bridge names, at every practice; answers how many rows."""
    return connection.execute(text(_PERSONS)).rowcount


def move_own(connection: Connection, bridge: Bridge) -> dict[str, int]:
    """Everything of the practice's own; persons were moved before. Answers rows by table. Raises ParcelRefused."""
    whose = {"collection": bridge.manifest.collection, "practice": bridge.manifest.practice_code}
    connection.execute(text(_JOINS), {"may": "off"})
    strange = int(connection.scalar(text(_PERSONS_WITHOUT), whose) or 0)
    rows: dict[str, int] = {}
    for table, target in RECORDS.items():
        columns = [name for name in column_names(table, Kind.TOKEN) if name != _PERSON_COLUMN]
        rows[table], more = _move(connection, target.fullname, columns, whose, "AND r.practice_code = :practice")
        strange += more
    rows["quarantine"], more = _move(connection, "quarantine.row", ["record_token", "registration_token"], whose, "")
    strange += more
    _, more = _move(connection, "quarantine.released_row", ["record_token", "registration_token"], whose, "")
    connection.execute(text(_JOINS), {"may": "on"})
    if strange + more:
        raise ParcelRefused(
            f"{bridge.whose}: {strange + more} rows of the store have a token that it does not name. Nothing was changed: the "
            "practice stays under its old key. Report the source's software, or restore the source's book of ids."
        )
    return {table: count for table, count in rows.items() if count}


def _move(connection: Connection, table: str, columns: list[str], whose: dict[str, str], here: str) -> tuple[int, int]:
    """How many rows there are, and how many have a token without a pair."""
    named = list(enumerate(columns))
    parts = {
        "table": table,
        "here": here,
        "found": ", ".join(f"b{index}.new_token AS t{index}" for index, _ in named),
        "strange": " OR ".join(f"(r.{name} IS NOT NULL AND b{index}.new_token IS NULL)" for index, name in named),
        "joins": " ".join(
            f"LEFT JOIN pg_temp.bridge AS b{index} ON b{index}.old_token = r.{name}" for index, name in named
        ),
        "columns": ", ".join(f"{name} = m.t{index}" for index, name in named),
    }
    connection.execute(text("DROP TABLE IF EXISTS pg_temp.moving"))
    connection.execute(text(_LOOKED_UP.format(**parts)), whose)
    connection.execute(text("ANALYZE pg_temp.moving"))
    rows, strange = connection.execute(
        text("SELECT count(*), count(*) FILTER (WHERE is_strange) FROM pg_temp.moving")
    ).one()
    if rows and not strange:
        connection.execute(text(_MOVED.format(**parts)), whose if here else {})
    return rows, strange
