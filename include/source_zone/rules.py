"""Policy turned into what the steps need: sets of codes, dates, words. Refuses to run on real records without real lists."""

from dataclasses import dataclass
from datetime import date

from crossing.policy import Collection, Policy
from source_zone.consent_codes import ConsentCodes, ListMissing, read_consent_codes
from source_zone.generalise import Generalisations
from source_zone.record_codes import RESTRICTED_LIST, RecordCodes, read_record_codes
from source_zone.type_one_rule import TypeOneRule, read_type_one_rule

# The Data Provision Notice asked for a daily feed; a week is the longest outage after which opt-outs may be trusted.
LONGEST_STALE_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRules:
    """Everything policy says about a release, read once at its start."""

    collection: Collection
    type_one: TypeOneRule
    consents: ConsentCodes
    codes: RecordCodes
    generalisations: Generalisations

    def look_back_from(self, taken_on: date) -> dict[str, date]:
        """The first day that may leave, for each table with a look-back, counted back from the extract's day."""
        return {table: _years_before(taken_on, years) for table, years in self.collection.look_back_years.items()}


def read_rules(policy: Policy, collection_name: str, *, synthetic: bool) -> ReleaseRules:
    """Raises ListMissing for an empty list, or a stand-in where records are not synthetic; PolicyRefused otherwise."""
    collection = policy.collection(collection_name)
    codes = read_record_codes(policy)
    if not synthetic:
        _check_fit_for_real_records(collection, codes)
    return ReleaseRules(
        collection=collection,
        type_one=read_type_one_rule(policy),
        consents=read_consent_codes(policy),
        codes=codes,
        generalisations=Generalisations.from_policy(policy),
    )


def _check_fit_for_real_records(collection: Collection, codes: RecordCodes) -> None:
    if collection.synthetic_only:
        raise ListMissing(
            f"Collection {collection.id} may run on synthetic practices only: no notice is in force. See its file in policy/collections/."
        )
    if not codes.restricted_are_official:
        raise ListMissing(
            f"policy/{RESTRICTED_LIST} has stand-ins, or lacks one of the two legal refsets. Put the official members of both "
            "there, under status `official`, before any real practice is released."
        )
    if collection.opt_out_source.stale_after_days > LONGEST_STALE_DAYS:
        raise ListMissing(
            f"Collection {collection.id}: opt_out_source.stale_after_days is {collection.opt_out_source.stale_after_days}. "
            f"For practices that are not synthetic it may be {LONGEST_STALE_DAYS} at most."
        )


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
