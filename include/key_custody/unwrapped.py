"""The data key, unwrapped once in a process: a task of Airflow, or a command, is one process and one run.

It is kept beside the wrapped text it came of, so that nothing here can go stale: another text is another key. Never a
call to Vault for each key, still less for each value.
"""

from pathlib import Path
from threading import Lock

from key_custody.custody_file import CustodySettings
from key_custody.errors import CustodyRefused
from key_custody.sealed_files import DATA_KEY_BYTES
from key_custody.wrapping import wrapping_of

_kept: dict[str, bytes] = {}
_one_at_a_time = Lock()


def unwrapped(folder: Path, settings: CustodySettings) -> bytes:
    """The data key of this folder. Raises CustodyRefused, KeyRefused, CustodyAway (TryAgain)."""
    with _one_at_a_time:
        if settings.data_key not in _kept:
            _kept[settings.data_key] = unwrap(folder, settings)
        return _kept[settings.data_key]


def unwrap(folder: Path, settings: CustodySettings) -> bytes:
    """Asks for it, whatever is kept. Raises as `unwrapped`."""
    data_key = wrapping_of(folder, settings).unwrap(settings.data_key)
    if len(data_key) != DATA_KEY_BYTES or not any(data_key):
        raise CustodyRefused(f"What was unwrapped is not {DATA_KEY_BYTES} bytes of key. Seal the keys again.")
    return data_key
