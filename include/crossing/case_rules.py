"""What policy says of re-identification, and what both zones check of a case: each for itself, so that neither can do it alone.

A refusal has a reason out of a closed list, so that refusals can be counted and told in public without telling of anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from crossing.answers import bytes_to_sign
from crossing.case_request import APPROVAL_TYPE, Approval, CaseRefused, CaseRequest
from crossing.key_register import REIDENTIFICATION, KeyNotValid, KeyRegister, RegisteredKey
from crossing.policy import Policy, PolicyRefused

RULES = "reidentification.toml"
FEWEST_APPROVERS = 2
_NUMBERS = ("approvers", "people_a_case", "longest_expiry_in_days")
_SAID = {"why", "source"}
_CLOCKS_DIFFER = timedelta(minutes=5)
Verify = Callable[[bytes, bytes, bytes], bool]  # public key, signature, what was signed


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRules:
    """The policy, read once."""

    escrow_is_kept: bool
    approvers: int
    people_a_case: int
    longest_expiry_in_days: int
    purposes: dict[str, str]  # in words
    uses: frozenset[str]


def read_case_rules(policy: Policy) -> CaseRules:
    """Raises PolicyRefused for a key that is missing, unknown or without its reason."""
    content = policy.table(RULES)
    if content.keys() != {"escrow", *_NUMBERS, "purposes", "uses"}:
        raise _refused("it does not have exactly the tables that it has to have")
    numbers = {name: _stated(name, content[name], {"value"})["value"] for name in _NUMBERS}
    if any(type(value) is not int or value < 1 for value in numbers.values()):
        raise _refused("a limit is not a whole number above 0")
    if numbers["approvers"] < FEWEST_APPROVERS:
        raise _refused(f"fewer than {FEWEST_APPROVERS} approvers would be no dual control")
    kept = _stated("escrow", content["escrow"], {"kept"})["kept"]
    if type(kept) is not bool:
        raise _refused("escrow.kept is neither true nor false")
    purposes = {name: _stated(name, said, {"in_words"})["in_words"] for name, said in content["purposes"].items()}
    uses = frozenset(name for name, said in content["uses"].items() if _stated(name, said, set()))
    return CaseRules(escrow_is_kept=kept, purposes=purposes, uses=uses, **numbers)


def _stated(name: str, said: Any, keys: set[str]) -> dict[str, Any]:
    if not isinstance(said, dict) or said.keys() != keys | _SAID or any(said[each] == "" for each in said):
        raise _refused(f"{name} needs {', '.join(sorted(keys | _SAID))}, and nothing else")
    return said


def _refused(why: str) -> PolicyRefused:
    return PolicyRefused(f"policy/{RULES}: {why}. No case is carried out until it is mended.")


def check_request(request: CaseRequest, rules: CaseRules, now: datetime) -> None:
    """Whether such a case may be carried out today, whoever approved it. Raises CaseRefused."""
    if request.expires_on < now.astimezone(UTC).date():
        raise CaseRefused("expired", "it expired. Whoever asked may ask again, as another case.")
    created = datetime.fromisoformat(request.created_at)
    if created - now > _CLOCKS_DIFFER:
        raise CaseRefused("made_in_the_future", "it says that it was made in the future. Set the clocks.")
    if request.expires_on > created.date() + timedelta(days=rules.longest_expiry_in_days):
        raise CaseRefused(
            "expires_too_late", f"it is to hold for more than {rules.longest_expiry_in_days} days. Ask for fewer."
        )
    if request.people > rules.people_a_case:
        raise CaseRefused(
            "too_many_people", f"{request.people} people are asked about; {rules.people_a_case} is the most a case may."
        )
    if request.purpose not in rules.purposes:
        raise CaseRefused("purpose_not_allowed", f"its purpose is none of those in policy/{RULES}.")
    if request.use not in rules.uses:
        raise CaseRefused("use_not_allowed", f"its data use is none of those in policy/{RULES}.")


def check_approvals(
    request: CaseRequest,
    approvals: Sequence[Approval],
    *,
    register: KeyRegister,
    needed: int,
    verify: Verify,
    now: datetime,
) -> list[str]:
    """The names of the keys that approved it. Every approval that is shown must hold. Raises CaseRefused."""
    keys = [_approver(request, each, register, verify, now) for each in approvals]
    people = {_person(key.owner) for key in keys}
    if _person(request.requested_by) in people:
        raise CaseRefused("requester_approved", "whoever asks does not approve. Have somebody else approve it.")
    if len(people) < len(keys):
        raise CaseRefused(
            "same_person_twice", "one person approved it twice, which counts once. Show one approval each."
        )
    if len(people) < needed:
        raise CaseRefused(
            "too_few_approvals", f"{len(people)} people approved it; {needed} must, each with a key of their own."
        )
    return sorted(key.name for key in keys)


def _approver(
    request: CaseRequest, approval: Approval, register: KeyRegister, verify: Verify, now: datetime
) -> RegisteredKey:
    at = datetime.fromisoformat(approval.approved_at)
    if approval.request_sha256 != request.sha256() or approval.case_id != request.case_id:
        raise CaseRefused(
            "approval_not_valid", "an approval is of another request, or of this one before it was changed."
        )
    if at < datetime.fromisoformat(request.created_at) - _CLOCKS_DIFFER or at - now > _CLOCKS_DIFFER:
        raise CaseRefused("approval_not_valid", "an approval is older than the request, or of the future.")
    try:
        key = register.key(approval.signing_key, REIDENTIFICATION, at=at, now=now)
    except KeyNotValid:
        raise CaseRefused(
            "approver_not_valid",
            "an approver's key is not in the register for this purpose, was not valid on that day, or was revoked.",
        ) from None
    if not verify(key.ed25519, approval.signature, bytes_to_sign(approval.statement(), APPROVAL_TYPE)):
        raise CaseRefused("approval_not_valid", f"the approval by {key.name} does not bear that key's signature.")
    return key


def _person(name: str) -> str:
    """A person by however many keys: their name without what two clerks write differently."""
    return " ".join(name.replace(".", " ").casefold().split())
