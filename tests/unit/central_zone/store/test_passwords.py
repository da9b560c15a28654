"""Passwords of the store's roles: files of ours, made once, and known again by the verifier that the server keeps."""

import base64
import hashlib
import hmac

import pytest

from central_zone.store.passwords import is_of, make_missing, read_all
from crossing.key_files import KeyRefused


def verifier(password: str, *, iterations: int = 4096, salt: bytes = b"0123456789abcdef") -> str:
    """RFC 5803, written a second time."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.new(salted, b"Client Key", hashlib.sha256).digest()).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    words = (base64.b64encode(each).decode() for each in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *words)


def test_a_password_is_known_by_its_verifier_whatever_salt_and_iterations() -> None:
    assert is_of(verifier("open sesame"), "open sesame")
    assert is_of(verifier("open sesame", iterations=10_000, salt=b"another"), "open sesame")
    assert not is_of(verifier("open sesame"), "open sesames")
    for other in ("", "md5" + "0" * 32, "open sesame", verifier("open sesame")[:-4]):
        assert not is_of(other, "open sesame")


def test_what_lacks_is_made_and_what_is_there_is_kept(tmp_path) -> None:
    assert make_missing(tmp_path, ["gp_loader", "gp_eraser"]) == ["gp_loader", "gp_eraser"]
    made = read_all(tmp_path, ["gp_loader", "gp_eraser", "gp_steward"])
    assert {role: len(password) for role, password in made.items()} == {"gp_loader": 32, "gp_eraser": 32}
    assert made["gp_loader"] != made["gp_eraser"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o400}
    assert make_missing(tmp_path, ["gp_loader"]) == []
    assert read_all(tmp_path, ["gp_loader"]) == {"gp_loader": made["gp_loader"]}


def test_a_password_that_others_can_read_is_refused(tmp_path) -> None:
    (tmp_path / "gp_loader").write_text("open sesame\n")
    with pytest.raises(KeyRefused) as told:
        read_all(tmp_path, ["gp_loader"])
    assert "sesame" not in str(told.value)
