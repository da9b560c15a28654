"""Who waits for whom: releases of one use for each other, and every release for an erasure, and the other way round."""

from sqlalchemy import Connection, func, select, text

_NO_ERASURE = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('gp-collect releases', 0))")
_NO_RELEASE = text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect releases', 0))")
_LONGEST_WAIT = text("SET LOCAL lock_timeout = '60s'")


def keep_erasures_out(connection: Connection) -> None:
    """Until the caller's transaction ends nobody is erased, so that nobody who was is written again."""
    connection.execute(_NO_ERASURE)


def keep_releases_out(connection: Connection) -> None:
    """Until the caller's transaction ends nothing is released: then it sees what the caller has deleted."""
    connection.execute(_NO_RELEASE)


def one_at_a_time(connection: Connection, use_id: str) -> None:
    """Releases of one use, one after the other. Somebody who reads the former one for long lets us try again later."""
    connection.execute(_LONGEST_WAIT)
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"gp-collect release {use_id}", 0))))
