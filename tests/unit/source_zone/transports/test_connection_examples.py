"""The examples in policy/connections.toml are what a person copies, so each is one that is accepted."""

import re
import tomllib
from dataclasses import fields
from typing import Any

import pytest

from central_zone.fetch import ParcelsIn
from crossing.connections import CONNECTIONS
from crossing.policy import policy_folder
from source_zone.national_opt_outs.rules import Service
from source_zone.send import ParcelsOut
from source_zone.transports.bulk_fhir import BulkFhirConnection
from source_zone.transports.mesh import _check
from source_zone.transports.mesh_sorting import MeshConnection
from source_zone.transports.sftp import SftpConnection

KINDS = {
    "example_sftp": SftpConnection,
    "example_bulk_fhir": BulkFhirConnection,
    "example_mesh": MeshConnection,
    "parcels_out": ParcelsOut,
    "parcels_in": ParcelsIn,
    "national_data_opt_out": Service,
}


def examples() -> dict[str, Any]:
    lines = (policy_folder() / CONNECTIONS).read_text().splitlines()
    written = [line.removeprefix("# ") for line in lines if re.match(r"# (\[|[a-z_]+ = )", line)]
    return tomllib.loads("\n".join(written))


@pytest.mark.parametrize("name", KINDS)
def test_an_example_has_the_keys_of_its_kind(name: str) -> None:
    example = examples()[name]
    assert set(example) - {"transport", "why"} == {each.name for each in fields(KINDS[name])}  # type: ignore[arg-type]
    assert example["why"]


def test_there_is_an_example_of_every_kind_and_no_other() -> None:
    assert set(examples()) == set(KINDS)


def test_the_mesh_example_means_what_it_says() -> None:
    example = examples()["example_mesh"]
    connection = MeshConnection(**{key: value for key, value in example.items() if key not in ("transport", "why")})
    _check("example_mesh", connection)
    name = (
        "GPDRP_PAT_EXTRACT_3a930ffd-0000-4000-8000-000000000000_20200331160514_"
        "9f9799e3-0000-4000-8000-000000000000_1.dat.gz"
    )
    assert re.fullmatch(connection.file_name, name)
    found = re.fullmatch(connection.practice, "Y99001-0001")
    assert found
    assert found["practice"] == "Y99001"
