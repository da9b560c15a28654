"""One moment: what a release asks sees the store as it stood when the first question came, whatever is loaded meanwhile.

Two connections, since one cannot do both: an entry of the audit chain follows whatever was committed last, which who keeps
to an earlier moment does not see. One asks, and keeps nothing; the other writes, and all that lasts is in its transaction.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from psycopg import sql
from sqlalchemy import Connection, Engine, Select, Table, event

from central_zone.load import driver_of
from central_zone.release_locks import wait_no_longer
from central_zone.store.connection import store_errors

_SENT_AT_ONCE = 1 << 20


@contextmanager
def one_moment(store: Engine, writing: Connection) -> Iterator[Connection]:
    """A connection all of whose questions see what is committed now, and nothing of what `writing` has not committed.

    Whoever must be seen, or wait, is locked out by `writing` before. What is made here, temporary tables, ends with it.
    """
    still = store.execution_options(isolation_level="REPEATABLE READ")
    with still.connect() as asking, asking.begin() as questions:
        _keep_alive(writing, beside=asking)
        wait_no_longer(asking)  # a lock that waits for `writing` would wait for ever: the store sees no ring
        yield asking
        questions.rollback()


def _keep_alive(writing: Connection, *, beside: Connection) -> None:
    """One is idle while the other works, and the server ends who is idle for long: a worker that hung must hold nobody up.

    So after each question the other says that it is there. One question may take as long as somebody may be idle.
    """

    def say_so(*_: object) -> None:
        writing.exec_driver_sql("SELECT")

    event.listen(beside, "after_cursor_execute", say_so)


def copy_across(asking: Connection, rows: Select[tuple[object, ...]], writing: Connection, into: Table) -> int:
    """Puts the answer to a question into a table whose columns are its own, in their order; how many rows."""
    question = rows.compile(dialect=asking.dialect)
    out = f"COPY ({question}) TO STDOUT (FORMAT BINARY)"
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in into.c)
    target = sql.Identifier(str(into.schema), into.name)
    in_ = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(target, columns)
    with store_errors(f"write {into.name}"), driver_of(asking).cursor() as source, driver_of(writing).cursor() as sink:
        with source.copy(out.encode(), question.params) as coming, sink.copy(in_) as going:
            for block in _in_blocks(coming):
                going.write(block)
        return sink.rowcount


def _in_blocks(rows: Iterable[bytes | bytearray | memoryview]) -> Iterator[bytes]:
    """The server hands out a row at a time, and each that is sent alone costs a call."""
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= _SENT_AT_ONCE:
            yield bytes(block)
            block.clear()
    yield bytes(block)
