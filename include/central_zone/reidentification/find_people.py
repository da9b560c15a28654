"""From a release's tokens (T3) to the source's (T1), for the few people of one case. Nothing found here is kept."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from sqlalchemy import ARRAY, Connection, RowMapping, Uuid, bindparam, select, text

from central_zone import keys
from central_zone.erasures.marks import TOKEN, tokens_of, uuids
from central_zone.materialise import name_of_released
from central_zone.project_tokens import stored_tokens
from central_zone.reidentification.escrow import Sealed, altered, opened
from central_zone.rotation.open_pairs import present
from central_zone.store.release_tables import released_table
from central_zone.store.tables import RECORDS
from central_zone.tokens import as_hex
from central_zone.zone import Zone
from crossing.canonical import has_patient
from crossing.case_file import Asked
from crossing.case_request import CaseRefused, CaseRequest
from crossing.tokens import keyed_tokens

# Where these people are registered by the latest word on each registration, and the escrow that came with that very word.
# Few people, each looked up by an index: the views of today's records would read everybody.
_TODAY = """
SELECT word.practice_code, word.registration_token, word.patient_token, sealing.parcel_id, sealing.manifest ->> 'token_key' AS token_key,
  escrow.sealed, parcel_key.sealed_key
FROM (
  SELECT DISTINCT practice_code, registration_token FROM records.patient WHERE patient_token = ANY(:wanted)
) AS ever
CROSS JOIN LATERAL (
  SELECT practice_code, registration_token, patient_token, parcel_number, is_deleted FROM records.patient AS r
  WHERE r.practice_code = ever.practice_code AND r.registration_token = ever.registration_token
  ORDER BY parcel_number DESC, is_deleted DESC LIMIT 1
) AS word
JOIN ledger.parcel AS parcel ON parcel.parcel_number = word.parcel_number
LEFT JOIN custody.escrow ON escrow.practice_code = word.practice_code AND escrow.registration_token = word.registration_token
  AND escrow.parcel_number = word.parcel_number
LEFT JOIN custody.parcel_key ON parcel_key.parcel_number = escrow.sealed_in
LEFT JOIN ledger.parcel AS sealing ON sealing.parcel_number = escrow.sealed_in
WHERE NOT word.is_deleted AND word.patient_token = ANY(:wanted) AND parcel.collection = :collection
ORDER BY word.practice_code, word.registration_token
"""


@dataclass(slots=True)
class Found:
    """Whom each practice is asked about, and how many could not be found. The repr shows counts and practices."""

    by_practice: dict[str, list[Asked]] = field(repr=False)
    people: int  # different ones, of whom a practice is asked
    not_released: int  # tokens that are not in what is released under the use today
    not_in_store: int  # released, and erased or withdrawn since
    without_escrow: int  # known, and loaded before there was an escrow


def find_people(
    zone: Zone,
    connection: Connection,
    request: CaseRequest,
    tokens: Sequence[bytes],
    custodian: MLKEM768X25519PrivateKey,
) -> Found:
    """Raises CaseRefused: nothing is released under the use, the key does not fit, or the escrow was altered."""
    released = _released(connection, request.use, tokens)
    stored = _stored(zone, connection, request.use, released)
    places = {stored[token]: number for number, token in enumerate(tokens, start=1) if token in stored}
    rows = _registrations(connection, request.collection, list(places))
    subkey = keys.store_subkey(zone.settings.keys_folder)

    def today(as_sent: pa.Array) -> list[bytes]:
        return list(present(connection, request.collection, keyed_tokens(as_hex(as_sent), subkey)).to_pylist())

    by_practice: defaultdict[str, list[Asked]] = defaultdict(list)
    for (practice_code, _), words in groupby(rows, key=lambda row: (row["practice_code"], row["registration_token"])):
        sealed = [row for row in words if row["sealed"] is not None]
        if sealed:
            by_practice[practice_code].append(_asked(sealed, places, custodian, today))
    reached = {each.reference for people in by_practice.values() for each in people}
    known = {places[row["patient_token"].bytes] for row in rows}
    return Found(
        by_practice=dict(by_practice),
        people=len(reached),
        not_released=len(tokens) - len(released),
        not_in_store=len(released) - len(known),
        without_escrow=len(known - reached),
    )


def _released(connection: Connection, use: str, tokens: Sequence[bytes]) -> list[bytes]:
    """Those that somebody who works with the release can have seen in it as it is today."""
    tables = connection.scalars(select(released_table.c.table_name).where(released_table.c.use_id == use)).all()
    if not tables:
        raise CaseRefused("use_not_released", "nothing is released under its data use.")
    wanted = bindparam("wanted", uuids(pa.array(tokens, TOKEN)), type_=ARRAY(Uuid()))
    found: set[bytes] = set()
    for table in filter(has_patient, tables):
        name = connection.dialect.identifier_preparer.quote(name_of_released(use, table))
        statement = f"SELECT DISTINCT patient_token FROM release.{name} WHERE patient_token = ANY(:wanted)"  # noqa: S608 (a name of ours)
        found |= {token.bytes for token in connection.scalars(text(statement).bindparams(wanted))}
    return [token for token in tokens if token in found]


def _stored(zone: Zone, connection: Connection, use: str, released: list[bytes]) -> dict[bytes, bytes]:
    """T3 -> T2, by hashing everybody's again: no list of the two is kept anywhere."""
    if not released:
        return {}
    versions = connection.scalars(
        select(released_table.c.project_key_version).distinct().where(released_table.c.use_id == use)
    ).all()
    found: dict[bytes, bytes] = {}
    for version in versions:
        subkey = keys.project_subkey(zone.settings.keys_folder, keys.project_label(use, version))
        found |= stored_tokens(connection, [RECORDS["patient"].c.patient_token], subkey, pa.array(released, TOKEN))
    return found


def _registrations(connection: Connection, collection: str, wanted: list[bytes]) -> list[RowMapping]:
    statement = text(_TODAY).bindparams(
        bindparam("wanted", uuids(pa.array(wanted, TOKEN)), type_=ARRAY(Uuid())), bindparam("collection", collection)
    )
    return list(connection.execute(statement).mappings())


def _asked(
    rows: Sequence[RowMapping],
    places: Mapping[bytes, int],
    custodian: MLKEM768X25519PrivateKey,
    today: Callable[[pa.Array], list[bytes]],
) -> Asked:
    """Of one registration. A parcel may have named it twice, with two people: the row that fits is the one.

    `today` answers the tokens that the store has of a source's own. A person may be under a newer key than their practice.
    """
    for row in rows:
        stored = row["registration_token"], row["patient_token"]
        as_sent = pa.array(opened(_sealed(row), custodian), TOKEN)
        if today(as_sent) == tokens_of(stored).to_pylist():
            registration, patient = as_sent.to_pylist()
            reference = places[stored[1].bytes]
            return Asked(reference=reference, token_key=row["token_key"], registration=registration, patient=patient)
    raise altered()  # somebody pointed a token at another person


def _sealed(row: RowMapping) -> Sealed:
    if row["sealed_key"] is None:
        raise altered()
    return Sealed(
        practice_code=row["practice_code"],
        parcel_id=str(row["parcel_id"]),
        registration_token=row["registration_token"].bytes,
        sealed_key=row["sealed_key"],
        sealed=row["sealed"],
    )
