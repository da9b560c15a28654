"""Policy turned into what the steps need: sets of codes, dates, words. Refuses to run on real records without real lists."""

from dataclasses import dataclass
from datetime import date

from crossing.errors import PersonMustAct
from crossing.policy import Collection, Policy
from source_zone.generalise import Generalisations

RESTRICTED_LIST = "codelists/legally_restricted.csv"
CONSENT_LIST = "codelists/type_one_opt_out.csv"


class ListMissing(PersonMustAct):
    """A code list that a law or an objection rests on is a stand-in, or is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRules:
    """Everything policy says about a release, read once at its start."""

    collection: Collection
    consent_codes: dict[str, str]  # code of any scheme -> dissent | withdrawal
    restricted_codes: frozenset[str]
    generalisations: Generalisations

    def look_back_from(self, taken_on: date) -> dict[str, date]:
        """The first day that may leave, for each table with a look-back, counted back from the extract's day."""
        return {table: _years_before(taken_on, years) for table, years in self.collection.look_back_years.items()}


def read_rules(policy: Policy, collection_name: str, *, synthetic: bool) -> ReleaseRules:
    """Raises ListMissing for an empty list, or a stand-in where records are not synthetic; PolicyRefused otherwise."""
    collection = policy.collection(collection_name)
    consent_codes = {row["code"]: row["meaning"] for row in policy.rows(CONSENT_LIST) if row["meaning"] != "retired"}
    restricted = frozenset(row["code"] for row in policy.rows(RESTRICTED_LIST))
    if not restricted or set(consent_codes.values()) != {"dissent", "withdrawal"}:
        raise ListMissing(
            f"policy/{RESTRICTED_LIST} or policy/{CONSENT_LIST} has no codes. Restore the reviewed lists; nothing leaves without them."
        )
    _check_fit_for_real_records(policy, collection, synthetic=synthetic)
    return ReleaseRules(
        collection=collection,
        consent_codes=consent_codes,
        restricted_codes=restricted,
        generalisations=Generalisations.from_policy(policy),
    )


def _check_fit_for_real_records(policy: Policy, collection: Collection, *, synthetic: bool) -> None:
    if synthetic:
        return
    if collection.synthetic_only:
        raise ListMissing(
            f"Collection {collection.id} may run on synthetic practices only: no notice is in force. See its file in policy/collections/."
        )
    if "STAND-IN" in (policy.folder / RESTRICTED_LIST).read_text():
        raise ListMissing(
            f"policy/{RESTRICTED_LIST} is a stand-in. Put the official refsets there before any real practice is released."
        )


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
