"""Which version of the type 1 rule is in force on a day, as policy says; and that the software does what policy says.

The rule itself is `opt_outs.type_one_opt_out_in_force`. Its clauses stand in policy in plain words, and here by name: a
file with another clause, or one less, is refused, so that nobody reads of a rule that nobody follows.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from crossing.policy import Policy, PolicyRefused

TYPE_ONE_FILE = "opt_outs/type_one.toml"
# The clauses of every version that the software implements.
CLAUSES = {
    1: frozenset(
        {
            "a_dissent_counts_wherever_it_is_written",
            "a_withdrawal_must_be_beyond_doubt",
            "a_withdrawal_must_be_the_last_word_on_its_entry",
            "a_deleted_or_corrected_dissent_ends",
            "the_latest_date_wins",
            "a_tie_goes_to_the_dissent",
            "an_entry_without_a_date",
            "an_entry_dated_in_the_future",
            "a_date_of_which_only_part_is_known",
            "every_registration_of_the_person",
            "type_two_codes_are_counted_and_not_obeyed",
            "what_cannot_be_read_stays",
        }
    )
}
_KEYS = {"number", "in_force_from", "code_list", "approved_by", "why", "clauses"}
_CLAUSE_KEYS = {"says", "why", "source"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """One version of the rule: since when, on whose word, and what it says, clause by clause."""

    number: int
    in_force_from: date
    code_list: str
    approved_by: str
    why: str
    clauses: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class TypeOneRule:
    """Every version there ever was, the oldest first."""

    versions: tuple[RuleVersion, ...]

    def in_force_on(self, day: date) -> RuleVersion:
        """Raises PolicyRefused on a day before the first version, or in that of one the software does not implement."""
        begun = [each for each in self.versions if each.in_force_from <= day]
        if not begun:
            raise PolicyRefused(
                f"policy/{TYPE_ONE_FILE}: no version is in force on {day}. Nothing leaves without a rule for opt-outs: "
                "take the delivery away, or have a version approved for its day."
            )
        if begun[-1].number not in CLAUSES:
            raise PolicyRefused(
                f"policy/{TYPE_ONE_FILE}: version {begun[-1].number} is in force on {day}, and this software implements "
                f"{sorted(CLAUSES)}. Bring the software to the version that does, or the policy back."
            )
        return begun[-1]


def read_type_one_rule(policy: Policy) -> TypeOneRule:
    """Raises PolicyRefused for a file that is not whole: each version numbered, dated, approved and reasoned, in order."""
    versions = tuple(_version(each) for each in policy.table(TYPE_ONE_FILE).get("version", []))
    days = [each.in_force_from for each in versions]
    if not versions or [each.number for each in versions] != list(range(1, len(versions) + 1)):
        raise _refused("versions must be numbered 1, 2, 3 and so on, and stand in that order")
    if sorted(set(days)) != days:
        raise _refused("each version must come into force after the one before it")
    return TypeOneRule(versions)


def _version(content: dict[str, Any]) -> RuleVersion:
    if set(content) != _KEYS or not isinstance(content["in_force_from"], date):
        raise _refused(f"a version needs exactly {sorted(_KEYS)}, and a date in in_force_from")
    version = RuleVersion(**content)
    if not (version.approved_by.strip() and version.why.strip()):
        raise _refused(f"version {version.number} lacks who approved it, or why")
    known = CLAUSES.get(version.number, frozenset(version.clauses))
    if set(version.clauses) != known:
        missing, unknown = sorted(known - set(version.clauses)), sorted(set(version.clauses) - known)
        raise _refused(f"version {version.number}: missing clauses {missing}, unknown clauses {unknown}")
    for name, clause in version.clauses.items():
        if set(clause) != _CLAUSE_KEYS or not all(text.strip() for text in clause.values()):
            raise _refused(
                f"version {version.number}, {name}: a clause needs {sorted(_CLAUSE_KEYS)}, none of them empty"
            )
    return version


def _refused(what: str) -> PolicyRefused:
    return PolicyRefused(f"policy/{TYPE_ONE_FILE}: {what}. Correct the file with a reviewer.")
