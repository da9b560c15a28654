"""Looks at the store as the doctor does: the address, the connection, the server and its rights, against what is promised."""

from central_zone.errors import SettingMissing
from central_zone.settings import Settings
from central_zone.store.address import is_a_socket, parsed
from central_zone.store.certificate import look_from_outside
from central_zone.store.connection import store_of, transaction
from central_zone.store.facts import Facts, read_facts
from central_zone.store.rights import check_rights
from central_zone.store.role_names import AUDITOR
from central_zone.store.server_settings import read_promises
from central_zone.store.weaker import place, tasks, weaker
from crossing.errors import GPCollectError
from crossing.policy import Policy
from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, wrong

STORE = "store"


def look_at_store(settings: Settings, policy: Policy | None = None, *, as_administrator: bool = False) -> list[Verdict]:
    """All that is to be said. A store that cannot be looked at is a verdict, never an error."""
    try:
        url = parsed(settings.store_url, "GP_STORE_URL")
        ours = settings.store_url_of(AUDITOR)
        said = [*_address(settings), *([] if is_a_socket(url) else look_from_outside(parsed(ours, "GP_STORE_URL")))]
        facts, rights = _read(ours)
        said += tasks(facts, over_network=not is_a_socket(url), demonstration=settings.is_demonstration)
        if as_administrator:
            facts, rights = _read(settings.store_admin_url)
        promises = read_promises(policy or Policy())
        return [*said, *weaker(facts, promises, demonstration=settings.is_demonstration), *rights]
    except SettingMissing as error:
        return [not_looked_at(STORE, str(error))]
    except GPCollectError as error:
        return [wrong(STORE, str(error))]


def _read(address: str) -> tuple[Facts, list[Verdict]]:
    with store_of(address) as store, transaction(store, "look at the store") as connection:
        return read_facts(connection), check_rights(connection)


def _address(settings: Settings) -> list[Verdict]:
    """What a process is started with can be read by others on its machine, in /proc and by whoever runs containers."""
    named = settings.values.get("GP_STORE_URL")
    if named and parsed(named, "GP_STORE_URL").password:
        return [
            wrong(
                place("address"),
                "GP_STORE_URL holds a password, which others can see in /proc. Put it in a file, and name that in GP_STORE_URL_FILE.",
            )
        ]
    return [
        ok(
            place("address"),
            "asks for TLS 1.3, verified, with channel binding, or is a socket; no password in the environment",
        )
    ]
