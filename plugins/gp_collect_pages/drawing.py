"""Plots, as shapes with places: a template writes them down as SVG. Colours come from the style, by class."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 160
_FOOT = 24  # below the columns, for what they are called
_HEAD = 16  # above, for the largest number


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    of_class: str


@dataclass(frozen=True, slots=True)
class Label:
    """A few letters, centred on x."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of blocks one upon another."""

    blocks: tuple[Block, ...]
    labels: tuple[Label, ...]
    width: int = WIDTH
    height: int = HEIGHT


def stacked(columns: Sequence[tuple[str, Sequence[int]]], *, classes: Sequence[str]) -> Bars:
    """A column for each name, its numbers one upon another, each with its class. All columns have one scale."""
    largest = max((sum(numbers) for _, numbers in columns), default=0) or 1
    room, floor = HEIGHT - _FOOT - _HEAD, HEIGHT - _FOOT
    step = WIDTH / max(len(columns), 1)
    blocks, labels = [], []
    for place, (name, numbers) in enumerate(columns):
        top, left = float(floor), place * step + step * 0.1
        for number, of_class in zip(numbers, classes, strict=True):
            if number:
                height = max(room * number / largest, 2)  # what is there is seen
                top -= height
                blocks.append(Block(round(left, 1), round(top, 1), round(step * 0.8, 1), round(height, 1), of_class))
        middle = round(left + step * 0.4, 1)
        labels.append(Label(middle, HEIGHT - 8, name))
        if sum(numbers):
            labels.append(Label(middle, round(top - 3, 1), f"{sum(numbers):,}"))
    return Bars(tuple(blocks), tuple(labels))
