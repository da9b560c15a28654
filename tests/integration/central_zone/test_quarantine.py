"""Rows that were kept out: a steward sees which rule and how many, and releases or discards them; every row is accounted for."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from central_zone import load_parcel, quarantine_decide, quarantine_list, reconcile, take_notices
from central_zone.chain.verify import verify
from central_zone.command_line import main
from central_zone.errors import AuditBroken, DecisionRefused, NothingInQuarantine, NotReleasable, ParcelUnknown
from central_zone.quarantine_choice import Choice
from crossing import faultpoint
from support.erasures import a_notice, token
from support.parcels import a_night, observations
from support.quarantined import AHEAD, SAID, a_night_with_plans

STEWARD = {"by": "A. Steward", "reason": "the practice books reviews as events"}


def load(zone, tables, **how):
    parcel = zone.sealed(tables, **how)
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"
    return parcel


def choice(parcel, *rules, table="observation", **words):
    named = rules or ("dated_in_future",)
    return Choice(parcel_id=parcel.manifest.parcel_id, table_name=table, rule_ids=named, **{**STEWARD, **words})


def accounted(zone):
    """Of each loaded parcel's tables: rows sent, and where they are. They must add up, and reconciling must say so."""
    reconcile.count_rows("gpdpr", zone.settings, again=True)
    assert zone.query("SELECT count(*) FROM ledger.parcel WHERE rows_counted <> '{}'") == [(0,)]
    stored = zone.query("SELECT count(*) FROM records.observation")[0][0]
    out = Counter(
        dict(
            zone.query(
                "SELECT decision_number IS NULL, count(DISTINCT record_token) FROM quarantine.row GROUP BY decision_number IS NULL"
            )
        )
    )
    return {"stored": stored, "waits": out[True], "discarded": out[False]}


def test_a_steward_sees_rules_and_counts_and_what_may_be_released(zone):
    parcel = load(zone, a_night_with_plans())
    told = {line["rule_id"]: line for line in quarantine_list.rows_waiting(zone.settings)}
    assert {rule: line["rows"] for rule, line in told.items()} == {"dated_in_future": "3", "snomed_concept_shape": "1"}
    assert told["dated_in_future"]["why_not_released"] is None
    assert "SNOMED" in told["snomed_concept_shape"]["why_not_released"]
    assert len(list(quarantine_list.tokens_waiting(parcel.manifest.parcel_id, zone.settings))) == 4
    assert quarantine_list.rows_waiting(zone.settings, ["A99999"]) == []
    assert not {"12345", str(AHEAD)} & {word for line in told.values() for word in map(str, line.values())}


def test_released_rows_are_records_of_their_parcel_and_every_row_is_accounted_for_once(zone):
    parcel = load(zone, a_night_with_plans())
    assert accounted(zone) == {"stored": 96, "waits": 4, "discarded": 0}
    done = quarantine_decide.release_rows(choice(parcel), zone.settings)
    assert (done.rows, done.left, done.said_before) == (3, 0, False)
    assert accounted(zone) == {"stored": 99, "waits": 1, "discarded": 0}
    again = quarantine_decide.release_rows(choice(parcel), zone.settings)
    assert (again.rows, again.said_before) == (3, True)
    assert accounted(zone) == {"stored": 99, "waits": 1, "discarded": 0}
    released = zone.query(
        "SELECT count(*) FROM records.observation AS o JOIN ledger.parcel AS p USING (parcel_number) WHERE p.parcel_id = %s "
        "AND effective_date = '2099-01-01' AND o.practice_code = 'A12345'",
        parcel.manifest.parcel_id,
    )
    assert released == [(3,)]
    assert zone.query("SELECT rows_released, rows_loaded ->> 'observation' FROM ledger.parcel") == [
        ({"observation": 3}, "96")
    ]
    ((event,),) = zone.query("SELECT event FROM lineage.outbox WHERE event -> 'job' ->> 'name' ~ '^release_from'")
    assert [output["name"] for output in event["outputs"]] == ["records.observation"]
    assert verify(zone.settings)["audit"]
    assert list(zone.settings.work_folder.iterdir()) == []


def test_discarded_rows_stay_out_and_are_told_apart_from_those_that_wait(zone):
    parcel = load(zone, a_night_with_plans())
    done = quarantine_decide.discard_rows(choice(parcel, "snomed_concept_shape"), zone.settings)
    assert (done.rows, done.outcome) == (1, "discarded")
    assert accounted(zone) == {"stored": 96, "waits": 3, "discarded": 1}
    assert quarantine_decide.discard_rows(choice(parcel, "snomed_concept_shape"), zone.settings).said_before
    assert zone.query("SELECT rows_discarded FROM ledger.parcel") == [({"observation": 1},)]
    assert [line["rule_id"] for line in quarantine_list.rows_waiting(zone.settings)] == ["dated_in_future"]
    assert verify(zone.settings)["audit"]


def test_a_row_that_broke_another_rule_too_is_left(zone):
    parcel = load(zone, a_night_with_plans(both=(2,)))
    done = quarantine_decide.release_rows(choice(parcel), zone.settings)
    assert (done.rows, done.left) == (3, 1)
    assert accounted(zone) == {"stored": 98, "waits": 2, "discarded": 0}
    done = quarantine_decide.discard_rows(choice(parcel, "dated_in_future", "snomed_concept_shape"), zone.settings)
    assert (done.rows, done.left) == (2, 0)


def test_what_policy_does_not_let_go_stays_out(zone):
    parcel = load(zone, a_night_with_plans())
    for rule, table in (
        ("snomed_concept_shape", "observation"),
        ("identifier_in_code", "observation"),
        ("dated_in_future", "patient"),
        ("never heard of", "observation"),
    ):
        with pytest.raises(NotReleasable, match="stay out"):
            quarantine_decide.release_rows(choice(parcel, rule, table=table), zone.settings)
    with pytest.raises(DecisionRefused):
        quarantine_decide.release_rows(choice(parcel, reason="about 9434765919"), zone.settings)
    with pytest.raises(NothingInQuarantine):
        quarantine_decide.release_rows(choice(parcel, table="problem"), zone.settings)
    with pytest.raises(ParcelUnknown):
        quarantine_decide.discard_rows(
            Choice(parcel_id="../inbox", table_name="observation", rule_ids=("a",), **STEWARD), zone.settings
        )
    assert accounted(zone) == {"stored": 96, "waits": 4, "discarded": 0}


def test_a_later_word_on_the_record_stands_over_a_row_released_after_it(zone):
    first = load(zone, a_night_with_plans())
    corrected = observations(100, effective_date=[SAID] * 100)
    load(zone, {"observation": corrected}, sequence=2, previous=first, **_taken(hours=1))
    before = zone.query("SELECT count(*), max(effective_date) FROM records.current_observation")
    quarantine_decide.release_rows(choice(first), zone.settings)
    assert (
        zone.query("SELECT count(*), max(effective_date) FROM records.current_observation") == before == [(100, SAID)]
    )


def test_a_released_row_replaces_an_earlier_word_on_its_record(zone):
    first = load(zone, a_night(observation_count=100))
    second = load(zone, a_night_with_plans(), sequence=2, previous=first, **_taken(hours=1))
    today = "SELECT count(*), count(*) FILTER (WHERE effective_date > '2098-01-01') FROM records.current_observation"
    assert zone.query(today) == [(100, 0)]
    quarantine_decide.release_rows(choice(second), zone.settings)
    assert zone.query(today) == [(100, 3)]


def test_what_was_released_is_known_from_its_release_on(zone):
    """The parcel was known before; a question as of then must not see what only came out of quarantine later."""
    parcel = load(zone, a_night_with_plans())
    ((before,),) = zone.query("SELECT clock_timestamp()")
    quarantine_decide.release_rows(choice(parcel), zone.settings)
    known = "SELECT count(*) FROM records.observation_as_of('infinity', %s) WHERE effective_date > '2098-01-01'"
    assert zone.query(known, before) == [(0,)]
    assert zone.query(known, datetime.now(UTC) + timedelta(minutes=1)) == [(3,)]
    assert zone.query("SELECT count(*) FROM records.observation_as_of('infinity', %s)", before) == [(96,)]
    take_notices.take_notice(a_notice(zone, [(token(0, 1), token(0, 2), 1)]).folder, zone.settings)
    assert zone.query("SELECT count(*) FROM quarantine.released_row") == [(0,)]


@pytest.mark.parametrize("point", ["load.mid_copy", "stage.before_rename"])
def test_a_release_that_breaks_off_has_not_happened_and_can_be_said_again(zone, monkeypatch, point):
    parcel = load(zone, a_night_with_plans())
    with monkeypatch.context() as broken:
        broken.setattr(faultpoint._switch, "asked", faultpoint.Fault(point, 1, faultpoint.RAISE))
        with pytest.raises(faultpoint.FaultInjected):
            quarantine_decide.release_rows(choice(parcel), zone.settings)
    assert accounted(zone) == {"stored": 96, "waits": 4, "discarded": 0}
    assert zone.query("SELECT count(*) FROM quarantine.decision") == [(0,)]
    assert list(zone.settings.work_folder.iterdir()) == []
    assert quarantine_decide.release_rows(choice(parcel), zone.settings).rows == 3
    assert accounted(zone) == {"stored": 99, "waits": 1, "discarded": 0}
    assert verify(zone.settings)["audit"]


def _taken(**later):
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(**later)
    return {"extract_taken_at": at.isoformat(), "extract_id": "another"}


def test_whoever_opted_out_meanwhile_is_not_released(zone):
    parcel = load(zone, a_night_with_plans())
    take_notices.take_notice(a_notice(zone, [(token(0, 1), token(0, 2), 1)]).folder, zone.settings)
    with pytest.raises(NothingInQuarantine):
        quarantine_decide.release_rows(choice(parcel), zone.settings)
    assert zone.query("SELECT count(*) FROM records.observation WHERE effective_date > '2098-01-01'") == [(0,)]
    assert accounted(zone)["waits"] == 1


def test_a_parcel_that_is_gone_or_under_another_key_cannot_be_opened_again(zone):
    parcel = load(zone, a_night_with_plans())
    zone.execute("UPDATE rotation.practice_key SET token_key = 'token-gpdpr-v2'")
    with pytest.raises(NotReleasable, match="another key"):
        quarantine_decide.release_rows(choice(parcel), zone.settings)
    parcel.folder.rename(zone.root / "elsewhere")
    with pytest.raises(NotReleasable, match="only tokens are left"):
        quarantine_decide.release_rows(choice(parcel), zone.settings)
    assert accounted(zone) == {"stored": 96, "waits": 4, "discarded": 0}


def test_what_a_killed_release_left_staged_goes_with_the_next_load(zone):
    parcel = load(zone, a_night_with_plans())
    (zone.settings.work_folder / parcel.manifest.parcel_id).mkdir()
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []
    assert list(zone.settings.work_folder.iterdir()) == []


def test_a_decision_that_vanishes_from_the_store_is_missed(zone):
    parcel = load(zone, a_night_with_plans())
    quarantine_decide.discard_rows(choice(parcel), zone.settings)
    zone.execute("DELETE FROM quarantine.decision")
    with pytest.raises(AuditBroken, match="quarantine_decided"):
        verify(zone.settings)


def test_the_command_lists_releases_and_discards(zone, monkeypatch, capsys):
    for name, value in zone.environment().items():
        monkeypatch.setenv(name, value)
    parcel = load(zone, a_night_with_plans())
    named = [parcel.manifest.parcel_id, "--table", "observation", "--by", "A. Steward", "--reason", "planned"]
    assert main(["quarantine", "list"]) == 0
    assert "may be released" in capsys.readouterr().out
    assert main(["quarantine", "release", *named, "--rule", "dated_in_future"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 3
    assert main(["quarantine", "release", *named, "--rule", "snomed_concept_shape"]) == 4
    assert "NotReleasable" in capsys.readouterr().err
    assert main(["quarantine", "discard", *named, "--rule", "snomed_concept_shape"]) == 0
    capsys.readouterr()
    assert main(["quarantine", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
