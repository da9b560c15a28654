"""What the centre answered: receipts and certificates of erasure, believed only if the centre signed them for that parcel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossing.answers import (
    CERTIFICATE,
    LARGEST_ANSWER_BYTES,
    PAYLOAD_TYPES,
    RECEIPT,
    AnswerRefused,
    bytes_to_sign,
    read_answer,
)
from crossing.canonical import ERASURE
from crossing.manifest import Manifest
from source_zone.keys import RECEIPT_SIGNING_KEY, receipt_public_key
from source_zone.settings import Settings

_ABOUT = {RECEIPT: "parcel_id", CERTIFICATE: "notice"}  # which field says what an answer is about


@dataclass(frozen=True, slots=True)
class CentralAnswers:
    """The folder the centre's answers come to, and the key they must be signed with."""

    folder: Path
    key: Ed25519PublicKey

    def to(self, manifest: Manifest) -> dict[str, Any] | None:
        """What the centre signed about this parcel or notice; None while it has not answered. Raises AnswerRefused."""
        kind = CERTIFICATE if manifest.extract_kind == ERASURE else RECEIPT
        path = self.folder / f"{manifest.parcel_id}.{kind}.json"
        if not path.exists():
            return None
        content = self._signed(path, kind)
        if (content.get(_ABOUT[kind]), content.get("manifest_sha256")) != (manifest.parcel_id, manifest.sha256()):
            raise AnswerRefused(f"{path.name} is about another parcel than this. Ask the centre for the right one.")
        return content

    def _signed(self, path: Path, kind: str) -> dict[str, Any]:
        answer = read_answer(_at_most(path), kind, path.name)
        signed = bytes_to_sign(answer.content, PAYLOAD_TYPES[kind])
        try:
            if answer.signing_key != RECEIPT_SIGNING_KEY:
                raise InvalidSignature
            self.key.verify(answer.signature, signed)
        except InvalidSignature:
            raise AnswerRefused(
                f"{path.name} does not bear the signature of the centre's key {RECEIPT_SIGNING_KEY}: it was forged, or "
                "changed since. Do not rely on it; ask the centre."
            ) from None
        return answer.content


def central_answers(settings: Settings) -> CentralAnswers | None:
    """None where no folder of answers is set. Raises KeyRefused where the key to check them with is missing."""
    if settings.receipts is None:
        return None
    if not settings.receipts.is_dir():
        raise AnswerRefused("GP_CENTRAL_RECEIPTS_DIR names no folder. Correct it, or unset it where no answers come.")
    return CentralAnswers(settings.receipts, receipt_public_key(settings.keys))


def _at_most(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_ANSWER_BYTES + 1)
    if len(data) > LARGEST_ANSWER_BYTES:
        raise AnswerRefused(f"{path.name} is larger than {LARGEST_ANSWER_BYTES} bytes, as no answer is.")
    return data
