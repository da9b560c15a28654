"""Token keys that were retired after the backup: a restored store has their pairs of tokens again, and does not know it.

The statement that was signed then lies outside the store. What it says is made true again, or it is told why it cannot be.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from central_zone.chain.anchors import retirements
from central_zone.errors import KeyStillNeeded, SettingMissing
from central_zone.rotation.practice_keys import is_retired, version_of
from central_zone.rotation.retire import retire
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import AUDITOR
from crossing.errors import GPCollectError
from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, wrong

_WHERE = "retired keys"
Key = tuple[str, str]  # collection, token key


def retire_again(settings: Settings, keys: Iterable[Key]) -> dict[str, str]:
    """The keys, and what became of each: retired, or what is still under it. Safe to repeat."""
    return {token_key: _retired_again(settings, collection, token_key) for collection, token_key in keys}


def _retired_again(settings: Settings, collection: str, token_key: str) -> str:
    try:
        retire(collection, version_of(token_key), settings)
    except KeyStillNeeded as needed:
        return str(needed)
    return "retired again"


def forgotten(connection: Connection, settings: Settings) -> list[Key]:
    """Keys of which a statement says that they are retired, and the store does not."""
    said = (each.said for each in retirements(settings) if each.said)
    keys = {(each["collection"], each["token_key"]) for each in said}
    return sorted(key for key in keys if not is_retired(connection, *key))


def look_at_retired_keys(settings: Settings) -> list[Verdict]:
    """For the doctor. A process that is told of no receipts or no store cannot say."""
    try:
        with (
            store_of(settings.store_url_of(AUDITOR)) as store,
            transaction(store, "look at the retired keys") as connection,
        ):
            keys = forgotten(connection, settings)
    except SettingMissing:
        return []
    except GPCollectError as error:
        return [not_looked_at(_WHERE, str(error))]
    if not keys:
        return [ok(_WHERE, "the store knows of every key that a statement says is retired")]
    return [
        wrong(
            _WHERE,
            f"{token_key} was retired, and the store has what leads from it again, as a backup of before does. "
            f"Run: gp-central keys retire --collection {collection} --version {version_of(token_key)}",
        )
        for collection, token_key in keys
    ]
