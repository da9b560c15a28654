"""NHS England's MESH sandbox with what the real MESH has and it lacks: a clock, tokens good for once, and bad nights.

Runs in the sandbox's own environment. `faults.json` in the folder GP_SANDBOX_ROOT says what is to go wrong: a list of
{"method", "path" (regular expression), "answer" (a status, or "cut": the call is done and its answer is lost)}, each once.
"""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from mesh_sandbox.api import app as sandbox  # type: ignore[import-not-found]

_ROOT = Path(os.environ["GP_SANDBOX_ROOT"])
_TOKENS_GOOD_FOR = timedelta(hours=2)
_seen: set[str] = set()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        await sandbox(scope, receive, send)
        return
    _write_down(scope)
    fault = _fault_for(scope)
    if fault == "cut":
        await sandbox(scope, receive, _nowhere)
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise RuntimeError("the line is cut here")
    status = int(fault) if fault else 200 if _is_admin(scope) else _look_at_token(scope)
    if status == 200:
        await sandbox(scope, receive, _dated(send))
        return
    headers = [(b"content-length", b"0"), (b"retry-after", b"90"), (b"date", _date())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _is_admin(scope: Any) -> bool:
    return "/admin/" in scope["path"] or scope["path"].endswith("_ping")


def _write_down(scope: Any) -> None:
    with (_ROOT / "calls").open("a") as calls:
        calls.write(f"{scope['method']} {scope['path']} {scope['query_string'].decode()}\n")


def _fault_for(scope: Any) -> str | None:
    path = _ROOT / "faults.json"
    faults = json.loads(path.read_text()) if path.exists() else []
    for fault in faults:
        if fault["method"] == scope["method"] and re.search(fault["path"], scope["path"]):
            faults.remove(fault)
            path.write_text(json.dumps(faults))
            return str(fault["answer"])
    return None


def _look_at_token(scope: Any) -> int:
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    words = headers.get("authorization", "").split(":")
    if len(words) != 5:
        return 200  # the sandbox itself refuses it
    made = datetime.strptime(words[3], "%Y%m%d%H%M").replace(tzinfo=UTC)
    once = ":".join(words[1:3])
    if once in _seen or abs(_now() - made) > _TOKENS_GOOD_FOR:
        return 403
    _seen.add(once)
    return 200


def _now() -> datetime:
    shift = _ROOT / "clock_minutes"
    return datetime.now(UTC) + timedelta(minutes=int(shift.read_text()) if shift.exists() else 0)


def _date() -> bytes:
    return format_datetime(_now(), usegmt=True).encode()


def _dated(send: Any) -> Any:
    async def dated(event: Any) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event.get("headers", []), (b"date", _date())]}
        await send(event)

    return dated


async def _nowhere(event: Any) -> None:
    """Where an answer goes that the caller never sees."""
