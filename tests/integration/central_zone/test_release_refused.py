"""What is not released: every one of the Five Safes, and the register, can stop it. Tried on copies of the example."""

import pytest

from central_zone.errors import DataUseUnknown, NotOnTheRegister, ReleaseNotSafe
from support.parcels import Keys, patients, tokens
from support.release_world import USE, ReleaseWorld, persons

HERE = "A10001"


@pytest.fixture(scope="module")
def store_url(postgres):
    return postgres.a_store()


@pytest.fixture
def world(tmp_path, store_url):
    made = ReleaseWorld(tmp_path, Keys(tmp_path / "keys").make(), store_url)
    made.empty_the_store()
    made.load(HERE, {"patient": patients(20, registration_token=tokens(20, 1))})
    made.allow(HERE, persons(20))
    return made


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        ("accredited_until = 2027-09-30", "accredited_until = 2020-01-01", "safe people: the accreditation of 1 of 1"),
        ("latest_approval_date = 2026-11-22", "latest_approval_date = 2099-01-01", "safe project: not approved yet"),
        ("project_start_date = 2026-10-01", "project_start_date = 2099-01-01", "today is outside its dates"),
        ("project_end_date = 2027-09-30", "project_end_date = 2026-10-02", "today is outside its dates"),
        ("project_end_date = 2027-09-30", 'project_end_date = ""', "project_end_date not given"),
        ("until = 2027-09-30 }", "until = 2026-10-02 }", "the contract is not in force"),
        ("on = 2026-09-10 }", "on = 2099-01-01 }", "the independent review is dated in the future"),
    ],
)
def test_a_use_that_is_not_safe_today_gets_nothing(world, old, new, because):
    world.change(old, new)
    with pytest.raises(ReleaseNotSafe, match=because):
        world.release()
    assert world.query("SELECT count(*) FROM release.disclosure") == [(0,)]


def test_everything_that_is_wrong_is_told_at_once(world):
    world.change("accredited_until = 2027-09-30", "accredited_until = 2020-01-01")
    world.change("until = 2027-09-30 }", "until = 2026-10-02 }")
    with pytest.raises(ReleaseNotSafe, match=r"safe people: .*; safe project: the contract"):
        world.release()


def test_a_use_without_a_file_gets_nothing_and_a_collection_is_no_use(world):
    for name in ("no_such_use", "gpdpr"):
        with pytest.raises(DataUseUnknown, match="entry of the register"):
            world.release(name)


def test_a_use_that_the_published_register_does_not_tell_of_gets_nothing(world):
    with pytest.raises(NotOnTheRegister, match="publish_register"):
        world.release_only()


def test_a_use_that_changed_since_the_register_was_published_gets_nothing(world):
    world.publish()
    world.change('"Example University (made up)"', '"Another body (made up)"')
    with pytest.raises(NotOnTheRegister, match="as policy has it now"):
        world.release_only()
    assert world.release()["persons_released"] == 20


def test_a_demonstration_is_refused_as_soon_as_one_record_is_real(world):
    world.load("A10009", {}, synthetic=False)
    with pytest.raises(ReleaseNotSafe, match="not synthetic"):
        world.release()


def test_a_demonstration_is_refused_where_the_collection_may_hold_real_records(world):
    path = world.folder / "collections" / "gpdpr.toml"
    path.write_text(path.read_text().replace("synthetic_only = true", "synthetic_only = false"))
    with pytest.raises(ReleaseNotSafe, match="may hold real ones"):
        world.release()


def test_real_records_need_accredited_researchers(world):
    for old, new in (
        ('legal_gateway = "synthetic_demonstration"', 'legal_gateway = "copi_regulation_5"'),
        ('duty_of_confidentiality = "Not applicable"', 'duty_of_confidentiality = "Section 251 NHS Act 2006"'),
        ('article6 = "Not applicable"', 'article6 = "(e) public task"'),
        ('article9 = "Not applicable"', 'article9 = "(j) research"'),
    ):
        world.change(old, new)
    with pytest.raises(ReleaseNotSafe, match="accredited_researcher_status is not Yes"):
        world.release()


def test_the_command_says_what_was_released_and_what_is_known_of_the_checks(world, capsys, monkeypatch):
    from central_zone import command_line

    world.publish()
    for name, value in {**world.settings.values, "GP_POLICY_DIR": str(world.folder)}.items():
        monkeypatch.setenv(name, value)
    assert command_line.main(["release", "--use", USE]) == 0
    assert '"persons_released": 20' in capsys.readouterr().out
    assert command_line.main(["national-opt-outs", "status"]) == 0
    assert capsys.readouterr().out.startswith(f"{HERE}  gpdpr       current")
    assert command_line.main(["national-opt-outs", "purge"]) == 0
    assert capsys.readouterr().out == '{"expired": 0, "withdrawn": {}}\n'
    assert command_line.main(["release", "--use", "nobody"]) == 4
