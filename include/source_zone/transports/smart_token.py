"""SMART Backend Services: an access token against a signed assertion, as HL7's authorization page for bulk data asks.

The private key is a file of the source zone; the token lives in this process only.
"""

import time
import uuid
from dataclasses import dataclass, field

import httpx
import jwt

from crossing.errors import PersonMustAct, TryAgain

ALGORITHMS = ("RS384", "ES384")  # the two that every SMART server must accept
_ASSERTION_SECONDS = 240  # the standard allows five minutes; a clock may differ a little
_EARLY_SECONDS = 30
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class TokenRefused(PersonMustAct):
    """The authorisation server does not accept our assertion."""


class TokenServerDown(TryAgain):
    """The authorisation server cannot be reached, or is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who we are to the authorisation server."""

    where: str  # for messages: the practice and its connection
    token_url: str
    client_id: str
    key_id: str
    algorithm: str
    scope: str
    private_key: bytes = field(repr=False)


@dataclass(slots=True)
class SmartToken:
    """One access token, asked for when needed and again shortly before it ends."""

    client: Client
    http: httpx.Client = field(repr=False)
    _token: str = field(default="", repr=False)
    _good_until: float = 0

    def header(self) -> dict[str, str]:
        """Raises TokenRefused, TokenServerDown."""
        if time.monotonic() >= self._good_until:
            self._ask()
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """The server says the token is no good any more."""
        self._good_until = 0

    def _ask(self) -> None:
        body = {
            "grant_type": "client_credentials",
            "scope": self.client.scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        try:
            answer = self.http.post(self.client.token_url, data=body, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise TokenServerDown(
                f"{self.client.where}: no token, {type(error).__name__}. It is tried again."
            ) from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise TokenServerDown(f"{self.client.where}: no token, HTTP {answer.status_code}. It is tried again.")
        self._keep(answer)

    def _keep(self, answer: httpx.Response) -> None:
        try:
            content = answer.json() if answer.status_code == 200 else {}
            self._token, seconds = str(content["access_token"]), float(content.get("expires_in", 300))
        except (ValueError, KeyError, TypeError):
            raise TokenRefused(
                f"{self.client.where}: the authorisation server refused us, HTTP {answer.status_code}. "
                "Compare client_id, key_id, scope and token_url in policy/connections.toml with what the supplier enrolled."
            ) from None
        self._good_until = time.monotonic() + max(seconds - _EARLY_SECONDS, 0)

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client.client_id,
            "sub": self.client.client_id,
            "aud": self.client.token_url,
            "exp": now + _ASSERTION_SECONDS,
            "iat": now,
            "jti": uuid.uuid4().hex,
        }
        if self.client.algorithm not in ALGORITHMS:
            raise TokenRefused(f"{self.client.where}: signing_algorithm must be one of {', '.join(ALGORITHMS)}.")
        try:
            return jwt.encode(
                claims,
                self.client.private_key,
                self.client.algorithm,
                headers={"kid": self.client.key_id, "typ": "JWT"},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            raise TokenRefused(
                f"{self.client.where}: private_key.pem is no key for {self.client.algorithm}. Replace it from its custodian."
            ) from None
