"""The National Data Opt-out at the source: asked about over MESH, answered, and made into each practice's allow list."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from central_zone import keys as central_keys
from central_zone.receive import opened_rows
from crossing.mesh_answers import MeshDown
from crossing.mesh_envelope import NotDelivered
from source_zone.national_opt_outs.errors import (
    CheckFailed,
    JobNotCreated,
    KeptUnreadable,
    NobodyOptedOut,
    NothingToAsk,
    NumbersRefused,
    PracticesNotAsked,
    PracticesNotListed,
    RepliesDiffer,
    ReplyEmpty,
    ReplyLarger,
    ReplyLate,
    ReplyNamesOthers,
    ReplyNotOurs,
    ReplyOverdue,
    ReplyTruncated,
    ShareDoubtful,
)
from source_zone.national_opt_outs.status import national_opt_outs
from source_zone.national_opt_outs.take import drop
from source_zone.release_practice import release_practice
from source_zone.send import NotSureYet
from support import mesh_server
from support.emis_files import PRACTICE, a_patient, an_observation, write_extract
from support.mesh_server import CHECKING, SERVICE, Sandbox
from support.national_service import DATA, JOB, REFUSAL, WORKFLOW, Asked, Spoil, job
from support.national_world import NEIGHBOUR, NOW, NUMBERS, NationalWorld

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)
ANNE, BERT, CARA, DAN, EVE = NUMBERS[:5]
HOURS, WEEK = timedelta(hours=49), timedelta(days=7)


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> NationalWorld:
    """Anne is known at both practices; Bert opted out nationally, Cara at her practice; Dan has no valid number."""
    world = NationalWorld(tmp_path, sandbox)
    world.know({"anne": ANNE, "bert": BERT, "cara": CARA, "dan": "9990000000"}, said_no=("cara",))
    world.know({"anne2": f"{ANNE[:3]} {ANNE[3:6]} {ANNE[6:]}", "eve": EVE}, NEIGHBOUR)
    world.service.opted_out = {BERT}
    return world


def complete(world: NationalWorld, after: timedelta = timedelta()) -> None:
    world.ask(after)
    world.service.answer()
    assert world.take(after)["state"] == "complete"


def test_everybody_is_asked_about_once_and_each_practice_gets_its_list(world: NationalWorld) -> None:
    said = world.ask()
    assert (said["state"], said["asked"], said["patients"], said["without_number"]) == ("running", 3, 5, 1)
    assert world.take()["state"] == "running"
    world.service.answer()
    said = world.take()
    assert (said["state"], said["opted_out"], len(said["parcels"])) == ("complete", 1, 2)
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {ANNE, EVE}}
    assert world.waiting == []
    assert world.sealed == []


def test_the_request_is_as_the_service_wants_it(world: NationalWorld) -> None:
    world.ask()
    (asked,) = world.service.read()
    assert asked.content == "".join(f"{each},\n" for each in sorted([ANNE, BERT, EVE])).encode()
    assert re.fullmatch(rf"{CHECKING}-{NOW:%d%m%y}-0001", asked.local_id)
    assert (asked.subject, asked.filename) == (asked.local_id, f"{asked.local_id}.dat")


def test_a_list_says_when_it_was_asked_and_expires_after_three_weeks_at_most(world: NationalWorld) -> None:
    complete(world)
    complete(world, WEEK)
    (first, _), (second, _) = world.notices[PRACTICE]
    assert (first.extract_kind, first.extract_taken_at) == ("national_allow_list", NOW.isoformat())
    assert first.not_after == (NOW + timedelta(days=21)).isoformat()
    assert "opt_outs/national.toml" in first.policy_sha256
    assert (second.sequence, second.previous_manifest_sha256) == (2, first.sha256())
    lists = national_opt_outs("gpdpr", world.settings)["lists"]
    assert lists[PRACTICE] == {"sequence": 2, "people": 1, "expires": (NOW + timedelta(days=28)).isoformat()}


def test_the_tokens_are_those_that_parcels_carry(world: NationalWorld) -> None:
    rows = {
        "Admin_Patient": [a_patient("fay", NhsNumber=NUMBERS[7])],
        "CareRecord_Observation": [an_observation("fay", "x")],
    }
    write_extract(world.zone.deliveries, rows)
    world.take_part(PRACTICE)
    (world.memory_file().folder / "memory.sealed").unlink()
    (parcel,) = release_practice(world.zone.release())["parcels"]
    complete(world)
    ((manifest, listed),) = world.notices[PRACTICE]
    key = central_keys.recipient_key(world.root / "keys" / "central")
    folder = world.settings.outbox / parcel
    sent = world.manifest(parcel)
    tables = dict(opened_rows(folder, sent, key))
    assert listed == set(tables["patient"]["patient_token"].to_pylist())
    assert manifest.token_key == sent.token_key


def test_who_joined_since_is_not_listed_and_who_objected_since_is_not_either(world: NationalWorld) -> None:
    world.ask()
    world.know({"anne": ANNE, "gil": NUMBERS[6]})
    world.know({"anne2": ANNE, "eve": EVE}, NEIGHBOUR, said_no=("eve",))
    world.service.answer()
    world.take()
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {ANNE}}


def test_a_practice_where_everybody_opted_out_gets_a_list_with_nobody(world: NationalWorld) -> None:
    world.service.opted_out = {ANNE, EVE}
    complete(world)
    assert world.listed == {PRACTICE: {BERT}, NEIGHBOUR: set()}


def test_a_check_is_asked_again_after_a_week_and_never_doubled(world: NationalWorld) -> None:
    world.ask()
    assert world.ask(again=True)["state"] == "running"
    assert len(world.service.answer()) == 1
    world.take()
    assert world.ask(WEEK - timedelta(seconds=1))["state"] == "not_due"
    assert world.service.read() == []
    assert world.ask(WEEK)["check"] == 2
    (asked,) = world.service.read()
    assert asked.local_id.endswith(f"{NOW + WEEK:%d%m%y}-0001")


def test_a_clock_set_right_neither_doubles_a_check_nor_puts_it_off_for_ever(world: NationalWorld) -> None:
    world.ask(timedelta(days=30))
    assert world.ask(timedelta(days=30, minutes=-5))["check"] == 1
    assert world.ask()["check"] == 2


def test_many_people_make_several_requests_and_no_list_before_the_last_answer(world: NationalWorld) -> None:
    world.rule(largest_request=2)
    assert world.ask()["requests"] == {"sent": 2}
    first, second = world.service.read()
    assert (first.numbers + second.numbers, first.local_id[-4:], second.local_id[-4:]) == (
        sorted([ANNE, BERT, EVE]),
        "0001",
        "0002",
    )
    world.service.answer_one(second)
    assert world.take()["requests"] == {"answered": 1, "sent": 1}
    assert world.notices == {}
    world.service.answer_one(first)
    assert world.take()["state"] == "complete"
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {ANNE, EVE}}


@pytest.mark.parametrize("parts", [(JOB, DATA), (DATA, JOB), (DATA,)], ids=["job first", "job last", "no job"])
def test_the_two_parts_come_in_any_order(world: NationalWorld, parts: tuple[str, ...]) -> None:
    world.ask()
    (asked,) = world.service.read()
    for part in parts:
        world.service.answer_one(asked, parts=(part,))
        said = world.take()
    assert world.check.state == "complete"
    assert said["late"] == 0
    assert world.waiting == []


def without_the_last_byte(content: bytes) -> bytes:
    return content[:-1]


# What an answer may look like is tried one by one in tests/unit/source_zone/test_national_replies.py.
FAULTS: dict[str, tuple[Spoil, type[Exception]]] = {
    "refusal": (lambda _: REFUSAL, NumbersRefused),
    "empty": (lambda _: b"", ReplyEmpty),
    "truncated": (without_the_last_byte, ReplyTruncated),
    "larger": (lambda content: content * 2, ReplyLarger),
    "enormous": (lambda content: content * 10_000, ReplyLarger),
    "stranger": (lambda content: content[:-12] + f"{NUMBERS[9]},\n".encode(), ReplyNamesOthers),
    "no_job": (lambda _: job("failed"), JobNotCreated),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_of_a_faulty_answer_no_list_is_made(world: NationalWorld, fault: str) -> None:
    spoil, error = FAULTS[fault]
    world.ask()
    (asked,) = world.service.answer(spoil)
    with pytest.raises(error, match=asked.local_id):
        world.take()
    with pytest.raises(error):
        world.ask()
    assert (world.notices, world.waiting, world.sealed) == ({}, [], [])


def test_the_old_list_is_left_to_expire_until_a_person_has_everybody_asked_about_again(world: NationalWorld) -> None:
    complete(world)
    world.ask(WEEK)
    world.service.answer(lambda _: REFUSAL)
    with pytest.raises(NumbersRefused):
        world.take(WEEK)
    assert [len(each) for each in world.notices.values()] == [1, 1]
    assert world.ask(WEEK, again=True)["check"] == 3
    world.service.answer()
    assert world.take(WEEK)["state"] == "complete"
    assert [len(each) for each in world.notices.values()] == [2, 2]


def test_an_answer_to_another_request_of_a_check_that_failed_is_late(world: NationalWorld) -> None:
    world.rule(largest_request=2)
    world.ask()
    first, second = world.service.read()
    world.service.answer_one(first, lambda _: REFUSAL)
    with pytest.raises(NumbersRefused):
        world.take()
    world.service.answer_one(second)
    with pytest.raises(CheckFailed, match=r"ReplyLate.*NumbersRefused"):
        world.take()
    assert (world.notices, world.waiting, world.sealed) == ({}, [], [])


def test_an_answer_to_an_earlier_check_is_late_and_the_present_one_goes_on(world: NationalWorld) -> None:
    world.ask()
    (earlier,) = world.service.read()
    assert world.ask(WEEK)["check"] == 2
    assert len(world.sealed) == 1, "what was given up is kept no longer"
    world.service.answer_one(earlier)
    with pytest.raises(ReplyLate, match="Check 1"):
        world.take(WEEK)
    world.service.answer()
    assert world.take(WEEK)["state"] == "complete"
    assert [len(each) for each in world.notices.values()] == [1, 1]


def test_the_service_that_stands_in_is_as_strict_and_as_silent_as_the_real_one(world: NationalWorld) -> None:
    good = f"{ANNE},\n".encode()
    for content in (b"9990000000,\n", good * 2, good.replace(b"\n", b"\r\n"), good[:-2], ANNE.encode() + b"\n"):
        assert world.service.numbers(Asked("id", "subject", "", content)) == REFUSAL
    assert world.service.numbers(Asked("id", "subject", "", good)) == good
    for local_id, subject in (("", "s"), ("id", ""), ("GP:1", "s")):
        world.service.answer_one(Asked(local_id, subject, "", good))
    assert world.waiting == []


@pytest.mark.parametrize(("parts", "says"), [((), "1 had no sign of a job"), ((JOB,), "1 had one")])
def test_an_answer_that_does_not_come_is_overdue(world: NationalWorld, parts: tuple[str, ...], says: str) -> None:
    world.ask()
    (asked,) = world.service.answer(parts=parts)
    assert world.take(HOURS - timedelta(hours=1, seconds=1))["state"] == "running"
    with pytest.raises(ReplyOverdue, match=f"of 1 requests 1 have no answer after 48 hours.*{says}"):
        world.take(HOURS)
    assert world.sealed == []
    world.service.answer_one(asked)
    with pytest.raises(CheckFailed, match=r"ReplyLate: .*\(1 so far\).*ReplyOverdue"):
        world.take(HOURS)
    assert (world.notices, world.waiting) == ({}, [])
    with pytest.raises(ReplyOverdue):
        world.take(HOURS)
    assert world.ask(WEEK)["check"] == 2


def test_an_answer_that_waited_while_nobody_looked_is_not_overdue(world: NationalWorld) -> None:
    world.ask()
    world.service.answer()
    assert world.ask(HOURS)["state"] == "running"
    assert world.take(HOURS)["state"] == "complete"


def test_an_answer_that_waited_beyond_the_legal_limit_is_not_used(world: NationalWorld) -> None:
    world.ask()
    world.service.answer()
    with pytest.raises(ReplyOverdue, match="more than 21 days ago"):
        world.take(timedelta(days=21))
    assert (world.notices, world.sealed) == ({}, [])


def test_a_request_is_not_sent_when_its_answer_would_be_overdue(world: NationalWorld) -> None:
    world.sandbox.fail_next("POST", "/outbox$", 503)
    with pytest.raises(MeshDown):
        world.ask()
    with pytest.raises(ReplyOverdue, match="1 did not get away"):
        world.take(HOURS)
    assert world.service.read() == []


def test_the_same_answer_twice_is_one_answer(world: NationalWorld) -> None:
    world.ask()
    (asked,) = world.service.answer()
    world.service.answer_one(asked)
    assert world.take()["state"] == "complete"
    world.service.answer_one(asked)
    assert (world.take()["late"], world.waiting) == (0, [])


def test_two_answers_that_differ_make_no_list(world: NationalWorld) -> None:
    world.ask()
    (asked,) = world.service.answer()
    world.service.opted_out = set()
    world.service.answer_one(asked)
    with pytest.raises(RepliesDiffer, match="No allow list is made of either"):
        world.take()
    assert (world.notices, world.waiting, world.sealed) == ({}, [], [])


def test_another_answer_after_lists_have_left_is_told_until_somebody_asks_again(world: NationalWorld) -> None:
    world.ask()
    (asked,) = world.service.answer()
    world.take()
    world.service.opted_out = {ANNE}
    world.service.answer_one(asked)
    for _ in range(2):
        with pytest.raises(RepliesDiffer, match="are in force"):
            world.take()
    world.ask(again=True)
    world.service.answer()
    world.take()
    assert world.listed == {PRACTICE: {BERT}, NEIGHBOUR: {EVE}}


def test_what_another_sends_is_not_opened_and_stays(world: NationalWorld) -> None:
    world.ask()
    (asked,) = world.service.read()
    forged = world.service.say(asked.content, asked.local_id, sender="STRANGER1")
    strange = world.service.say(asked.content, "X26XX001-010126-0001")
    world.sandbox.report(CHECKING, workflow_id=WORKFLOW, local_id="other", code="14")
    with pytest.raises(ReplyNotOurs, match=r"1 as reports.*1 from a sender.*1 with an id"):
        world.take()
    assert world.notices == {}
    assert {forged, strange} < set(world.waiting)
    assert not any(line.startswith("GET") and forged in line for line in world.sandbox.calls)
    world.service.answer_one(asked)
    with pytest.raises(ReplyNotOurs):
        world.take()
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {ANNE, EVE}}
    for message_id in world.waiting:
        drop("gpdpr", message_id, world.settings)
    assert world.take()["state"] == "complete"


def test_answers_for_another_collection_in_the_same_mailbox_are_left_to_it(world: NationalWorld) -> None:
    world.ask()
    world.settings.memory.joinpath("gpdpr").rename(world.settings.memory / "other")
    world.service.answer()
    assert world.take()["state"] == "never_asked"
    assert len(world.waiting) == 2


def test_a_message_without_an_id_is_nobodys_even_while_another_collection_has_not_sent_yet(
    world: NationalWorld,
) -> None:
    world.sandbox.fail_next("GET", "/outbox/tracking", 503, times=9)
    with pytest.raises(MeshDown):
        world.ask()
    world.settings.memory.joinpath("gpdpr").rename(world.settings.memory / "other")
    world.service.say(b"x", "")
    with pytest.raises(ReplyNotOurs, match="1 with an id"):
        world.take()


def test_a_request_that_mesh_could_not_deliver_is_told(world: NationalWorld) -> None:
    world.ask()
    (asked,) = world.service.read()
    world.sandbox.report(CHECKING, workflow_id=WORKFLOW, local_id=asked.local_id, code="14")
    for _ in range(2):
        with pytest.raises(NotDelivered, match=f"{asked.local_id} was not delivered.*code 14"):
            world.take()
    assert (world.waiting, world.sealed) == ([], [])


def test_a_request_whose_data_mesh_lost_goes_again_as_another_message(world: NationalWorld) -> None:
    world.ask()
    (first,) = world.service.read()
    world.sandbox.report(CHECKING, workflow_id=WORKFLOW, local_id=first.local_id, code="02", status="error")
    assert world.take()["requests"] == {"asked": 1}
    assert world.take()["requests"] == {"sent": 1}
    (second,) = world.service.answer()
    assert (second.numbers, second.local_id[-4:]) == (first.numbers, "0002")
    assert world.take()["state"] == "complete"


@pytest.mark.parametrize(
    ("rules", "opted_out", "error"),
    [
        ({"judged_from": 3}, set(), NobodyOptedOut),
        ({"judged_from": 3, "highest_share": 0.3}, {BERT}, ShareDoubtful),
    ],
    ids=["nobody", "too many"],
)
def test_an_unlikely_answer_waits_for_a_reviewer(
    world: NationalWorld, rules: dict[str, float], opted_out: set[str], error: type[Exception]
) -> None:
    world.rule(**rules)
    world.service.opted_out = opted_out
    world.ask()
    (asked,) = world.service.answer()
    for _ in range(2):
        with pytest.raises(error, match=asked.local_id):
            world.take()
    assert world.notices == {}
    world.approve(asked.local_id)
    assert world.take()["state"] == "complete"
    assert world.sealed == []


def test_a_practice_whose_memory_is_lost_does_not_stop_the_others(world: NationalWorld) -> None:
    complete(world)
    world.lose_memory(NEIGHBOUR)
    with pytest.raises(PracticesNotAsked, match=f"1 practices.*{NEIGHBOUR}: MemoryUnreadable"):
        world.ask(WEEK)
    world.service.answer()
    assert world.take(WEEK)["practices_not_asked"] == [NEIGHBOUR]
    assert {code: len(each) for code, each in world.notices.items()} == {PRACTICE: 2, NEIGHBOUR: 1}


def test_a_practice_that_gets_no_list_is_told_until_it_has_one(world: NationalWorld) -> None:
    world.ask()
    world.lose_memory()
    world.service.answer()
    for _ in range(2):
        with pytest.raises(PracticesNotListed, match=f"1 practices.*{PRACTICE}: MemoryUnreadable"):
            world.take()
    assert world.listed == {NEIGHBOUR: {ANNE, EVE}}
    world.know({"anne": ANNE})
    assert world.take()["state"] == "complete"
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {ANNE, EVE}}
    assert len(world.notices[NEIGHBOUR]) == 1


def test_nothing_is_asked_where_nobody_may_be_asked_about(world: NationalWorld) -> None:
    world.know({"cara": CARA}, said_no=("cara",))
    world.know({"dan": None}, NEIGHBOUR)
    with pytest.raises(NothingToAsk, match="nobody with a valid NHS number"):
        world.ask()
    assert world.sandbox.count("POST", "/outbox") == 0


def test_without_a_mailbox_in_policy_nothing_is_asked_and_nobody_is_listed(world: NationalWorld) -> None:
    (world.policy / "connections.toml").write_text("")
    assert world.ask() == world.take() == {"state": "not_set_up", "parcels": []}


def test_a_first_call_whose_answer_was_lost_is_never_made_again(world: NationalWorld) -> None:
    world.connect(unclear_seconds=600)
    world.sandbox.fail_next("POST", "/outbox$", "cut")
    with pytest.raises(MeshDown):
        world.ask()
    assert world.ask()["requests"] == {"sent": 1}
    assert len(world.service.answer()) == 1
    assert world.take()["state"] == "complete"


def test_a_call_that_mesh_shows_no_trace_of_is_made_again_only_after_a_while(world: NationalWorld) -> None:
    world.connect(unclear_seconds=600)
    world.sandbox.fail_next("POST", "/outbox$", 503)
    with pytest.raises(MeshDown):
        world.ask()
    with pytest.raises(NotSureYet, match="after 600 seconds"):
        world.ask(timedelta(seconds=599))
    assert world.take()["requests"] == {"meant": 1}
    assert world.take(timedelta(seconds=600))["requests"] == {"sent": 1}
    assert len(world.service.read()) == 1


def test_an_id_that_another_client_of_the_mailbox_used_is_not_used_again(world: NationalWorld) -> None:
    world.sandbox.send(
        b"x", "x.dat", sender=CHECKING, to=SERVICE, local_id=f"{CHECKING}-{NOW:%d%m%y}-0001", workflow_id=WORKFLOW
    )
    world.ask()
    assert [each.local_id[-4:] for each in world.service.read()] == ["0001", "0002"]


def test_what_was_asked_is_lost_with_its_key_and_then_no_answer_is_believed(world: NationalWorld) -> None:
    world.ask()
    world.service.answer()
    (asked,) = world.kept.folder.glob("*.asked.sealed")
    asked.write_bytes(b"rotten")
    with pytest.raises(KeptUnreadable, match="does not open with the memory key"):
        world.take()
    assert (len(world.waiting), world.notices) == (1, {})


def test_a_state_folder_of_an_older_backup_gives_no_place_to_other_people(world: NationalWorld) -> None:
    complete(world)
    for path in world.kept.folder.glob("list-*.json"):
        path.unlink()
    world.service.opted_out = {ANNE}
    world.ask(WEEK)
    world.service.answer()
    with pytest.raises(PracticesNotListed, match="MemoryIsOld"):
        world.take(WEEK)
    assert {code: len(each) for code, each in world.notices.items()} == {PRACTICE: 1, NEIGHBOUR: 1}
