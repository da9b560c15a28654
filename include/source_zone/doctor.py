"""What the doctor is told of the source zone: its keys, its folders, and that its keys are what they claim to be."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from crossing.errors import GPCollectError
from crossing.key_register import RECEIPTS
from key_custody.whereabouts.airflow_folders import airflow_folders
from key_custody.whereabouts.deployment import Deployment, Secrets
from key_custody.whereabouts.register import look_at_register
from key_custody.whereabouts.verdict import Verdict, ok, wrong
from source_zone.destroy_token_key import versions_in_use
from source_zone.keys import KEY_BYTES, TOKEN_FIELDS, field_key, load_keys
from source_zone.settings import Settings
from source_zone.token_key_names import token_key_of
from source_zone.token_key_versions import newest_version

_KINDS = {
    r"token-[a-z0-9_]+-v\d+": KEY_BYTES,
    r"memory-v\d+": KEY_BYTES,
    r"signing-v\d+": KEY_BYTES,
    r"signing-mldsa65-v\d+": KEY_BYTES,
    r"case-recipient-v\d+": 96,
}
_CENTRAL = (r"store-v\d+", r"recipient-v\d+", r"receipt-signing-v\d+")


def deployment(settings: Settings, environment: Mapping[str, str] = os.environ) -> Deployment:
    """The source zone as this process is set up."""
    folders: dict[str, Path] = {
        "spool": settings.spool,
        "memory": settings.memory,
        "landing": settings.landing,
        "outbox": settings.outbox,
    }
    if settings.receipts:
        folders["receipts"] = settings.receipts
    if settings.lineage:
        folders["lineage"] = settings.lineage
    if settings.practice_answers:
        folders["practice answers"] = settings.practice_answers
    return Deployment(
        zone="source",
        keys=settings.keys,
        kinds=_KINDS,
        of_the_other_zone=_CENTRAL,
        the_others_folder="GP_CENTRAL_KEYS_DIR",
        folders=folders | airflow_folders(environment),
        derived=field_keys,
        checks=lambda: [*_keys_parse(settings), *look_at_register(settings.keys, RECEIPTS, datetime.now(UTC))],
        environment=environment,
    )


def field_keys(secrets: Secrets) -> Secrets:
    """The sub-keys that tokens are made with."""
    return {
        f"{name}, key of {field}": field_key(root, found.collection, field, found.version)
        for name, root in secrets.items()
        if (found := token_key_of(name)) is not None
        for field in TOKEN_FIELDS
    }


def _keys_parse(settings: Settings) -> list[Verdict]:
    return [_parses(settings, each) for each in settings.policy().collections()]


def _parses(settings: Settings, collection: str) -> Verdict:
    """The newest key, and every older one that the memory of some practice is still under."""
    try:
        newest = newest_version(settings.keys, collection)
        in_use = {each for at in versions_in_use(collection, settings).values() for each in at}
        names = [load_keys(settings.keys, collection, each).token_key_name for each in sorted({newest, *in_use})]
    except GPCollectError as error:
        return wrong("keys in use", str(error))
    except ValueError:  # a library's, about a key that is none
        return wrong("keys in use", "the centre's public key recipient-v1 is none. Ask the centre for it.")
    return ok("keys in use", f"{', '.join(names)} and what goes with it can be used")
