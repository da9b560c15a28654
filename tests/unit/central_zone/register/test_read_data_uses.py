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
        ('request_frequency = "Recurring"', 'request_frequency = "Recurring"\nnational_data_optout = "No"'),
        ('request_frequency = "Recurring"\n', ""),
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


CONSENT = """decision = "exempt"
reason = "consent_to_this_use"
evidence = { kind = "consent_form", reference = "FORM-1", on = 2026-09-01, by = "Example Board (made up)" }"""


def on_a_real_ground(policy: Policy, name: str, gateway: str, duty: str) -> None:
    change(policy, name, 'legal_gateway = "synthetic_demonstration"', f'legal_gateway = "{gateway}"')
    change(policy, name, 'duty_of_confidentiality = "Not applicable"', f'duty_of_confidentiality = "{duty}"')
    for article in ("6", "9"):
        change(policy, name, f'article{article} = "Not applicable"', f'article{article} = "(e) made up"')


def with_a_twin(policy: Policy) -> str:
    """Another use of the same organisation and records, in which the patients consented and no opt-out is applied."""
    twin = "data_uses/twin.toml"
    shutil.copy(policy.folder / EXAMPLE, policy.folder / twin)
    assert len(read_data_uses(policy)) == 3
    change(policy, twin, 'decision = "applies"', CONSENT)
    on_a_real_ground(policy, twin, "consent", "Consent")
    return twin


@pytest.mark.parametrize("name", ["Example University (made up)", "example  university (MADE UP)"])
def test_the_same_data_with_and_without_opt_outs_to_one_organisation_is_refused(policy: Policy, name: str) -> None:
    change(policy, with_a_twin(policy), '"Example University (made up)"', f'"{name}"')
    with pytest.raises(PolicyRefused, match="both with and without opt-outs"):
        read_data_uses(Policy(policy.folder))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('organisation_name = "Example University (made up)"', 'organisation_name = "Another (made up)"'),
        (
            "project_start_date = 2026-10-01\nproject_end_date = 2027-09-30",
            "project_start_date = 2027-10-01\nproject_end_date = 2028-01-01",
        ),
    ],
)
def test_another_organisation_or_another_period_may_be_treated_otherwise(policy: Policy, old: str, new: str) -> None:
    change(policy, with_a_twin(policy), old, new)
    assert len(read_data_uses(Policy(policy.folder))) == 3


def test_field_23_follows_from_the_decision(policy: Policy) -> None:
    assert {use.id: use.fields["national_data_optout"] for use in read_data_uses(policy)} == {
        "gpdpr": "Not applicable",
        "example_respiratory_demand": "Yes",
    }
    change(policy, EXAMPLE, 'decision = "applies"', CONSENT)
    on_a_real_ground(policy, EXAMPLE, "consent", "Consent")
    said = {use.id: use for use in read_data_uses(Policy(policy.folder))}["example_respiratory_demand"]
    assert said.fields["national_data_optout"] == "No"
    assert said.opt_out is not None
    assert said.opt_out.reason_in_words == "The patients consented to this specific use"


@pytest.mark.parametrize(
    ("decision", "because"),
    [
        ("", "does not decide"),
        ('decision = "exempt"', r"missing \['evidence', 'reason'\]"),
        ('decision = "no"', "does not decide"),
        ('decision = "applies"\nreason = "consent_to_this_use"', r"unknown \['reason'\]"),
        (CONSENT.replace("consent_to_this_use", "we_would_rather_not"), "no others"),
        (CONSENT.replace("consent_form", "hearsay"), "needs evidence of kind consent_form"),
        (CONSENT.replace('reference = "FORM-1", ', ""), r"missing \['reference'\]"),
        (CONSENT.replace("FORM-1", ""), r"\['reference'\] are empty"),
        (CONSENT.replace("2026-09-01", '"yesterday"'), r"\['on'\] are empty, or not of their type"),
    ],
)
def test_a_use_that_does_not_decide_on_the_opt_out_is_refused(policy: Policy, decision: str, because: str) -> None:
    change(policy, EXAMPLE, 'decision = "applies"', decision)
    on_a_real_ground(policy, EXAMPLE, "consent", "Consent")
    with pytest.raises(PolicyRefused, match=because):
        read_data_uses(policy)


def test_a_use_without_the_table_of_the_decision_is_refused(policy: Policy) -> None:
    change(policy, EXAMPLE, '[national_data_opt_out]\ndecision = "applies"\n', "")
    with pytest.raises(PolicyRefused, match=r"missing \['national_data_opt_out'\]"):
        read_data_uses(policy)


@pytest.mark.parametrize("gateway", ["copi_regulation_2", "copi_regulation_5"])
def test_under_section_251_only_the_advisory_group_can_exempt_a_use_and_on_paper(policy: Policy, gateway: str) -> None:
    on_a_real_ground(policy, EXAMPLE, gateway, "Section 251 NHS Act 2006")
    assert len(read_data_uses(policy)) == 2
    change(policy, EXAMPLE, 'decision = "applies"', CONSENT)
    with pytest.raises(PolicyRefused, match="cannot be exempt because of consent_to_this_use"):
        read_data_uses(Policy(policy.folder))
    change(policy, EXAMPLE, "consent_to_this_use", "cag_exemption")
    with pytest.raises(PolicyRefused, match="needs evidence of kind cag_letter or cag_minutes"):
        read_data_uses(Policy(policy.folder))
    change(policy, EXAMPLE, "consent_form", "cag_letter")
    assert len(read_data_uses(Policy(policy.folder))) == 2


def test_a_demonstration_cannot_be_exempt(policy: Policy) -> None:
    change(policy, EXAMPLE, 'decision = "applies"', CONSENT)
    with pytest.raises(PolicyRefused, match="synthetic_demonstration cannot be exempt"):
        read_data_uses(policy)


def test_every_reason_and_gateway_has_words_a_source_and_evidence() -> None:
    rules = Policy().table("opt_outs/disclosure.toml")
    assert all(
        each["words"] and each["source"] and each["why"]
        for each in (*rules["reasons"].values(), *rules["gateways"].values())
    )
    assert all(reason["evidence"] for reason in rules["reasons"].values())
    named = {gateway for reason in rules["reasons"].values() for gateway in reason["gateways"]}
    assert named == set(rules["gateways"]) - {"synthetic_demonstration"}


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        ('name = "A. Example"', 'name = "B. Example"', "non_gateway_applicants"),
        ('access_type = "TRE"', 'access_type = "Release"', "access_type"),
        (
            'legal_gateway = "synthetic_demonstration"',
            'legal_gateway = "copi_regulation_3"',
            "legal_basis_for_data_article6",
        ),
        ('legal_gateway = "synthetic_demonstration"', 'legal_gateway = "a favour"', "legal gateway is not one of"),
        ("smallest_cohort = 10", "smallest_cohort = 9", "below the 10"),
        ('environment = "secure environment"', 'environment = "a memory stick"', "No file ever leaves"),
        ('disclosure_control = "7 or fewer', 'disclosure_control = "3 or fewer', "one rule"),
        ('patient = ["sex", ', 'patient = ["sex", "name", ', "1 columns that it has not"),
        ('patient = ["sex", ', 'patient = ["sex", "practice_code", ', "1 columns that it has not"),
        ('patient = ["sex", ', 'patient = ["sex", "patient_token", ', "need not be listed"),
        ('patient = ["sex", "year_of_birth", "lsoa_code"]', "patient = []", "or none"),
        ('patient = ["sex", ', 'letters = ["sex"]\npatient = ["sex", ', "there is no table letters"),
        ('reference = "EXAMPLE-REVIEW-0001 (made up)", ', "", r"independent_review: missing \['reference'\]"),
        ("accredited_until = 2027-09-30\n", "", r"missing \['accredited_until'\]"),
        ('layout = "tables"', 'layout = "omop"', r"layout is not one of \['tables', 'gdppr'\]"),
        ('layout = "tables"  #', "#", r"missing \['layout'\]"),
        (
            'layout = "tables"',
            'layout = "gdppr"',
            "without encounter.record_token, encounter.registration_token, observation",
        ),
    ],
)
def test_what_a_release_is_held_to_is_read_strictly(policy: Policy, old: str, new: str, because: str) -> None:
    change(policy, EXAMPLE, old, new)
    with pytest.raises(PolicyRefused, match=because):
        read_data_uses(policy)


_WHOLE = """layout = "gdppr"

[safe_data.tables]
patient = ["registration_token", "practice_code"]
immunisation = ["record_token", "registration_token", "snomed_concept_id", "status"]

[safe_setting]"""


@pytest.mark.parametrize(
    ("left_out", "because"),
    [
        ("", None),
        ('"status"', "immunisation.status"),  # a vaccination that was not given would count
        ('"registration_token", "practice_code"', "patient.registration_token"),
        (
            'immunisation = ["record_token", "registration_token", "snomed_concept_id", "status"]',
            "table of coded entries",
        ),
        ('patient = ["registration_token", "practice_code"]', "patient and a table"),
    ],
)
def test_the_gdppr_layout_is_refused_where_entries_would_count_that_should_not(
    policy: Policy, left_out: str, because: str | None
) -> None:
    path = policy.folder / EXAMPLE
    before, _, rest = path.read_text().partition('layout = "tables"')
    asked = _WHOLE.replace(left_out, '"sex"' if left_out.startswith('"reg') else "").replace(", ]", "]")
    path.write_text(before + asked + rest.partition("[safe_setting]")[2])
    if because is None:
        assert {use.safes.layout for use in read_data_uses(policy) if use.safes} == {"gdppr"}
        return
    with pytest.raises(PolicyRefused, match=because):
        read_data_uses(policy)


def test_a_file_whose_name_could_not_name_a_table_is_refused(policy: Policy) -> None:
    shutil.copy(policy.folder / EXAMPLE, policy.folder / "data_uses" / "a__b.toml")
    with pytest.raises(PolicyRefused, match="single underscores"):
        read_data_uses(policy)
