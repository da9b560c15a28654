"""The supplier's completeness report of GPDPR: what it should have sent of each practice, and what it did send.

A report is JSON, one supplier a line, with exactly the fields of the published model; that it is JSON lines is our choice,
as the published sources do not say. It is the only place that tells a delta from a reconciliation or a snapshot.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from crossing.errors import PersonMustAct, TryAgain
from crossing.manifest_fields import EXTRACT_KINDS
from source_zone.adapters.gpdpr_xml.files import Submission
from source_zone.adapters.gpdpr_xml.unpacked import unpacked
from source_zone.adapters.reading import FileRefused

_LARGEST = 64 << 20


class ReportMissing(TryAgain):
    """No completeness report speaks of a file yet."""


class NotComplete(PersonMustAct):
    """A file is not what the supplier's report says it sent, or the report says the practice takes no part."""


class ExpectedSubmissions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many extracts of each kind a practice should have on the day."""

    org_code: str
    delta: int
    recon: int
    snapshot: int


class ActualSubmission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One extract that was sent."""

    org_code: str
    date_generated: str
    date_transmitted: str
    message_id: str
    channel_id: str
    channel_sequence: int
    effective_date: str
    record_count: int
    type: str

    def key(self) -> tuple[str, str, int]:
        return self.message_id.lower(), self.channel_id.lower(), self.channel_sequence


class CompletenessReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One supplier's account of one day."""

    supplier: str
    status: str
    serviced_provider_list: tuple[str, ...]
    participation_list: tuple[str, ...]
    expected_submissions: tuple[ExpectedSubmissions, ...]
    actual_submissions: tuple[ActualSubmission, ...]


_LINE = msgspec.json.Decoder(CompletenessReport)


def read_report(path: Path) -> list[CompletenessReport]:
    """Raises FileRefused, naming the line."""
    found = []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                found.append(_LINE.decode(line))
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                raise FileRefused(
                    f"{path.name}, line {number}: not a completeness report with the fields agreed. Ask the supplier what changed."
                ) from None
    return found


def _lines(path: Path) -> list[bytes]:
    content = bytearray()
    for piece in unpacked(path):
        content += piece
        if len(content) > _LARGEST:
            raise FileRefused(f"{path.name}: larger than any report can be. Ask the supplier what it is.")
    return bytes(content).split(b"\n")


def submissions_of(paths: Iterable[Path], practice_code: str) -> dict[tuple[str, str, int], ActualSubmission]:
    """What the reports say was sent of a practice, by message, channel and sequence. Of two that differ, neither is believed.

    Raises NotComplete where a report counts something of a practice that it leaves out of those that take part.
    """
    said: dict[tuple[str, str, int], ActualSubmission] = {}
    for path, report in _reports(paths):
        mine = [each for each in report.actual_submissions if each.org_code == practice_code]
        if mine and practice_code not in report.participation_list:
            raise NotComplete(
                f"{practice_code}: {path.name} says the practice takes no part, and yet something was sent. "
                "Ask the practice whether it still takes part; nothing is taken meanwhile."
            )
        for each in mine:
            if each.type not in EXTRACT_KINDS or said.setdefault(each.key(), each) != each:
                raise NotComplete(
                    f"{practice_code}: {path.name} speaks of number {each.channel_sequence} of a channel in another way than "
                    f"before, or not as one of {', '.join(sorted(EXTRACT_KINDS))}. Ask the supplier which is right."
                )
    return said


def _reports(paths: Iterable[Path]) -> Iterator[tuple[Path, CompletenessReport]]:
    for path in paths:
        for report in read_report(path):
            yield path, report


def kind_of(files: Iterable[Submission], said: dict[tuple[str, str, int], ActualSubmission], practice_code: str) -> str:
    """delta, recon or snapshot: the one kind of all files of an extract. Unknown yet is `delta`; reading it will refuse."""
    kinds = {
        said[key].type for each in files if (key := (each.message_id, each.channel_id, each.sequence)) in said
    } or {"delta"}
    if len(kinds) > 1:
        raise NotComplete(
            f"{practice_code}: files of one time stamp are of several kinds ({', '.join(sorted(kinds))}). "
            "Ask the supplier to send each kind under a time stamp of its own."
        )
    return kinds.pop()


def check_complete(
    file: Submission, rows: int, said: dict[tuple[str, str, int], ActualSubmission], practice_code: str
) -> None:
    """Raises NotComplete where the file holds more or fewer rows than its supplier counted."""
    reported = reported_of(file, said, practice_code).record_count
    if rows != reported:
        raise NotComplete(
            f"{practice_code}: {file.path.name} holds {rows} rows, and its report counts {reported}. "
            "Ask the supplier which is right, and to send the file or the report again."
        )


def reported_of(
    file: Submission, said: dict[tuple[str, str, int], ActualSubmission], practice_code: str
) -> ActualSubmission:
    """Raises ReportMissing."""
    found = said.get((file.message_id, file.channel_id, file.sequence))
    if found is None:
        raise ReportMissing(
            f"{practice_code}: no completeness report speaks of {file.path.name} yet, so nobody knows whether it is whole. "
            "Try again when the supplier's report of the day has come."
        )
    return found
