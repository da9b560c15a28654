"""What policy/airflow_roles.toml says: which role may do what, with {collection} and {data_use} written out."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from crossing.policy import Policy, PolicyRefused

FILE = "airflow_roles.toml"
Permission = tuple[str, str]  # an action and a resource, by Airflow's own names
_LINE = re.compile(r"(can_create|can_read|can_edit|can_delete|menu_access) (\S.*)")
_PLACES = ("{collection}", "{data_use}")


def wanted_roles(policy: Policy) -> dict[str, frozenset[Permission]]:
    """Role -> its permissions. Raises PolicyRefused where a line is not one, or gives no reason."""
    content = policy.table(FILE)
    if set(content) != {"everyone", "roles"}:
        raise PolicyRefused(f"policy/{FILE}: it has the tables `everyone` and `roles`, and no other. Correct the file.")
    everyone = _permissions(policy, "everyone", content["everyone"])
    return {name: everyone | _permissions(policy, name, table) for name, table in content["roles"].items()}


def _permissions(policy: Policy, name: str, table: Mapping[str, Any]) -> frozenset[Permission]:
    if set(table) != {"why", "may"} or not all(reason.strip() for reason in (table["why"], *table["may"].values())):
        raise PolicyRefused(f"policy/{FILE}: {name} needs a `why`, and lines under `may` with a reason each.")
    return frozenset(permission for line in table["may"] for permission in _written_out(policy, name, line))


def _written_out(policy: Policy, name: str, line: str) -> Iterable[Permission]:
    found = _LINE.fullmatch(line)
    if not found:
        raise PolicyRefused(f"policy/{FILE}: {name}: `{line}` is no action and resource of Airflow. Correct the file.")
    action, resource = found.groups()
    collections, uses = (policy.collections(), policy.data_uses())
    for place, names in zip(_PLACES, (collections, uses), strict=True):
        if place in resource:
            return [(action, resource.replace(place, each)) for each in names]
    return [(action, resource)]
