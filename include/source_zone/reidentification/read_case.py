"""Reading a case file: is it the centre's, did two people approve it, may it be asked, and has it been answered before?

The source checks all of it again, against its own register and policy. The centre alone, or with the custodian, gets nothing.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag

from crossing.answers import CASE_FILE, LARGEST_ANSWER_BYTES, PAYLOAD_TYPES, AnswerRefused, bytes_to_sign, read_answer
from crossing.case_file import Asked, CaseFile, case_file_name, case_file_of, people_of
from crossing.case_request import CaseRefused, CaseRequest
from crossing.case_rules import check_approvals, check_request, read_case_rules
from crossing.key_register import RECEIPTS, KeyNotValid, KeyRegister, read_key_register
from crossing.policy import Policy, PolicyRefused, Practice
from source_zone.reidentification.case_keys import CASE_RECIPIENT_KEY, SUITE, case_recipient, is_signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case that may be answered, and for whom. The repr shows nobody."""

    request: CaseRequest
    practice: Practice
    file_sha256: str
    sealed: CaseFile = field(repr=False)

    def people(self, keys_folder: Path) -> list[Asked]:
        """Opens what was sealed to us. Raises CaseRefused, KeyRefused."""
        try:
            data = SUITE.decrypt(self.sealed.sealed, case_recipient(keys_folder), info=self.sealed.binding())
        except (InvalidTag, ValueError):
            raise CaseRefused(
                "unreadable",
                f"it does not open with our key {CASE_RECIPIENT_KEY}, or was sealed for another case or practice.",
            ) from None
        return people_of(data, self.request)


def read_bytes(path: Path) -> bytes:
    """Raises CaseRefused where there is no such file, or one larger than any case file."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_ANSWER_BYTES + 1)
    except OSError as error:
        raise CaseRefused("unreadable", f"{path.name}: {error.strerror}.") from None
    if len(data) > LARGEST_ANSWER_BYTES:
        raise CaseRefused("unreadable", f"{path.name} is larger than any case file.")
    return data


def read_case(data: bytes, name: str, keys_folder: Path, policy: Policy, now: datetime) -> Case:
    """Everything that can be checked before anything is opened. Raises CaseRefused, RegisterRefused, PolicyRefused."""
    register = read_key_register(keys_folder)
    sealed = _signed_by_the_centre(data, name, register, now)
    request, rules = sealed.request, read_case_rules(policy)
    if name != case_file_name(request.case_id, sealed.practice_code):
        raise CaseRefused("unreadable", "the file bears the name of another case or practice.")
    check_approvals(request, sealed.approvals, register=register, needed=rules.approvers, verify=is_signed, now=now)
    check_request(request, rules, now)
    practice = _our_practice(policy, sealed.practice_code, now)
    return Case(request=request, practice=practice, file_sha256=hashlib.sha256(data).hexdigest(), sealed=sealed)


def _signed_by_the_centre(data: bytes, name: str, register: KeyRegister, now: datetime) -> CaseFile:
    try:
        signed = read_answer(data, CASE_FILE, name)
        key = register.key(signed.signing_key, RECEIPTS, at=now, now=now)
    except (AnswerRefused, KeyNotValid):
        raise CaseRefused("unreadable", f"{name} is not a case file of the centre's.") from None
    if not is_signed(key.ed25519, signed.signature, bytes_to_sign(signed.content, PAYLOAD_TYPES[CASE_FILE])):
        raise CaseRefused(
            "unreadable", f"{name} does not bear the centre's signature: it was forged, or changed since."
        )
    return case_file_of(signed)


def _our_practice(policy: Policy, code: str, now: datetime) -> Practice:
    """One that takes part today: nobody else is told by us."""
    try:
        practice = policy.practice(code)
    except PolicyRefused:
        raise _not_ours() from None
    if not practice.takes_part_on(now.astimezone(UTC).date()):
        raise _not_ours()
    return practice


def _not_ours() -> CaseRefused:
    return CaseRefused("unreadable", "it is about a practice that does not take part here.")
