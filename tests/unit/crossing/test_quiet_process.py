"""What Python and libraries print by themselves, in a process of its own, as a task's is."""

import subprocess
import sys

import pytest

VALUE = "Zebrowska9990000018"

_FAILS = f"""
import gc, logging, threading
from crossing.errors import run_command

def of_rows():
    try:
        yield 1
    finally:
        raise ValueError("cell {VALUE}")

class Reader:
    def __del__(self):
        raise KeyError("{VALUE}")

def body():
    rows = of_rows()
    next(rows)
    del rows
    Reader()
    gc.collect()
    thread = threading.Thread(target=lambda: int("{VALUE}"))
    thread.start()
    thread.join()
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("httpx").info("HTTP Request: GET https://example.invalid/{VALUE}")
    logging.getLogger("sqlalchemy.pool.impl.QueuePool").error("could not reset: {VALUE}")
    logging.getLogger("paramiko.transport.sftp").error("open({VALUE})")
    return 0

"""


def said(last_line: str) -> str:
    ran = subprocess.run([sys.executable, "-c", _FAILS + last_line], capture_output=True, text=True, check=True)
    return ran.stdout + ran.stderr


def test_a_process_of_ours_says_only_what_kind_of_thing_went_wrong() -> None:
    told = said("run_command(body)")
    assert VALUE not in told
    for kind in ("ValueError", "KeyError"):
        assert f"{kind}, where nobody could catch it" in told


def test_a_process_of_another_says_it_all() -> None:
    """Otherwise the test above would see nothing that could have been quietened."""
    assert said("body()").count(VALUE) >= 6


@pytest.mark.parametrize("edge", ["include/crossing/errors.py", "plugins/stop_for_a_person.py"])
def test_both_edges_ask_for_it(edge: str, request: pytest.FixtureRequest) -> None:
    assert "quieten_process()" in (request.config.rootpath / edge).read_text()
