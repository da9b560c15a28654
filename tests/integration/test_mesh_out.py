"""Parcels from the outbox to the inbox over MESH: each once, whatever breaks, and shown until it is delivered."""

from pathlib import Path

import pytest

from central_zone import fetch
from central_zone.fetch import NotAllFetched, NotAllFetchedYet
from crossing.carriers import CarrierUnknown, carrier
from crossing.connections import ConnectionRefused
from crossing.mesh_mailbox import OpenMailbox, check_chunk_megabytes
from crossing.parcel import MANIFEST_NAME, SECOND_SIGNATURE_NAME, SIGNATURE_NAME
from source_zone import send
from source_zone.send import NotAllSent, NotAllSentYet, sent_parcels
from source_zone.sent_parcels import DELIVERED, MEANT, NOT_DELIVERED, SENT, SentParcels
from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_both_ends import WORKFLOW, BothEnds
from support.mesh_faults import Killed, kill
from support.mesh_server import CENTRAL, OUTBOX, SUPPLIER, Sandbox

SIGNED_ALONE = {MANIFEST_NAME, SIGNATURE_NAME, SECOND_SIGNATURE_NAME}

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)


@pytest.fixture
def ends(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> BothEnds:
    ends = BothEnds(tmp_path, sandbox)
    monkeypatch.setenv("GP_POLICY_DIR", str(ends.policy))
    return ends


@pytest.fixture
def in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks far smaller than the real MESH takes, so that a small parcel has several."""
    monkeypatch.setattr(send, "check_chunk_megabytes", lambda where, megabytes: 4000)


def test_a_parcel_arrives_byte_for_byte_and_is_delivered_once_central_has_it(ends: BothEnds) -> None:
    parcel = ends.seal()
    assert ends.send() == {"carrier": "mesh", SENT: 1}
    assert ends.fetch() == {"carrier": "mesh", "fetched": 1, "already": 0}
    assert ends.is_whole(parcel)
    assert ends.waiting == []
    ours = ends.settings.outbox / parcel
    assert list(ours.glob("part-*"))
    assert ends.send() == {"carrier": "mesh", DELIVERED: 1}
    assert {path.name for path in ours.iterdir()} == SIGNED_ALONE  # our copy is gone
    assert ends.send() == {"carrier": "mesh"}
    assert ends.sandbox.count("POST", "/outbox") == 1


def test_a_parcel_of_several_chunks_arrives_byte_for_byte(ends: BothEnds, in_chunks: None) -> None:
    parcel = ends.seal()
    ends.send()
    passage = ends.passage(parcel)
    assert passage is not None
    assert passage.chunks > 2
    ends.fetch()
    assert ends.is_whole(parcel)


@pytest.mark.fault(
    "F36", injected="the line is cut before MESH answers", happened="MESH is asked what it has; one message"
)
def test_a_first_call_whose_answer_was_lost_is_never_made_again(ends: BothEnds) -> None:
    parcel = ends.seal()
    ends.sandbox.fail_next("POST", "/outbox$", "cut")
    with pytest.raises(NotAllSentYet):
        ends.send()
    assert len(ends.waiting) == 1
    assert ends.send() == {"carrier": "mesh", SENT: 1}
    assert ends.sandbox.count("POST", "/outbox") == 1
    ends.fetch()
    assert ends.is_whole(parcel)


@pytest.mark.fault(
    "F36",
    injected="503 where nobody knows whether MESH took it",
    happened="asked about first, sent again only after a while",
)
def test_trouble_at_the_first_call_is_not_gone_over_but_asked_about(ends: BothEnds) -> None:
    """Where MESH says 503 nobody knows whether it took the message: asked first, and only after a while sent again."""
    parcel = ends.seal()
    ends.connect(unclear_seconds=600)
    ends.sandbox.fail_next("POST", "/outbox$", 503)
    with pytest.raises(NotAllSentYet):
        ends.send()
    assert ends.sandbox.count("POST", "/outbox") == 1
    with pytest.raises(NotAllSentYet, match=f"{PRACTICE}, parcel 1.*NotSureYet|NotSureYet.*{PRACTICE}, parcel 1"):
        ends.send()
    assert ends.sandbox.count("POST", "/outbox") == 1
    ends.connect(unclear_seconds=0)
    assert ends.send() == {"carrier": "mesh", SENT: 1}
    assert ends.fetch()["fetched"] == 1
    assert ends.is_whole(parcel)


@pytest.mark.parametrize("time", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("place", "step"),
    [(SentParcels, "write"), (OpenMailbox, "send_first"), (OpenMailbox, "send_more")],
    ids=["write", "send_first", "send_more"],
)
def test_a_sending_killed_anywhere_ends_in_one_message(
    ends: BothEnds, in_chunks: None, place: object, step: str, after: bool, time: int
) -> None:
    parcel = ends.seal()
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place, step, after=after, time=time)
        if step == "send_first" and time > 1:
            ends.send()  # it is made once a parcel
        else:
            with pytest.raises(Killed):
                ends.send()
    ends.send()
    assert ends.fetch() == {"carrier": "mesh", "fetched": 1, "already": 0}
    assert ends.is_whole(parcel)
    assert ends.send() == {"carrier": "mesh", DELIVERED: 1}
    assert ends.fetch() == {"carrier": "mesh", "fetched": 0, "already": 0}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("place", "step"),
    [(OpenMailbox, "download"), (fetch, "unpack"), (fetch, "publish"), (OpenMailbox, "acknowledge")],
    ids=["download", "unpack", "publish", "acknowledge"],
)
def test_a_fetch_killed_anywhere_is_ended_by_the_next(ends: BothEnds, place: object, step: str, after: bool) -> None:
    parcel = ends.seal()
    ends.send()
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place, step, after=after, time=1)
        with pytest.raises(Killed):
            ends.fetch()
    if (step, after) == ("acknowledge", True):
        assert ends.waiting == []
    else:
        assert len(ends.waiting) == 1, "it is acknowledged only when it is safe"
    ends.fetch()
    assert ends.waiting == []
    assert ends.arrived == [parcel]
    assert ends.is_whole(parcel)


def test_two_nights_go_in_their_order(ends: BothEnds) -> None:
    first, second = ends.seal(), ends.seal("20260903010000")
    ends.send()
    sent = [ends.passage(each) for each in (first, second)]
    assert all(each is not None for each in sent)
    assert [each.message_id for each in sent if each] == ends.waiting
    ends.fetch()
    assert ends.arrived == sorted([first, second])


def test_a_recipient_that_mesh_does_not_know_is_for_a_person_and_leaves_no_doubt(ends: BothEnds) -> None:
    parcel = ends.seal()
    ends.connect(to="NOBODY1")
    with pytest.raises(NotAllSent, match="code 12"):
        ends.send()
    assert ends.passage(parcel) is None
    ends.connect()
    assert ends.send() == {"carrier": "mesh", SENT: 1}


@pytest.mark.fault(
    "F35",
    injected="MESH reports code 14, nobody collected it in 5 days",
    happened="told every night; sent again it is the same parcel, and loads once",
)
def test_a_parcel_that_nobody_collected_is_told_every_night_until_it_is_sent_again(ends: BothEnds) -> None:
    parcel = ends.seal()
    ends.send()
    ends.sandbox.report(OUTBOX, workflow_id=WORKFLOW, code="14", local_id=parcel)
    with pytest.raises(NotAllSent, match=rf"{PRACTICE}, parcel 1 .*5 days.*code 14"):
        ends.send()
    assert ends.sandbox.waiting(OUTBOX) == [], "the report is written down, and acknowledged"
    with pytest.raises(NotAllSent, match="code 14"):
        ends.send()
    passage = ends.passage(parcel)
    assert passage is not None
    assert passage.state == NOT_DELIVERED
    assert sent_parcels("gpdpr", ends.settings).again(parcel)
    assert ends.send() == {"carrier": "mesh", SENT: 1}
    assert ends.fetch() == {"carrier": "mesh", "fetched": 1, "already": 1}, "the first came too, and does no harm"
    assert ends.send() == {"carrier": "mesh", DELIVERED: 1}


@pytest.mark.fault(
    "F11",
    injected="three messages of MESH bring one parcel",
    happened="one is taken, the others are already there; a person is told",
)
def test_two_messages_under_one_id_of_ours_are_for_a_person_and_do_no_harm(ends: BothEnds) -> None:
    parcel = ends.seal()
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, OpenMailbox, "send_first", after=False, time=1)
        with pytest.raises(Killed):
            ends.send()
    for _ in range(2):
        ends.send_by_hand(ends.tar(parcel), parcel)
    with pytest.raises(NotAllSent, match="DuplicateSent"):
        ends.send()
    sent_parcels("gpdpr", ends.settings).again(parcel)
    ends.send()
    assert ends.fetch() == {"carrier": "mesh", "fetched": 1, "already": 2}
    assert ends.send() == {"carrier": "mesh", DELIVERED: 1}


@pytest.mark.fault(
    "F35", injected="MESH reports that it lost the data", happened="sent again by itself, as another message"
)
def test_data_lost_on_the_way_is_sent_again_by_itself(ends: BothEnds) -> None:
    parcel = ends.seal()
    ends.send()
    ends.sandbox.report(OUTBOX, workflow_id=WORKFLOW, code="02", local_id=parcel, status="error")
    with pytest.raises(NotAllSentYet, match="code 02"):
        ends.send()
    assert ends.sandbox.count("POST", "/outbox") == 2
    assert ends.fetch()["fetched"] == 1


def test_a_report_on_something_that_is_not_ours_stays(ends: BothEnds) -> None:
    ends.sandbox.report(OUTBOX, workflow_id=WORKFLOW, code="14", local_id="somebody-elses")
    assert ends.send() == {"carrier": "mesh", "messages_left": 1}
    assert len(ends.sandbox.waiting(OUTBOX)) == 1


def test_a_report_on_something_else_is_not_taken_for_one_on_a_parcel_that_has_no_message_yet(ends: BothEnds) -> None:
    ends.seal()
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, OpenMailbox, "send_first", after=False, time=1)
        with pytest.raises(Killed):
            ends.send()
    ends.sandbox.report(OUTBOX, workflow_id=WORKFLOW, code="14", local_id="somebody-elses")
    assert ends.send() == {"carrier": "mesh", SENT: 1, "messages_left": 1}


def test_one_parcel_that_fails_does_not_keep_the_others(ends: BothEnds) -> None:
    first, second = ends.seal(), ends.seal("20260903010000")
    ends.sandbox.fail_next("POST", "/outbox$", 417)
    with pytest.raises(NotAllSent):
        ends.send()
    assert ends.passage(first) is None
    assert ends.passage(second) is not None
    assert ends.send() == {"carrier": "mesh", SENT: 2}


def test_a_parcel_that_cannot_be_read_is_told_and_does_not_keep_the_others(ends: BothEnds) -> None:
    broken, whole = ends.seal(), ends.seal("20260903010000")
    (ends.settings.outbox / broken / "manifest.json").write_text("no manifest")
    with pytest.raises(NotAllSent, match="manifest"):
        ends.send()
    assert ends.fetch()["fetched"] == 1
    assert ends.arrived == [whole]


def test_a_message_that_mesh_no_longer_knows_is_told_by_the_parcels_name(ends: BothEnds) -> None:
    parcel = ends.seal()
    ends.send()
    ends.sandbox.fail_next("GET", "/tracking$", 404)
    with pytest.raises(NotAllSent, match=rf"{PRACTICE}, parcel 1 .*--again {parcel}"):
        ends.send()


@pytest.mark.parametrize(
    ("content", "sender", "local_id", "words"),
    [
        (b"no tar", OUTBOX, "", "not a parcel as we pack it|breaks off"),
        (None, SUPPLIER, "", "does not name"),
        (None, OUTBOX, "../../etc/cron.d/x", "not sent as a parcel"),
        (None, OUTBOX, "Anne Smith", "not sent as a parcel"),
    ],
)
def test_what_is_no_parcel_stays_in_the_mailbox_and_is_told_but_not_brought_again(
    ends: BothEnds, content: bytes | None, sender: str, local_id: str, words: str
) -> None:
    parcel = ends.seal()
    message_id = ends.send_by_hand(content or ends.tar(parcel), local_id or parcel, sender)
    for _ in range(2):
        with pytest.raises(NotAllFetched, match=words) as raised:
            ends.fetch()
        assert "Anne" not in str(raised.value)
    assert ends.sandbox.count("GET", f"/inbox/{message_id}") <= 1
    assert ends.arrived == []
    assert ends.waiting == [message_id]
    ends.send()
    with pytest.raises(NotAllFetched):
        ends.fetch()
    assert ends.arrived == [parcel], "one bad message does not keep the others out"


def test_another_parcel_under_the_same_id_replaces_nothing(ends: BothEnds) -> None:
    parcel, other = ends.seal(), ends.seal("20260903010000")
    ends.send_by_hand(ends.tar(parcel), parcel)
    ends.fetch()
    ends.send_by_hand(ends.tar(other), parcel)
    with pytest.raises(NotAllFetched, match="--again"):
        ends.fetch()
    assert ends.is_whole(parcel)
    (ends.inbox / parcel).rename(ends.root / "moved-away")
    assert ends.fetch(again=True)["fetched"] == 1


def test_what_is_no_parcel_is_told_until_a_person_drops_it(ends: BothEnds) -> None:
    message_id = ends.send_by_hand(b"no parcel", "no parcel")
    with pytest.raises(NotAllFetched):
        ends.fetch()
    assert ends.drop(message_id) == {"dropped": message_id}
    assert ends.fetch() == {"carrier": "mesh", "fetched": 0, "already": 0}
    assert ends.waiting == []


def test_what_is_no_parcel_is_forgotten_when_it_is_no_longer_there(ends: BothEnds) -> None:
    message_id = ends.send_by_hand(b"no parcel", "no parcel")
    with pytest.raises(NotAllFetched):
        ends.fetch()
    with ends.sandbox.client(CENTRAL) as another:
        another.acknowledge_message(message_id)
    ends.fetch()
    assert list((ends.root / "central-work").rglob("*.refused")) == []


def test_content_cut_short_is_brought_again(ends: BothEnds) -> None:
    parcel = ends.seal()
    ends.send_by_hand(ends.tar(parcel), parcel, checksum="sha256:" + "0" * 64)
    with pytest.raises(NotAllFetchedYet):
        ends.fetch()
    assert ends.arrived == []
    assert len(ends.waiting) == 1


def test_nothing_is_sent_or_fetched_where_the_carrier_is_a_directory(ends: BothEnds) -> None:
    ends.seal()
    assert send.send_parcels("gpdpr", ends.zone.settings) == {"carrier": "directory"}
    assert ends.sandbox.calls == []


def test_a_carrier_nobody_has_written_is_refused() -> None:
    assert carrier({}, "GP_OUTBOX_CARRIER") == "directory"
    with pytest.raises(CarrierUnknown, match="GP_OUTBOX_CARRIER"):
        carrier({"GP_OUTBOX_CARRIER": "pigeon"}, "GP_OUTBOX_CARRIER")


@pytest.mark.parametrize("megabytes", [0, 5, 75, 100])
def test_chunks_that_mesh_does_not_take_are_refused(megabytes: int) -> None:
    with pytest.raises(ConnectionRefused):
        check_chunk_megabytes("here", megabytes)


def test_what_is_meant_is_written_down_before_it_is_done(ends: BothEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    parcel = ends.seal()
    kill(monkeypatch, OpenMailbox, "send_first", after=False, time=1)
    with pytest.raises(Killed):
        ends.send()
    passage = ends.passage(parcel)
    assert passage is not None
    assert passage.state == MEANT
