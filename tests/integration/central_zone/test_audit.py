"""The audit chain shows what was changed, removed or cut off."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from central_zone import audit, load_parcel
from central_zone.errors import AuditBroken
from central_zone.store.connection import store_of, transaction


def append(zone, count):
    heads = []
    with store_of(zone.settings.store_url) as store:
        for number in range(count):
            with transaction(store, "append") as connection:
                heads.append(audit.append(connection, actor="test", event={"number": number}))
    return heads


def test_a_chain_that_nobody_touched_holds(zone):
    heads = append(zone, 3)
    assert load_parcel.verify_audit(zone.settings) == (3, heads[-1])
    assert load_parcel.verify_audit(zone.settings, published_head=heads[0]) == (3, heads[-1])


def test_an_empty_chain_holds(zone):
    assert load_parcel.verify_audit(zone.settings) == (0, audit.NOTHING_BEFORE)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit.entry SET event = '{\"number\": 7}' WHERE seq = 2",
        "UPDATE audit.entry SET actor = 'nobody' WHERE seq = 2",
        "UPDATE audit.entry SET at = at + interval '1 microsecond' WHERE seq = 2",
        "UPDATE audit.entry SET previous_hash = hash WHERE seq = 2",
        "DELETE FROM audit.entry WHERE seq = 2",
        "UPDATE audit.entry SET seq = 9 WHERE seq = 2",
    ],
)
def test_a_changed_or_missing_entry_breaks_the_chain_there(zone, change):
    append(zone, 3)
    zone.execute(change)
    with pytest.raises(AuditBroken, match="breaks at entry 2"):
        load_parcel.verify_audit(zone.settings)


def test_entries_cut_off_the_end_show_against_a_published_head(zone):
    heads = append(zone, 3)
    zone.execute("DELETE FROM audit.entry WHERE seq = 3")
    assert load_parcel.verify_audit(zone.settings) == (2, heads[1])
    with pytest.raises(AuditBroken, match="published head is not in the chain"):
        load_parcel.verify_audit(zone.settings, published_head=heads[2])


def test_several_who_append_at_once_make_one_chain(zone):
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda _: append(zone, 5), range(4)))
    assert load_parcel.verify_audit(zone.settings)[0] == 20
