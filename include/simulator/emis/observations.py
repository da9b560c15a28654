"""CareRecord_Observation, and the problems and referrals that are about some of its rows."""

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.codes import Role
from simulator.draws import Numbers
from simulator.emis.layout import OBSERVATION
from simulator.facts import TABLE, Facts, Precision, Rows
from simulator.names import SENTENCE_ENDS, SENTENCE_STARTS
from simulator.practice import Happening, Practice, event_columns
from simulator.texts import UNDATED, constant, days, joined, only_where, picked, times, whole

_PRECISIONS = ["YMD", "YMDT", "YM", "Y", "U"]
_PRECISION_OF_100 = np.repeat([0, 1, 2, 3, 4], [92, 2, 3, 2, 1])
_PRECISION_FACTS = np.array([Precision.DAY, Precision.DAY, Precision.MONTH, Precision.YEAR, Precision.NOTHING])
_TABLE_OF_ROLE = np.full(len(Role), TABLE["observation"])
_TABLE_OF_ROLE[[Role.IMMUNISATION, Role.ALLERGY]] = TABLE["immunisation"], TABLE["allergy"]
_TYPE_OF_ROLE = pa.array([codes.OBSERVATION_TYPES[role] if role < 11 else "Observation" for role in Role])


def observations(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    """Observations of all of EMIS's types: findings, results, immunisations, allergies, diagnoses."""
    when = happened(source, patient, k, revision)
    precision = _PRECISION_OF_100[source.draws.below(100, "precision", patient, k)]
    effective = _as_far_as_known(when.day, _PRECISION_FACTS[precision])
    code = observation_codes(source, patient, k)
    role = codes.ROLES[code]
    consultation, linked = source.link("observation", "consultation", patient, k)
    columns = {
        **event_columns(source, "observation", patient, k, when),
        **_values(source, patient, k, code, revision),
        "ObservationGuid": source.guids("observation", patient, k),
        "EffectiveDate": days(effective),
        "EffectiveDatePrecision": picked(_PRECISIONS, precision),
        "CodeId": picked(codes.CODE_IDS, code),
        "ObservationType": picked(_TYPE_OF_ROLE, role),
        "ConsultationGuid": source.guids("consultation", patient, consultation, where=linked),
        "ProblemGuid": _problem_links(source, patient, k),
        "AssociatedText": naming_the_patient(source, patient, k, one_in=12),
        "DocumentGuid": source.guids("document", patient, k, where=role == Role.DOCUMENT),
    }
    facts = Facts.of("observation", patient, effective=effective)
    facts.table, facts.precision, facts.code = _TABLE_OF_ROLE[role], _PRECISION_FACTS[precision], code
    return Rows(file=OBSERVATION, columns=columns, facts=facts)


def happened(source: Practice, patient: Numbers, k: Numbers, revision: int = 0) -> Happening:
    """An entry made in a consultation carries the consultation's day."""
    consultation, linked = source.link("observation", "consultation", patient, k)
    own, of_consultation = source.day("observation", patient, k), source.day("consultation", patient, consultation)
    return source.written_down("observation", patient, k, np.where(linked, of_consultation, own), revision)


def observation_codes(source: Practice, patient: Numbers, k: Numbers) -> Numbers:
    """First the diagnoses, then the referrals, ethnicity, sexual orientation, then everything else."""
    problems, referrals = source.counts["problem"][patient], source.counts["referral"][patient]
    place = k - problems - referrals
    pools = [
        (k < problems, Role.PROBLEM),
        (place < 0, Role.REFERRAL),
        (place == 0, Role.ETHNICITY),
        (place == 1, Role.SEXUAL_ORIENTATION),
    ]
    chosen = [_any(source, codes.of_role(role), patient, k) for _, role in pools]
    return np.select([where for where, _ in pools], chosen, _any(source, codes.GENERAL, patient, k))


def naming_the_patient(source: Practice, patient: Numbers, k: Numbers, *, one_in: int) -> pa.Array:
    """Free text with the patient's name in it, now and then: the thing that must never travel."""
    sentence = source.draws.below(len(SENTENCE_STARTS), "sentence", patient, k)
    text = joined(
        picked(SENTENCE_STARTS, sentence), picked(source.roster.family, patient), picked(SENTENCE_ENDS, sentence)
    )
    return only_where(text, source.draws.below(one_in, "has text", patient, k) == 0)


def problems(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    """What makes a problem of the observation with the same GUID."""
    ended = source.draws.below(3, "ended", patient, k) == 0
    day = happened(source, patient, k).day
    reviewed = np.minimum(day + source.draws.below(400, "reviewed", patient, k, revision), source.last_day[patient])
    columns = {
        "ObservationGuid": source.guids("observation", patient, k),
        "PatientGuid": source.guids("patient", patient),
        "OrganisationGuid": constant(source.organisation, len(patient)),
        "Deleted": constant("false", len(patient)),
        "Comment": naming_the_patient(source, patient, k, one_in=8),
        "EndDate": days(np.where(ended, np.maximum(reviewed, day), UNDATED)),
        "EndDatePrecision": only_where(constant("YMD", len(patient)), ended),
        "ExpectedDuration": whole(source.draws.below(12, "expected", patient, k) * 30),
        "LastReviewDate": days(np.maximum(reviewed, day)),
        "LastReviewDatePrecision": constant("YMD", len(patient)),
        "LastReviewUserInRoleGuid": source.staff_picked("problem", patient, k),
        "ProblemStatusDescription": picked(["Active Problem", "Past Problem"], ended.astype(np.int64)),
        "SignificanceDescription": picked(
            ["Significant Problem", "Minor Problem"], source.draws.below(2, "significance", patient, k, revision)
        ),
    }
    return Rows(file="CareRecord_Problem", columns=columns, facts=Facts.of("problem", patient))


def referrals(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    """What makes a referral of the observation with the same GUID."""
    when = happened(source, patient, k)
    draws, length = source.draws, len(patient)
    columns = {
        "ObservationGuid": source.guids("observation", patient, k),
        "PatientGuid": source.guids("patient", patient),
        "OrganisationGuid": constant(source.organisation, length),
        "ReferralTargetOrganisationGuid": constant(source.guid("hospital", 1), length),
        "ReferralUrgency": picked(
            ["Routine", "Urgent", "2 Week Wait"], draws.below(3, "urgency", patient, k, revision)
        ),
        "ReferralServiceType": picked(
            ["Outpatient", "Assessment", "Mental Health"], draws.below(3, "service", patient, k)
        ),
        "ReferralMode": picked(["Electronic", "Letter", "Telephone"], draws.below(3, "mode", patient, k)),
        "ReferralReceivedDate": days(when.day),
        "ReferralReceivedTime": times(when.entered_second),
        "ReferralSourceOrganisationGuid": constant(source.organisation, length),
        "ReferralUBRN": whole(draws.below(899_999_999, "ubrn", patient, k) + 100_000_000_000),
    }
    facts = Facts.of("referral", patient, effective=when.day)
    facts.look_back_day = when.day
    return Rows(file="CareRecord_ObservationReferral", columns=columns, facts=facts)


def _any(source: Practice, pool: Numbers, patient: Numbers, k: Numbers) -> Numbers:
    return np.asarray(pool[source.draws.below(len(pool), "code", patient, k)])


def _as_far_as_known(day: Numbers, precision: Numbers) -> Numbers:
    """EMIS writes a partial date as the first day of its month or year, and an unknown one not at all."""
    known = day.copy()
    for partial, unit in ((Precision.MONTH, "M"), (Precision.YEAR, "Y")):
        where = precision == partial
        known[where] = (
            day[where].astype("datetime64[D]").astype(f"datetime64[{unit}]").astype("datetime64[D]").astype(np.int64)
        )
    return np.where(precision == Precision.NOTHING, UNDATED, known)


def _values(source: Practice, patient: Numbers, k: Numbers, code: Numbers, revision: int) -> dict[str, pa.Array]:
    role = codes.ROLES[code]
    measured, ranged = np.isin(role, [Role.VALUE, Role.INVESTIGATION]), role == Role.INVESTIGATION
    low, high = codes.LOWS[code], codes.HIGHS[code]
    middle = (source.draws.share("value", patient, k, revision) + source.draws.share("value again", patient, k)) / 2
    by_hand = source.draws.below(300, "typed unit", patient, k) == 0
    unit = only_where(picked(codes.UNITS, code), measured & ~by_hand)
    return {
        "Value": only_where(_decimals(low + (high - low) * middle), measured),
        "NumericUnit": joined(unit, only_where(constant("units as per lab sheet", len(code)), measured & by_hand)),
        "NumericRangeLow": only_where(_decimals(low), ranged),
        "NumericRangeHigh": only_where(_decimals(high), ranged),
    }


def _decimals(numbers: Numbers) -> pa.Array:
    return pa.array(np.round(numbers, 1)).cast(pa.string())


def _problem_links(source: Practice, patient: Numbers, k: Numbers) -> pa.Array:
    problem, available = source.link("observation", "problem", patient, k)
    linked = available & (source.draws.below(5, "under a problem", patient, k) == 0)
    return source.guids("observation", patient, problem, where=linked)
