"""Reading bundle files: one patient's record each. A bundle is checked whole against policy before any of it is used."""

import gc
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from source_zone.adapters.gp_connect.elements import Element
from source_zone.adapters.gp_connect.entries import Entries, Entry, opened
from source_zone.adapters.gp_connect.envelope import Envelope, Envelopes
from source_zone.adapters.gp_connect.files import (
    ASK_AGAIN,
    MODIFIER,
    Seen,
    Written,
    check_link,
    refuse,
    refuse_modifier,
    refuse_unreadable,
    whole_bundle,
    written,
)
from source_zone.adapters.gp_connect.policy import FieldPolicy, check_names

Kinds = frozenset[str]
# A name can be hidden behind escapes of its letters; those of other characters are common.
_SPELT_ODDLY = re.compile(rb"\\u00[4-7]")


@dataclass(frozen=True, slots=True)
class Bundle:
    """One patient's record, checked against policy."""

    patient: Element = field(repr=False)
    entries: list[Entry] = field(repr=False)  # of all kinds, or of those that were asked for
    kinds: Counter[str] = field(default_factory=Counter)  # how many entries there are of each kind


@contextmanager
def collector_paused() -> Iterator[None]:
    """A bundle is a hundred thousand small objects and no cycle: looking for cycles again and again takes a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Bundles:
    """Reads bundles under one policy, and knows from one to the next what was written alike."""

    def __init__(self, policy: FieldPolicy) -> None:
        self._policy = policy
        self._entries = Entries(policy)
        self._envelopes = Envelopes(policy)

    def read(self, path: Path, place: str, only: Kinds | None = None) -> tuple[Bundle, Seen]:
        """Every entry is checked; those of `only` these kinds are looked into. Raises FileRefused, or NotInPolicy."""
        file = written(path, place)
        envelope = self._envelopes.opened(file.data)
        if envelope is None or _SPELT_ODDLY.search(file.data):
            return self._in_full(file, place)
        check_link(envelope.link, place)
        if MODIFIER in file.data:
            refuse_modifier(place)
        return self._looked_into(envelope, place, only), file.seen(envelope.meta, envelope.timestamp)

    def read_again(self, path: Path, place: str, seen: Seen) -> Bundle | None:
        """What was read, and so checked, before; None where it is no longer the same."""
        file = written(path, place)
        if not file.is_as(seen):
            return None
        envelope = self._envelopes.opened(file.data)
        return self._in_full(file, place)[0] if envelope is None else self._looked_into(envelope, place)

    def _looked_into(self, envelope: Envelope, place: str, only: Kinds | None = None) -> Bundle:
        try:
            return self._of_written(envelope, place, only)
        except ValueError:  # which could quote a value
            refuse_unreadable(place)

    def _of_written(self, envelope: Envelope, place: str, only: Kinds | None) -> Bundle:
        entries, kinds = list[Entry](), list[str]()
        for number, around in enumerate(envelope.entry, 1):
            written_as = around.resource
            kind = self._entries.kind(written_as)
            if kind is None:
                unusual = list(self._with_contained(opened(written_as), f"{place}, entry {number}"))
                entries += unusual
                kinds += [each.kind for each in unusual]
            else:
                kinds.append(kind)
                if only is None or kind in only:
                    entries.append(self._entries.entry(kind, written_as))
        return _of_one_patient(entries, kinds, place)

    def _in_full(self, file: Written, place: str) -> tuple[Bundle, Seen]:
        """Slower, for what is unusual: where it is to be refused, here it becomes clear why."""
        bundle = whole_bundle(file.data, place)
        check_names("the bundle", bundle, self._policy.bundle, place)
        entries = list[Entry]()
        for number, each in enumerate(bundle["entry"], 1):
            entries += self._with_contained(
                self._resource(each, f"{place}, entry {number}"), f"{place}, entry {number}"
            )
        whole = _of_one_patient(entries, [each.kind for each in entries], place)
        return whole, file.seen(bundle.get("meta"), bundle.get("timestamp"))

    def _resource(self, entry: object, place: str) -> Element:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(resource, dict):
            refuse(place, "it holds no resource", ASK_AGAIN)
        check_names("the entry itself", entry, self._policy.bundle_entry, place)
        return resource

    def _with_contained(self, resource: Element, place: str, *, is_contained: bool = False) -> Iterator[Entry]:
        kind = resource.get("resourceType")
        self._policy.check_elements(kind, resource, place)
        yield self._entries.entry_of(str(kind), resource, is_contained=is_contained)
        if "contained" not in resource:
            return
        contained = resource["contained"]
        if not isinstance(contained, list) or not all(isinstance(each, dict) for each in contained):
            refuse(place, "what a resource contains is not a list of resources", ASK_AGAIN)
        for each in contained:
            yield from self._with_contained(each, place, is_contained=True)


def _of_one_patient(entries: list[Entry], kinds: list[str], place: str) -> Bundle:
    patients = [entry.resource for entry in entries if entry.kind == "Patient"]
    if len(patients) != 1:
        refuse(place, f"holds {len(patients)} patients, but the standard gives one record to a bundle", ASK_AGAIN)
    return Bundle(patients[0], entries, Counter(kinds))
