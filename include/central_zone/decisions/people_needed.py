"""How many people it takes to load a held parcel, as policy/decisions.toml says by the reasons why it is held."""

from collections.abc import Iterable

from crossing.policy import Policy, PolicyRefused

FILE = "decisions.toml"
NOBODY, ONE, TWO = 0, 1, 2


def people_needed(policy: Policy, held_by: Iterable[str]) -> int:
    """The strictest of the reasons. A reason that policy does not know takes two, and so does a parcel without any."""
    reasons = list(held_by)
    known = _known(policy)
    numbers = [known.get(reason, TWO) for reason in reasons] or [TWO]
    return NOBODY if NOBODY in numbers else max(numbers)


def _known(policy: Policy) -> dict[str, int]:
    content = policy.table(FILE)
    lines = content.get("held_by", {})
    for reason, line in lines.items():
        if set(line) != {"people", "why"} or line["people"] not in (NOBODY, ONE, TWO) or not str(line["why"]).strip():
            raise PolicyRefused(f"policy/{FILE}: {reason} needs `people` (0, 1 or 2) and `why`, and nothing else.")
    if set(content) != {"held_by"}:
        raise PolicyRefused(f"policy/{FILE}: it has lines [held_by.<reason>] and nothing else. Correct the file.")
    return {reason: line["people"] for reason, line in lines.items()}
