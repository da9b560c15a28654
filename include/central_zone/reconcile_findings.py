"""What the ledger knows of each practice that is not as it should be, in sentences."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Date, and_, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from central_zone.ledger import APPROVED, HELD, LOADED, RECEIVED, TAKEN_IN, VALIDATED
from central_zone.reconcile_calendar import Calendar, calendar_of
from central_zone.reconcile_counts import SUPPLIER
from central_zone.store.tables import notice, parcel, reconciliation
from crossing.canonical import ERASURE
from crossing.manifest_fields import RECON, SNAPSHOT

_LISTED = 20  # places; a sequence that jumps by a million is no reason to stop
_AN_ERASURE_TAKES = timedelta(hours=1)  # less: it is looked for every hour


@dataclass(slots=True)
class Findings:
    """Of one practice."""

    differences: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def calendars(connection: Connection, collection: str) -> dict[str, Calendar]:
    """Of each practice that ever sent a parcel, whatever became of it."""
    day = cast(func.timezone("UTC", parcel.c.extract_taken_at), Date)
    rows = connection.execute(
        select(
            parcel.c.practice_code,
            func.max(parcel.c.extract_taken_at).label("taken_last"),
            func.max(parcel.c.received_at).label("arrived_last"),
            func.array_agg(day.distinct()).label("days"),
        )
        .where(parcel.c.collection == collection)
        .group_by(parcel.c.practice_code)
    )
    return {row.practice_code: calendar_of(row.taken_last, row.arrived_last, row.days) for row in rows}


def findings(connection: Connection, collection: str) -> dict[str, Findings]:
    """By practice: parcels that got stuck, counts that do not agree, and the last recon or snapshot extract."""
    found: dict[str, Findings] = {}
    for find in (_stuck, _miscounted, _compared, _not_erased):
        for code, sentence, facts in find(connection, collection):
            of_practice = found.setdefault(code, Findings())
            of_practice.differences += [sentence] if sentence else []
            of_practice.facts |= facts
    return found


_Found = list[tuple[str, str | None, dict[str, Any]]]


def _stuck(connection: Connection, collection: str) -> _Found:
    """Not those that wait for an earlier one: these are told with the gap they wait at."""
    with_a_reason = and_(parcel.c.state.in_((RECEIVED, VALIDATED, APPROVED)), parcel.c.state_reason.is_not(None))
    columns = (parcel.c.practice_code, parcel.c.sequence, parcel.c.state, parcel.c.state_reason)
    rows = connection.execute(
        select(*columns)
        .where(parcel.c.collection == collection, with_a_reason | (parcel.c.state == HELD))
        .order_by(parcel.c.practice_code, parcel.c.sequence)
    )
    return [(row.practice_code, f"Parcel {row.sequence} is {row.state}: {row.state_reason}", {}) for row in rows]


def _not_erased(connection: Connection, collection: str) -> _Found:
    """Erasures that never came, told by those that came after them, and those that came and are not carried out."""
    late = and_(notice.c.applied_at.is_(None), notice.c.received_at < func.now() - _AN_ERASURE_TAKES)
    rows = connection.execute(
        select(
            notice.c.practice_code,
            func.array_agg(notice.c.sequence).label("came"),
            func.array_agg(notice.c.sequence).filter(late).label("open"),
        )
        .where(notice.c.collection == collection, notice.c.kind == ERASURE)
        .group_by(notice.c.practice_code)
        .order_by(notice.c.practice_code)
    )
    found: _Found = []
    for row in rows:
        came = set(row.came)
        missing = islice((place for place in range(1, max(came)) if place not in came), _LISTED)
        told = [(f"Erasure {each} never came: have the source send it again.", each) for each in missing]
        told += [(f"Erasure {each} is not carried out: see the last run of erase.", each) for each in row.open or ()]
        found += [(row.practice_code, words, {}) for words, _ in sorted(told, key=lambda pair: pair[1])]
    return found


def _miscounted(connection: Connection, collection: str) -> _Found:
    rows = connection.execute(
        select(parcel.c.practice_code, parcel.c.sequence, parcel.c.rows_counted)
        .where(parcel.c.collection == collection, parcel.c.state == LOADED)
        .where(func.coalesce(parcel.c.rows_counted, func.jsonb_build_object()) != func.jsonb_build_object())
        .order_by(parcel.c.practice_code, parcel.c.sequence)
    )
    return [each for row in rows for each in _in_words(row.practice_code, row.sequence, row.rows_counted)]


def _in_words(code: str, sequence: int, counted: dict[str, dict[str, int]]) -> _Found:
    told: _Found = [
        (
            code,
            f"Parcel {sequence}, {table}: {each['sent']} rows were sent, {each['stored']} are in the store and "
            f"{each['kept_out']} in quarantine{_erased(each)}.",
            {},
        )
        for table, each in sorted(counted.items())
        if table != SUPPLIER
    ]
    # The source refuses an extract whose count is wrong by its supplier's own rule; here it is only shown.
    said = [(code, None, {"supplier_count": counted[SUPPLIER]})] if SUPPLIER in counted else []
    return [*told, *said]


def _erased(counted: dict[str, int]) -> str:
    erased = counted.get("erased", 0)
    return f"; {erased} were erased" if erased else ""


def _compared(connection: Connection, collection: str) -> _Found:
    last = (
        select(
            parcel.c.practice_code,
            parcel.c.parcel_number,
            parcel.c.extract_kind,
            parcel.c.extract_taken_at,
            parcel.c.manifest["counts"]["patients_held_back"].label("held_back"),
        )
        .where(
            parcel.c.collection == collection,
            parcel.c.extract_kind.in_((RECON, SNAPSHOT)),
            parcel.c.state.in_(TAKEN_IN),
        )
        .ext(distinct_on(parcel.c.practice_code))
        .order_by(parcel.c.practice_code, parcel.c.parcel_number.desc())
        .subquery()
    )
    rows = connection.execute(
        select(last, reconciliation)
        .join(reconciliation, reconciliation.c.parcel_number == last.c.parcel_number)
        .where(reconciliation.c.missing + reconciliation.c.differs + reconciliation.c.surplus > 0)
        .order_by(last.c.practice_code, reconciliation.c.table_name)
    )
    return [each for row in rows.mappings() for each in _differences(row)]


def _differences(row: Any) -> _Found:
    """A snapshot was loaded after the comparison: of it only the surplus still stands."""
    code, kind, table = row["practice_code"], row["extract_kind"], row["table_name"]
    if not row["is_in_extract"]:
        return [(code, None, {f"not in the {kind}: {table}": row["in_store"]})]
    told = _absent(row) if table == "patient" and row["of_absent"] else []
    counts = {"missing": row["missing"], "differs": row["differs"], "surplus": row["surplus"] - row["of_absent"]}
    still = [name for name, count in counts.items() if count and (name == "surplus" or kind == RECON)]
    if still:
        words = ", ".join(f"{counts[name]} {_WORDS[name]}" for name in still)
        told.append((code, f"The {kind} of {row['extract_taken_at'].date()}, {table}: {words}.", {}))
    return told


def _absent(row: Any) -> _Found:
    """Who is held back at the source is not in its extracts, and may be in the store from before: no difference."""
    absent, held = row["of_absent"], sum(row["held_back"].values())
    facts = {f"registrations not in the {row['extract_kind']}": absent, "held back at the source": held}
    if absent <= held:
        return [(row["practice_code"], None, facts)]
    words = f"{absent} registrations only the store has, and {held} are held back at the source."
    return [(row["practice_code"], f"The {row['extract_kind']} of {row['extract_taken_at'].date()}: {words}", facts)]


_WORDS = {
    "missing": "the store has not",
    "differs": "the store has in other words",
    "surplus": "only the store has",
}
