"""SFTP: the supplier's server holds one folder a practice; new or changed files are copied here, and go on where they broke off.

Nothing on the server is changed or deleted: clearing it away is the supplier's. The host key is pinned in policy.
"""

import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import paramiko

from crossing.errors import PersonMustAct, TryAgain
from crossing.policy import Policy, Practice
from source_zone.transports.connections import Secrets, read_connection
from source_zone.transports.landing import Landing, plain_name
from source_zone.transports.transport import NotReadyYet, Progress

PRIVATE_KEY = "id_ed25519"
_BLOCK_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 30
_CLOCKS_DIFFER = timedelta(hours=2)  # a server in local time, which no zone is told of


class SftpDown(TryAgain):
    """The server cannot be reached, or broke off. What was copied stays, and the next try goes on from there."""


class SftpRefused(PersonMustAct):
    """The server is not the one policy names, does not know us, or lacks the practice's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpConnection:
    """A server, as policy/connections.toml says."""

    host: str
    port: int
    user: str
    host_key: str  # "ssh-ed25519 AAAA...", as in known_hosts: any other server is refused
    folder: str  # under it, one folder a practice, named by its code
    settle_seconds: int  # a file younger than this may still be written


@dataclass(frozen=True, slots=True)
class _Remote:
    """One file on the server."""

    name: str
    size: int
    modified: int

    @property
    def mark(self) -> list[int]:
        return [self.size, self.modified]


@dataclass(frozen=True, slots=True)
class Sftp:
    """One practice's folder on its supplier's server."""

    practice_code: str
    connection_name: str
    connection: SftpConnection
    secrets: Secrets = field(repr=False)
    landing: Landing
    is_remote: bool = True

    @classmethod
    def of(cls, practice: Practice, landing: Landing, policy: Policy, keys: Path) -> "Sftp":
        """Raises ConnectionRefused."""
        name = practice.connection
        connection = read_connection(SftpConnection, name, "sftp", policy)
        return cls(practice.practice_code, name, connection, Secrets.of(name, keys), landing)

    @property
    def folder(self) -> Path:
        return self.landing.folder

    def fetch(self, since: datetime | None, progress: Progress) -> None:
        """Every file that is new, or other than it was when it was copied. Raises SftpDown, SftpRefused, NotReadyYet."""
        with self._session() as session:
            remote = list(self._list(session))
            self._check_settled(remote)
            known = self.landing.journal()
            for number, each in enumerate(remote, 1):
                if known.get(each.name) != each.mark:
                    self._copy(session, each, f"file {number} of {len(remote)}", progress)

    def glance(self, progress: Progress) -> None:
        self.fetch(None, progress)

    def let_go(self, taken: Iterable[Path]) -> None:
        self.landing.remove(taken)

    @contextmanager
    def _session(self) -> Iterator[paramiko.SFTPClient]:
        key = self.secrets.path(PRIVATE_KEY)
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self._pin_host_key(client)
        try:
            client.connect(
                self.connection.host,
                port=self.connection.port,
                username=self.connection.user,
                pkey=paramiko.Ed25519Key.from_private_key_file(str(key)),
                allow_agent=False,
                look_for_keys=False,
                timeout=_TIMEOUT_SECONDS,
                banner_timeout=_TIMEOUT_SECONDS,
                auth_timeout=_TIMEOUT_SECONDS,
            )
            session = client.open_sftp()
            session.get_channel().settimeout(_TIMEOUT_SECONDS)
            yield session
        except paramiko.AuthenticationException:
            raise self._refused("does not accept our user and key. Ask the supplier to enrol our public key") from None
        except paramiko.BadHostKeyException:
            raise self._refused(
                "shows another host key than policy has. Ask the supplier before you change it"
            ) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            kind = type(error).__name__
            raise SftpDown(f"{self._where()}: no answer, or the line broke ({kind}). It is tried again.") from None
        finally:
            client.close()

    def _pin_host_key(self, client: paramiko.SSHClient) -> None:
        address = (
            self.connection.host if self.connection.port == 22 else f"[{self.connection.host}]:{self.connection.port}"
        )
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{address} {self.connection.host_key}")
        if entry is None or entry.key is None:
            raise self._refused("has a host_key in policy/connections.toml that is no key. Copy it from known_hosts")
        client.get_host_keys().add(address, entry.key.get_name(), entry.key)

    def _list(self, session: paramiko.SFTPClient) -> Iterator[_Remote]:
        folder = PurePosixPath(self.connection.folder) / self.practice_code
        try:
            session.chdir(str(folder))
            found = session.listdir_attr()
        except FileNotFoundError:
            raise self._refused("has no folder for this practice. Ask the supplier to deliver there") from None
        shown = [each for each in found if not each.filename.startswith(".")]
        if any(not stat.S_ISREG(each.st_mode or 0) for each in shown):
            raise self._refused(
                "has something else than files in the practice's folder, such as a delivery in a folder of its own, which "
                "would never be brought. Ask the supplier to deliver files (a zip is one), or to move it away"
            )
        for each in sorted(shown, key=lambda file: file.filename):
            yield _Remote(plain_name(each.filename, self._where()), each.st_size or 0, int(each.st_mtime or 0))

    def _check_settled(self, remote: list[_Remote]) -> None:
        """A delivery is many files: while one is fresh, others may be missing still."""
        youngest = max((each.modified for each in remote), default=0)
        settled = datetime.fromtimestamp(youngest, UTC) + timedelta(seconds=self.connection.settle_seconds)
        if youngest > datetime.now(UTC).timestamp() + _CLOCKS_DIFFER.total_seconds():
            raise self._refused(
                "shows a file of a time to come, so nobody can tell whether it is whole. Ask the supplier"
            )
        if settled > datetime.now(UTC):
            raise NotReadyYet(f"{self._where()}: a delivery is still arriving.", settled)

    def _copy(self, session: paramiko.SFTPClient, remote: _Remote, which: str, progress: Progress) -> None:
        """Into a part that says which version of the file it is a part of, so that another is never glued to it.

        A file's name can be a patient's number, so messages say which of how many, in order of names.
        """
        part = self.landing.part(f"{remote.name}.{remote.size}.{remote.modified}")
        done = part.stat().st_size if part.exists() else 0
        with session.open(remote.name, "rb") as source, part.open("ab") as target:
            source.prefetch(remote.size)
            source.seek(done)
            while block := source.read(_BLOCK_BYTES):
                target.write(block)
                done += len(block)
                progress(f"fetch {self.practice_code}: {which}, {done:,} of {remote.size:,} bytes")
        now = session.stat(remote.name)
        if done != remote.size or [now.st_size, int(now.st_mtime or 0)] != remote.mark:
            part.unlink()
            raise NotReadyYet(
                f"{self._where()}: {which} changed while it was copied.",
                datetime.now(UTC) + timedelta(seconds=max(self.connection.settle_seconds, 1)),
            )
        part.replace(self.landing.part(remote.name))
        self.landing.land(remote.name)
        self.landing.note(**{remote.name: remote.mark})

    def _where(self) -> str:
        return f"{self.practice_code}, connection {self.connection_name}"

    def _refused(self, what: str) -> SftpRefused:
        return SftpRefused(f"{self._where()}: the server {what}.")
