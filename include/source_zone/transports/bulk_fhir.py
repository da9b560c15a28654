"""FHIR Bulk Data: the supplier's server is asked for an export of what changed, and asked after it as often as it says.

The next export asks since the last one's transaction time: the server's clock, never ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from crossing.policy import Policy, Practice
from source_zone.transports.bring_export import BringExport
from source_zone.transports.bulk_export import BulkExport
from source_zone.transports.bulk_server import BulkServer, http_client
from source_zone.transports.connections import Secrets, read_connection
from source_zone.transports.landing import Landing
from source_zone.transports.smart_token import Client, SmartToken
from source_zone.transports.transport import Progress

PRIVATE_KEY = "private_key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkFhirConnection:
    """A FHIR server, as policy/connections.toml says. `{practice_code}` in `export_path` stands for the practice."""

    base_url: str
    export_path: str
    types: list[str]
    token_url: str
    client_id: str
    key_id: str
    signing_algorithm: str
    scope: str
    file_hosts: list[str]
    give_up_after_hours: int


@dataclass(frozen=True, slots=True)
class BulkFhir:
    """One practice's exports."""

    practice: Practice
    connection: BulkFhirConnection
    private_key: bytes = field(repr=False)
    landing: Landing
    is_remote: bool = True

    @classmethod
    def of(cls, practice: Practice, landing: Landing, policy: Policy, keys: Path) -> "BulkFhir":
        """Raises ConnectionRefused, KeyRefused."""
        connection = read_connection(BulkFhirConnection, practice.connection, "bulk_fhir", policy)
        return cls(practice, connection, Secrets.of(practice.connection, keys).read(PRIVATE_KEY), landing)

    @property
    def folder(self) -> Path:
        return self.landing.folder

    def fetch(self, since: datetime | None, progress: Progress) -> None:
        """An export that rests here untaken is taken first: no other is asked for meanwhile."""
        with http_client() as http:
            server = self._server(http)
            export = BulkExport(server, self.landing, timedelta(hours=self.connection.give_up_after_hours))
            if export.job() is None and not self.landing.is_empty():
                return
            path = self.connection.export_path.replace("{practice_code}", self.practice.practice_code)
            BringExport(server, export, self.landing, progress).bring(path, tuple(self.connection.types), since)

    def glance(self, progress: Progress) -> None:
        """An export takes minutes to hours; what changes meanwhile is in the next one."""

    def let_go(self, taken: Iterable[Path]) -> None:
        self.landing.remove(taken)

    def _server(self, http: httpx.Client) -> BulkServer:
        where = f"{self.practice.practice_code}, connection {self.practice.connection}"
        client = Client(
            where=where,
            token_url=self.connection.token_url,
            client_id=self.connection.client_id,
            key_id=self.connection.key_id,
            algorithm=self.connection.signing_algorithm,
            scope=self.connection.scope,
            private_key=self.private_key,
        )
        hosts = (httpx.URL(self.connection.base_url).host, *self.connection.file_hosts)
        token = SmartToken(client, http)
        return BulkServer(where=where, base_url=self.connection.base_url, hosts=hosts, token=token, http=http)
