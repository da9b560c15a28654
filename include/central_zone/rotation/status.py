"""Where each practice stands in a change of token key, for who asks by hand. Codes, keys and counts."""

from typing import Any

from sqlalchemy import func, select

from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import AUDITOR
from central_zone.store.rotation_tables import pair, practice_key, retired


def status(collection: str, settings: Settings) -> dict[str, Any]:
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "look at the token keys") as connection:
        by_key = select(practice_key.c.token_key, practice_key.c.practice_code).where(
            practice_key.c.collection == collection
        )
        practices: dict[str, list[str]] = {}
        for row in connection.execute(by_key.order_by(practice_key.c.practice_code)):
            practices.setdefault(row.token_key, []).append(row.practice_code)
        open_pairs = connection.execute(
            select(pair.c.token_key, func.count()).where(pair.c.collection == collection).group_by(pair.c.token_key)
        )
        gone = connection.scalars(select(retired.c.token_key).where(retired.c.collection == collection))
        return {
            "practices": dict(sorted(practices.items())),
            "open": {row[0]: row[1] for row in open_pairs},
            "retired": sorted(gone),
        }
