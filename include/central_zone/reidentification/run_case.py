"""Carrying out a case: checked, audited, found, sealed for the source. Who anybody is, the centre does not learn.

All of it is decided in one transaction, with the files that go out. Killed before, nothing has happened; killed after, the
same command writes the very same files. Carried out once, a case is over.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from central_zone import keys
from central_zone.erasures.agree import check_erasures_agree
from central_zone.folders import usable
from central_zone.receipts import replace_durably
from central_zone.reidentification import book
from central_zone.reidentification.ask import approvals_beside, read_small
from central_zone.reidentification.case_keys import (
    CASE_RECIPIENT_KEY,
    SUITE,
    case_recipient,
    custodian_private,
    is_signed,
)
from central_zone.reidentification.find_people import Found, find_people
from central_zone.store.connection import transaction
from central_zone.zone import Zone
from crossing.answers import CASE_FILE, PAYLOAD_TYPES, bytes_to_sign
from crossing.case_file import Asked, binding, case_file_name, content_of, people_to_bytes
from crossing.case_request import Approval, CaseRefused, CaseRequest, read_request
from crossing.case_rules import check_approvals, check_request, read_case_rules
from crossing.key_register import read_key_register
from crossing.manifest import canonical_json

Said = dict[str, Any]


def run_case(zone: Zone, path: Path, custodian_key: Path) -> Said:
    """Answers counts. Raises CaseRefused, after the refusal is in the audit chain; KeyRefused, StoreDown, RegisterRefused."""
    request: CaseRequest | None = None
    try:
        request, tokens = read_request(read_small(path))
        return _run(zone, request, tokens, path, custodian_key)
    except CaseRefused as refusal:
        with transaction(zone.store, "write down a refused case") as connection:
            book.write_refusal(connection, refusal, request, zone.now())
        raise


def _run(zone: Zone, request: CaseRequest, tokens: Sequence[bytes], path: Path, custodian_key: Path) -> Said:
    with transaction(zone.store, f"case {request.case_id}") as connection:
        book.lock(connection)
        check_erasures_agree(connection, zone.settings)  # and from here on nobody is erased until this has ended
        files = book.unwritten_files(connection, request)
        counts: Said = {}
        if files is None:
            approvals = tuple(approvals_beside(path))
            approved_by = _check(zone, request, approvals)
            found = find_people(zone, connection, request, tokens, custodian_private(custodian_key))
            files = _files(zone, request, approvals, found)
            _write_down(zone, connection, request, found, files, approved_by)
            counts = _counts(found)
    written = _write_files(zone, request, files)
    return {"case": request.case_id, "state": "carried out", "people": request.people, **counts, "files": written}


def _check(zone: Zone, request: CaseRequest, approvals: Sequence[Approval]) -> list[str]:
    rules = read_case_rules(zone.policy)
    register = read_key_register(zone.settings.keys_folder)
    approved_by = check_approvals(
        request, approvals, register=register, needed=rules.approvers, verify=is_signed, now=zone.now()
    )
    check_request(request, rules, zone.now())
    return approved_by


def _files(zone: Zone, request: CaseRequest, approvals: tuple[Approval, ...], found: Found) -> dict[str, bytes]:
    made = (
        (code, _sealed(zone, request, approvals, code, people)) for code, people in sorted(found.by_practice.items())
    )
    return dict(made)


def _sealed(
    zone: Zone, request: CaseRequest, approvals: tuple[Approval, ...], practice_code: str, people: list[Asked]
) -> bytes:
    recipient = case_recipient(zone.settings.keys_folder)
    sealed = SUITE.encrypt(people_to_bytes(people), recipient, info=binding(request, practice_code))
    content = content_of(request, approvals, practice_code, recipient_key=CASE_RECIPIENT_KEY, sealed=sealed)
    to_sign = bytes_to_sign(content, PAYLOAD_TYPES[CASE_FILE])
    signature = keys.receipt_signing_key(zone.settings.keys_folder).sign(to_sign).hex()
    return canonical_json({CASE_FILE: content, "signing_key": keys.RECEIPT_SIGNING_KEY, "signature": signature})


def _write_down(
    zone: Zone,
    connection: Connection,
    request: CaseRequest,
    found: Found,
    files: dict[str, bytes],
    approved_by: list[str],
) -> None:
    with_hashes = {code: (data, hashlib.sha256(data).hexdigest()) for code, data in files.items()}
    book.write_down(connection, request, found, with_hashes, approved_by=approved_by, now=zone.now())


def _write_files(zone: Zone, request: CaseRequest, files: dict[str, bytes]) -> list[str]:
    folder = zone.settings.receipts_folder
    with usable("GP_RECEIPTS_DIR"):
        folder.mkdir(parents=True, exist_ok=True)
        for code, data in files.items():
            replace_durably(folder / case_file_name(request.case_id, code), data)
    with transaction(zone.store, f"case {request.case_id}") as connection:
        book.mark_written(connection, request)
    return [case_file_name(request.case_id, code) for code in files]


def _counts(found: Found) -> Said:
    return {
        "people_found": found.people,
        "not_released": found.not_released,
        "not_in_store": found.not_in_store,
        "without_escrow": found.without_escrow,
        "practices": len(found.by_practice),
    }
