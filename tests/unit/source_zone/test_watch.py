"""What the source zone finds that somebody must know."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from crossing.alerts import KINDS, read_alert_policy
from crossing.errors import GPCollectError, PersonMustAct
from crossing.expiring_keys import expiring_keys
from crossing.filling_disks import filling_disks
from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone import watch
from source_zone.outcomes import Outcomes
from source_zone.settings import Settings

NOW = datetime(2026, 9, 10, 3, tzinfo=UTC)
PRACTICE = "Y99008"


class OptOutsStale(PersonMustAct):
    """Of that name; the real one is in check_opt_outs."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {name: tmp_path / name for name in ("keys", "spool", "memory", "incoming", "landing", "outbox")}
    return Settings(**folders, lineage=None, policy_folder=policy_folder())


def failed(settings: Settings, error: GPCollectError, *nights: str) -> None:
    outcomes = Outcomes(settings.memory / "gpdpr")
    outcomes.record_failure(PRACTICE, "pull", error)
    path = settings.memory / "gpdpr" / PRACTICE / "outcome.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"nights": list(nights)}))


def told(settings: Settings) -> list[tuple[str, str]]:
    return [(alert.kind, alert.about) for alert in watch.watch(settings, NOW) if alert.kind != "disk_filling"]


def test_one_night_is_no_alert_and_the_second_is(settings: Settings) -> None:
    failed(settings, PersonMustAct("Ask for it again."), "2026-09-09")
    assert told(settings) == []
    failed(settings, PersonMustAct("Ask for it again."), "2026-09-09", "2026-09-10")
    assert told(settings) == [("practice_failed", PRACTICE)]
    (alert,) = (each for each in watch.watch(settings, NOW) if each.kind == "practice_failed")
    assert alert.what == f"{PRACTICE} failed at pull on 2 nights, since 2026-09-09: PersonMustAct: Ask for it again."


def test_opt_outs_that_may_not_be_relied_on_are_told_at_once(settings: Settings) -> None:
    failed(settings, OptOutsStale("Have a newer extract delivered."), "2026-09-10")
    assert told(settings) == [("opt_out_source_stale", PRACTICE)]


def test_a_practice_that_failed_twice_in_a_night_failed_on_one(tmp_path: Path) -> None:
    outcomes = Outcomes(tmp_path)
    for _ in range(2):
        outcomes.record_failure(PRACTICE, "pull", PersonMustAct("Ask for it again."))
    assert len(set(outcomes.read(PRACTICE)["nights"])) == len(outcomes.read(PRACTICE)["nights"]) <= 2
    outcomes.record(PRACTICE, {"state": "released"})
    assert "nights" not in outcomes.read(PRACTICE)


def a_key(until: datetime, revoked: datetime | None = None) -> SimpleNamespace:
    return SimpleNamespace(key=SimpleNamespace(purpose="parcels", owner="A"), valid_until=until, revoked_at=revoked)


def test_only_a_key_that_none_outlasts_is_told() -> None:
    soon, later = a_key(NOW + timedelta(days=10)), a_key(NOW + timedelta(days=400))

    def told_of(**keys: SimpleNamespace) -> list[str]:
        return [each.about for each in expiring_keys(SimpleNamespace(entries=keys), NOW, 60, "source")]

    assert told_of(first=soon) == ["source first"]
    assert told_of(first=soon, second=later) == []
    assert told_of(first=soon, second=a_key(later.valid_until, revoked=NOW)) == ["source first"]


def test_a_disk_is_told_once_and_in_steps(tmp_path: Path) -> None:
    folders = {"one": tmp_path, "two": tmp_path, "none": tmp_path / "none"}
    (alert,) = filling_disks(folders, 0, "source")
    assert (alert.kind, alert.about) == ("disk_filling", "source one")
    assert filling_disks(folders, 101, "source") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('by = "webhook"', 'by = "pigeon"'),
        ('to = ["stewards"]', 'to = ["somebody"]'),
        ("nights = 2", "days = 2"),
        ("[alerts.disk_filling]", "[alerts.disc_filling]"),
        ("quiet_hours = 24", "silent_hours = 24"),
    ],
    ids=range(5),
)
def test_a_file_that_says_what_nobody_knows_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = (policy_folder() / "alerts.toml").read_text()
    assert old in text
    (tmp_path / "alerts.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(PolicyRefused, match=r"alerts\.toml"):
        read_alert_policy(Policy(tmp_path))


def test_every_kind_says_why_and_whose_move() -> None:
    kinds = read_alert_policy(Policy()).kinds
    assert set(kinds) == set(KINDS)
    assert all(line["why"].strip() and line["whose_move"].strip() for line in kinds.values())
