"""A PKCS#11 module: a hardware security module, or SoftHSM in tests. An AES key in it wraps and unwraps the data key."""

import base64
import binascii
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import exceptions

from crossing.connections import read_secret_file
from key_custody.custody_file import Pkcs11Settings
from key_custody.errors import CustodyAway, CustodyRefused
from key_custody.sealed_files import DATA_KEY_BYTES

_NONCE_BYTES, _TAG_BITS = 12, 128
_COME_BACK = (
    exceptions.DeviceError,
    exceptions.DeviceRemoved,
    exceptions.TokenNotPresent,
    exceptions.SessionCount,
    exceptions.HostMemory,
    exceptions.DeviceMemory,
)


@dataclass(frozen=True, slots=True)
class Pkcs11Token:
    """Each method is one session with the module. Raises CustodyAway (TryAgain), CustodyRefused, KeyRefused."""

    folder: Path
    settings: Pkcs11Settings
    zone: str

    def unwrap(self, wrapped: str) -> bytes:
        with _in_our_words(self.settings):
            content = base64.b64decode(wrapped, validate=True)
        nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        return self._with_key(lambda key: key.decrypt(sealed, **self._bound_to_zone(nonce)))

    def wrap(self, data_key: bytes) -> str:
        """Base64 of nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._with_key(lambda key: key.encrypt(data_key, **self._bound_to_zone(nonce)))
        return base64.b64encode(nonce + sealed).decode()

    def new_data_key(self) -> tuple[bytes, str]:
        data_key = os.urandom(DATA_KEY_BYTES)
        return data_key, self.wrap(data_key)

    def _bound_to_zone(self, nonce: bytes) -> dict[str, Any]:
        label = f"gp-collect|data-key|{self.zone}".encode()
        return {
            "mechanism": pkcs11.Mechanism.AES_GCM,
            "mechanism_param": pkcs11.GCMParams(nonce, label, _TAG_BITS),
        }

    def _with_key(self, work: Callable[[Any], bytes]) -> bytes:
        with _in_our_words(self.settings):
            token = pkcs11.lib(self.settings.module).get_token(token_label=self.settings.token_label)
            pin = read_secret_file(self.folder / self.settings.pin_file).decode()
            with token.open(user_pin=pin) as session:
                key = session.get_key(object_class=pkcs11.ObjectClass.SECRET_KEY, label=self.settings.key_label)
                return bytes(work(key))


@contextmanager
def _in_our_words(settings: Pkcs11Settings) -> Iterator[None]:
    try:
        yield
    except _COME_BACK:
        raise CustodyAway("The PKCS#11 module is not there or busy. Look at its device, then run again.") from None
    except (exceptions.PinIncorrect, exceptions.PinLocked, exceptions.PinExpired, exceptions.PinInvalid):
        raise CustodyRefused(
            "The PKCS#11 token refuses the PIN in pin_file, or has locked it. Mend that first."
        ) from None
    except (exceptions.NoSuchToken, exceptions.NoSuchKey, exceptions.MultipleObjectsReturned):
        raise CustodyRefused(
            f"The PKCS#11 module has not exactly one token {settings.token_label} with a key {settings.key_label}. Correct custody.toml."
        ) from None
    except (exceptions.PKCS11Error, UnicodeDecodeError, binascii.Error):
        raise CustodyRefused(
            f"The PKCS#11 module will not do that with its key {settings.key_label}: module or key is another than the one that "
            "wrapped data_key. Its administrator knows which."
        ) from None
