"""Our pages behind a real web server on this machine, under the prefix that they have in Airflow."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def served(pages: FastAPI, under: str) -> Iterator[str]:
    """The address at which they begin. The server runs in a thread of this process, and ends with the block."""
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer.mount(under, pages)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(outer, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started, "the web server did not start"
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{under}"
    finally:
        server.should_exit = True
        thread.join(10)
