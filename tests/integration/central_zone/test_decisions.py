"""Held parcels: what a steward is shown, two people where policy says so, and an account of who decided and why."""

import re
from datetime import UTC, datetime

import pytest

from ask_the_steward import question_about
from central_zone import load_parcel, watch
from central_zone.chain.verify import verify
from central_zone.decisions.decided import last_decisions
from central_zone.errors import DecisionRefused
from central_zone.login import login
from central_zone.store.role_names import STEWARD
from central_zone.zone import opened
from gp_collect_pages import reading
from support.airflow_account import an_account
from support.opened_pages import Visitor
from support.parcels import a_night, observations, patients


def take_in(zone):
    """What the DAG does, up to the question."""
    for ids in load_parcel.parcels_waiting("gpdpr", zone.settings):
        load_parcel.receive_shard("gpdpr", ids, zone.settings)
        load_parcel.validate_shard("gpdpr", ids, zone.settings)
        load_parcel.load_shard("gpdpr", ids, zone.settings)


def held(zone):
    return load_parcel.held("gpdpr", None, zone.settings)


def decide(zone, parcel, by, reason, *, approve=True):
    return load_parcel.decide(parcel.manifest.parcel_id, approve=approve, by=by, reason=reason, settings=zone.settings)


def alerts(zone):
    """Held parcels that somebody is to be told of, and how the sentence ends after the time."""
    held_ones = [each for each in watch.watch(zone.settings) if each.kind == "parcels_held"]
    return {each.about: re.sub(r".* \d\d:\d\d", "", each.what) for each in held_ones}


def decided(zone):
    with opened(zone.settings, role=STEWARD) as central:
        return [(each.by, each.what, each.practice_code, each.reason) for each in last_decisions(central)]


def test_where_policy_wants_two_a_second_steward_must_agree(zone):
    """Most of its rows say that a record was deleted, which takes two; the practice's first parcel was ordinary."""
    first = zone.sealed(a_night())
    take_in(zone)
    deleted = observations(250, is_deleted=[True] * 250)
    parcel = zone.sealed({"patient": patients(), "observation": deleted}, sequence=2, previous=first)
    take_in(zone)

    (asked,) = held(zone)
    assert (asked.practice_code, asked.sequence, asked.people, asked.first) == ("A12345", 2, 2, None)
    assert "too_many_deleted" in asked.held_by
    assert (asked.rows, asked.usual_rows, asked.parcels_before) == (250, 50, 1)
    assert {(each.table, each.rule) for each in asked.broken} >= {("parcel", "too_many_deleted")}

    assert alerts(zone) == {"A12345 2": "."}
    assert decide(zone, parcel, "amina", "They moved to a new system.")["state"] == "held"
    assert alerts(zone) == {"A12345 2": "; amina approved, and another steward must agree."}
    assert decide(zone, parcel, "amina", "I said so.")["state"] == "held", "the same person twice is one person"
    (asked,) = held(zone)
    assert (asked.first.by, asked.first.reason) == ("amina", "They moved to a new system.")
    take_in(zone)
    assert zone.state(parcel) == "held"

    assert decide(zone, parcel, "bo", "I rang them, too.")["state"] == "approved"
    assert held(zone) == []
    take_in(zone)
    assert zone.state(parcel) == "loaded"
    for by in ("amina", "bo"):  # a task that is cleared says the same again
        assert decide(zone, parcel, by, "again")["state"] == "loaded"
    assert decided(zone) == [
        ("bo", "approved, after amina", "A12345", "I rang them, too."),
        ("amina", "approved, as the first of two", "A12345", "They moved to a new system."),
    ]
    verify(zone.settings)


def test_one_steward_refuses_even_after_another_agreed(zone):
    parcel = zone.sealed({"patient": patients(), "observation": observations(250, is_deleted=[True] * 250)})
    take_in(zone)
    decide(zone, parcel, "amina", "They moved to a new system.")
    assert decide(zone, parcel, "bo", "They did not.", approve=False)["state"] == "refused"
    verify(zone.settings)


def test_what_holds_an_identifier_is_loaded_by_nobody(zone):
    parcel = zone.sealed(a_night(local_code=["9434765919"] * 50))
    take_in(zone)
    (asked,) = held(zone)
    assert (asked.people, "identifier_in_code" in asked.held_by) == (0, True)
    with pytest.raises(DecisionRefused, match="may be loaded by nobody"):
        decide(zone, parcel, "amina", "It looks well.")
    assert decide(zone, parcel, "amina", "An incident: told the source.", approve=False)["state"] == "refused"


def test_a_name_that_is_given_stands_beside_the_login_it_was_given_under(zone):
    parcel = zone.sealed({"patient": patients(), "observation": observations(snomed_concept_id=["12345"] * 50)})
    take_in(zone)
    decide(zone, parcel, "anybody", "the practice said why", approve=False)
    words = "SELECT actor, event ->> 'login' FROM audit.entry WHERE event ? 'decided'"
    assert zone.query(words) == [("anybody", login())]
    assert verify(zone.settings)["entries"] == 1


def test_a_name_cannot_stand_for_two(zone):
    parcel = zone.sealed({"patient": patients(), "observation": observations(250, is_deleted=[True] * 250)})
    take_in(zone)
    with pytest.raises(DecisionRefused, match="One person"):
        decide(zone, parcel, "amina and bo", "We both think so.")


@pytest.mark.airflow
def test_the_page_shows_what_is_held_beside_what_is_usual_and_leads_to_the_question(zone):
    parcel = zone.sealed({"patient": patients(), "observation": observations(250, is_deleted=[True] * 250)})
    take_in(zone)
    decide(zone, parcel, "amina", "They moved to a new system.")
    (asked,) = held(zone)
    with an_account() as account:
        account.run("decide__gpdpr", "night 1", datetime(2026, 9, 2, tzinfo=UTC))
        account.question(
            "decide__gpdpr", "night 1", datetime(2026, 9, 2, tzinfo=UTC), question_about(asked), map_index=4
        )
        visitor = (
            Visitor()
            .allowed()
            .handed({reading.settings: lambda: zone.settings, reading.airflow_session: lambda: account.session})
        )
        html = visitor.opens("/decisions").text
    words = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    assert "1 parcel waits for a steward." in words
    assert "Rows of records 250; nothing of this practice was loaded before" in words
    assert "two stewards" in words
    assert "Approved first by amina" in words
    assert "too many deleted hold parcel 1 1 none" in words
    assert re.search(r"amina approved, as the first of two A12345, parcel 1 They moved to a new system\.", words)
    path = "/dags/decide__gpdpr/runs/night%201/tasks/each_parcel.steward_decides/mapped/4/required_actions"
    assert f'href="{path}"' in html
