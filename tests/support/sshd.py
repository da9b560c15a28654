"""A real OpenSSH server on loopback, run by whoever runs the tests, that offers SFTP for one key."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {root}/host_key
PidFile {root}/pid
AuthorizedKeysFile {root}/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, who may log in, and the folder it shows."""

    root: Path
    port: int
    host_key: str
    private_key: Path

    @property
    def user(self) -> str:
        return getpass.getuser()


def is_installed() -> bool:
    return Path(_SSHD).exists() and shutil.which("ssh-keygen") is not None


@contextmanager
def running(root: Path) -> Iterator[Server]:
    root.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:  # OpenSSH separates privileges then, and wants this folder
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = _prepared(root)
    process = subprocess.Popen([_SSHD, "-D", "-e", "-f", str(root / "config")], stderr=subprocess.DEVNULL)
    try:
        _wait_for(server.port, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def _prepared(root: Path) -> Server:
    for name in ("host_key", "client_key"):
        if not (root / name).exists():
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name))
    shutil.copy(root / "client_key.pub", root / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (root / "config").write_text(_CONFIG.format(root=root, port=port))
    host_key = " ".join((root / "host_key.pub").read_text().split()[:2])
    return Server(root, port, host_key, root / "client_key")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it answers; a server that ends instead is told at once."""
    while process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError(f"sshd ended with {process.returncode} before it listened.")
