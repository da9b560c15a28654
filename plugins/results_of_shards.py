"""What the tasks of a run handed on, in one shape.

Of a mapped group Airflow gives a list of its members' results; nothing at all where no member came through; and, of
a single member, that member's result bare (3.3.2: `xcom_pull` of one value).
"""

from collections.abc import Iterable
from typing import Any

from crossing.errors import PersonMustAct

Result = dict[str, Any]  # of one practice or one parcel: codes, ids, counts and states
Results = Iterable[Any] | None


class NeverKnown(PersonMustAct):
    """The run's first task failed, so that nobody can say what the run should have done."""


def members_of(shards: Iterable[Iterable[str]] | None) -> list[str]:
    """The practices or parcels of all shards. Raises NeverKnown where the first task gave none, not even an empty list."""
    if shards is None:
        raise NeverKnown("It never became known what this run had to do: see its first task, mend that and clear it.")
    return [member for shard in shards for member in shard]


def each_result(results: Results) -> list[Result]:
    """The results of all shards that came through, one after another."""
    shards: list[list[Result]] = [shard if isinstance(shard, list) else [shard] for shard in results or ()]
    return [result for shard in shards for result in shard]
