"""A parcel's life on Debian's PostgreSQL, over TLS, each step under its role: loaded, somebody erased, the others released.

Every other test of it is on the embedded server.
"""

from pathlib import Path
from typing import Any

import pytest

from central_zone import load_parcel, take_notices
from central_zone.chain.verify import verify
from central_zone.settings import Settings
from support.erasures import a_notice, token
from support.parcels import Keys, Sealed, events, observations, patients, seal
from support.release_world import ReleaseWorld, persons

from .conftest import DebianStore

pytestmark = pytest.mark.needs_debian
HERE, PEOPLE = "A10001", 20
_FOLDERS = {"GP_CENTRAL_WORK_DIR": "work", "GP_ERASURE_JOURNAL_DIR": "journal"}


class DebianWorld(ReleaseWorld):
    """The same world, whose tasks come over TLS with a password each."""

    @property
    def settings(self) -> Settings:
        folders = {name: str(self.root / folder) for name, folder in _FOLDERS.items()}
        return Settings(
            {**super().settings.values, **folders, "GP_STORE_PASSWORDS_DIR": str(self.root.parent / "passwords")}
        )

    def sealed(self, tables: dict[str, Any], **how: Any) -> Sealed:
        return seal(self.root / "inbox", self.keys, tables, practice_code=HERE, **how)


@pytest.fixture
def world(store: DebianStore, tmp_path: Path) -> DebianWorld:
    (tmp_path / "passwords").symlink_to(store.passwords)
    root = tmp_path / "world"
    for folder in ("journal", "work"):
        (root / folder).mkdir(parents=True)
    return DebianWorld(root, Keys(root / "keys").make(), store.server.administrators_url(store.database))


def test_loaded_erased_and_released(world: DebianWorld) -> None:
    tables = {
        "patient": patients(PEOPLE),
        "observation": observations(3 * PEOPLE, patient_count=PEOPLE),
        "encounter": events("encounter", 2 * PEOPLE, patient_count=PEOPLE, seed=5),
    }
    parcel = world.sealed(tables)
    assert load_parcel.load_parcel(parcel.folder, world.settings)["state"] == "loaded"
    assert load_parcel.load_parcel(parcel.folder, world.settings)["state"] == "already"
    assert world.query("SELECT count(*) FROM records.observation") == [(3 * PEOPLE,)]

    notice = a_notice(world, [(token(0, 1), token(0, 2), 1)])
    assert take_notices.take_notice(notice.folder, world.settings)["state"] == "applied"
    assert world.query("SELECT count(*) FROM records.observation") == [(3 * (PEOPLE - 1),)]

    world.allow(HERE, persons(PEOPLE), sequence=2)
    said = world.release()
    assert said["persons_released"] == PEOPLE - 1
    assert len(world.released("observation")) == 3 * (PEOPLE - 1)
    assert verify(world.settings)["entries"] >= 4
