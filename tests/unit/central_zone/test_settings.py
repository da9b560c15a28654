"""Settings are read once, and a missing one is named when it is needed."""

import pytest
from sqlalchemy.engine import make_url

from central_zone import settings
from central_zone.errors import SettingMissing
from central_zone.settings import Settings
from crossing.key_files import KeyRefused
from support.postgres import AS_PROMISED


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("GP_CENTRAL_KEYS_DIR", lambda these: these.keys_folder),
        ("GP_INBOX_DIR", lambda these: these.inbox_folder),
        ("GP_CENTRAL_WORK_DIR", lambda these: these.work_folder),
        ("GP_RECEIPTS_DIR", lambda these: these.receipts_folder),
        ("GP_ERASURE_JOURNAL_DIR", lambda these: these.erasure_journal_folder),
        ("GP_LINEAGE_DIR", lambda these: these.lineage_folder),
        ("GP_REGISTER_DIR", lambda these: these.register_folder),
    ],
)
def test_each_missing_setting_is_named(name, read):
    with pytest.raises(SettingMissing, match=f"{name} is not set"):
        read(Settings({}))
    assert str(read(Settings({name: "/here"}))) == "/here"


def test_a_missing_address_of_the_store_is_named():
    with pytest.raises(SettingMissing, match="GP_STORE_URL is not set"):
        _ = Settings({}).store_url
    with pytest.raises(SettingMissing, match="GP_STORE_ADMIN_URL is not set"):
        _ = Settings({}).store_admin_url


def test_the_file_goes_before_the_plain_url_and_must_be_readable(tmp_path):
    file = tmp_path / "url"
    of_file, plain = (f"postgresql+psycopg://u@/{name}?host=/run" for name in ("of_the_file", "plain"))
    file.write_text(of_file + "\n")
    both = {"GP_STORE_URL": plain, "GP_STORE_URL_FILE": str(file)}
    assert Settings(both).store_url == of_file
    file.write_text("")
    with pytest.raises(SettingMissing, match="GP_STORE_URL_FILE"):
        _ = Settings(both).store_url


def test_settings_are_our_own_variables_and_are_not_shown(monkeypatch):
    monkeypatch.setenv("GP_STORE_URL", "postgresql+psycopg://loader:open-sesame@store/records")
    monkeypatch.setenv("ANOTHER_SECRET", "x")
    these = settings.load()
    assert "ANOTHER_SECRET" not in these.values
    assert "sesame" not in repr(these)


SOCKET = "postgresql+psycopg://postgres:@/store?host=/run/postgresql"


def test_without_a_folder_of_passwords_a_role_has_none_and_is_not_who_administers():
    these = Settings({"GP_STORE_URL": SOCKET})
    assert these.store_url_of("gp_loader") == "postgresql+psycopg://gp_loader@/store?host=%2Frun%2Fpostgresql"


def test_a_role_has_the_password_of_its_file_whatever_the_address_says(tmp_path):
    (tmp_path / "gp_loader").write_text("o/pen:s@me\n")
    (tmp_path / "gp_loader").chmod(0o400)
    for whom in ("", "owner:secret@"):
        address = f"postgresql+psycopg://{whom}store/records?{AS_PROMISED}"
        these = Settings({"GP_STORE_URL": address, "GP_STORE_PASSWORDS_DIR": str(tmp_path)})
        url = make_url(these.store_url_of("gp_loader"))
        assert (url.username, url.password, url.host) == ("gp_loader", "o/pen:s@me", "store")
        assert url.query == make_url(address).query


@pytest.mark.parametrize("mode", [0o444, 0o440, 0o600])
def test_a_password_that_others_can_read_or_anybody_write_is_refused(tmp_path, mode):
    (tmp_path / "gp_loader").write_text("sesame\n")
    (tmp_path / "gp_loader").chmod(mode)
    these = Settings({"GP_STORE_URL": SOCKET, "GP_STORE_PASSWORDS_DIR": str(tmp_path)})
    with pytest.raises(KeyRefused, match="gp_loader") as told:
        these.store_url_of("gp_loader")
    assert "sesame" not in str(told.value)
    with pytest.raises(KeyRefused, match="gp_eraser"):
        these.store_url_of("gp_eraser")


def test_a_password_in_the_address_is_nobodys_who_works_here():
    with pytest.raises(SettingMissing, match="GP_STORE_PASSWORDS_DIR") as told:
        Settings({"GP_STORE_URL": f"postgresql+psycopg://store:sesame@there/records?{AS_PROMISED}"}).store_url_of(
            "gp_loader"
        )
    assert "sesame" not in str(told.value)
