"""Both sides of a mailbox show certificates, and either refuses the other's where it is not the one agreed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossing.connections import ConnectionRefused
from crossing.key_files import KeyRefused
from crossing.mesh_answers import MeshDown, MeshRefused
from support import certificates, mesh_server
from support.certificates import Authority
from support.mesh_server import OURS, Sandbox
from support.mesh_world import World

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return certificates.authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Sandbox]:
    certificate, key = authority.sign("server")
    options = ("--ssl-certfile", certificate, "--ssl-keyfile", key, "--ssl-ca-certs", authority.path)
    with mesh_server.running(tmp_path_factory.mktemp("mesh"), *map(str, options), "--ssl-cert-reqs", "2") as sandbox:
        yield sandbox


def a_world(root: Path, sandbox: Sandbox, client: Authority, server: Authority) -> World:
    world = World(root, sandbox, url=f"https://localhost:{sandbox.port}")
    certificate, key = client.sign("client")
    for name, path in (("client.crt", certificate), ("client.key", key), ("ca.pem", server.path)):
        shutil.copy(path, world.secrets / name)
        (world.secrets / name).chmod(0o400)
    return world


def test_with_the_certificates_agreed_on_the_mailbox_opens(tmp_path: Path, tls: Sandbox, authority: Authority) -> None:
    a_world(tmp_path, tls, authority, authority).fetch()
    assert tls.count("POST", f"/{OURS}") == 1


@pytest.mark.fault("F36", injected="MESH shows a certificate of another authority", happened="refused, for a person")
def test_a_server_that_is_not_the_one_agreed_on_is_refused(tmp_path: Path, tls: Sandbox, authority: Authority) -> None:
    stranger = certificates.authority(tmp_path / "stranger")
    with pytest.raises(MeshRefused, match="certificates"):
        a_world(tmp_path, tls, authority, stranger).fetch()


def test_our_certificate_must_be_one_that_the_server_knows(tmp_path: Path, tls: Sandbox, authority: Authority) -> None:
    """This server just ends the call, which looks the same as a line that broke."""
    stranger = certificates.authority(tmp_path / "stranger")
    with pytest.raises(MeshDown):
        a_world(tmp_path, tls, stranger, authority).fetch()


def test_without_a_certificate_nobody_is_asked(tmp_path: Path, tls: Sandbox, authority: Authority) -> None:
    world = a_world(tmp_path, tls, authority, authority)
    (world.secrets / "client.key").unlink()
    with pytest.raises(KeyRefused, match=r"client\.key"):
        world.fetch()


def test_a_file_that_is_no_certificate_is_refused_in_our_words(
    tmp_path: Path, tls: Sandbox, authority: Authority
) -> None:
    world = a_world(tmp_path, tls, authority, authority)
    (world.secrets / "client.crt").chmod(0o600)
    (world.secrets / "client.crt").write_text("no certificate")
    (world.secrets / "client.crt").chmod(0o400)
    with pytest.raises(ConnectionRefused, match=r"client\.crt"):
        world.fetch()
