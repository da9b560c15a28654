"""What a mapped group of tasks handed on, in one shape. Airflow gives a list of its members' results, nothing at all
where no member came through, and, of a single member, that member's result bare (3.3.2: `xcom_pull` of one value).
"""

from collections.abc import Iterable
from typing import Any

Result = dict[str, Any]  # of one practice or one parcel: codes, ids, counts and states
Results = Iterable[Iterable[Result]] | Iterable[Result] | None


def each_result(results: Results) -> list[Result]:
    """The results of all shards that came through, one after another."""
    shards = [shard if isinstance(shard, list) else [shard] for shard in results or ()]
    return [result for shard in shards for result in shard]
