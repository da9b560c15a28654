"""Release: what one approved use may see, into the secure environment and nowhere else. The Five Safes, in order.

The second gate of the national data opt-out, which is about use: it is applied here, unless the use is exempt by a listed
reason with evidence. All of a release, or nothing: until it is complete, the former one stands.
"""

from typing import Any

from sqlalchemy import Connection

from central_zone import keys, national_allow_list
from central_zone.analysts import name_analysts
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.check_five_safes import check_five_safes, check_on_register, check_only_synthetic
from central_zone.cohort import Cohort, everybody_allowed, everybody_known
from central_zone.current_records import read_as_a_whole
from central_zone.disclose import Released, disclose
from central_zone.erasures.agree import check_erasures_agree
from central_zone.errors import CohortTooSmall, DataUseUnknown, TooFewPracticesChecked
from central_zone.materialise import Making, drop_released, materialise
from central_zone.one_moment import one_moment
from central_zone.register.data_use import DataUse
from central_zone.register.five_safes import FiveSafes
from central_zone.register.national_decision import POLICY_FILE, NationalDecision
from central_zone.register.read_data_uses import read_data_uses
from central_zone.release_locks import one_at_a_time
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import RELEASER
from central_zone.zone import Zone, opened
from crossing.faultpoint import faultpoint

Result = dict[str, Any]


def release(use_id: str, settings: Settings) -> Result:
    """Makes the tables of a data use anew. Raises ReleaseNotSafe and its kin, StoreDown, StoreRefused or PolicyRefused."""
    with opened(settings, role=RELEASER) as zone:
        released = release_in(zone, use_id)
        give_checkpoint(settings, zone.store)
        return released


def release_in(zone: Zone, use_id: str) -> Result:
    """The same in a zone that is open."""
    use, safes, opt_out = _asked_for(zone, use_id)
    check_five_safes(use, safes, zone.policy.collection(use.collection), zone.now().date())
    check_on_register(use, zone.settings.register_folder)
    with transaction(zone.store, f"release {use_id}") as writing:
        one_at_a_time(writing, use_id)
        check_erasures_agree(writing, zone.settings)  # and from here on nobody is erased until this has ended
        with one_moment(zone.store, writing) as asking:
            read_as_a_whole(asking)
            check_only_synthetic(asking, use, safes)
            cohort = _cohort(zone, asking, use, opt_out)
            _check_cohort(use, safes, cohort)
            drop_released(writing, use_id)
            name_analysts(writing, use, safes)
            faultpoint("release.former_dropped")
            rows = materialise(asking, writing, _making(zone, cohort, use, safes))
        faultpoint("release.made")
        national_allow_list.delete_expired(writing, zone.now())
        released = _released(zone, cohort, rows, (use, safes, opt_out))
        number = disclose(writing, released)
        faultpoint("release.disclosed")
    return {
        "use": use_id,
        "disclosure": number,
        "national_data_opt_out": opt_out.decision,
        "reason": opt_out.reason,
        **released.counts(),
        "practices_without_check": list(cohort.practices_without_check),
        "rows": released.rows,
    }


def _asked_for(zone: Zone, use_id: str) -> tuple[DataUse, FiveSafes, NationalDecision]:
    for use in read_data_uses(zone.policy):
        if use.id == use_id and use.safes and use.opt_out:
            return use, use.safes, use.opt_out
    raise DataUseUnknown(
        "There is no data use of this name in policy/data_uses. Without an entry of the register nothing is released."
    )


def _cohort(zone: Zone, connection: Connection, use: DataUse, opt_out: NationalDecision) -> Cohort:
    if not opt_out.applies:
        return everybody_known(connection, use.collection)
    cohort = everybody_allowed(connection, use.collection, zone.now())
    least = zone.policy.table(POLICY_FILE)["limits"]["least_share_of_practices_checked"]["value"]
    checked = cohort.practices - len(cohort.practices_without_check)
    if checked < least * cohort.practices:
        raise TooFewPracticesChecked(
            f"{use.id}: nothing was released. {checked} of {cohort.practices} practices have a national check that may "
            f"still be relied on; policy/{POLICY_FILE} wants a share of {least}. Have the others checked: "
            "gp-central national-opt-outs status names them."
        )
    return cohort


def _check_cohort(use: DataUse, safes: FiveSafes, cohort: Cohort) -> None:
    if cohort.persons_released < safes.smallest_cohort:
        raise CohortTooSmall(
            f"{use.id}: nothing was released. Fewer than the {safes.smallest_cohort} people of smallest_cohort are left."
        )


def _making(zone: Zone, cohort: Cohort, use: DataUse, safes: FiveSafes) -> Making:
    return Making(
        use_id=use.id,
        collection=use.collection,
        at=zone.now(),
        safes=safes,
        registrations=cohort.registrations,
        subkey=keys.project_subkey(zone.settings.keys_folder, _project_key(use, safes)),
    )


def _project_key(use: DataUse, safes: FiveSafes) -> str:
    return keys.project_label(use.id, safes.project_key_version)


def _released(
    zone: Zone, cohort: Cohort, rows: dict[str, int], what: tuple[DataUse, FiveSafes, NationalDecision]
) -> Released:
    use, safes, opt_out = what
    return Released(
        use=use,
        opt_out=opt_out,
        legal_gateway=safes.legal_gateway,
        at=zone.now(),
        cohort=cohort,
        rows=rows,
        project_key=_project_key(use, safes),
        project_key_version=safes.project_key_version,
        policy_sha256=dict(sorted(zone.policy.sha256.items())),
    )
