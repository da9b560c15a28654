"""Who signed a parcel: a key of our register, in force, that may speak for the practice. Asked before anything is parsed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from central_zone import keys
from central_zone.errors import ParcelRefused
from crossing.key_register import KeyNotValid, RegisteredKey
from crossing.manifest import bytes_to_sign, claim_of_signer
from crossing.parcel import SECOND_SIGNATURE_NAME, read_manifest_bytes, read_second_signature


@dataclass(frozen=True, slots=True)
class Signed:
    """The bytes of a manifest, and the known signer whose signatures fit them. Nothing of them is parsed yet."""

    data: bytes = field(repr=False)
    signer: RegisteredKey


def signed_bytes(folder: Path, keys_folder: Path, *, now: datetime | None = None) -> Signed:
    """Of an unsigned manifest, only the signer's name and the time are read, to know which key must have signed it.

    Raises ParcelUnreadable, ManifestRefused, ParcelRefused; RegisterRefused where our own register cannot be read.
    """
    data, signature = read_manifest_bytes(folder)
    claim = claim_of_signer(data)
    signer = _registered(keys_folder, claim.signing_key, at=claim.created_at, now=now or datetime.now(UTC))
    _check_signatures(data, signature, read_second_signature(folder), signer)
    return Signed(data, signer)


def check_may_speak(signer: RegisteredKey, practice_code: str, supplier_format: str) -> None:
    """Raises ParcelRefused where somebody signed for a practice that is not theirs."""
    if not signer.may_speak_for(practice_code, supplier_format):
        raise ParcelRefused(
            f"Key {signer.name} may not speak for {practice_code} nor for {supplier_format}. If it should, enter it in our "
            "register of keys; else tell whoever looks after security."
        )


def check_still_known(manifest: dict[str, Any], keys_folder: Path, *, now: datetime) -> None:
    """For a parcel of the ledger that is about to be loaded: was its key revoked meanwhile? Raises ParcelRefused."""
    made = datetime.fromisoformat(manifest["created_at"])
    signer = _registered(keys_folder, manifest["signing_key"], at=made, now=now)
    check_may_speak(signer, manifest["practice_code"], manifest["supplier_format"])


def _registered(keys_folder: Path, name: str, *, at: datetime, now: datetime) -> RegisteredKey:
    try:
        return keys.signer(keys_folder, name, at=at, now=now)
    except KeyNotValid as error:  # ours, and it repeats no name but one of the register's own
        raise ParcelRefused(str(error)) from None


def _check_signatures(data: bytes, signature: bytes, second: bytes | None, signer: RegisteredKey) -> None:
    """Exactly the signatures that the register asks for: no fewer, and none that nobody here can check."""
    if (second is None) != (signer.ml_dsa_65 is None):
        which = "lacks" if second is None else "has"
        raise ParcelRefused(
            f"The parcel {which} {SECOND_SIGNATURE_NAME}, and our register says otherwise of key {signer.name}. Agree with "
            "its owner which keys sign; a signer with other keys is entered under a new name."
        )
    try:
        Ed25519PublicKey.from_public_bytes(signer.ed25519).verify(signature, bytes_to_sign(data))
        if second is not None and signer.ml_dsa_65 is not None:
            MLDSA65PublicKey.from_public_bytes(signer.ml_dsa_65).verify(second, bytes_to_sign(data))
    except InvalidSignature:
        raise ParcelRefused(
            "The signature does not fit the manifest. Ask the source to send the parcel again."
        ) from None
