"""What a search came to: what was found and where, what could not be searched, and how much was. Never a value."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Somewhere on a surface. A name that is itself a leak has its needle hidden."""

    surface: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Hit(Place):
    """A planted value was found, in this form."""

    label: str
    encoding: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Unread(Place):
    """Something is there that could not be looked into."""

    why: str


@dataclass(slots=True)
class Searched:
    """How much of a surface was searched, the controls apart. `gone` were removed by others while we looked."""

    pieces: int = 0
    bytes: int = 0
    seconds: float = 0.0
    gone: int = 0


@dataclass(slots=True)
class Findings:
    """`unsearched` says why a surface proves nothing: its control was not found, say, or there was nothing in it."""

    hits: list[Hit] = field(default_factory=list)
    unsearched: dict[str, list[str]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    searched: dict[str, Searched] = field(default_factory=dict)

    @property
    def are_clean(self) -> bool:
        """Nothing was found, and everything was looked at. A surface that could not be searched is a failure."""
        return not (self.hits or self.unsearched or self.unread)

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.searched.values())

    def lines(self) -> Iterator[str]:
        """For people: what is wrong first, then how much was searched."""
        for hit in self.hits:
            yield f"FOUND {hit.label} ({hit.encoding}) in {hit.surface}: {hit.place}, {hit.times} times"
        for surface, reasons in self.unsearched.items():
            yield from (f"UNSEARCHED {surface}: {why}" for why in reasons)
        for each in self.unread:
            yield f"UNREAD {each.surface}: {each.place}: {each.why}"
        for surface, much in self.searched.items():
            gone = f", {much.gone} gone meanwhile" if much.gone else ""
            yield f"{surface}: {much.pieces} pieces, {much.bytes:,} bytes, {much.seconds:.1f} s{gone}"
