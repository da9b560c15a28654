"""A mailbox on MESH, the NHS's message exchange, through NHS England's own client; its answers told as errors of ours.

One process a mailbox at a time, a handshake at least once in 24 hours, and nothing acknowledged unless the caller says so.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

from mesh_client import MeshClient, MeshRetry, try_get_endpoint_from_url
from requests import Response
from urllib3.util.retry import Retry

from crossing.connections import ConnectionRefused, Secrets
from crossing.mesh_answers import DuplicateSent, MessageLocked, answers_told
from crossing.mesh_envelope import STILL_UPLOADING, Envelope, MessageRefused, Tracking, plain_message_id
from crossing.parcel import sync_folder, write_durably

PAGE = 500
LARGEST_MESSAGE_BYTES = 20 * 1024**3  # MESH's own limit
_BLOCK_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 60
_HANDSHAKE_AFTER = timedelta(hours=20)  # MESH asks for one in 24
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
Progress = Callable[[str], None]


class _Client(MeshClient):  # type: ignore[misc]  # the library has no types
    """With what the library lacks: a message's headers alone, tracking by our own id, a first call made just once."""

    def __init__(self, *given: Any, **named: Any) -> None:
        try:
            super().__init__(*given, **named)
        except OSError:  # certificates that are none
            self.close()
            raise

    def send_once(self, *given: Any, **named: Any) -> Response:
        """The library does not repeat a first call either, but loses hold of the connection in refusing to."""
        adapter = self._session.get_adapter(self.mailbox_url)
        usual, adapter.max_retries = adapter.max_retries, Retry(0, read=False)
        try:
            return self.send_chunk(*given, **named)
        finally:
            adapter.max_retries = usual

    def headers_of(self, message_id: str) -> dict[str, str]:
        answer = self._session.head(f"{self.mailbox_url}/inbox/{quote(message_id)}", timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.headers  # type: ignore[no-any-return]  # nor has its session

    def track_local_id(self, local_id: str) -> dict[str, Any] | None:
        """None where MESH has no such message of ours. Raises DuplicateSent where it has several."""
        answer = self._session.get(
            f"{self.mailbox_url}/outbox/tracking/{quote(local_id)}", timeout=_TIMEOUT_SECONDS, allow_redirects=False
        )
        if answer.status_code == 404:
            return None
        if answer.status_code == 300:
            raise DuplicateSent(
                "MESH has several messages of ours with one LocalID, and does not say which it is asked about. Central takes "
                "a parcel once, so no harm is done: gp-source send --again PARCEL sends it under a new LocalID."
            )
        answer.raise_for_status()
        return dict(answer.json())


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox as policy names it. `state` is this mailbox's folder: its lock, and when it last shook hands."""

    where: str
    url: str
    name: str
    secrets: Secrets = field(repr=False)
    state: Path

    @contextmanager
    def open(self) -> Iterator["OpenMailbox"]:
        """Waits while another process has the mailbox: MESH wants one at a time. Raises MeshDown, MeshRefused, KeyRefused."""
        with self.lock(), self._client() as client:
            opened = OpenMailbox(self.where, client)
            self._shake_hands_daily(opened)
            yield opened

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The mailbox's folder for this process alone, without a word to MESH."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def last_handshake(self) -> datetime | None:
        try:
            return datetime.fromisoformat((self.state / "handshake").read_text())
        except (OSError, ValueError):
            return None

    def _shake_hands_daily(self, opened: "OpenMailbox") -> None:
        last, now = self.last_handshake(), datetime.now(UTC)
        if last is None or not last <= now < last + _HANDSHAKE_AFTER:
            opened.shake_hands()
            draft = self.state / "handshake.part"
            write_durably(draft, now.isoformat(timespec="seconds").encode())
            draft.replace(self.state / "handshake")

    def _client(self) -> _Client:
        try:
            return self._made_client()
        except OSError:  # OpenSSL's own words name the file, and more than that
            raise ConnectionRefused(
                f"{self.where}: client.crt, client.key or ca.pem is no certificate or key. Replace it from its custodian."
            ) from None

    def _made_client(self) -> _Client:
        return _Client(
            self.url,
            self.name,
            self.secrets.read("password").decode(),
            shared_key=self.secrets.read("shared_key"),
            **self._certificates(),
            # Being told to slow down is not retried here but told to the caller, who can wait without holding the mailbox.
            max_retries=MeshRetry(
                total=3,
                backoff_factor=0.5,
                status_forcelist=(502, 503, 504),
                allowed_methods=("HEAD", "GET", "PUT", "POST"),
                respect_retry_after_header=False,
            ),
            timeout=_TIMEOUT_SECONDS,
            application_name="gp-collect",
        )

    def _certificates(self) -> dict[str, Any]:
        """Both sides show one. Plain HTTP is for a sandbox on this machine. Raises ConnectionRefused, KeyRefused."""
        parsed = urlparse(self.url)
        if parsed.scheme == "http" and parsed.hostname in _LOOPBACK:
            return {}
        if parsed.scheme != "https":
            raise ConnectionRefused(f"{self.where}: its url is not https. Correct policy/connections.toml.")
        ours = (str(self.secrets.path("client.crt")), str(self.secrets.path("client.key")))
        nhs = try_get_endpoint_from_url(self.url)  # for MESH itself the client brings the NHS's certificate authorities
        return {"cert": ours} if nhs else {"cert": ours, "verify": str(self.secrets.path("ca.pem"))}


@dataclass(frozen=True, slots=True)
class OpenMailbox:
    """A mailbox that this process has. Every call raises MeshDown or MeshRefused besides what it says."""

    where: str
    client: _Client = field(repr=False)

    def shake_hands(self) -> None:
        with answers_told(self.where):
            self.client.handshake()

    def list(self, workflow_id: str) -> Iterator[str]:
        """Ids of what waits, all pages: with a filter a page may be empty and still have a next."""
        with answers_told(self.where):
            for message_id in self.client.iterate_message_ids(workflow_filter=workflow_id, batch_size=PAGE):
                yield plain_message_id(str(message_id))

    def envelope(self, message_id: str) -> Envelope:
        """Raises MessageGone, MessageRefused."""
        with answers_told(self.where):
            return Envelope.of(message_id, self.client.headers_of(message_id))

    def download(self, message_id: str, chunks: int, part: Path, progress: Progress) -> None:
        """Into `part`, durably; whole chunks that came before a crash are not brought again. Raises MessageGone."""
        mark = part.with_name(part.name + ".chunks")
        brought, size = _brought(mark, part)
        with part.open("r+b" if part.exists() else "wb") as file:
            file.truncate(size)
            file.seek(size)
            for number in range(brought + 1, chunks + 1):
                self.download_chunk(message_id, number, file)
                file.flush()
                os.fsync(file.fileno())
                write_durably(mark, f"{number} {file.tell()}".encode())
                progress(f"message {message_id}: chunk {number} of {chunks}")
        sync_folder(part.parent)

    def download_chunk(self, message_id: str, number: int, file: Any) -> None:
        with answers_told(self.where):
            answer = self.client.retrieve_message_chunk(message_id, number)
            try:
                for block in answer.iter_content(_BLOCK_BYTES):
                    file.write(block)
                    if file.tell() > LARGEST_MESSAGE_BYTES:
                        raise MessageRefused("A message unpacks to more than MESH can carry. It was left where it is.")
            finally:
                answer.close()

    def acknowledge(self, message_id: str) -> None:
        """MESH then forgets the message. Safe to repeat. Raises MessageGone."""
        with answers_told(self.where):
            self.client.acknowledge_message(message_id)

    def send_first(self, to: str, chunk: bytes, chunks: int, **headers: str) -> str:
        """The id of the message that MESH made of it. Where this raises MeshDown, one may have been made all the same."""
        with answers_told(self.where):
            answer = self.client.send_once(to, chunk, 1, chunks, compress=False, **headers)
            answer.raise_for_status()
            return plain_message_id(str(answer.json().get("message_id", "")))

    def send_more(self, to: str, chunk: bytes, number: int, chunks: int, message_id: str) -> None:
        """A later chunk; one sent twice is the same chunk. A message that is whole takes no more, and that is well."""
        try:
            with answers_told(self.where):
                self.client.send_chunk(to, chunk, number, chunks, compress=False, message_id=message_id)
        except MessageLocked:
            if self.track(message_id).status == STILL_UPLOADING:
                raise

    def track(self, message_id: str) -> Tracking:
        with answers_told(self.where):
            return Tracking.of(self.client.track_message(message_id))

    def find_sent(self, local_id: str) -> Tracking | None:
        """The message we sent under our own id, if there is one. Raises DuplicateSent."""
        with answers_told(self.where):
            found = self.client.track_local_id(local_id)
        return Tracking.of(found) if found else None


def _brought(mark: Path, part: Path) -> tuple[int, int]:
    """How many whole chunks are in the part, and their bytes."""
    try:
        number, size = (int(word) for word in mark.read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return (number, size) if part.exists() and part.stat().st_size >= size else (0, 0)


def check_chunk_megabytes(where: str, megabytes: int) -> int:
    """MESH takes chunks above 5 MB and below 75 MB. Raises ConnectionRefused."""
    if not 5 < megabytes < 75:
        raise ConnectionRefused(f"{where}: chunk_megabytes must be above 5 and below 75. Correct the file.")
    return megabytes * 1024 * 1024
