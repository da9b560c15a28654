"""Searches surfaces for needles. A surface in which the control is not found, or that is empty, counts as unsearched."""

import io
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from leak_search.decoders import Opener
from leak_search.findings import Findings, Hit, Searched, Unread
from leak_search.matcher import Matcher
from leak_search.needles import Needle, needles_for
from leak_search.parts import FromChunks, Readable
from leak_search.surfaces import UNPACKED, Piece, Surface

_CONTROL = "control"


def search(needles: Iterable[Needle], surfaces: Sequence[Surface]) -> Findings:
    """Everything on every surface, in the order given. Findings name labels, encodings and places, never values.

    Raises ValueError where two surfaces have one name, or no needle was given: such a search would prove nothing.
    """
    wanted = list(needles)
    if not wanted or len({surface.name for surface in surfaces}) != len(surfaces) or not surfaces:
        raise ValueError("A search needs needles, and surfaces with names of their own.")
    control = f"leaksearchcontrol{secrets.token_hex(10)}"
    matcher = Matcher([*wanted, *needles_for(_CONTROL, control)])
    findings = Findings()
    for surface in surfaces:
        _OneSurface(surface, matcher, findings).run(control)
    findings.hits.sort()
    return findings


@dataclass(slots=True)
class _OneSurface:
    """One surface, from planting its control to taking it out again."""

    surface: Surface
    matcher: Matcher
    findings: Findings
    hits: Counter[tuple[str, Needle]] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)  # the kinds of place in which the control was found
    much: Searched = field(default_factory=Searched)
    piece: Piece | None = None

    def run(self, control: str) -> None:
        began = time.monotonic()
        try:
            kinds = self.surface.plant(control)
            for piece in self.surface.pieces():
                self.piece = piece
                self._search(piece)
        except Exception as error:  # whatever a server or a disk says may quote data: its kind is told
            self._unsearched(f"it could not be searched to its end ({type(error).__name__})")
        else:
            self._check_controls(kinds)
        finally:
            self._withdraw()
        self.much.seconds = time.monotonic() - began
        self._report()

    def _search(self, piece: Piece) -> None:
        try:
            stream = piece.open()
            try:
                self._look_at(piece, stream)
            finally:
                _close(stream)
        except FileNotFoundError:
            self.much.gone += 1
        except OSError as error:
            self._unread(piece.place, type(error).__name__)
        else:
            self.much.pieces += not piece.is_control

    def _look_at(self, piece: Piece, stream: Readable) -> None:
        if piece.may_be_container:
            Opener(self._look, self._unread).open(piece.place, cast("BinaryIO", stream))
        else:
            self._look(piece.place, stream)

    def _look(self, place: str, stream: Readable) -> None:
        if self.piece is None:
            raise ValueError("There is no piece to look at.")
        kind = self.piece.kind if place == self.piece.place else UNPACKED
        for needle in self.matcher.matches(_Counted(stream, self.much)):
            if needle.label == _CONTROL:
                self.seen.add(kind)
            elif not (self.piece.has_counters and needle.is_mostly_zeros):
                self.hits[place, needle] += 1

    def _unread(self, place: str, why: str) -> None:
        self.findings.unread.append(Unread(surface=self.surface.name, place=self._shown(place), why=why))

    def _check_controls(self, kinds: set[str]) -> None:
        for kind in sorted(kinds - self.seen):
            self._unsearched(f"the control planted in its {kind} was not found")
        if not self.much.pieces:
            self._unsearched("there is nothing in it")

    def _withdraw(self) -> None:
        try:
            self.surface.withdraw()
        except Exception as error:
            self._unsearched(f"the control could not be taken out again ({type(error).__name__})")

    def _unsearched(self, why: str) -> None:
        self.findings.unsearched.setdefault(self.surface.name, []).append(why)

    def _report(self) -> None:
        self.findings.searched[self.surface.name] = self.much
        for (place, needle), times in self.hits.items():
            shown = self._shown(place)
            self.findings.hits.append(
                Hit(surface=self.surface.name, place=shown, label=needle.label, encoding=needle.encoding, times=times)
            )

    def _shown(self, place: str) -> str:
        return self.matcher.without_needles(place)


@dataclass(slots=True)
class _Counted:
    stream: Readable
    much: Searched

    def read(self, size: int = -1, /) -> bytes:
        data = self.stream.read(size)
        self.much.bytes += len(data)
        return data


def _close(stream: Readable) -> None:
    if isinstance(stream, io.IOBase | FromChunks):
        stream.close()
