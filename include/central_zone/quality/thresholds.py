"""Reads policy/quality.toml: how long results are kept, and from when a difference is worth a steward's look."""

from dataclasses import dataclass, fields

from crossing.policy import Policy, PolicyRefused

FILE = "quality.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """As policy names them."""

    keep_results_days: int
    least_rows: int
    least_nights: int
    least_practices: int
    trailing_nights: int
    times: float
    at_least: float


def read_thresholds(policy: Policy) -> Thresholds:
    """Raises PolicyRefused for a file that lacks one or has others."""
    content = policy.table(FILE)
    known = {each.name for each in fields(Thresholds)}
    if set(content) != known or not all(isinstance(value, int | float) and value > 0 for value in content.values()):
        raise PolicyRefused(f"policy/{FILE} holds numbers above 0 for exactly {', '.join(sorted(known))}. Correct it.")
    return Thresholds(**content)
