"""The audit chain: the database lets only the next entry in, and what was changed by force is named."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from central_zone import audit
from central_zone.chain.verify import verify
from central_zone.errors import AuditBroken, StoreIsOlder, StoreRefused
from central_zone.store.connection import store_of, transaction


def append(zone, count):
    heads = []
    with store_of(zone.settings.store_url) as store:
        for number in range(count):
            with transaction(store, "append") as connection:
                heads.append(audit.append(connection, actor="test", event={"number": number}))
    return heads


def verified(zone, **how):
    said = verify(zone.settings, **how)
    return said["entries"], said["head"]


def test_a_chain_that_nobody_touched_holds_and_names_who_was_logged_in(zone):
    heads = append(zone, 3)
    assert verified(zone) == (3, heads[-1])
    assert verified(zone, published_head=heads[0]) == (3, heads[-1])
    assert zone.query("SELECT DISTINCT written_by FROM audit.entry") == zone.query("SELECT session_user::text")


def test_an_empty_chain_holds(zone):
    assert verified(zone) == (0, audit.NOTHING_BEFORE)


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit.entry SET actor = 'nobody' WHERE seq = 2",
        "DELETE FROM audit.entry WHERE seq = 3",
        "TRUNCATE audit.entry",
        "INSERT INTO audit.entry (seq, at, actor, event, previous_hash, hash, written_by) SELECT 5, now(), 'x', '{}', hash, "
        "repeat('a', 64), session_user FROM audit.entry WHERE seq = 3",
        "INSERT INTO audit.entry (seq, at, actor, event, previous_hash, hash, written_by) SELECT 4, now(), 'x', '{}', hash, "
        "repeat('a', 64), session_user FROM audit.entry WHERE seq = 2",
        "INSERT INTO audit.entry (seq, at, actor, event, previous_hash, hash, written_by) SELECT 4, now(), 'x', '{}', hash, "
        "repeat('a', 64), 'somebody else' FROM audit.entry WHERE seq = 3",
    ],
)
def test_the_database_lets_in_the_next_entry_under_ones_own_name_and_nothing_else(zone, attempt):
    heads = append(zone, 3)
    with store_of(zone.settings.store_url) as store, pytest.raises(StoreRefused, match=r"GA00[12]"):  # noqa: SIM117  (the error comes when the inner one ends)
        with transaction(store, "tamper") as connection:
            connection.execute(text(attempt))
    assert verified(zone) == (3, heads[-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE audit.entry SET at = at + interval '1 microsecond' WHERE seq = 2", "entry 2 was changed"),
        ("UPDATE audit.entry SET previous_hash = hash WHERE seq = 2", "entry 2 was changed"),
        ("DELETE FROM audit.entry WHERE seq = 2", "entry 2 was removed"),
        ("UPDATE audit.entry SET seq = 9 WHERE seq = 2", "entry 2 was removed"),
    ],
)
def test_a_changed_or_missing_entry_breaks_the_chain_there(zone, change, said):
    append(zone, 3)
    zone.execute(f"SET session_replication_role = replica; {change}")
    with pytest.raises(AuditBroken, match=said):
        verified(zone)


def test_entries_cut_off_the_end_show_against_a_published_head(zone):
    heads = append(zone, 3)
    zone.execute("SET session_replication_role = replica; DELETE FROM audit.entry WHERE seq = 3")
    assert verified(zone) == (2, heads[1])
    with pytest.raises(StoreIsOlder, match="bears witness to more"):
        verified(zone, published_head=heads[2])


def test_several_who_append_at_once_make_one_chain(zone):
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda _: append(zone, 5), range(4)))
    assert verified(zone)[0] == 20
