"""Some nights of simulated practices in any format, released by the source zone alone, and everything that came of it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from central_zone import keys
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.errors import PersonMustAct, TryAgain
from crossing.manifest import Manifest
from simulator.simulate import simulate
from source_zone.release import prepare
from source_zone.release_practice import release_practice
from support.source_zone import SourceZone, a_practice

Extract = tuple[str, str]  # practice, night


@dataclass(slots=True)
class SimulatedNights:
    """What the nights came to. Extracts are known by practice and night, as on the answer sheet."""

    zone: SourceZone
    format: str
    truth: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)  # night -> practice -> what was said
    parcels: dict[Extract, Path] = field(default_factory=dict)
    manifests: dict[Extract, Manifest] = field(default_factory=dict)
    said: list[str] = field(default_factory=list, repr=False)

    def expected(self, extract: Extract) -> dict[str, Any]:
        practice, night = extract
        return dict(self.truth["practices"][practice]["nights"][night])

    def opened(self, extract: Extract) -> Iterator[tuple[str, pa.Table]]:
        """The rows of a parcel, as the central zone reads them."""
        key = keys.recipient_key(self._central_keys)
        yield from opened_rows(self.parcels[extract], self.manifests[extract], key)

    def everything_made(self) -> Iterator[tuple[str, str]]:
        """Every text there is outside the deliveries: opened parcels, files of any kind, their names, what was said."""
        for extract in self.parcels:
            rows = (str(row) for _, table in self.opened(extract) for row in table.to_pylist())
            yield f"parcel of {extract}", "\n".join(rows)
        for path in sorted(self.zone.root.rglob("*")):
            name = str(path.relative_to(self.zone.root))
            if path.is_file() and not path.is_relative_to(self.zone.settings.incoming):
                yield name, name + "\n" + path.read_bytes().decode("latin-1")
        yield "what was said", "\n".join(self.said)

    @property
    def _central_keys(self) -> Path:
        return self.zone.settings.keys.parent / "central"


def live(zone: SourceZone, format: str, *, nights: int, **how: Any) -> SimulatedNights:
    """Simulates and releases night after night. `how` is handed to simulate; a dict gives the value of each night."""
    lived = SimulatedNights(zone, format)
    incoming = zone.settings.incoming
    with heard(lived.said):
        for night in range(1, nights + 1):
            tonight = {name: value.get(night) if isinstance(value, dict) else value for name, value in how.items()}
            simulate(incoming, format=format, night=night, **tonight)
            lived.truth = json.loads((incoming / "truth.json").read_text())
            for practice in lived.truth["practices"]:
                _release(lived, practice, str(night))
    find_parcels(lived)
    return lived


def _release(lived: SimulatedNights, code: str, night: str) -> None:
    zone = lived.zone
    practice = a_practice(code, lived.format)
    folder = zone.settings.incoming / code
    release = prepare("gpdpr", practice, f"night-{night}", zone.settings, folder=folder, progress=lived.said.append)
    try:
        lived.said.append(json.dumps(release_practice(release)))
    except (PersonMustAct, TryAgain) as error:
        lived.said.append(str(error))
        lived.failed.setdefault(night, {})[code] = str(error)


def find_parcels(lived: SimulatedNights) -> None:
    night_of = {
        (practice, row["extract_id"]): night
        for practice, sheet in lived.truth["practices"].items()
        for night, row in sheet["nights"].items()
    }
    for path in sorted(lived.zone.settings.outbox.glob("*/manifest.json")):
        manifest = read_signed_manifest(path.parent, lived._central_keys)
        practice = manifest.practice_code
        extract = practice, night_of.get((practice, manifest.extract_id), f"not planned: {manifest.extract_id}")
        lived.parcels[extract], lived.manifests[extract] = path.parent, manifest


@contextmanager
def heard(said: list[str]) -> Iterator[None]:
    """Everything logged by anybody, down to the last detail."""
    root, handler = logging.getLogger(), _Listener()
    handler.said = said
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


class _Listener(logging.Handler):
    said: list[str]

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))
