"""A line over nights, as points for SVG's polyline. Where nothing may be shown, or nothing was asked, the line has a gap."""

from collections.abc import Sequence
from dataclasses import dataclass

from central_zone.quality.shares import share_in_words
from gp_collect_pages.drawing import HEIGHT, WIDTH

_LEFT, _FOOT, _HEAD = 48, 24, 16


@dataclass(frozen=True, slots=True)
class Dot:
    """One night's place, and what it is called."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Lines without gaps, the dots on them, the names below, and what the top of the scale stands for."""

    lines: tuple[str, ...]
    dots: tuple[Dot, ...]
    names: tuple[Dot, ...]
    top: str
    width: int = WIDTH
    height: int = HEIGHT


def trend(points: Sequence[tuple[str, float | None]]) -> Trend:
    """Of each night its name, and its share; None where there is none to show."""
    largest = max((share for _, share in points if share is not None), default=0.0) or 1.0
    room, floor = HEIGHT - _FOOT - _HEAD, HEIGHT - _FOOT
    step = (WIDTH - _LEFT) / max(len(points), 1)
    lines: list[list[Dot]] = [[]]
    names = []
    every = max(len(points) // 12, 1)  # more names would stand one upon another
    for place, (name, share) in enumerate(points):
        x = round(_LEFT + step * (place + 0.5), 1)
        if place % every == 0:
            names.append(Dot(x, HEIGHT - 8, name))
        if share is None:
            lines.append([])
        else:
            lines[-1].append(Dot(x, round(floor - room * share / largest, 1), f"{name}: {share_in_words(share)}"))
    return Trend(
        lines=tuple(" ".join(f"{dot.x},{dot.y}" for dot in line) for line in lines if len(line) > 1),
        dots=tuple(dot for line in lines for dot in line),
        names=tuple(names),
        top=share_in_words(largest),
    )
