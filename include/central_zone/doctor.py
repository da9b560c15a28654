"""What the doctor is told of the central zone: its keys, its folders, and that its keys are what they claim to be."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from central_zone import keys
from central_zone.restored.retired_keys import look_at_retired_keys
from central_zone.settings import Settings
from central_zone.store.look import look_at_store
from crossing.errors import GPCollectError
from crossing.key_register import PARCELS
from key_custody.whereabouts.airflow_folders import airflow_folders
from key_custody.whereabouts.deployment import Deployment, Secrets
from key_custody.whereabouts.register import look_at_register
from key_custody.whereabouts.verdict import Verdict, ok, wrong

_KINDS = {r"store-v\d+": 32, r"receipt-signing-v\d+": 32, r"recipient-v\d+": 96}
_SOURCE = (r"token-.*", r"memory-v\d+", r"signing-.*", r"case-recipient-v\d+", r"custodian-v\d+")
_FOLDERS = {
    "inbox": "GP_INBOX_DIR",
    "work": "GP_CENTRAL_WORK_DIR",
    "receipts": "GP_RECEIPTS_DIR",
    "erasure journal": "GP_ERASURE_JOURNAL_DIR",
    "audit checkpoints": "GP_AUDIT_CHECKPOINTS_DIR",
    "lineage": "GP_LINEAGE_DIR",
    "register": "GP_REGISTER_DIR",
}
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def deployment(settings: Settings, environment: Mapping[str, str] = os.environ) -> Deployment:
    """The central zone as this process is set up."""
    folders = {name: Path(settings.values[key]) for name, key in _FOLDERS.items() if key in settings.values}
    return Deployment(
        zone="central",
        keys=settings.keys_folder,
        kinds=_KINDS,
        of_the_other_zone=_SOURCE,
        the_others_folder="GP_SOURCE_KEYS_DIR",
        folders=folders | airflow_folders(environment),
        derived=_sub_keys(settings.keys_folder),
        checks=lambda: [
            *_keys_work(settings.keys_folder),
            *look_at_register(settings.keys_folder, PARCELS, datetime.now(UTC)),
            *look_at_store(settings),
            *look_at_retired_keys(settings),
        ],
        environment=environment,
    )


def _sub_keys(folder: Path) -> Callable[[Secrets], Secrets]:
    def derived(secrets: Secrets) -> Secrets:
        if keys.STORE_KEY not in secrets:
            return {}
        return {
            "store-v1, key of tokens": keys.store_subkey(folder),
            "store-v1, key of marks": keys.erasure_subkey(folder),
        }

    return derived


def _keys_work(folder: Path) -> list[Verdict]:
    """Parcels can be opened, receipts signed, tokens made."""
    try:
        private = keys.recipient_key(folder)
        marker = os.urandom(16)
        opened = _SUITE.decrypt(_SUITE.encrypt(marker, private.public_key()), private)
        keys.receipt_signing_key(folder)
        keys.store_subkey(folder)
    except GPCollectError as error:
        return [wrong("keys in use", str(error))]
    except (ValueError, InvalidTag):
        return [wrong("keys in use", f"{keys.RECIPIENT_KEY} is no pair of keys. Restore it from its custodian.")]
    if opened != marker:
        return [wrong("keys in use", f"{keys.RECIPIENT_KEY} does not open what is sealed to it. Restore it.")]
    return [ok("keys in use", "parcels can be opened, receipts signed and tokens made")]
