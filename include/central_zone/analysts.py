"""Who may read a release: the people whom its use names, each by a login of their own, until the first of its days has passed."""

import re
from datetime import date

from sqlalchemy import Connection, insert

from central_zone.register.data_use import DataUse
from central_zone.register.five_safes import FiveSafes
from central_zone.store.release_tables import analyst
from crossing.policy import PolicyRefused

_LOGIN = re.compile(r"(?!gp_|pg_)[a-z][a-z0-9_]{1,62}")  # one of ours is nobody's own


def name_analysts(connection: Connection, use: DataUse, safes: FiveSafes) -> None:
    """In the caller's transaction, after those of the former release are gone. Raises PolicyRefused for what is no login."""
    for person in safes.people:
        check_login(person.login, f"policy/data_uses/{use.id}.toml [[safe_people]]: ")
    days = {person.login: _last_day(use, safes, person.accredited_until) for person in safes.people}
    if len(days) < len(safes.people):
        raise PolicyRefused(f"policy/data_uses/{use.id}.toml [[safe_people]]: two people have one login.")
    rows = [{"use_id": use.id, "login": login, "last_day": day} for login, day in days.items()]
    connection.execute(insert(analyst), rows)


def check_login(login: str, where: str = "") -> None:
    """Raises PolicyRefused for what is no login, or would be one of the store's own roles."""
    if not _LOGIN.fullmatch(login):
        raise PolicyRefused(
            f"{where}a login is one of the store, in small letters, figures and underscores, and is nobody else's. "
            "Nothing was done."
        )


def _last_day(use: DataUse, safes: FiveSafes, accredited_until: date) -> date:
    """check_five_safes has seen that the project has its dates."""
    return min(accredited_until, safes.contract.until, date.fromisoformat(use.fields["project_end_date"]))
