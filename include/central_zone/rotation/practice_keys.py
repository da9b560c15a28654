"""Which token key each practice's records are under: one at a time, and only a bridge changes it."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from central_zone.errors import ParcelRefused, WaitsForEarlier
from central_zone.store.rotation_tables import practice_key, retired
from crossing.manifest import Manifest


def version_of(token_key: str) -> int:
    """The number a key's name ends in, as crossing.manifest_fields has it."""
    return int(token_key.rpartition("v")[2])


def key_of(connection: Connection, collection: str, practice_code: str) -> str | None:
    """None where nothing of the practice was ever loaded."""
    same = (practice_key.c.collection == collection, practice_key.c.practice_code == practice_code)
    return connection.scalar(select(practice_key.c.token_key).where(*same))


def set_key(connection: Connection, collection: str, practice_code: str, token_key: str, sequence: int) -> None:
    values = {"token_key": token_key, "since_sequence": sequence}
    statement = insert(practice_key).values(collection=collection, practice_code=practice_code, **values)
    same_practice = [practice_key.c.collection, practice_key.c.practice_code]
    connection.execute(statement.on_conflict_do_update(index_elements=same_practice, set_=values))


def check_key(connection: Connection, collection: str, practice_code: str, token_key: str, sequence: int) -> None:
    """Whether records under this key may join the practice's others; the first say which key that is. Raises ParcelRefused."""
    here = key_of(connection, collection, practice_code)
    if here is None:
        check_not_retired(connection, collection, token_key)
        whose = {"collection": collection, "practice_code": practice_code}
        connection.execute(insert(practice_key).values(**whose, token_key=token_key, since_sequence=sequence))
    elif here != token_key:
        raise ParcelRefused(
            f"{practice_code}: parcel {sequence} is under {token_key}, and the practice's records are under {here}. Tokens of "
            "two keys are never joined. If the bridge between them was refused or given up, have the source send it again."
        )


def check_notice_is_not_ahead(connection: Connection, manifest: Manifest) -> None:
    """A notice under a newer key waits for the practice's bridge. Raises WaitsForEarlier; ParcelRefused for a retired key."""
    check_not_retired(connection, manifest.collection, manifest.token_key)
    here = key_of(connection, manifest.collection, manifest.practice_code)
    if here is not None and version_of(manifest.token_key) > version_of(here):
        raise WaitsForEarlier(
            f"{manifest.practice_code}, {manifest.extract_kind} {manifest.sequence}: it is under {manifest.token_key} and waits "
            f"for the bridge from {here}, which the next load takes."
        )


def check_not_retired(connection: Connection, collection: str, token_key: str) -> None:
    if is_retired(connection, collection, token_key):
        raise ParcelRefused(
            f"{token_key} is retired: what was made under it can be matched with nothing any more. Have the source make it again."
        )


def is_retired(connection: Connection, collection: str, token_key: str) -> bool:
    same = (retired.c.collection == collection, retired.c.token_key == token_key)
    return connection.execute(select(retired.c.token_key).where(*same)).first() is not None
