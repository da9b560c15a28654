"""policy/store_rights.toml is closed: what is unknown, said twice or said without a reason is refused, and nothing is given."""

import shutil

import pytest

from central_zone.store.rights_file import FILE, RELEASED, read_rights
from central_zone.store.role_names import ROLES
from central_zone.store.row_policies import policies_of, use_of
from crossing.policy import Policy, PolicyRefused, policy_folder


@pytest.fixture
def folder(tmp_path):
    shutil.copy(policy_folder() / FILE, tmp_path / FILE)
    return tmp_path


def changed(folder, old, new):
    path = folder / FILE
    assert old in path.read_text(), old
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("[roles.gp_analyst]", "[roles.gp_somebody]", "its roles are"),
        ('why = "Owns every', 'because = "Owns every', "gp_owner: why, login"),
        ('is = "sequence"', 'is = "sequins"', "it is none of"),
        ('names = ["public"]\n', "", "names are missing"),
        ('holds = "The audit chain."\n', "", "nobody can tell what it holds"),
        ('gp_auditor = { may = ["SELECT"], why = "Verifies the chain." }', "gp_nobody = {}", "are no roles"),
        (', why = "Verifies the chain."', "", "no reason"),
        ('why = "Verifies the chain."', 'why = ""', "no reason"),
        ('["SELECT"], why = "Verifies the chain."', '["TRUNCATE"], why = "Verifies"', "has no such rights"),
        ('["SELECT"], why = "Verifies the chain."', '["USAGE"], why = "Verifies"', "has no such rights"),
        ('names = ["quarantine.row"]', 'names = ["records.patient"]', "decided about twice"),
        ("is named for the use and in date", "feels like it", "only_if"),
        ("[every_role]", "[somebody_else]", "every_role, roles and objects"),
    ],
)
def test_what_is_unknown_said_twice_or_has_no_reason_is_refused(folder, old, new, why):
    read_rights(Policy(folder))
    changed(folder, old, new)
    with pytest.raises(PolicyRefused, match=why):
        read_rights(Policy(folder))


def test_no_role_may_log_in_as_the_owner_and_one_alone_sees_every_row():
    roles = read_rights().roles
    assert set(roles) == set(ROLES)
    assert [name for name, role in roles.items() if not role.can_log_in] == ["gp_owner"]
    assert [name for name, role in roles.items() if role.sees_every_row] == ["gp_loader"]


def test_a_loader_adds_records_and_changes_none():
    of_records = [each for each in read_rights().objects if any(name.startswith("records.") for name in each.names)]
    lines = [line for each in of_records for line in each.lines if line.role == "gp_loader"]
    assert {word for line in lines for word in line.may} <= {"SELECT", "INSERT", "UPDATE", "EXECUTE"}
    assert {line.columns for line in lines if "UPDATE" in line.may} == {
        ("may_replace",)
    }  # which says nothing of anybody


def test_no_words_but_reading_are_an_analysts_and_an_auditors():
    for each in read_rights().objects:
        for line in each.lines:
            if line.role in ("gp_analyst", "gp_auditor"):
                assert set(line.may) <= {"SELECT", "USAGE", "CONNECT", "EXECUTE"}, each.names


def test_a_policy_says_in_its_name_what_it_allows_and_to_whom():
    rights = read_rights()
    policies = list(policies_of(rights, rights.made(RELEASED), "release.a_use__of__it__patient"))
    assert use_of("release.a_use__of__it__patient") == "a_use__of__it"
    (of_analyst,) = [each for each in policies if each.role == "gp_analyst"]
    assert of_analyst.name == "gp_analyst may SELECT where named for the use and in date"
    assert of_analyst.using == "release.is_open_to_me('a_use__of__it'::text)"
    assert all(each.name.startswith(f"{each.role} may {each.command}") for each in policies)
