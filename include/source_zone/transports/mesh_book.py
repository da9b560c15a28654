"""What is known of each message of one mailbox: whose it is, whether it is here, who has let it go, what MESH was told.

A small SQLite file, since a mailbox that serves thousands of practices has too many messages for a file written whole.
It holds ids, practice codes and file names of the agreed form; a name that is not as agreed is not kept.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

WAITING, HERE, ACKNOWLEDGED, DONE, GONE = "waiting", "here", "acknowledged", "done", "gone"
_REMEMBERED_FOR = timedelta(days=40)  # MESH forgets a message after 30 days at the latest
_TABLES = """
create table if not exists message (
  message_id text primary key,
  practice_code text,
  file_name text,
  problem text,
  code text not null default '',
  chunks integer not null,
  checksum text not null,
  sent_at text not null,
  seen_at text not null,
  state text not null,
  sha256 text,
  here_at text
) strict;
create index if not exists message_of_practice on message (practice_code, state);
create table if not exists landed (
  message_id text not null,
  collection text not null,
  let_go integer not null,
  primary key (message_id, collection)
) strict;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One message, as the book has it."""

    message_id: str
    practice_code: str | None
    file_name: str | None
    problem: str | None  # why it is not taken: then it stays in the mailbox, and is shown
    code: str
    chunks: int
    checksum: str
    sent_at: str
    seen_at: str
    state: str
    sha256: str | None = None
    here_at: str | None = None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Book:
    """Every change is on disk when the call returns. The caller has the mailbox's lock."""

    path: Path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as book:
            book.row_factory = sqlite3.Row
            book.execute("pragma synchronous = full")
            book.executescript(_TABLES)
            yield book

    def note(self, known: Known) -> None:
        """A message seen for the first time, or one that was nobody's and is looked at again."""
        columns = Known.__slots__
        marks = ", ".join(f":{name}" for name in columns)
        with self._open() as book:
            book.execute(
                f"insert or replace into message ({', '.join(columns)}) values ({marks})",  # noqa: S608  # our own names
                {name: getattr(known, name) for name in columns},
            )

    def find(self, message_id: str) -> Known | None:
        rows = self._rows("select * from message where message_id = ?", message_id)
        return Known(**rows[0]) if rows else None

    def not_sorted(self, message_ids: Iterable[str]) -> list[str]:
        """Those of the messages that are new, or nobody's so far."""
        known = "select 1 from message where message_id = ? and problem is null"
        with self._open() as book:
            return [each for each in message_ids if book.execute(known, (each,)).fetchone() is None]

    def of_practice(self, practice_code: str, *states: str) -> list[Known]:
        """In the order they were sent."""
        rows = self._rows(
            "select * from message where practice_code = ? and problem is null order by sent_at, message_id",
            practice_code,
        )
        return [Known(**row) for row in rows if row["state"] in states]

    def nobodys(self) -> list[Known]:
        """Messages that stay in the mailbox until somebody has done something about them."""
        return [Known(**row) for row in self._rows("select * from message where problem is not null order by seen_at")]

    def counts(self) -> dict[str, int]:
        rows = self._rows("select state, count(*) as n from message where problem is null group by state")
        return {row["state"]: row["n"] for row in rows}

    def forget_nobodys(self, still_listed: set[str]) -> None:
        """Those that are no longer in the mailbox."""
        for each in self.nobodys():
            if each.message_id not in still_listed:
                self._change("delete from message where message_id = ?", each.message_id)

    def arrived(self, message_id: str, sha256: str) -> None:
        self._change(
            "update message set state = ?, sha256 = ?, here_at = ? where message_id = ?",
            HERE,
            sha256,
            now(),
            message_id,
        )

    def mark(self, message_id: str, state: str) -> None:
        self._change("update message set state = ? where message_id = ?", state, message_id)

    def landed(self, message_id: str, collection: str, *, let_go: bool = False) -> None:
        """A later word that it was let go is never taken back."""
        self._change(
            "insert into landed values (?, ?, ?) on conflict do update set let_go = max(let_go, excluded.let_go)",
            *(message_id, collection, int(let_go)),
        )

    def landings(self, message_id: str) -> dict[str, bool]:
        """Collection -> whether it has let the message go."""
        rows = self._rows("select collection, let_go from landed where message_id = ?", message_id)
        return {row["collection"]: bool(row["let_go"]) for row in rows}

    def was_let_go(self, like: Known, collection: str) -> bool:
        """Whether the same file, byte for byte, has come before in another message, and been taken."""
        found = self._rows(
            "select 1 as found from message join landed using (message_id) where practice_code = ? and file_name = ? "
            "and sha256 = ? and message_id <> ? and collection = ? and let_go = 1",
            *(like.practice_code, like.file_name, like.sha256, like.message_id, collection),
        )
        return bool(found)

    def prune(self) -> None:
        long_ago = (datetime.now(UTC) - _REMEMBERED_FOR).isoformat(timespec="seconds")
        ended = "select message_id from message where state in ('done', 'gone') and seen_at < ?"
        self._change(f"delete from landed where message_id in ({ended})", long_ago)  # noqa: S608  # a constant
        self._change(f"delete from message where message_id in ({ended})", long_ago)  # noqa: S608  # a constant

    def _rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with self._open() as book:
            return [dict(row) for row in book.execute(statement, values)]

    def _change(self, statement: str, *values: Any) -> None:
        with self._open() as book:
            book.execute(statement, values)
