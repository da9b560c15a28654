"""One store on Debian's PostgreSQL, made as an administrator makes it: by `gp-central store init`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from central_zone.command_line import main
from central_zone.settings import Settings
from central_zone.store.role_names import LOADER
from support.debian_postgres import DebianPostgres, a_debian_server


@dataclass(frozen=True, slots=True)
class DebianStore:
    """The server, the store's database on it, and where the passwords of its roles are."""

    server: DebianPostgres
    database: str
    folder: Path

    @property
    def passwords(self) -> Path:
        return self.folder / "passwords"

    def address(self, user: str, **changed: str | None) -> str:
        """With the password of the role, as a file holds it."""
        password = (self.passwords / user).read_text().strip()
        return self.server.with_password(self.server.url(self.database, user, **changed), password)

    def environment(self, user: str = LOADER) -> dict[str, str]:
        """As a worker's, whose address lies in a file."""
        file = self.folder / f"url_of_{user}"
        file.write_text(self.address(user))
        return {"GP_STORE_URL_FILE": str(file), "GP_STORE_PASSWORDS_DIR": str(self.passwords)}

    def administrators(self) -> dict[str, str]:
        file = self.folder / "admin_url"
        file.write_text(self.server.administrators_url(self.database))
        return {"GP_STORE_ADMIN_URL_FILE": str(file)}

    def settings(self, user: str = LOADER, **more: str) -> Settings:
        return Settings({**self.environment(user), **self.administrators(), **more})


@contextmanager
def environment_of(values: dict[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[DebianPostgres]:
    with a_debian_server() as started:
        yield started


@pytest.fixture(scope="session")
def store(server: DebianPostgres, tmp_path_factory: pytest.TempPathFactory) -> DebianStore:
    made = DebianStore(server, server.an_empty_database(), tmp_path_factory.mktemp("store"))
    made.passwords.mkdir()
    with environment_of(made.administrators()):
        assert main(["store", "init", "--partitions", "2", "--passwords", str(made.passwords), "--make-passwords"]) == 0
    return made


@pytest.fixture
def central(store: DebianStore, capsys: pytest.CaptureFixture[str]):
    """Runs gp-central as an administrator; answers its exit code, stdout as JSON where it is, and stderr."""

    def run(*words: str, **more: str):
        with environment_of({**store.administrators(), **more}):
            code = main(list(words))
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out.startswith("{") else told.out, told.err

    return run
