"""The decision on the national data opt-out. It belongs to the disclosure: purpose, ground and evidence, never the data.

Read strictly: a use that does not decide, or exempts itself without a listed reason and its evidence, is refused.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from central_zone.register.strict_tables import strictly
from central_zone.store.release_tables import APPLIES, DECISIONS, EXEMPT
from crossing.policy import Policy, PolicyRefused

POLICY_FILE = "opt_outs/disclosure.toml"
ANONYMISED = "anonymised"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The paper that an exemption rests on."""

    kind: str
    reference: str
    on: date
    by: str

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "reference": self.reference, "on": self.on.isoformat(), "by": self.by}


@dataclass(frozen=True, slots=True)
class NationalDecision:
    """Whether the national data opt-out is applied to one use; if not, why not, and who says so."""

    decision: str
    reason: str | None
    reason_in_words: str | None
    evidence: Evidence | None

    @property
    def applies(self) -> bool:
        return self.decision == APPLIES

    @property
    def field_23(self) -> str:
        """HDR UK's "National data opt-out applied?": said here, so that the register cannot contradict the release."""
        if self.applies:
            return "Yes"
        return "Not applicable" if self.reason == ANONYMISED else "No"


def read_decision(content: Any, *, gateway: str, policy: Policy, where: str) -> NationalDecision:
    """Raises PolicyRefused for a decision that is missing, incomplete, or not open to a use on this ground."""
    said = content if isinstance(content, dict) else {}
    decision = said.get("decision")
    if decision not in DECISIONS:
        raise PolicyRefused(
            f"{where}: [national_data_opt_out] does not decide. Say decision = {' or '.join(DECISIONS)}; nothing is assumed."
        )
    keys = {"decision"} if decision == APPLIES else {"decision", "reason", "evidence"}
    if set(said) != keys:
        raise PolicyRefused(
            f"{where}: [national_data_opt_out] {decision}: missing {sorted(keys - set(said))}, unknown {sorted(set(said) - keys)}."
        )
    if decision == APPLIES:
        return NationalDecision(APPLIES, None, None, None)
    return _exemption(said, gateway, policy, where)


def _exemption(said: dict[str, Any], gateway: str, policy: Policy, where: str) -> NationalDecision:
    reasons = policy.table(POLICY_FILE)["reasons"]
    reason = reasons.get(said["reason"]) if isinstance(said["reason"], str) else None
    if reason is None:
        raise PolicyRefused(
            f"{where}: the reason of the exemption is not one of {sorted(reasons)}. There are no others."
        )
    if gateway not in reason["gateways"]:
        raise PolicyRefused(
            f"{where}: a use on the ground {gateway} cannot be exempt because of {said['reason']}. Apply the opt-out."
        )
    evidence = strictly(Evidence, said["evidence"], f"{where}: evidence of the exemption")
    if evidence.kind not in reason["evidence"]:
        raise PolicyRefused(f"{where}: {said['reason']} needs evidence of kind {' or '.join(reason['evidence'])}.")
    return NationalDecision(EXEMPT, said["reason"], reason["words"], evidence)
