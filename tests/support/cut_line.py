"""A line to the store that breaks at COMMIT: before the server has it, after it has, or while it is still at it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEFORE, AFTER, MEANWHILE = "before the server has it", "after the server has done it", "while the server is at it"
_SOCKET = ".s.PGSQL.5432"


class CutLine:
    """Stands between clients and the server's socket. Once a COPY went through, the next COMMIT breaks the line."""

    def __init__(self, folder: Path, server: Path, when: str) -> None:
        self.folder, self._server, self._when = folder, server / _SOCKET, when
        self.cuts = 0
        self.stays_cut = False  # whether whoever calls again is hung up on
        self._threads: list[threading.Thread] = []
        self._sockets = [socket.socket(socket.AF_UNIX)]
        self._sockets[0].bind(str(folder / _SOCKET))
        self._sockets[0].listen()
        self._start(self._accept)

    def close(self) -> None:
        for each in self._sockets:
            _hang_up(each)
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()

    def _start(self, do: Callable[..., None], *what: socket.socket) -> None:
        self._threads.append(threading.Thread(target=do, args=what, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._sockets[0].accept()
                server = socket.socket(socket.AF_UNIX)
                self._sockets += [client, server]
                if self.cuts and self.stays_cut:
                    _hang_up(client)
                    continue
                server.connect(str(self._server))
                self._start(self._there, client, server)
                self._start(self._back, server, client)

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        copied = False
        while data := _received(client):
            copied = copied or b"COPY " in data
            if copied and not self.cuts and b"COMMIT" in data:
                self._cut(client, server, data)
                return
            server.sendall(data)
        _hang_up(server)

    def _cut(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        self.cuts += 1
        if self._when == BEFORE:
            _hang_up(server)
        else:
            server.sendall(data)
        if self._when == MEANWHILE:
            _hang_up(client)  # the server does not learn that nobody listens, and goes on with the COMMIT
        # After: whatever the server answers, `_back` hangs up instead of passing it on.

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        cuts = self.cuts
        while data := _received(server):
            if self.cuts > cuts:
                break
            with suppress(OSError):
                client.sendall(data)
        _hang_up(client)


@contextmanager
def a_line_cut_at_commit(folder: Path, server: Path, when: str) -> Iterator[CutLine]:
    line = CutLine(folder, server, when)
    try:
        yield line
    finally:
        line.close()


def _received(one: socket.socket) -> bytes:
    with suppress(OSError):
        return one.recv(65536)
    return b""


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
