"""Both zones' doctors, at the end of the nights and while everything still runs: no key may be anywhere but in its folder."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from demo.places import zones_environment
from demo.stack import Stack

ZONES = ("source", "central")
# One machine plays both zones here and is shared with others, which in life it is not.
_NOT_OURS = ("others' processes",)


def keys_in_words(stack: Stack) -> Iterator[str]:
    """A line a zone where all is well; else what is wrong."""
    for zone in ZONES:
        everything = _said(stack, zone)
        yield from _store_in_words(everything)
        said = [each for each in everything if not each["place"].startswith("store")]
        counts = Counter(each["said"] for each in said)
        bad = [each for each in said if each["said"] in ("wrong", "not looked at")]
        yield f"gp-{zone} doctor: keys are in their folder and in none of {counts['ok']} other places" + (
            f", but for {len(bad)}:" if bad else "."
        )
        yield from (f"  {each['said']}: {each['place']}: {each['why']}" for each in bad)


def _store_in_words(said: list[dict[str, str]]) -> Iterator[str]:
    """What this server cannot keep is told as often as the demonstration is run."""
    of_store = [each for each in said if each["place"].startswith("store")]
    lacks = sorted({_subject(each) for each in of_store if "Accepted here" in each["why"]})
    if of_store:
        whole = ", ".join(sorted({_subject(each) for each in of_store} - {*lacks}))
        yield f"gp-central of the store: as promised in {whole}; as a demonstration not wholly in {', '.join(lacks)} (docs/store.md)."
    yield from (
        f"  {each['said']}: {each['place']}: {each['why']}"
        for each in of_store
        if each["said"] in ("wrong", "not looked at")
    )


def _subject(said: dict[str, str]) -> str:
    return said["place"].partition(": ")[2]


def _said(stack: Stack, zone: str) -> list[dict[str, str]]:
    command = [str(Path(sys.executable).parent / f"gp-{zone}"), "doctor", "--json"]
    command += ["--metadata-url-file", str(_metadata_url_file(stack))]
    command += [word for place in _NOT_OURS for word in ("--without", place)]
    done = subprocess.run(  # noqa: S603  (a fixed list of our own commands)
        command, env=_environment(stack), capture_output=True, text=True, check=False
    )
    if not done.stdout:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return [{"said": "not looked at", "place": "everything", "why": last}]
    return [json.loads(line) for line in done.stdout.splitlines()]


def _environment(stack: Stack) -> dict[str, str]:
    places = stack.places
    return zones_environment(places, stack.socket) | {
        "AIRFLOW_HOME": str(places.root / "airflow"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(places.logs),
        "TMPDIR": str(places.root / "temporary"),  # the machine's own is everybody's
    }


def _metadata_url_file(stack: Stack) -> Path:
    """An address is no argument: in life it holds a password."""
    path = stack.places.root / "airflow" / "metadata_url"
    path.write_text(f"postgresql://postgres:@/airflow?host={stack.socket}\n")
    return path
