"""Asking, and approving: files that people hand to each other. Nothing of the store is read, and nobody is found."""

from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from central_zone.errors import CaseFolderInUse
from central_zone.receipts import replace_durably
from central_zone.reidentification.case_keys import approver_private
from crossing.answers import bytes_to_sign
from crossing.case_request import (
    APPROVAL_SUFFIX,
    APPROVAL_TYPE,
    LARGEST_CASE_BYTES,
    REQUEST_NAME,
    REQUEST_VERSION,
    Approval,
    CaseRefused,
    CaseRequest,
    is_case_id,
    is_person,
    read_approval,
    read_request,
    request_bytes,
    statement_of,
    tokens_sha256,
    unreadable,
)
from crossing.case_rules import check_request, read_case_rules
from crossing.key_files import KeyRefused
from crossing.key_register import REIDENTIFICATION, read_key_register
from crossing.manifest import canonical_json
from crossing.policy import Policy

Said = dict[str, Any]


def request_case(
    policy: Policy,
    now: datetime,
    *,
    use: str,
    case_id: str,
    purpose: str,
    by: str,
    tokens: str,
    expires_on: date,
    out: Path,
) -> Said:
    """Writes `case.request.json` into a folder of its own. `tokens` are a release's (T3), one a line.

    Raises CaseRefused where it could never be carried out, CaseFolderInUse where the folder has another request.
    """
    if not is_case_id(case_id):
        raise unreadable("a case's id is capital letters, hyphens and fewer than ten digits, at most 40 characters")
    if not is_person(by):
        raise unreadable("whoever asks is named by letters, and not by a number")
    asked = _tokens(tokens)
    request = CaseRequest(
        version=REQUEST_VERSION,
        case_id=case_id,
        use=use,
        collection=_collection_of(policy, use),
        purpose=purpose,
        people=len(asked),
        tokens_sha256=tokens_sha256(asked),
        requested_by=by,
        created_at=now.replace(microsecond=0).isoformat(),
        expires_on=expires_on,
    )
    check_request(request, read_case_rules(policy), now)
    if (out / REQUEST_NAME).exists():
        raise CaseFolderInUse(f"{out} already has a request. Give each case a folder of its own.")
    out.mkdir(parents=True, exist_ok=True)
    replace_durably(out / REQUEST_NAME, request_bytes(request, asked))
    return {**in_short(request), "file": str(out / REQUEST_NAME)}


def approve_case(
    policy: Policy, keys_folder: Path, now: datetime, path: Path, *, key_name: str, key_file: Path
) -> Said:
    """Adds one person's approval beside the request. Raises CaseRefused, KeyNotValid, or KeyRefused for another's key."""
    request, _ = read_request(read_small(path))
    now = now.replace(microsecond=0)
    check_request(request, read_case_rules(policy), now)
    known = read_key_register(keys_folder).key(key_name, REIDENTIFICATION, at=now, now=now)
    private = approver_private(key_file)
    if private.public_key().public_bytes_raw() != known.ed25519:
        raise KeyRefused(f"Key {key_file.name} is not the one that the register knows as {key_name}.")
    said = statement_of(request.case_id, request.sha256(), key_name, now.isoformat())
    approval = Approval(**said, signature=private.sign(bytes_to_sign(said, APPROVAL_TYPE)))
    replace_durably(path.with_name(f"{key_name}{APPROVAL_SUFFIX}"), canonical_json(approval.as_dict()))
    return {**in_short(request), "approved_by": known.owner}


def approvals_beside(path: Path) -> list[Approval]:
    """Every approval that lies beside a request. Raises CaseRefused for one that cannot be read."""
    return [read_approval(read_small(each)) for each in sorted(path.parent.glob(f"*{APPROVAL_SUFFIX}"))]


def read_small(path: Path) -> bytes:
    """Raises CaseRefused where there is no such file, or one larger than any of ours."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_CASE_BYTES + 1)
    except OSError:
        raise unreadable(f"{path.name} cannot be opened") from None


def in_short(request: CaseRequest) -> Said:
    """What a person must know who is to approve it. No token."""
    return {
        "case": request.case_id,
        "use": request.use,
        "purpose": request.purpose,
        "people": request.people,
        "requested_by": request.requested_by,
        "expires_on": request.expires_on.isoformat(),
        "request_sha256": request.sha256(),
    }


def _tokens(text: str) -> list[str]:
    """Each once, in the order given: a person's place is what they are called in the answer."""
    made = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                made.append(UUID(line.strip()).hex)
            except ValueError:
                raise unreadable(
                    f"line {number} of the tokens is none: a release's are 32 hexadecimal characters"
                ) from None
    if not made or len(set(made)) < len(made):
        raise unreadable("there is no token, or one is given twice")
    return made


def _collection_of(policy: Policy, use: str) -> str:
    if use not in policy.data_uses():
        raise CaseRefused("use_not_allowed", "there is no data use of this name in policy/data_uses.")
    collection: str = policy.table(f"data_uses/{use}.toml")["collection"]
    return collection
