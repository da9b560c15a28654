"""After two nights each practice can see what left of it, what stayed, and what the centre really answered."""

import json
from dataclasses import replace
from typing import Any

import pytest

from journey.both_zones import COLLECTION, Journey
from journey.canaries import canaries_of, found_in
from source_zone.practice_account import account
from source_zone.practice_account_page import page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def accounts(journey: Journey) -> dict[str, dict[str, Any]]:
    settings = replace(journey.zones.source, receipts=journey.zones.root / "receipts")
    practices = {practice for practice, _ in journey.manifests}
    return {practice: account(COLLECTION, practice, settings) for practice in sorted(practices)}


def test_every_parcel_is_told_once_with_what_the_centre_made_of_it(
    journey: Journey, accounts: dict[str, dict[str, Any]]
) -> None:
    told = {each["parcel_id"]: each for said in accounts.values() for each in said["left"]}
    assert {manifest.parcel_id for manifest in journey.manifests.values()} <= set(told)
    for parcel_id, entry in journey.ledger.items():
        answer = told[parcel_id]["answer"]
        assert (answer or {}).get("outcome") == (entry["state"] if entry["loaded_at"] else None)
        if answer:
            assert answer["rows_loaded"] == entry["rows_loaded"]
            sent, loaded = sum(told[parcel_id]["rows_sent"].values()), sum(entry["rows_loaded"].values())
            assert loaded <= sent <= loaded + rules_broken(entry)
    assert [said["no_longer_here"] for said in accounts.values()] == [[]] * len(accounts)


def rules_broken(entry: dict[str, Any]) -> int:
    """By rows that stayed out at the centre; a row may break two."""
    return sum(n for rules in entry["rows_quarantined"].values() for n in rules.values())


def test_nobody_can_be_found_on_any_of_them(journey: Journey, accounts: dict[str, dict[str, Any]]) -> None:
    canaries = canaries_of(journey.zones.source.incoming)
    text = "\n".join(json.dumps(said) + page(said).decode() for said in accounts.values())
    assert len(accounts) > 5
    assert found_in(text, canaries) == set()
