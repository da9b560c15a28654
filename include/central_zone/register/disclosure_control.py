"""Counts of people, made safe to publish: up to 7 are not shown, others are rounded to 5.

A true zero looks like a seven, because "nobody" can say as much about a small practice as "one". There is no random
noise, so the same count is always published as the same figure and cannot be averaged out.
"""

from dataclasses import dataclass

THRESHOLD = 7
MULTIPLE = 5
FEWEST_PRACTICES = 3  # of one or two practices, each could work out the other's count
SMALL = "7 or fewer"
TOO_FEW_PRACTICES = "not shown: fewer than 3 practices"


@dataclass(frozen=True, slots=True)
class PublishedCount:
    """What may be printed about a count of people: a rounded figure, or the reason why there is none."""

    figure: int | None
    words: str


def controlled(people: int, *, practices: int) -> PublishedCount:
    """The publishable form of a count of `people` who belong to `practices` practices together."""
    if practices < FEWEST_PRACTICES:
        return PublishedCount(None, TOO_FEW_PRACTICES)
    if people <= THRESHOLD:
        return PublishedCount(None, SMALL)
    figure = MULTIPLE * ((people + MULTIPLE // 2) // MULTIPLE)
    return PublishedCount(figure, f"{figure:,}")
