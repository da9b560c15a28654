"""Answering a case: who of a practice's patients it is about, into that practice's own folder. Nothing goes back.

What is printed and logged are counts. Killed anywhere and run again, the practice has one answer, and the case is over.
"""

import csv
import io
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossing.case_file import Asked
from crossing.case_request import CaseRefused
from crossing.errors import PersonMustAct
from crossing.parcel import sync_folder
from source_zone.identifier import Reason
from source_zone.keys import SourceKeys, load_keys, token_key_name
from source_zone.reidentification.case_book import ANSWERED, BEGUN, REFUSED, CaseBook
from source_zone.reidentification.read_case import Case, read_bytes, read_case
from source_zone.reidentification.registered_today import Answer, answer
from source_zone.release import Clock, Release, now, prepare
from source_zone.settings import SettingMissing, Settings
from source_zone.token_key_versions import versions

_COLUMNS = ("reference", "local_id", "nhs_number")
Said = dict[str, Any]


class AnswersFolderUnusable(PersonMustAct):
    """The folder that practices' answers go to is full, missing, or open to others."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a case is answered with."""

    settings: Settings
    clock: Clock = now

    def book(self) -> CaseBook:
        return CaseBook(self.settings.memory / ".reidentification")

    def answers(self) -> Path:
        if self.settings.practice_answers is None:
            raise SettingMissing(
                "GP_PRACTICE_ANSWERS_DIR is not set. Name the folder that practices collect answers from."
            )
        return self.settings.practice_answers


def answer_case(path: Path, desk: Desk) -> Said:
    """Answers counts. Raises CaseRefused, after the refusal is in the book; CaseBookBroken, KeyRefused, MemoryUnreadable."""
    desk.answers()
    with desk.book().lock():
        desk.book().lines()  # a broken book refuses every case before anything is looked at
        case: Case | None = None
        try:
            case = read_case(read_bytes(path), path.name, desk.settings.keys, desk.settings.policy(), desk.clock())
            return _answer(case, desk)
        except CaseRefused as refusal:
            whose = _whose(case) if case else {"case": None, "practice_code": None}
            desk.book().append(REFUSED, desk.clock(), reason=refusal.reason, **whose)
            raise


def _answer(case: Case, desk: Desk) -> Said:
    whose, book = _whose(case), desk.book()
    hashes = {"request_sha256": case.request.sha256(), "file_sha256": case.file_sha256}
    book.check_is_new(case.request.case_id, case.practice.practice_code, **hashes)
    asked = case.people(desk.settings.keys)
    found = _found(case, asked, desk)
    book.append(BEGUN, desk.clock(), **whose, **hashes)
    if found.patients:
        _write(desk.answers() / case.practice.practice_code, f"{case.request.case_id}.csv", _csv(found))
    people = len({each.reference for each in asked})
    counts = {"people": people, "told": len(found.patients), "not_told": dict(sorted(found.not_told.items()))}
    book.append(ANSWERED, desk.clock(), **whose, **hashes, **counts)
    return {**whose, "state": "answered", "purpose": case.request.purpose, **counts}


def _whose(case: Case) -> Said:
    return {"case": case.request.case_id, "practice_code": case.practice.practice_code}


def _found(case: Case, asked: list[Asked], desk: Desk) -> Answer:
    collection = case.request.collection
    release = prepare(
        collection, case.practice, f"case-{uuid.uuid4().hex}", desk.settings, folder=desk.settings.memory
    )  # whether its supplier's way in is open makes no difference
    keys = {name: _keys(release, collection, name) for name in {each.token_key for each in asked}}
    return answer(release, asked, keys, desk.clock())


def _keys(release: Release, collection: str, name: str) -> SourceKeys:
    """Those that the tokens were made with, which need not be today's. Raises CaseRefused where they were destroyed."""
    version = int(name.rpartition("-v")[2])
    if name != token_key_name(collection, version):
        raise CaseRefused("unreadable", "its tokens are of another collection than its request.")
    if version not in versions(release.settings.keys, collection):
        raise CaseRefused("key_destroyed", f"{name} was destroyed since it was made. Whoever asked may ask again.")
    return load_keys(release.settings.keys, collection, version)


def _csv(found: Answer) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for patient in found.patients:
        number = patient.nhs_number.reveal(Reason.TREATING_PRACTICE) if patient.nhs_number else ""
        local_id = patient.local_id.reveal(Reason.TREATING_PRACTICE)
        writer.writerow({"reference": patient.reference, "local_id": local_id, "nhs_number": number})
    return text.getvalue().encode()


def _write(folder: Path, name: str, data: bytes) -> None:
    """The whole file or none, readable by its owner alone; one that is there already stands. Raises AnswersFolderUnusable."""
    if (folder / name).exists():
        return
    draft = folder / f".{name}.draft"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise AnswersFolderUnusable(
            f"GP_PRACTICE_ANSWERS_DIR: {error.strerror}. Mend the folder or its disk, then answer the case again."
        ) from None
