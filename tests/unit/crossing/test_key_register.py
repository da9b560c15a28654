"""Whom we believe stands in one file, and the file is read whole or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crossing.key_register import (
    PARCELS,
    RECEIPTS,
    REGISTER_NAME,
    Entry,
    KeyNotValid,
    RegisteredKey,
    RegisterRefused,
    entry_in_toml,
    read_key_register,
)

FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ENTRY = Entry(
    key=RegisteredKey(
        name="signing-v1",
        purpose=PARCELS,
        owner="A supplier, Ltd",
        ed25519=b"\x01" * 32,
        ml_dsa_65=b"\x02" * 1952,
        speaks_for=("A12345", "emis_csv"),
    ),
    valid_from=FROM,
    valid_until=UNTIL,
)
TEXT = entry_in_toml(ENTRY)
REVOKED = TEXT + f"revoked_at = {NOW.isoformat()}\n"


def write(folder: Path, text: str) -> Path:
    (folder / REGISTER_NAME).write_text(text)
    (folder / REGISTER_NAME).chmod(0o444)
    return folder


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    register = read_key_register(write(tmp_path, TEXT + entry_in_toml(another())))
    assert register.entries == {"signing-v1": ENTRY, "receipt-signing-v1": another()}
    assert register.names(PARCELS) == ["signing-v1"]


def another() -> Entry:
    key = RegisteredKey(
        name="receipt-signing-v1",
        purpose=RECEIPTS,
        owner="The centre",
        ed25519=b"\x03" * 32,
        ml_dsa_65=None,
        speaks_for=(),
    )
    return Entry(key=key, valid_from=FROM, valid_until=UNTIL, revoked_at=NOW)


@pytest.mark.parametrize("at", [FROM, NOW, UNTIL - SECOND])
def test_a_key_signs_from_its_first_moment_to_before_its_last(tmp_path: Path, at: datetime) -> None:
    assert read_key_register(write(tmp_path, TEXT)).key("signing-v1", PARCELS, at=at, now=NOW) == ENTRY.key


@pytest.mark.parametrize("at", [FROM - SECOND, UNTIL])
def test_what_was_signed_at_another_time_is_refused(tmp_path: Path, at: datetime) -> None:
    with pytest.raises(KeyNotValid, match="signed at another time"):
        read_key_register(write(tmp_path, TEXT)).key("signing-v1", PARCELS, at=at, now=NOW)


@pytest.mark.parametrize("at", [FROM, NOW - SECOND, NOW, UNTIL + SECOND])
def test_a_revoked_key_is_refused_whenever_it_says_it_signed(tmp_path: Path, at: datetime) -> None:
    register = read_key_register(write(tmp_path, REVOKED))
    with pytest.raises(KeyNotValid, match="was revoked on 01 June 2026"):
        register.key("signing-v1", PARCELS, at=at, now=NOW)


def test_a_revocation_that_is_announced_holds_from_its_day(tmp_path: Path) -> None:
    register = read_key_register(write(tmp_path, REVOKED))
    assert register.key("signing-v1", PARCELS, at=FROM, now=NOW - SECOND) == ENTRY.key


@pytest.mark.parametrize(("name", "purpose"), [("signing-v1", RECEIPTS), ("../x", PARCELS), ("9434765919", PARCELS)])
def test_an_unknown_key_or_one_for_another_purpose_is_refused_without_its_name(
    tmp_path: Path, name: str, purpose: str
) -> None:
    with pytest.raises(KeyNotValid, match="signer is not known") as refused:
        read_key_register(write(tmp_path, TEXT)).key(name, purpose, at=NOW, now=NOW)
    assert name not in str(refused.value)


@pytest.mark.parametrize(
    ("speaks_for", "may"),
    [(("*",), True), (("A12345",), True), (("emis_csv",), True), (("tpp_csv", "B12345"), False), ((), False)],
)
def test_a_signer_speaks_for_whom_it_is_entered_and_for_nobody_else(speaks_for: tuple[str, ...], may: bool) -> None:
    key = RegisteredKey(
        name="signing-v1", purpose=PARCELS, owner="A", ed25519=b"1" * 32, ml_dsa_65=None, speaks_for=speaks_for
    )
    assert key.may_speak_for("A12345", "emis_csv") is may


SPOILT = {
    "not TOML": "[[key]",
    "another table": TEXT + "[other]\n",
    "one table, not a list": TEXT.replace("[[key]]", "[key]"),
    "an unknown field": TEXT + 'note = "x"\n',
    "a field missing": TEXT.replace('owner = "A supplier, Ltd"\n', ""),
    "a purpose of no kind": TEXT.replace('"parcels"', '"everything"'),
    "a key too short": TEXT.replace("01" * 32, "01" * 31),
    "a key of zeros": TEXT.replace("01" * 32, "00" * 32),
    "a key in capitals": TEXT.replace("01" * 32, "AB" * 32),
    "a second key cut off": TEXT.replace("02" * 1952, "02" * 1951),
    "a time without a zone": TEXT.replace("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00"),
    "a day, not a time": TEXT.replace("2026-01-01T00:00:00+00:00", "2026-01-01"),
    "no time at all": TEXT.replace("2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    "a name of a path": TEXT.replace('"signing-v1"', '"../signing"'),
    "a revocation in words": TEXT + 'revoked_at = "yes"\n',
    "nobody spoken for": TEXT.replace('["A12345", "emis_csv"]', "[]"),
    "somebody of no shape": TEXT.replace('"A12345"', '"Mrs Smith"'),
    "twice the same name": TEXT + TEXT.replace("01" * 32, "05" * 32),
    "twice the same key": TEXT + TEXT.replace("signing-v1", "signing-v2"),
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_a_register_that_says_what_we_do_not_know_is_not_read_at_all(tmp_path: Path, text: str) -> None:
    assert text != TEXT
    with pytest.raises(RegisterRefused) as refused:
        read_key_register(write(tmp_path, text))
    assert "Mrs Smith" not in str(refused.value)


def test_a_register_that_is_not_there_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RegisterRefused, match="No such file"):
        read_key_register(tmp_path)
    assert read_key_register(write(tmp_path, "")).entries == {}


@pytest.mark.parametrize("mode", [0o464, 0o446, 0o666])
def test_a_register_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (write(tmp_path, TEXT) / REGISTER_NAME).chmod(mode)
    with pytest.raises(RegisterRefused, match="written to by others"):
        read_key_register(tmp_path)


def test_a_link_to_a_register_is_refused(tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / REGISTER_NAME).symlink_to(tmp_path / REGISTER_NAME)
    with pytest.raises(RegisterRefused):
        read_key_register(tmp_path / "zone")
