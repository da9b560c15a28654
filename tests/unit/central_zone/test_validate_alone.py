"""Validation talks to nobody and leaves nothing: watched from inside a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

# Audit hooks see what the interpreter does, whichever library does it, and cannot be taken out again.
WATCHED = """
import atexit, json, sys
seen, failed = [], []
atexit.register(lambda: print(json.dumps({"seen": seen, "failed": failed})))  # runs last: senders flush before it
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen"}:
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append("wrote " + str(arguments[0]))
sys.addaudithook(watch)
from datetime import date
import pyarrow as pa
from central_zone.validate import validate_tables
from crossing.canonical import schema
from crossing.policy import Policy
token = b"0123456789abcdef"
row = {"record_token": token, "is_deleted": False, "registration_token": token, "effective_date": date(2119, 8, 1)}
rows = pa.Table.from_pylist([row], schema=schema("encounter"))
found = validate_tables({"encounter": rows}, extract_date=date(2026, 9, 2), policy=Policy())
failed.extend(found.failed_rows["encounter"])
"""


def test_validation_opens_no_connection_starts_no_program_and_writes_no_file(tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": str(Path(__file__).parents[3] / "include"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(tmp_path),
        "GX_ANALYTICS_ENABLED": "true",  # whatever the environment says
    }
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"seen": [], "failed": ["dated_in_future"]}
    assert list(tmp_path.iterdir()) == []
