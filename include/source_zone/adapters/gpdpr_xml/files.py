"""The files of GPDPR extracts: their names, which of them belong together, and the order in which they may be taken.

A supplier sends by channels, and numbers what it sends in each. A channel is taken strictly in sequence: what is missing
may be the deletion, or the objection, that the next one rests on.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from crossing.errors import PersonMustAct
from source_zone.adapters.reading import FileRefused

CHANNELS = "gpdpr_channels"  # the table of the memory that says what was taken of each channel
TAKEN = pa.schema(
    [
        ("channel_id", pa.string()),
        ("sequence", pa.int64()),
        ("name", pa.string()),
        ("sha256", pa.string()),
        ("extract_id", pa.string()),
    ]
)
PATIENTS, APPOINTMENTS = "GPDRP_PAT_EXTRACT", "GPDRP_APPT_EXTRACT"
# Names are printed. The mailbox at the end is a word of the supplier's, and never a patient's number.
_MAILBOX = "(?:_(?![A-Z0-9]*[0-9]{10})[A-Z0-9]{1,20})?"
_UUID = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_NAME = re.compile(
    rf"^({PATIENTS}|{APPOINTMENTS})_({_UUID})_([0-9]{{14}})_({_UUID})_([0-9]{{1,9}}){_MAILBOX}\.(?:dat\.gz|xml)$"
)
REPORT_NAME = re.compile(rf"^GPDRP_(PAT|APPT)_REPORT_([0-9]{{14}}){_MAILBOX}\.(?:dat\.gz|jsonl)$")
_OURS = ("*.dat.gz", "*.xml", "*.jsonl")


class ChannelBroken(PersonMustAct):
    """A submission of a channel is missing, or came twice and not the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One file of an extract, as its name says. The name holds no patient's data: ids, a time, a number."""

    path: Path = field(repr=False)
    workflow: str
    message_id: str
    stamp: str
    channel_id: str
    sequence: int

    def order(self) -> tuple[bool, str, int]:
        """Patients before appointments, which are about them; then channel by channel in sequence."""
        return self.workflow != PATIENTS, self.channel_id, self.sequence


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a practice's folder."""

    submissions: list[Submission]
    reports: list[Path]


def find_files(folder: Path, practice_code: str) -> Found:
    """Raises FileRefused where the folder is missing, or a file in it is not named as 0.77 names files."""
    if not folder.is_dir():
        raise FileRefused(f"{practice_code}: its folder is not there. Check the path, or ask the supplier to deliver.")
    submissions, reports = [], []
    for path in sorted({path for pattern in _OURS for path in folder.glob(pattern)}):
        matched = _NAME.match(path.name)
        if matched:
            submissions.append(_submission(path, matched))
        elif REPORT_NAME.match(path.name):
            reports.append(path)
        else:
            raise FileRefused(
                f"{practice_code}: a file in its folder is not named as GPDPR {PATIENTS}, {APPOINTMENTS} or report files are. "
                "Move it away, or ask the supplier."
            )
    if not submissions:
        raise FileRefused(f"{practice_code}: no GPDPR extract in its folder. Ask the supplier to deliver.")
    return Found(submissions, reports)


def _submission(path: Path, matched: re.Match[str]) -> Submission:
    workflow, message_id, stamp, channel_id, sequence = matched.groups()
    return Submission(
        path=path,
        workflow=workflow,
        message_id=message_id.lower(),
        stamp=stamp,
        channel_id=channel_id.lower(),
        sequence=int(sequence),
    )


def taken_at(stamp: str, name: str) -> datetime:
    try:
        return datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        raise FileRefused(f"{name}: its time stamp is no date. Ask the supplier to name it rightly.") from None


def by_extract(submissions: Iterable[Submission], taken: pa.Table) -> dict[str, list[Submission]]:
    """Files of one time stamp are one extract, but for one that comes when the others have been taken already."""
    extract_of = dict(zip(taken.column("name").to_pylist(), taken.column("extract_id").to_pylist(), strict=True))
    known = sorted(set(extract_of.values()))
    found: dict[str, list[Submission]] = {}
    for each in submissions:
        before = sum(1 for extract_id in known if extract_id.startswith(each.stamp))
        new = f"{each.stamp}-{before + 1}" if before else each.stamp
        found.setdefault(extract_of.get(each.path.name, new), []).append(each)
    return dict(sorted(found.items()))


def check_sequences(submissions: Iterable[Submission], taken: pa.Table, practice_code: str) -> frozenset[str]:
    """The names of files that repeat, byte for byte, one taken before. Raises ChannelBroken, naming the number."""
    channels: dict[str, list[Submission]] = {}
    for each in submissions:
        channels.setdefault(each.channel_id, []).append(each)
    known: dict[str, dict[int, dict[str, str]]] = {}
    for row in taken.to_pylist():
        known.setdefault(row["channel_id"], {})[row["sequence"]] = row
    repeats = [_check_channel(files, known.get(channel, {}), practice_code) for channel, files in channels.items()]
    return frozenset().union(*repeats)


def _check_channel(files: list[Submission], known: dict[int, dict[str, str]], practice_code: str) -> set[str]:
    where = f"{practice_code}, channel {files[0].channel_id}"
    first: dict[int, Submission] = {}
    repeats = set()
    for each in sorted(files, key=lambda file: (file.sequence, file.stamp, file.path.name)):
        before = known.get(each.sequence)
        original = first.setdefault(each.sequence, each)
        if before is not None and before["name"] != each.path.name:
            _check_same(each, before["sha256"], where)
            repeats.add(each.path.name)
        elif before is None and original is not each:
            _check_same(each, sha256_of(original.path), where)
            repeats.add(each.path.name)
    _check_no_gap(sorted(first.values(), key=lambda file: file.sequence), set(known), where)
    return repeats


def _check_same(repeat: Submission, sha256: str, where: str) -> None:
    if sha256_of(repeat.path) != sha256:
        raise ChannelBroken(
            f"{where}: number {repeat.sequence} came twice, and the two differ. Rule: a number is one submission. "
            "Ask the supplier which one counts, and to send a correction under the next number."
        )


def _check_no_gap(files: list[Submission], known: set[int], where: str) -> None:
    expected, stamp = max(known, default=0) + 1, ""
    for each in (file for file in files if file.sequence not in known):
        if each.sequence != expected:
            late = f"number {each.sequence} came after number {expected - 1} was taken"
            missing = f"number {expected} is missing, and number {each.sequence} is there"
            raise ChannelBroken(
                f"{where}: {missing if each.sequence > expected else late}. Rule: a channel is taken strictly in sequence. "
                "Ask the supplier to send what is missing, or a snapshot on a new channel."
            )
        if each.stamp < stamp:
            raise ChannelBroken(
                f"{where}: number {each.sequence} has an older time stamp than the one before it. Ask the supplier which is right."
            )
        expected, stamp = each.sequence + 1, each.stamp


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
