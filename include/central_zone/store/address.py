"""The address of the store, and what it must ask for: nothing reaches the store but over TLS that proves who answers."""

from collections.abc import Container

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from crossing.errors import PersonMustAct

DRIVER = "postgresql+psycopg"
# What libpq would leave open if nobody asked. `verify-full` holds the certificate against the name we called; channel
# binding ties the sign-in to that certificate, so that nobody in between can pass it on.
ASKS_FOR = {"sslmode": "verify-full", "channel_binding": "require", "ssl_min_protocol_version": "TLSv1.3"}
AUTHORITY = "sslrootcert"
# After the ?, these go before the role that a step works as, or before the host; a service is a file that says anything.
_SAYS_WHO = ("user", "password", "passfile", "service", "servicefile")
# Of libpq's own environment, these lead elsewhere than the address says, whatever it says.
_LEADS_ELSEWHERE = ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE")


class StoreAddressRefused(PersonMustAct):
    """The store's address does not ask for TLS 1.3, verified, with channel binding; or is none. It is never repeated."""


def checked_address(address: str, setting: str) -> str:
    """The address, if it is a socket of this machine or asks for all that is promised. Raises StoreAddressRefused."""
    url = parsed(address, setting)
    if said := [name for name in _SAYS_WHO if name in url.query]:
        raise StoreAddressRefused(
            f"{setting} says {' and '.join(said)} after the ?, which would go before the role of each step. Take it out; "
            "docs/store.md has a whole address."
        )
    missing = [] if is_a_socket(url) else weaker_than_promised(url)
    if missing:
        raise StoreAddressRefused(
            f"{setting} does not ask for {', '.join(missing)}. Add it after the ?, or name a socket of this machine "
            "(?host=/...); docs/store.md has a whole address."
        )
    return address


def check_environment(names: Container[str]) -> None:
    """Raises StoreAddressRefused where a variable of the environment would go before the address."""
    if said := [name for name in _LEADS_ELSEWHERE if name in names]:
        raise StoreAddressRefused(
            f"{' and '.join(said)} in the environment would lead elsewhere than the store's address. Take it out of this process."
        )


def parsed(address: str, setting: str) -> URL:
    """Raises StoreAddressRefused for what is no address of a PostgreSQL."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StoreAddressRefused(f"{setting} is no address. It begins with {DRIVER}://") from None
    if url.drivername != DRIVER:
        raise StoreAddressRefused(f"{setting} does not name the psycopg driver. It begins with {DRIVER}://")
    return url


def is_a_socket(url: URL) -> bool:
    """Whether every server that the address may lead to is a socket of this machine, which no network carries.

    An address without a host says nothing: PGHOST of the environment would decide.
    """
    hosts = [host for host in (url.host, _first(url, "host")) if host]
    return bool(hosts) and "hostaddr" not in url.query and all(_all_sockets(host) for host in hosts)


def weaker_than_promised(url: URL) -> list[str]:
    """What the address should ask for and does not, as one writes it."""
    missing = [f"{name}={value}" for name, value in ASKS_FOR.items() if _first(url, name) != value]
    return missing if _first(url, AUTHORITY) else [*missing, f"{AUTHORITY}=<file of the authority>"]


def _all_sockets(hosts: str) -> bool:
    return all(host.startswith(("/", "@")) for host in hosts.split(","))


def _first(url: URL, name: str) -> str:
    """A parameter given twice is refused by being read as none: which one counts is the driver's business, not ours."""
    value = url.query.get(name, "")
    return value if isinstance(value, str) else ""
