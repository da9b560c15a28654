"""What the doctor says of a place: ok, wrong, not looked at, or take care. It never says what it found there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from crossing.errors import PersonMustAct

OK, WRONG, NOT_LOOKED_AT, TAKE_CARE = "ok", "wrong", "not looked at", "take care"


class KeysOutOfPlace(PersonMustAct):
    """The doctor found a key where none belongs, a loose one, or could not look."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`place` is what `--without` names; `why` holds counts, names and remedies, never a value."""

    place: str
    said: str
    why: str

    def line(self) -> str:
        return f"{self.said:<14} {self.place}: {self.why}"


def ok(place: str, why: str) -> Verdict:
    return Verdict(place, OK, why)


def wrong(place: str, why: str) -> Verdict:
    return Verdict(place, WRONG, why)


def not_looked_at(place: str, why: str) -> Verdict:
    return Verdict(place, NOT_LOOKED_AT, why)


def take_care(place: str, why: str) -> Verdict:
    return Verdict(place, TAKE_CARE, why)


def agreed(verdicts: Sequence[Verdict], without: Collection[str]) -> list[Verdict]:
    """What could not be looked at and need not be, as somebody said who answers for it. What is wrong stays wrong."""
    return [
        replace(each, said=TAKE_CARE, why=f"not looked at, as agreed: {each.why}")
        if each.said == NOT_LOOKED_AT and each.place in without
        else each
        for each in verdicts
    ]


def check(verdicts: Sequence[Verdict]) -> None:
    """Raises KeysOutOfPlace unless every place was looked at and is right."""
    bad = [each for each in verdicts if each.said == WRONG]
    unseen = sorted({each.place for each in verdicts if each.said == NOT_LOOKED_AT})
    if bad or unseen:
        said = f"{len(bad)} things are wrong; not looked at: {', '.join(unseen) or 'nothing'}."
        raise KeysOutOfPlace(
            f"{said} Mend what is wrong (docs/keys.md); name with --without what need not be looked at."
        )
