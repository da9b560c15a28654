"""An entry of the register is whole, or the register is not built."""

import shutil
from pathlib import Path

import pytest

from central_zone.register.data_use import FIELDS
from central_zone.register.read_data_uses import read_data_uses
from crossing.policy import Policy, PolicyRefused, policy_folder

EXAMPLE = "data_uses/example_respiratory_demand.toml"


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    return Policy(tmp_path / "policy")


def change(policy: Policy, name: str, old: str, new: str) -> None:
    path = policy.folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_there_are_hdr_uks_31_fields() -> None:
    assert len(FIELDS) == 31
    assert list(FIELDS.values())[9:12] == ["Project title", "Lay summary", "Public benefit statement"]


def test_our_own_entries_can_be_read_and_say_they_are_not_real() -> None:
    uses = {use.id: use for use in read_data_uses(Policy())}
    assert {"gpdpr", "example_respiratory_demand"} <= set(uses)
    assert all("synthetic" in use.status.lower() for use in uses.values())
    assert uses["gpdpr"].kind == "collection"
    assert uses["gpdpr"].collected
    assert uses["example_respiratory_demand"].collected == ()


def test_every_data_use_names_a_collection_that_exists() -> None:
    assert {use.collection for use in read_data_uses(Policy())} <= set(Policy().collections())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('national_data_optout = "Not applicable"', 'national_data_optout = ""'),
        ('national_data_optout = "Not applicable"', 'national_data_optout = "exempt"'),
        ('national_data_optout = "Not applicable"\n', ""),
        ('legal_basis_for_data_article6 = "Not applicable"', 'legal_basis_for_data_article6 = ""'),
        ('access_type = "TRE"', 'access_type = "E-mail"'),
        ('kind = "data_use"', 'kind = "favour"'),
        ('kind = "data_use"', 'kind = "data_use"\nnotes = "unreviewed"'),
        ('status = "Example only', 'status = ""\nwas = "Example only'),
    ],
)
def test_half_an_entry_is_refused(policy: Policy, old: str, new: str) -> None:
    change(policy, EXAMPLE, old, new)
    with pytest.raises(PolicyRefused, match=r"data_uses/example_respiratory_demand\.toml"):
        read_data_uses(policy)


def test_a_lay_summary_longer_than_the_form_takes_is_refused(policy: Policy) -> None:
    change(policy, EXAMPLE, "Coughs, colds", "Coughs, " * 400)
    with pytest.raises(PolicyRefused, match="longer than 3000"):
        read_data_uses(policy)


def test_the_same_data_with_and_without_opt_outs_to_one_organisation_is_refused(policy: Policy) -> None:
    twin = policy.folder / "data_uses" / "twin.toml"
    shutil.copy(policy.folder / EXAMPLE, twin)
    assert len(read_data_uses(policy)) == 3
    change(policy, "data_uses/twin.toml", 'national_data_optout = "Not applicable"', 'national_data_optout = "Yes"')
    with pytest.raises(PolicyRefused, match="both with and without opt-outs"):
        read_data_uses(Policy(policy.folder))
