"""Talking to a Bulk Data server: with a token where one belongs and never elsewhere, only to hosts policy names."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from crossing.errors import PersonMustAct, TryAgain
from source_zone.transports.smart_token import SmartToken

TIMEOUT = httpx.Timeout(30, read=120)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ServerDown(TryAgain):
    """The server cannot be reached, or broke off. What was downloaded stays, and the next try goes on from there."""


class ExportRefused(PersonMustAct):
    """The server will not, or not rightly, do what the standard says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkServer:
    """One practice's FHIR server."""

    where: str  # for messages: the practice and its connection
    base_url: str
    hosts: tuple[str, ...]  # where links may lead: the FHIR server itself and where it keeps files
    token: SmartToken = field(repr=False)
    http: httpx.Client = field(repr=False)

    def ask(
        self, method: str, url: str, *, params: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """A request to the FHIR server, with our token; once more with a new one where the old has ended."""
        target = self._allowed(url)
        accept = {"Accept": "application/fhir+json", **(headers or {})}
        try:
            answer = self.http.request(method, target, params=params, headers={**accept, **self.token.header()})
            if answer.status_code == 401:
                self.token.forget()
                answer = self.http.request(method, target, params=params, headers={**accept, **self.token.header()})
            return answer
        except httpx.HTTPError as error:
            raise self._down(error) from None

    @contextmanager
    def file(self, url: str, *, with_token: bool, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """A file's bytes as a stream, as they come. The token goes along only where the manifest says so."""
        target = self._allowed(url)
        accept = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip", **headers}
        if with_token:
            accept |= self.token.header()
        try:
            with self.http.stream("GET", target, headers=accept) as answer:
                yield answer
        except httpx.HTTPError as error:
            raise self._down(error) from None

    def _allowed(self, url: str) -> httpx.URL:
        target = httpx.URL(self.base_url.rstrip("/") + "/").join(url)
        if target.host not in self.hosts:
            raise ExportRefused(
                f"{self.where}: the server points to a host that policy does not name. "
                "Ask the supplier; then add it to file_hosts in policy/connections.toml."
            )
        if target.scheme != "https" and target.host not in _LOOPBACK:
            raise ExportRefused(f"{self.where}: the server points to an address without TLS. Ask the supplier.")
        return target

    def _down(self, error: Exception) -> ServerDown:
        return ServerDown(f"{self.where}: no answer, or the line broke ({type(error).__name__}). It is tried again.")


def http_client(**options: Any) -> httpx.Client:
    """No redirects: a link that leads elsewhere must be one we have looked at. No proxies or credentials of the machine."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, **options)
