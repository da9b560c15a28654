"""What the centre answered: receipts with their supplements, certificates of erasure; believed only if it signed them for that parcel."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossing.answers import (
    CERTIFICATE,
    LARGEST_ANSWER_BYTES,
    PAYLOAD_TYPES,
    RECEIPT,
    SUPPLEMENT,
    AnswerRefused,
    bytes_to_sign,
    read_answer,
)
from crossing.canonical import ERASURE
from crossing.key_register import RECEIPTS, KeyNotValid, KeyRegister, read_key_register
from crossing.manifest import Manifest
from source_zone.settings import Settings

# Which field says what an answer is about.
_ABOUT = {RECEIPT: "parcel_id", SUPPLEMENT: "parcel_id", CERTIFICATE: "notice"}


@dataclass(frozen=True, slots=True)
class CentralAnswers:
    """The folder the centre's answers come to, and the register that has the centre's keys."""

    folder: Path
    register: KeyRegister

    def to(self, manifest: Manifest) -> dict[str, Any] | None:
        """What the centre signed about this parcel or notice; None while it has not answered. Raises AnswerRefused.

        An erasure is answered by a certificate; or, while it is refused, by a receipt that says so.
        """
        kinds = (CERTIFICATE, RECEIPT) if manifest.extract_kind == ERASURE else (RECEIPT,)
        return next((answer for kind in kinds if (answer := self._answer(manifest, kind)) is not None), None)

    def since(self, manifest: Manifest) -> dict[str, Any] | None:
        """What was decided since its receipt of rows that were set aside; None where nothing was. Raises AnswerRefused."""
        return self._answer(manifest, SUPPLEMENT)

    def _answer(self, manifest: Manifest, kind: str) -> dict[str, Any] | None:
        path = self.folder / f"{manifest.parcel_id}.{kind}.json"
        if not path.exists():
            return None
        content = self._signed(path, kind, asked=datetime.fromisoformat(manifest.created_at))
        if (content.get(_ABOUT[kind]), content.get("manifest_sha256")) != (manifest.parcel_id, manifest.sha256()):
            raise AnswerRefused(f"{path.name} is about another parcel than this. Ask the centre for the right one.")
        return content

    def _signed(self, path: Path, kind: str, *, asked: datetime) -> dict[str, Any]:
        answer = read_answer(_at_most(path), kind, path.name)
        try:
            self._key(answer.signing_key, asked).verify(
                answer.signature, bytes_to_sign(answer.content, PAYLOAD_TYPES[kind])
            )
        except KeyNotValid as error:
            raise AnswerRefused(f"{path.name} does not bear a signature of the centre's. {error}") from None
        except InvalidSignature:
            raise AnswerRefused(
                f"{path.name} does not bear the signature of the centre's key it names: it was forged, or changed since. "
                "Do not rely on it; ask the centre."
            ) from None
        return answer.content

    def _key(self, name: str, asked: datetime) -> Ed25519PublicKey:
        """An answer comes after what it answers: a key whose time had ended by then cannot have given it."""
        entry = self.register.entries.get(name)
        at = max(asked, entry.valid_from) if entry else asked
        return Ed25519PublicKey.from_public_bytes(
            self.register.key(name, RECEIPTS, at=at, now=datetime.now(UTC)).ed25519
        )


def central_answers(settings: Settings) -> CentralAnswers | None:
    """None where no folder of answers is set. Raises RegisterRefused where there is no register to check them with."""
    if settings.receipts is None:
        return None
    if not settings.receipts.is_dir():
        raise AnswerRefused("GP_CENTRAL_RECEIPTS_DIR names no folder. Correct it, or unset it where no answers come.")
    return CentralAnswers(settings.receipts, read_key_register(settings.keys))


def _at_most(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_ANSWER_BYTES + 1)
    if len(data) > LARGEST_ANSWER_BYTES:
        raise AnswerRefused(f"{path.name} is larger than {LARGEST_ANSWER_BYTES} bytes, as no answer is.")
    return data
