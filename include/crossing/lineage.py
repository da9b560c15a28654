"""Lineage as OpenLineage run events (spec 2-0-2): what ran, on what, under which rules, with which counts.

Names, codes, counts, ids and hashes only. An event leaves for systems that this project does not run, so every key
and value is checked for its shape first: what could be free text or an NHS number is refused.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crossing.errors import PersonMustAct
from crossing.identifiers import canonical_nhs_number
from crossing.manifest import canonical_json

PRODUCER = "urn:gp-collect"
NAMESPACE = "gp-collect"
COUNTS_FACET = "gpCollect_counts"
_SPEC = "https://openlineage.io/spec"
_RUN_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_EVENT_TYPES = frozenset({"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"})

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,79}")
_VALUE = re.compile(
    r"^[A-Za-z0-9_.:/#$+@=-]{0,200}$"
)  # no space: no sentence, no full name, no postcode as it is written
_DEEPEST = 12
# Ten digits that stand alone; inside a hash or a longer number they mean nothing.
_TEN_DIGITS = re.compile(r"(?<![0-9A-Za-z])\d{3}-?\d{3}-?\d{4}(?![0-9A-Za-z])")


class LineageRefused(PersonMustAct):
    """A lineage event holds something that is not a name, code, count, id or hash. It was not written."""


def run_event(
    *,
    job: str,
    run_id: str,
    at: datetime,
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    facets: dict[str, Any],
    event_type: str = "COMPLETE",
) -> dict[str, Any]:
    """One RunEvent as plain data. `run_id` is a UUID (a parcel's id serves), `at` an aware instant.

    Raises LineageRefused where any part of it could carry an identifier.
    """
    if event_type not in _EVENT_TYPES or at.tzinfo is None:
        raise LineageRefused(f"Lineage of {job}: the event type is unknown, or the instant has no time zone.")
    event = {
        "eventType": event_type,
        "eventTime": at.astimezone(UTC).isoformat(),
        "producer": PRODUCER,
        "schemaURL": _RUN_EVENT,
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": NAMESPACE, "name": job, "facets": {}},
        "inputs": inputs,
        "outputs": outputs,
    }
    check_shapes(event)
    return event


def input_dataset(name: str, *, namespace: str = NAMESPACE, version: str | None = None) -> dict[str, Any]:
    """What was read: a parcel, a source, a table. `version` is a hash or an id."""
    return {"namespace": namespace, "name": name, "facets": _version(version)}


def output_dataset(name: str, *, rows: int, namespace: str = NAMESPACE, version: str | None = None) -> dict[str, Any]:
    """What was written, and how many rows of it."""
    statistics = {**_facet("OutputStatisticsOutputDatasetFacet", "1-0-2"), "rowCount": rows}
    return {
        "namespace": namespace,
        "name": name,
        "facets": _version(version),
        "outputFacets": {"outputStatistics": statistics},
    }


def counts_facet(
    *, counts: Mapping[str, Any], policy_sha256: Mapping[str, str], key_version: str, software: str
) -> dict[str, Any]:
    """The project's own run facet: the counts by reason, and the versions of rules, code lists, key and software."""
    return {
        COUNTS_FACET: {
            "_producer": PRODUCER,
            "_schemaURL": f"{PRODUCER}:facet:counts:1",
            "counts": dict(counts),
            "policySha256": dict(policy_sha256),
            "keyVersion": key_version,
            "software": software.replace(" ", "/"),
        }
    }


def _version(version: str | None) -> dict[str, Any]:
    if version is None:
        return {}
    return {"version": {**_facet("DatasetVersionDatasetFacet", "1-0-1"), "datasetVersion": version}}


def _facet(name: str, version: str) -> dict[str, str]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"}


def check_shapes(event: Mapping[str, Any]) -> None:
    """Raises LineageRefused, naming the place and not the value, where a key or value has no allowed shape."""
    for place, value, is_key in _leaves(event, "event", 0):
        text = str(value)
        if not (_KEY if is_key else _VALUE).fullmatch(text):
            raise LineageRefused(
                f"Lineage: a {'key' if is_key else 'value'} under {place} is not a name, code, count or hash."
            )
        if any(canonical_nhs_number(found) for found in _TEN_DIGITS.findall(text)):
            raise LineageRefused(f"Lineage: something under {place} looks like an NHS number. Nothing was written.")


def _leaves(value: Any, place: str, depth: int) -> Iterator[tuple[str, Any, bool]]:
    """Every key and every plain value, with the place it stands in. A place is made of checked keys only."""
    if depth > _DEEPEST:
        raise LineageRefused("Lineage: the event is nested too deeply to be one of ours.")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield place, key, True
            yield from _leaves(inner, f"{place}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, place, depth + 1)
    elif isinstance(value, str | int | float):
        yield place, value, False
    elif value is not None:
        raise LineageRefused(f"Lineage: {place} holds a {type(value).__name__}, which is not plain data.")


def event_line(event: dict[str, Any]) -> bytes:
    """The event as one line; the same event is always the same bytes."""
    return canonical_json(event) + b"\n"


def day_file(folder: Path, event: dict[str, Any]) -> Path:
    """Where the event belongs: one file for each day of event time, in UTC."""
    day = datetime.fromisoformat(event["eventTime"]).astimezone(UTC).date()
    return folder / f"lineage-{day.isoformat()}.jsonl"


def append_event(folder: Path, event: dict[str, Any]) -> None:
    """Adds the event to its day's file and does not return before it is on disk. Raises LineageRefused."""
    check_shapes(event)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(day_file(folder, event), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a full disk cuts writes short; the rest must follow before another's line
        torn = file.seek(0, os.SEEK_END) > 0 and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
        _write_all(file.fileno(), b"\n" * torn + event_line(event))
        os.fsync(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
