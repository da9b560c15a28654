"""An answer of the national service is believed only where it is exactly an answer, and policy only where it is whole."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from crossing.connections import ConnectionRefused
from crossing.policy import Policy, PolicyRefused, policy_folder
from simulator.check_digits import nhs_numbers_for_tests
from source_zone.national_opt_outs.errors import (
    JobNotCreated,
    NobodyOptedOut,
    NumbersRefused,
    ReplyEmpty,
    ReplyLarger,
    ReplyMalformed,
    ReplyNamesOthers,
    ReplyRepeats,
    ReplyTruncated,
    ShareDoubtful,
    line_of,
    told_again,
)
from source_zone.national_opt_outs.judge_reply import Reply, check_job, check_share, is_job, judge
from source_zone.national_opt_outs.number_file import from_file, numbers_of, to_file
from source_zone.national_opt_outs.rules import approvals, is_set_up, read_rules, read_service
from support.national_service import job

ASKED = numbers_of(str(each) for each in nhs_numbers_for_tests()[:10])
STRANGER = numbers_of([str(nhs_numbers_for_tests()[11])])
WHOLE = to_file(ASKED)
RULES = read_rules(Policy())
RULES_DAY = date(2026, 9, 3)
SERVICE = """
[national_data_opt_out]
transport = "mesh"
url = "https://mesh.example"
mailbox = "X26XX004"
to_mailbox = "X26XX005"
from_mailboxes = ["X26XX005"]
workflow_id = "SPINE_NTT_UPHOLDING"
unclear_seconds = 600
"""


def test_the_file_is_ten_digits_a_comma_and_a_line_feed_and_reads_back() -> None:
    with_noughts = numbers_of(["0000000035", "9990000018"])
    assert to_file(with_noughts) == b"0000000035,\n9990000018,\n"
    assert from_file(to_file(with_noughts)).tolist() == with_noughts.tolist()  # type: ignore[union-attr]


def test_who_is_not_in_the_answer_has_opted_out() -> None:
    reply = judge(to_file(ASKED[1:]), ASKED, "id")
    assert (reply.opted_out, reply.allowed.tolist()) == (1, ASKED[1:].tolist())


def test_the_answer_may_be_in_any_order() -> None:
    assert judge(to_file(ASKED[::-1]), ASKED, "id").allowed.tolist() == ASKED.tolist()


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"The file contains one or more invalid NHS Numbers.", NumbersRefused, "10 numbers"),
        (b"The file contains one or more invalid NHS Numbers.\n", NumbersRefused, "Nobody was checked"),
        (b"", ReplyEmpty, "no line"),
        (b"\n", ReplyEmpty, "no line"),
        (WHOLE[:-1], ReplyTruncated, "after 9"),
        (WHOLE[:-7], ReplyTruncated, "after 9"),
        (WHOLE[:5], ReplyTruncated, "after 0"),
        (WHOLE.replace(b"\n", b"\r\n"), ReplyMalformed, r"CR and LF \(10\)"),
        (WHOLE[12:].replace(b",", b""), ReplyMalformed, "9 lines"),
        (WHOLE[12:-12] + b"999000001,\n", ReplyMalformed, "1 lines"),
        (WHOLE[12:-12] + b"NHS number,\n", ReplyMalformed, "1 lines"),
        (b"\xef\xbb\xbf" + WHOLE[12:], ReplyMalformed, "1 lines"),
        ("".join(f"{each:010d}\N{FULLWIDTH COMMA}\n" for each in ASKED[1:]).encode(), ReplyMalformed, "9 lines"),
        (WHOLE[12:] + WHOLE[-12:], ReplyRepeats, "1 numbers"),
        (WHOLE[12:] + to_file(STRANGER), ReplyNamesOthers, "1 numbers"),
        (WHOLE + to_file(STRANGER), ReplyLarger, "11 lines"),
        (WHOLE * 2, ReplyLarger, "20 lines"),
        (b"no such thing", ReplyTruncated, "after 0"),
    ],
)
def test_what_is_not_exactly_an_answer_is_refused_by_its_own_name(
    content: bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        judge(content, ASKED, "X26XX004-020926-0001")
    assert "X26XX004-020926-0001" in str(raised.value)
    assert not any(f"{each:010d}"[:6] in str(raised.value) for each in [*ASKED, *STRANGER])
    assert type(told_again(line_of(raised.value))) is error  # type: ignore[arg-type]


def test_the_two_parts_are_told_apart_by_their_content() -> None:
    assert [is_job(each) for each in (job(), b" \n" + job(), WHOLE, b"", b"The file")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    check_job(job(), "id")


@pytest.mark.parametrize("content", [job("failed"), b"{", b"[1]", b'{"status": 1}', b"{" * 30_000], ids=range(5))
def test_a_job_that_is_not_pending_is_none(content: bytes) -> None:
    with pytest.raises(JobNotCreated, match=f"{len(content)} bytes"):
        check_job(content, "id")


@pytest.mark.parametrize(
    ("asked", "opted_out", "error"),
    [
        (1000, 0, NobodyOptedOut),
        (999, 0, None),
        (1000, 19, ShareDoubtful),
        (1000, 20, None),
        (1000, 120, None),
        (1000, 121, ShareDoubtful),
        (999, 999, None),
    ],
)
def test_a_large_answer_must_be_likely(asked: int, opted_out: int, error: type[Exception] | None) -> None:
    reply = Reply(np.arange(asked - opted_out), asked)
    if error is None:
        check_share(reply, RULES, "id")
        return
    with pytest.raises(error, match=f"{asked}.*approved_replies.csv"):
        check_share(reply, RULES, "id")


def test_no_number_shows_when_an_answer_is_printed() -> None:
    assert repr(Reply(ASKED, 10)) == "Reply(asked=10)"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return shutil.copytree(policy_folder(), tmp_path / "policy")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[judged_from]", "[judged_form]", "missing keys .*judged_from.*unknown keys .*judged_form"),
        ("value = 21", "value = 22", "above 21, the regulatory limit"),
        ("value = 7\n", "value = 21\n", "recheck_after_days"),
        ("value = 48", "value = 168", "overdue_after_hours"),
        ("value = 1000000", "value = 5000000", "largest_request"),
        ("value = 0.02", "value = 0.12", "lowest_share"),
        ("value = 0.12", "value = 1.0", "lowest_share"),
        ("value = 0.02", 'value = "few"', "lowest_share"),
        ("value = 48", "value = true", "overdue_after_hours"),
        ('source = "Our choice', 'sauce = "Our choice', "recheck_after_days.* must have value, why and source"),
    ],
)
def test_policy_is_refused_where_it_is_not_whole_or_goes_too_far(policy: Path, old: str, new: str, says: str) -> None:
    file = policy / "opt_outs" / "national.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(PolicyRefused, match=says):
        read_rules(Policy(policy))


def test_an_approval_needs_a_name_a_day_and_a_reason(policy: Path) -> None:
    file = policy / "opt_outs" / "approved_replies.csv"
    head = file.read_text()
    file.write_text(f"{head}A-1,A Reviewer,2026-09-02,Asked\nA-2,A Reviewer,2026-09-03,Asked\n")
    assert approvals(Policy(policy), RULES_DAY) == {"A-2"}
    file.write_text(f"{head}A-1,A Reviewer,2026-09-02,\n")
    with pytest.raises(PolicyRefused, match=r"approved_replies\.csv"):
        approvals(Policy(policy), RULES_DAY)


def test_no_mailbox_of_the_service_is_known_unless_policy_says_it(policy: Path) -> None:
    assert not is_set_up(Policy(policy))
    (policy / "connections.toml").write_text(SERVICE)
    assert is_set_up(Policy(policy))
    assert replace(read_service(Policy(policy)), unclear_seconds=1).to_mailbox == "X26XX005"
    for old, new in (("X26XX004", "X26:XX"), ('["X26XX005"]', "[]"), ("unclear_seconds = 600", "")):
        (policy / "connections.toml").write_text(SERVICE.replace(old, new))
        with pytest.raises(ConnectionRefused):
            read_service(Policy(policy))
