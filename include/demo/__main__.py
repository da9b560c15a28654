"""python -m demo [--keep-running | --stop]: see `make demo`, `make up` and `make down`."""

import argparse
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossing.errors import run_command
from demo.doctors import keys_in_words
from demo.held import hold_parcels, with_a_policy_of_its_own
from demo.nights import deliver, prepare_zones, run_night
from demo.people import PEOPLE
from demo.places import CHECKOUT
from demo.stack import Say, Stack, begin, start_airflow, stop_earlier
from demo.summary import last_words, night_in_words

NIGHTS = (1, 2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Two nights of synthetic practices.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--keep-running", action="store_true", help="leave Airflow up afterwards, to look at")
    parser.add_argument(
        "--hold-parcels", action="store_true", help="with --keep-running: a third night with something to decide"
    )
    choice.add_argument("--stop", action="store_true", help="end what --keep-running left")
    parser.add_argument("--in", dest="folder", type=Path, default=CHECKOUT / ".demo", help="default: .demo/ here")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if arguments.stop:
        return run_command(lambda: _stop(folder))
    keep_running, hold = arguments.keep_running, arguments.hold_parcels
    return run_command(lambda: demonstrate(folder, keep_running=keep_running, hold=hold and keep_running))


def demonstrate(folder: Path, *, keep_running: bool, hold: bool) -> int:
    """Raises our errors where a step fails; then, as on Ctrl-C, everything started is ended first."""
    say = _clock()
    stack = begin(folder)
    try:
        say("PostgreSQL is up")
        if hold:
            with_a_policy_of_its_own(stack)
        _both_nights(stack, say)
        if hold:
            hold_parcels(stack, say)
    except BaseException:
        stack.stop()
        raise
    if keep_running:
        _tell_how_to_look(stack)
    else:
        stack.stop()
        say(f"Everything is stopped; {folder.name}/ holds what was made. To look at it in Airflow: make up")
    return 0


def _both_nights(stack: Stack, say: Say) -> None:
    with ThreadPoolExecutor(1) as beside:
        prepared = beside.submit(prepare_zones, stack, say)
        start_airflow(stack, say)
        prepared.result()
    nights = []
    for number in NIGHTS:
        if number > 1:
            deliver(stack, number)
        nights.append(run_night(stack, number, say))
    for night in nights:
        _print(*night_in_words(night))
    _print(*keys_in_words(stack), "")
    _print(*last_words(nights, stack.places))


def _tell_how_to_look(stack: Stack) -> None:
    stack.processes.forget("demo")
    _print(
        f"Airflow: {stack.places.address}  users: {', '.join(PEOPLE)}",
        f"Their passwords: {stack.places.passwords}",
        f"The night: {stack.places.address}/plugin/gp-collect-night",
        "End it with: make down",
    )


def _stop(folder: Path) -> int:
    names = stop_earlier(folder)
    _print(f"Ended: {', '.join(names)}." if names else "Nothing was running.")
    return 0


def _clock() -> Say:
    began = time.monotonic()
    return lambda text: _print(f"[{time.monotonic() - began:4.0f} s] {text}")


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
