"""The marks of erased people, and the national allow lists, from the old tokens to the new.

A mark is a keyed hash of a token, so a new token has another one. Without this an erased person would come back.
"""

import pyarrow as pa
from sqlalchemy import Connection, text

from central_zone import keys
from central_zone.erasures.gate import has_marks
from central_zone.erasures.marks import marks_of
from central_zone.errors import ParcelRefused
from central_zone.load import ROWS_SENT_AT_ONCE, copy_rows
from central_zone.rotation.open_pairs import present
from central_zone.rotation.pairs import Bridge
from central_zone.zone import Zone
from crossing.canonical import PERSON, REGISTRATION_ID

_TEMPORARY = "CREATE TEMPORARY TABLE bridge_of_marks (old_token UUID, new_token UUID, stands_for TEXT) ON COMMIT DROP"
_OF_PERSONS = f"""
UPDATE erasure.mark AS m SET person_mark = b.new_token FROM pg_temp.bridge_of_marks AS b
WHERE m.collection = :collection AND b.stands_for = '{PERSON}' AND m.person_mark = b.old_token
"""  # noqa: S608 (a constant of ours)
_WITHOUT = f"""
SELECT count(*) FROM erasure.mark AS m WHERE m.collection = :collection AND m.practice_code = :practice AND NOT (
  EXISTS (SELECT FROM pg_temp.bridge_of_marks AS b WHERE b.stands_for = '{REGISTRATION_ID}'
    AND m.registration_mark IN (b.old_token, b.new_token))
  AND (m.person_mark IS NULL OR EXISTS (SELECT FROM pg_temp.bridge_of_marks AS b WHERE b.stands_for = '{PERSON}'
    AND b.new_token = m.person_mark)))
"""  # noqa: S608 (a constant of ours)
_OF_REGISTRATIONS = (
    f"""
CREATE TEMPORARY TABLE moved_marks ON COMMIT DROP AS
SELECT m.*, b.new_token FROM erasure.mark AS m JOIN pg_temp.bridge_of_marks AS b ON b.old_token = m.registration_mark
WHERE m.collection = :collection AND m.practice_code = :practice AND b.stands_for = '{REGISTRATION_ID}'
""",  # noqa: S608 (a constant of ours)
    """
DELETE FROM erasure.mark AS m USING pg_temp.moved_marks AS o WHERE m.collection = o.collection
  AND m.practice_code = o.practice_code AND m.registration_mark = o.registration_mark
  AND m.is_because_of_person = o.is_because_of_person
""",
    # After a restore an erasure of later may stand under the new mark already: the word that reaches further counts.
    """
INSERT INTO erasure.mark AS m (collection, practice_code, registration_mark, is_because_of_person, person_mark, said_by,
  said_in, up_to_sequence)
SELECT collection, practice_code, new_token, is_because_of_person, person_mark, said_by, said_in, up_to_sequence
FROM pg_temp.moved_marks
ON CONFLICT (collection, practice_code, registration_mark, is_because_of_person) DO UPDATE SET
  up_to_sequence = greatest(m.up_to_sequence, excluded.up_to_sequence), said_in = greatest(m.said_in, excluded.said_in),
  person_mark = coalesce(m.person_mark, excluded.person_mark)
""",
)
_ALLOWED = (
    # Whoever stands there under the new token already, by a list made since, need not stand there twice.
    f"""
DELETE FROM release.national_allow_list AS a USING pg_temp.bridge AS b WHERE a.collection = :collection
  AND b.stands_for = '{PERSON}' AND a.patient_token = b.old_token AND EXISTS (
    SELECT FROM release.national_allow_list AS o WHERE o.collection = a.collection AND o.practice_code = a.practice_code
      AND o.patient_token = b.new_token)
""",  # noqa: S608 (a constant of ours)
    f"""
UPDATE release.national_allow_list AS a SET patient_token = b.new_token FROM pg_temp.bridge AS b
WHERE a.collection = :collection AND b.stands_for = '{PERSON}' AND a.patient_token = b.old_token
""",  # noqa: S608 (a constant of ours)
)
# On the list and never in a parcel: they have no records that could be used, and may not stay under the old key.
_ALLOWED_WITHOUT = f"""
DELETE FROM release.national_allow_list AS a WHERE a.collection = :collection AND a.practice_code = :practice
  AND NOT EXISTS (SELECT FROM pg_temp.bridge AS b WHERE b.stands_for = '{PERSON}' AND b.new_token = a.patient_token)
"""  # noqa: S608 (a constant of ours)


def move_marks(zone: Zone, connection: Connection, bridge: Bridge, *, own: bool) -> None:
    """Marks of persons everywhere, and of the practice's own registrations where the whole practice goes over.

    Raises ParcelRefused where one has no pair: it would hold nobody back any more.
    """
    whose = {"collection": bridge.manifest.collection, "practice": bridge.manifest.practice_code}
    if not has_marks(connection, bridge.manifest.collection):
        return
    connection.execute(text(_TEMPORARY))
    marks = _marks(connection, bridge, keys.erasure_subkey(zone.settings.keys_folder))
    copy_rows(connection, ("pg_temp", "bridge_of_marks"), marks.to_batches(max_chunksize=ROWS_SENT_AT_ONCE))
    connection.execute(text("ANALYZE pg_temp.bridge_of_marks"))
    connection.execute(text(_OF_PERSONS), whose)
    without = connection.scalar(text(_WITHOUT), whose) if own else 0
    if without:
        raise ParcelRefused(
            f"{bridge.whose}: {without} erased people of the practice are not named by it and could come back. Nothing was "
            "changed: the practice stays under its old key. Report the source's software."
        )
    for statement in _OF_REGISTRATIONS if own else ():
        connection.execute(text(statement), whose)


def _marks(connection: Connection, bridge: Bridge, subkey: bytes) -> pa.Table:
    """A person may be under a still newer key by now, by another practice's bridge, and their marks with them."""
    named = bridge.of(REGISTRATION_ID, PERSON)
    today = present(connection, bridge.manifest.collection, named["new_token"])
    marks = {"old_token": marks_of(named["old_token"], subkey), "new_token": marks_of(today, subkey)}
    return pa.table({**marks, "stands_for": named["stands_for"]})


def move_allow_lists(connection: Connection, bridge: Bridge, *, own: bool) -> None:
    """Whoever may be used still may, under the new token."""
    whose = {"collection": bridge.manifest.collection, "practice": bridge.manifest.practice_code}
    for statement in (*_ALLOWED, *((_ALLOWED_WITHOUT,) if own else ())):
        connection.execute(text(statement), whose)
