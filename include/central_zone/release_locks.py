"""Who waits for whom: releases of one use for each other. That releases and erasures wait is erasures.agree's affair."""

from sqlalchemy import Connection, func, select, text

_LONGEST_WAIT = text("SET LOCAL lock_timeout = '60s'")


def one_at_a_time(connection: Connection, use_id: str) -> None:
    """Releases of one use, one after the other. Somebody who reads the former one for long lets us try again later."""
    wait_no_longer(connection)
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"gp-collect release {use_id}", 0))))


def wait_no_longer(connection: Connection) -> None:
    """Whatever lock this transaction has not got after a minute it gives up: StoreDown, try again."""
    connection.execute(_LONGEST_WAIT)
