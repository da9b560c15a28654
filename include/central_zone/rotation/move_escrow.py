"""After a bridge the escrow leads to the source's tokens under its newer key: the older key is to be destroyed.

Each row is sealed anew, to the same custodian, beside the same word on the same patient. Nobody opens the old rows for that:
the bridge itself says the source's new tokens.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, text

from central_zone.erasures.marks import TOKEN, tokens_of
from central_zone.errors import ParcelRefused
from central_zone.ledger import Entry
from central_zone.load import insert_rows
from central_zone.reidentification.case_keys import custodian
from central_zone.reidentification.escrow import COLUMNS, ESCROW, keep_key, sealer
from central_zone.rotation.open_pairs import present
from central_zone.rotation.pairs import Bridge
from central_zone.zone import Zone
from crossing.case_rules import read_case_rules

_FORGET_KEYS = """
DELETE FROM custody.parcel_key AS k USING ledger.parcel AS p
WHERE k.parcel_number = p.parcel_number AND p.collection = :collection AND p.practice_code = :practice
"""
_FORGET_ROWS = """
DELETE FROM custody.escrow AS e USING ledger.parcel AS p
WHERE e.practice_code = :practice AND e.parcel_number = p.parcel_number AND p.collection = :collection
"""
_WORDS = """
SELECT r.registration_token, r.patient_token, r.parcel_number FROM records.patient AS r JOIN ledger.parcel AS p USING (parcel_number)
WHERE p.collection = :collection AND r.practice_code = :practice AND NOT r.is_deleted AND r.patient_token IS NOT NULL
"""


def move_escrow(zone: Zone, connection: Connection, bridge: Bridge, entry: Entry) -> int:
    """In the caller's transaction, after the rows were moved and whoever is erased is gone. Answers how many rows.

    Raises ParcelRefused where a patient's new token was not in the bridge, KeyRefused.
    """
    whose = {"collection": bridge.manifest.collection, "practice": bridge.manifest.practice_code}
    for statement in (_FORGET_ROWS, _FORGET_KEYS):
        connection.execute(text(statement), whose)
    words = connection.execute(text(_WORDS), whose).all()
    if not words or not read_case_rules(zone.policy).escrow_is_kept:
        return 0
    seals = sealer(bridge.manifest.practice_code, entry.parcel_id, custodian(zone.settings.keys_folder))
    keep_key(connection, entry.parcel_number, seals.schema)
    as_sent = _as_sent(connection, bridge, words)
    stored = [word.registration_token.bytes for word in words]
    sealed = [seals.sealed(token, *sent) for token, sent in zip(stored, as_sent, strict=True)]
    places = [pa.array([word.parcel_number for word in words], pa.int64())]
    places.append(pa.repeat(pa.scalar(entry.parcel_number, pa.int64()), len(words)))
    rows = pa.table(
        [pa.repeat(bridge.manifest.practice_code, len(words)), pa.array(stored, TOKEN), *places, sealed], COLUMNS
    )
    return insert_rows(connection, ("custody", ESCROW), rows.to_batches())


def _as_sent(connection: Connection, bridge: Bridge, words: Sequence[Row[Any]]) -> list[tuple[bytes, bytes]]:
    """The source's tokens of each word's registration and person. A person may be under a still newer key by now."""
    stored = present(connection, bridge.manifest.collection, bridge.pairs["new_token"])
    known = dict(zip(stored.to_pylist(), bridge.as_sent.to_pylist(), strict=True))
    columns = (tokens_of(word.registration_token for word in words), tokens_of(word.patient_token for word in words))
    found = [
        (known.get(one), known.get(other)) for one, other in zip(*(each.to_pylist() for each in columns), strict=True)
    ]
    unnamed = sum(None in pair for pair in found)
    if unnamed:
        raise ParcelRefused(
            f"{bridge.whose}: of {unnamed} patients it does not say the new token. Nothing was changed."
        )
    return [(one, other) for one, other in found if one and other]
