"""A delivery that is backfilled may rank before a practice's first parcel, whose rows then may replace some of its own."""

from sqlalchemy import Connection, and_, update

from central_zone.ledger import Entry
from central_zone.store.tables import MAY_REPLACE, RECORDS


def first_words_may_replace(connection: Connection, backfilled: Entry) -> None:
    """Marks the rows of the practice that rank after this parcel; after the first time there are none left to mark."""
    for table in RECORDS.values():
        not_marked = and_(
            table.c.practice_code == backfilled.practice_code,
            table.c.parcel_number > backfilled.parcel_number,
            table.c[MAY_REPLACE].is_(None),
        )
        connection.execute(update(table).where(not_marked).values({MAY_REPLACE: True}))
