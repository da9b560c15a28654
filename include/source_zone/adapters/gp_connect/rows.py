"""The rows of one entry, each with all further codes of the entry, so that no dissent is overlooked and none lifted."""

from collections.abc import Callable, Set

from crossing.canonical import TABLES
from source_zone.adapters.gp_connect.clinical import MAPPINGS
from source_zone.adapters.gp_connect.elements import PartialDate, five_byte_form
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.practice import PracticeFacts
from source_zone.adapters.gp_connect.record import Record, Row, Rows
from source_zone.identified import FURTHER_CODES, schema

UNSURE_WITHDRAWAL = "unsure_withdrawal"
OBJECTION_IN_ANOTHER_KIND = "objection_in_another_kind"
SHARES_ITS_ID_WITH_A_DISSENT = "shares_its_id_with_a_dissent"
_CODE_COLUMNS = (
    "snomed_concept_id",
    "snomed_description_id",
    "read_v2_code",
    "ctv3_code",
    "local_code",
    "dmd_code",
)


_CODED_TABLES = frozenset(table for table in TABLES if FURTHER_CODES.name in schema(table).names)


def rows_of(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    """(table, row) for each row of an entry. An entry of a kind that has no codes of ours is a row, which does not

    travel, where it holds a dissent: an answer on a form can be its only place.
    """
    found = record.all_codes(entry)
    apart = _apart(entry, found, record, practice) if practice.dissent_ids else None
    placed = False
    for table, row in MAPPINGS[entry.kind](entry, record, practice) if entry.kind in MAPPINGS else ():
        if table in _CODED_TABLES:
            placed = True
            _add_further_codes(row, found, entry, record)
            yield table, apart(row) if apart else row
        else:
            yield table, row
    if not placed and not record.policy.dissent_codes.isdisjoint(found):
        yield "observation", _objection(entry, record, practice) | {FURTHER_CODES.name: _joined(found)}


def _apart(entry: Entry, found: frozenset[str], record: Record, practice: PracticeFacts) -> Callable[[Row], Row] | None:
    """Of two entries of one snapshot with one id, none is the later one: the other must not take a dissent's place."""
    live_dissent = found & record.policy.dissent_codes and not record.is_deleted(entry.resource)
    if live_dissent or record.id_of(entry.name) not in practice.dissent_ids:
        return None
    own = {"is_deleted": False, "fault": SHARES_ITS_ID_WITH_A_DISSENT}
    return lambda row: row | own | {"record_id": f"{row['record_id']}|shares-its-id"}


def _add_further_codes(row: Row, found: frozenset[str], entry: Entry, record: Record) -> None:
    own = {row[column] for column in _CODE_COLUMNS if column in row}
    if not row["fault"] and _is_unsure_withdrawal(own, found, entry, record):
        row["fault"] = UNSURE_WITHDRAWAL
    row[FURTHER_CODES.name] = _joined(found - own)


def _is_unsure_withdrawal(own: set[str], found: frozenset[str], entry: Entry, record: Record) -> bool:
    """A withdrawal lifts a dissent only as the entry's own code and in a final entry; any other stays, under a fault."""
    withdrawals = record.policy.withdrawal_codes
    if withdrawals.isdisjoint(found) and withdrawals.isdisjoint(own):
        return False  # what is found has the five-byte forms of the entry's own codes too
    plainly = not withdrawals.isdisjoint({*own, *map(five_byte_form, own)})
    if plainly and record.policy.is_final(entry.kind, entry.resource):
        return False
    return plainly or not withdrawals.isdisjoint(found)


def _objection(entry: Entry, record: Record, practice: PracticeFacts) -> Row:
    faults = [OBJECTION_IN_ANOTHER_KIND]
    return record.event(entry, practice, effective=PartialDate(), recorded=None, staff=(), faults=faults)


def _joined(codes: Set[str]) -> str | None:
    return " ".join(sorted(codes)) if codes else None
