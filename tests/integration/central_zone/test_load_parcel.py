"""A parcel's way into the store, on a real PostgreSQL and with the real rules."""

from central_zone import load_parcel
from support.parcels import a_night


def test_a_parcel_loads_and_the_ledger_the_audit_chain_and_the_outbox_say_so(zone):
    parcel = zone.sealed(a_night())
    result = load_parcel.load_parcel(parcel.folder, zone.settings)
    assert result["state"] == "loaded", result
    assert result["rows"] == 60
    assert zone.query("SELECT count(*) FROM records.observation") == [(50,)]
