"""How Airflow's metadata database is reached, as Airflow itself is told, or by a file. Secrets come by files or Airflow's own settings."""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from crossing.errors import PersonMustAct
from key_custody.whereabouts.airflow_folders import airflow_home

_URL, _FERNET = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__FERNET_KEY"


class MetadataAddressWrong(PersonMustAct):
    """The address of the metadata database cannot be read, or is not one of PostgreSQL."""


@dataclass(frozen=True, slots=True)
class MetadataAccess:
    url: str = field(repr=False)
    fernet_keys: tuple[str, ...] = field(repr=False)


def metadata_access(
    environment: Mapping[str, str], url_file: Path | None, fernet_key_file: Path | None
) -> MetadataAccess | None:
    """None where nobody says an address. Raises MetadataAddressWrong."""
    url = _line(url_file) if url_file else environment.get(_URL, "")
    if not url or (not url_file and url.startswith("sqlite")):  # a worker's leads nowhere
        return None
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgres"):
        raise MetadataAddressWrong("The doctor reads metadata in PostgreSQL only. Look at an export with --also.")
    keys = _line(fernet_key_file) if fernet_key_file else environment.get(_FERNET) or _of_airflows_file(environment)
    return MetadataAccess(
        urlunsplit(parts._replace(scheme="postgresql")), tuple(key.strip() for key in keys.split(",") if key.strip())
    )


def _of_airflows_file(environment: Mapping[str, str]) -> str:
    """Airflow writes a Fernet key into its own file where nobody set one."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(airflow_home(environment) / "airflow.cfg")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return ""
    return parser.get("core", "fernet_key", fallback="")


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise MetadataAddressWrong(f"{path.name} cannot be read. Name a file that this user may read.") from None
