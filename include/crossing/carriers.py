"""How parcels get from the source zone's outbox to the central zone's inbox: the same folder, or messages over MESH."""

from collections.abc import Mapping

from crossing.errors import PersonMustAct

DIRECTORY, MESH = "directory", "mesh"


class CarrierUnknown(PersonMustAct):
    """A setting names a carrier that nobody has written."""


def carrier(environment: Mapping[str, str], name: str) -> str:
    """Raises CarrierUnknown. Not set means a directory: whoever mounts it carries."""
    value = environment.get(name) or DIRECTORY
    if value not in (DIRECTORY, MESH):
        raise CarrierUnknown(f"{name} is neither {DIRECTORY} nor {MESH}. Correct it in the environment of this zone.")
    return value
