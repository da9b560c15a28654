"""Settings are read once, and a missing one is named when it is needed."""

import pytest

from central_zone import settings
from central_zone.errors import SettingMissing
from central_zone.settings import Settings


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
