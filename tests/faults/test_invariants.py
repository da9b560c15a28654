"""The invariants can fail: each is broken once, by hand, and says so by its number."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from central_zone.errors import AuditBroken
from support.invariants import check_invariants
from support.killed_world import NUMBER_OF, PRACTICE, World
from support.postgres import psycopg_url
from support.tokens_again import SourceKey, StoreKey
from support.trials import Trials


class Mistaken(World):
    """Who is there has opted out, as far as this one knows."""

    def must_not_be_there(self) -> set[bytes]:
        source, store = SourceKey(self.source.keys), StoreKey(self.root / "keys" / "central")
        return {store.token(source.person(NUMBER_OF["anne"]))}


@contextmanager
def changed(world: World, there: str, back: str) -> Iterator[None]:
    """As only an administrator can, past every trigger."""

    def execute(statement: str) -> None:
        with psycopg.connect(psycopg_url(world.store_url), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement)

    execute(there)
    yield
    execute(back)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    aside = path.with_name(f".{path.name}")
    path.rename(aside)
    yield
    aside.rename(path)


@contextmanager
def written(path: Path, text: str) -> Iterator[None]:
    before = path.read_bytes() if path.exists() else None
    path.write_bytes((before or b"") + text.encode())
    yield
    path.unlink() if before is None else path.write_bytes(before)


_ONE = f"""
WHERE practice_code = '{PRACTICE}'
AND registration_token::text = (SELECT min(registration_token::text) FROM records.patient WHERE practice_code = '{PRACTICE}')
"""
_LOADED = "WHERE state = 'loaded'"


def test_each_can_fail(trials: Trials) -> None:
    with trials.from_before("collect 2") as world:
        check_invariants(world)
        centre = world.root / "centre"
        receipt = next((centre / "receipts").glob("*.receipt.json"))
        spoilt = {
            "I1": moved(next(world.archive.glob("[!.]*"))),
            "I2": changed(
                world,
                f"UPDATE ledger.parcel SET rows_erased = '{{\"patient\": 1}}' {_LOADED}",
                f"UPDATE ledger.parcel SET rows_erased = '{{}}' {_LOADED}",
            ),
            "I3": changed(
                world,
                f"UPDATE records.patient SET year_of_birth = year_of_birth + 1 {_ONE}",
                f"UPDATE records.patient SET year_of_birth = year_of_birth - 1 {_ONE}",
            ),
            "I4|audit chain differ": changed(
                world,
                f"UPDATE ledger.parcel SET audit_hash = audit_hash || '0' {_LOADED}",
                f"UPDATE ledger.parcel SET audit_hash = left(audit_hash, 64) {_LOADED}",
            ),
            "I6": written(centre / "register" / "index.html", " Surnameanne"),
            "I7": moved(receipt),
            "I8": written(centre / "work" / "left", "something"),
        }
        for number, spoil in spoilt.items():
            with spoil, pytest.raises((AssertionError, AuditBroken), match=number):
                check_invariants(world)
        with pytest.raises(AssertionError, match="I5"):
            check_invariants(Mistaken(world.root, world.store_url))
        entry = ("event || '{\"x\": 1}'", "event - 'x'")
        there, back = (f"UPDATE audit.entry SET event = {each} WHERE seq = 2" for each in entry)
        with changed(world, there, back), pytest.raises(AuditBroken):
            check_invariants(world)
