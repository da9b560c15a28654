"""The chain against what bears witness to it: which witnesses it does not satisfy, and what that says of it."""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from central_zone.chain.anchors import Anchor
from central_zone.chain.entry import NOTHING_BEFORE
from central_zone.chain.walk import Walked
from central_zone.errors import AuditBroken, StoreIsOlder

_RESTORED = "If the store was restored from a backup, run: gp-central store restored"
_ELSE = "Else stop loading and leave the server as it is: docs/runbook.md, The audit chain does not hold."


@dataclass(frozen=True, slots=True)
class Lost:
    """Witnesses to entries that are not in the chain, and the last entry before them that a witness confirms."""

    anchors: list[Anchor]
    confirmed: int

    @property
    def sizes(self) -> list[int]:
        return sorted(anchor.size for anchor in self.anchors if anchor.size)

    def who_bears(self) -> str:
        """For messages: the first of the files by name, and how many there are."""
        files = sorted({anchor.where for anchor in self.anchors})
        return f"{files[0]} bears" if len(files) == 1 else f"{files[0]} and {len(files) - 1} other files bear"


def lost(walked: Walked, anchors: Iterable[Anchor], explained: Set[str] = frozenset()) -> Lost:
    """What the chain lacks, apart from what a restored store said that it lacks."""
    missing = [
        anchor for anchor in anchors if anchor.head not in (*walked.found, *explained) and anchor.head != NOTHING_BEFORE
    ]
    first = min((anchor.size for anchor in missing if anchor.size), default=walked.size + 1)
    return Lost(missing, max((seq for seq in walked.found.values() if seq < first), default=0))


def is_as_after_a_restore(walked: Walked, found: Lost) -> bool:
    """A backup has everything up to some entry and nothing after it; whoever rewrites an entry in between, has not."""
    return not found.sizes or max(walked.found.values(), default=0) < found.sizes[0]


def check_nothing_lost(walked: Walked, found: Lost) -> None:
    """Raises StoreIsOlder where the end is missing, AuditBroken where something in between is another."""
    if not found.anchors:
        return
    witness = f"{found.who_bears()} witness"
    up_to = found.sizes[-1] if found.sizes else None
    if not walked.size:
        raise StoreIsOlder(
            f"The audit chain is empty: every entry was removed, and {witness} to some. {_RESTORED} {_ELSE}"
        )
    if not is_as_after_a_restore(walked, found) or (found.sizes and found.sizes[0] <= walked.size):
        which = f"entry {found.sizes[0]}"
        raise AuditBroken(
            f"The audit chain was rewritten after entry {found.confirmed}: it holds in itself, but {which} is not the one "
            f"to which {witness}. {_RESTORED} {_ELSE}"
        )
    ends = f" up to entry {up_to}" if up_to else ""
    raise StoreIsOlder(
        f"The audit chain ends with entry {walked.size}, and {witness} to more{ends}: the end was cut off or written anew "
        f"after entry {found.confirmed}, or an old backup was restored. {_RESTORED} {_ELSE}"
    )
