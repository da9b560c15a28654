"""Keys as sealed files, `<name>.sealed`: AES-256-GCM under a data key that only Vault, or a PKCS#11 module, unwraps.

A seal is bound to its zone and name, so that a file cannot be passed off as another. What a thief of the folder has is
noise, and what opens it can be taken away at one place.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossing.key_files import KeyRefused, destroy_key_file, read_key_file, write_key_file
from key_custody.known_keys import check_unknown
from key_custody.names import checked

ENDING = ".sealed"
DATA_KEY_BYTES = 32
_FORM = b"GPK1"
_NONCE_BYTES, _TAG_BYTES = 12, 16
_OVERHEAD = len(_FORM) + _NONCE_BYTES + _TAG_BYTES


@dataclass(frozen=True, slots=True)
class SealedFiles:
    folder: Path
    zone: str
    backend: str
    data_key: bytes = field(repr=False)

    def secret(self, name: str, *, expected_bytes: int) -> bytes:
        data = self._open(name, read_key_file(self._path(name), expected_bytes=expected_bytes + _OVERHEAD))
        if not any(data):
            raise KeyRefused(f"Key {name} is all zero. Replace it from its custodian.")
        check_unknown(name, data)
        return data

    def names(self) -> list[str]:
        return sorted(path.name.removesuffix(ENDING) for path in self.folder.glob(f"*{ENDING}"))

    def write(self, name: str, data: bytes) -> None:
        check_unknown(name, data)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self.data_key).encrypt(nonce, data, self._bound_to(name))
        write_key_file(self._path(name), _FORM + nonce + sealed)

    def destroy(self, name: str) -> None:
        destroy_key_file(self._path(name))

    def _open(self, name: str, sealed: bytes) -> bytes:
        nonce = sealed[len(_FORM) : len(_FORM) + _NONCE_BYTES]
        try:
            if not sealed.startswith(_FORM):
                raise InvalidTag
            return AESGCM(self.data_key).decrypt(nonce, sealed[len(_FORM) + _NONCE_BYTES :], self._bound_to(name))
        except InvalidTag:
            raise KeyRefused(
                f"Key {name}{ENDING} does not open: it was changed, belongs to another name or zone, "
                "or was sealed under another data key. Replace it from its custodian."
            ) from None

    def _bound_to(self, name: str) -> bytes:
        return f"gp-collect|key|{self.zone}|{name}".encode()

    def _path(self, name: str) -> Path:
        return self.folder / f"{checked(name)}{ENDING}"
