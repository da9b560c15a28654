"""How the national check stands, without a word to MESH: states, counts, and when the allow lists in force expire."""

from datetime import timedelta
from typing import Any

from crossing.errors import GPCollectError
from source_zone.national_opt_outs.check import Check
from source_zone.national_opt_outs.errors import raise_any, told_again
from source_zone.national_opt_outs.kept_checks import kept_checks
from source_zone.national_opt_outs.list_allowed import Listed, last_lists
from source_zone.national_opt_outs.rules import read_rules
from source_zone.settings import Settings

__all__ = ["national_opt_outs", "problems", "raise_any"]


def national_opt_outs(collection: str, settings: Settings) -> dict[str, Any]:
    """The last check's counts, and each practice's list that left last."""
    rules, kept = read_rules(settings.policy()), kept_checks(collection, settings)
    checks = {each.number: each for each in kept.all()}
    last = kept.current()
    lists = {
        practice: _list(listed, checks.get(listed.check), rules.expires_after)
        for practice, listed in last_lists(kept.folder).items()
    }
    return {**(last.counts() if last else {"state": "never_asked"}), "lists": lists}


def problems(collection: str, settings: Settings) -> list[GPCollectError]:
    """What a person has to look into."""
    last = kept_checks(collection, settings).current()
    return [told_again(line) for line in last.errors()] if last else []


def _list(listed: Listed, check: Check | None, expires_after: timedelta) -> dict[str, Any]:
    expires = (check.instant + expires_after).isoformat() if check else None
    return {"sequence": listed.sequence, "people": listed.people, "expires": expires}
