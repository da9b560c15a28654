"""The register tells of releases and erasures, and of people only what nobody can be recognised by."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from central_zone.errors import ReleasedWithoutEntry
from central_zone.register.build_register import publish
from central_zone.register.read_data_uses import read_data_uses
from central_zone.register.read_ledger import AuditHead, Disclosure, Erasure, Ledger
from central_zone.register.releases import erased, releases
from crossing.policy import Policy

USE = "example_respiratory_demand"
RELEASE = Disclosure(
    disclosure_id=1,
    use_id=USE,
    collection="gpdpr",
    released_at=datetime(2026, 11, 3, 9, tzinfo=UTC),
    decision="applies",
    reason=None,
    evidence=None,
    oldest_check=datetime(2026, 11, 1, 9, tzinfo=UTC),
    practices=8,
    practices_without_check=["Y99008"],
    excluded_opted_out=52,
    excluded_no_valid_number=7,
    excluded_no_current_check=94,
    persons_released=741,
    rows_released={"patient": 741, "encounter": 20_003},
    project_key="gp-collect|project|example_respiratory_demand|v1",
    audit_hash="ab" * 32,
)
LEDGER = Ledger(parcels=(), audit_head=None, parcels_refused_unread=0, disclosures=(RELEASE,))


def an_erasure(practice: str, month: int, people: int) -> Erasure:
    at = datetime(2026, month, 9, tzinfo=UTC)
    return Erasure(collection="gpdpr", practice_code=practice, applied_at=at, people=people)


def test_a_release_is_told_with_rounded_figures_and_small_ones_not_at_all() -> None:
    [said] = releases([RELEASE], read_data_uses(Policy()))
    assert (said["practices"], said["practices_without_check"], said["decision"]) == (7, 1, "applies")
    assert {name: count["words"] for name, count in said["people"].items()} == {
        "persons_released": "740",
        "excluded_opted_out": "50",
        "excluded_no_current_check": "95",
        "excluded_no_valid_number": "7 or fewer",
    }
    assert said["rows"]["encounter"]["figure"] == 20_005


def test_of_fewer_than_three_practices_no_figure_of_a_release_is_shown() -> None:
    [said] = releases([replace(RELEASE, practices=3)], read_data_uses(Policy()))
    assert {count["figure"] for count in (*said["people"].values(), *said["rows"].values())} == {None}


def test_two_releases_of_a_month_cannot_be_subtracted_from_each_other() -> None:
    later = replace(RELEASE, disclosure_id=2, released_at=datetime(2026, 11, 30, tzinfo=UTC), excluded_opted_out=61)
    next_month = replace(later, disclosure_id=3, released_at=datetime(2026, 12, 1, tzinfo=UTC))
    said = releases([next_month, later, RELEASE], read_data_uses(Policy()))
    assert [each["people"]["excluded_opted_out"]["figure"] for each in said] == [60, None, 50]
    assert {count["figure"] for count in said[1]["rows"].values()} == {None}


def test_a_release_without_an_entry_stops_the_register() -> None:
    with pytest.raises(ReleasedWithoutEntry, match="Restore their files"):
        releases([replace(RELEASE, use_id="a_favour")], read_data_uses(Policy()))
    with pytest.raises(ReleasedWithoutEntry):
        releases([replace(RELEASE, use_id="gpdpr")], read_data_uses(Policy()))


def test_the_page_says_in_plain_words_what_was_released_and_what_became_of_opt_outs(tmp_path: Path) -> None:
    publish(tmp_path, LEDGER, Policy())
    page = " ".join((tmp_path / "index.html").read_text().split())
    assert "Applied. Nobody is in a release whom the national service did not name" in page
    assert "released 3 November 2026, 09:00 UTC from 7 practices; 1 left out" in page
    assert "applied, checked 1 November 2026, 09:00 UTC or later" in page
    assert 'Left out: opted out nationally</th><td class="number">50<' in page
    assert "741" not in page
    assert "made up" in page


def test_the_page_says_why_an_exempt_use_is_exempt_and_on_whose_word(tmp_path: Path) -> None:
    evidence = {"kind": "cag_letter", "reference": "24/CAG/0000 (made up)", "on": "2026-10-01", "by": "The Group"}
    exempt = replace(RELEASE, decision="exempt", reason="cag_exemption", evidence=evidence)
    publish(tmp_path, replace(LEDGER, disclosures=(exempt,)), Policy())
    page = " ".join((tmp_path / "index.html").read_text().split())
    assert "not applied (cag exemption; cag letter 24/CAG/0000 (made up), The Group, 1 October 2026)" in page
    assert "Left out: opted out nationally" not in page


def test_erasures_are_told_by_month_once_the_month_is_over() -> None:
    head = AuditHead(seq=1, at=datetime(2026, 11, 30, tzinfo=UTC), hash="12" * 32)
    october = [an_erasure(f"Y9900{number}", 10, 4) for number in range(1, 5)]
    november = [an_erasure(f"Y9900{number}", 11, 4) for number in range(1, 5)]
    september = [an_erasure(f"Y9900{number}", 9, 2) for number in range(1, 4)]
    august = [an_erasure("Y99001", 8, 90)]
    said = erased([*august, *september, *october, *november], "gpdpr", head)
    assert [(each["month"], each["people"]["words"]) for each in said] == [
        ("2026-10", "15"),
        ("2026-09", "7 or fewer"),
        ("2026-08", "not shown: fewer than 3 practices"),
    ]
    assert erased(october, "gpdpr", None) == []
    assert erased(october, "another", head) == []
