"""HashiCorp Vault, or OpenBao: the Transit engine makes a data key and unwraps it again. Its own key never leaves it.

What it answers is never quoted: the answer to a wrong question may hold a token, and that to a right one holds the key.
"""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hvac
import requests
from hvac import exceptions

from crossing.connections import read_secret_file
from key_custody.custody_file import VaultSettings
from key_custody.errors import CustodyAway, CustodyRefused

_SECONDS = 10
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_COME_BACK = (
    exceptions.VaultDown,  # sealed, or a standby without a leader
    exceptions.RateLimitExceeded,
    exceptions.BadGateway,
    exceptions.InternalServerError,
    exceptions.VaultNotInitialized,
)


@dataclass(frozen=True, slots=True)
class Vault:
    """Each method is one call to the Transit engine. Raises CustodyAway (TryAgain), CustodyRefused, KeyRefused."""

    folder: Path
    settings: VaultSettings

    def unwrap(self, wrapped: str) -> bytes:
        return _bytes_of(self._ask("decrypt_data", ciphertext=wrapped), "plaintext")

    def wrap(self, data_key: bytes) -> str:
        """By the newest version of Vault's key."""
        answer = self._ask("encrypt_data", plaintext=base64.b64encode(data_key).decode())
        return _text_of(answer, "ciphertext")

    def new_data_key(self) -> tuple[bytes, str]:
        """Drawn by Vault; and the same wrapped."""
        answer = self._ask("generate_data_key", key_type="plaintext", bits=256)
        return _bytes_of(answer, "plaintext"), _text_of(answer, "ciphertext")

    def _ask(self, what: str, **said: Any) -> dict[str, Any]:
        with _in_our_words(self.settings):
            transit = self._client().secrets.transit
            answer = getattr(transit, what)(
                name=self.settings.transit_key, mount_point=self.settings.transit_mount, **said
            )
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise CustodyRefused("What answered is not Vault's Transit engine. Look at address and transit_mount.")
        return answer

    def _client(self) -> hvac.Client:
        """A client that is logged in. Nothing of it comes from the environment, where hvac would look for a token."""
        _check_address(self.settings.address)
        session = requests.Session()
        session.trust_env = False  # no proxy and no .netrc either
        # On the session, since hvac prefers what a session it is given says to what it is told itself.
        session.verify = str(self.folder / self.settings.ca_file) if self.settings.ca_file else True
        client = hvac.Client(
            url=self.settings.address,
            token=self._token(),
            verify=session.verify,
            timeout=_SECONDS,
            allow_redirects=False,  # a redirect would carry the token elsewhere
            session=session,
            namespace=self.settings.namespace or None,
        )
        if not self.settings.token_file:
            role_id, secret_id = self._read(self.settings.role_id_file), self._read(self.settings.secret_id_file)
            client.auth.approle.login(role_id=role_id, secret_id=secret_id)
        return client

    def _token(self) -> str:
        by_role = self.settings.role_id_file and self.settings.secret_id_file
        if bool(self.settings.token_file) == bool(by_role):
            raise CustodyRefused("custody.toml: name token_file, or both role_id_file and secret_id_file. Correct it.")
        return self._read(self.settings.token_file) if self.settings.token_file else ""

    def _read(self, name: str) -> str:
        try:
            return read_secret_file(self.folder / name).decode("ascii").strip()
        except UnicodeDecodeError:
            raise CustodyRefused("A file of custody is not the text that Vault gave. Restore it.") from None


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise CustodyRefused("custody.toml: the address of Vault must be https. Correct it.")


@contextmanager
def _in_our_words(settings: VaultSettings) -> Iterator[None]:
    try:
        yield
    except _COME_BACK:
        raise CustodyAway(
            "Vault is sealed, busy or out of order. Wake or unseal it, then run the same again."
        ) from None
    except requests.exceptions.SSLError:
        raise CustodyRefused("Vault's certificate is not one that ca_file vouches for. Nothing was sent.") from None
    except (requests.exceptions.RequestException, OSError):
        raise CustodyAway("Vault cannot be reached, or did not answer in time. Run the same again later.") from None
    except (exceptions.Forbidden, exceptions.Unauthorized):
        raise CustodyRefused(
            "Vault denies us: the token or role is wrong, has expired, or its policy does not allow transit. Renew it."
        ) from None
    except exceptions.InvalidPath:
        raise CustodyRefused("Vault has no Transit engine at transit_mount. Correct custody.toml.") from None
    except exceptions.VaultError:
        raise CustodyRefused(
            f"Vault will not do that with its key {settings.transit_key}: the key is gone, the version that wrapped our data key is "
            "no longer allowed, data_key in custody.toml is another's, or the role is unknown. Its administrator knows which."
        ) from None


def _text_of(answer: dict[str, Any], name: str) -> str:
    value = answer["data"].get(name)
    if not isinstance(value, str):
        raise CustodyRefused("Vault's answer holds no data key. Look at transit_mount and transit_key.")
    return value


def _bytes_of(answer: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_text_of(answer, name), validate=True)
    except binascii.Error:
        raise CustodyRefused("Vault's answer holds no data key. Look at transit_mount and transit_key.") from None
