"""An address of the store asks for all that is promised, or names a socket of this machine."""

import pytest

from central_zone.settings import Settings, load
from central_zone.store.address import StoreAddressRefused, checked_address

WHOLE = (
    "postgresql+psycopg://gp_loader@store.example/store"
    "?sslmode=verify-full&sslrootcert=/ca.pem&channel_binding=require&ssl_min_protocol_version=TLSv1.3"
)


@pytest.mark.parametrize(
    "address",
    [
        WHOLE,
        "postgresql+psycopg://u@/store?host=/run/postgresql",
        "postgresql+psycopg:///store?host=/run/postgresql",
        "postgresql+psycopg://u@/store?host=@abstract",
    ],
)
def test_these_are_taken(address: str) -> None:
    assert checked_address(address, "GP_STORE_URL") == address


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("sslmode=verify-full", "sslmode=verify-ca", "sslmode=verify-full"),
        ("sslmode=verify-full&", "", "sslmode=verify-full"),
        ("sslrootcert=/ca.pem&", "", "sslrootcert="),
        ("channel_binding=require", "channel_binding=prefer", "channel_binding=require"),
        ("TLSv1.3", "TLSv1.2", "ssl_min_protocol_version=TLSv1.3"),
        ("sslmode=verify-full", "sslmode=verify-full&sslmode=disable", "sslmode=verify-full"),
    ],
)
def test_an_address_that_asks_for_less_is_refused_and_what_lacks_is_named(old: str, new: str, named: str) -> None:
    weak = WHOLE.replace(old, new).replace("gp_loader@", "gp_loader:open-sesame@")
    with pytest.raises(StoreAddressRefused) as told:
        checked_address(weak, "GP_STORE_URL")
    assert named in str(told.value)
    assert "sesame" not in str(told.value)
    assert "store.example" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg:///store",  # PGHOST would decide
        "postgresql+psycopg://u@/store?host=/run,elsewhere.example",
        "postgresql+psycopg://elsewhere.example/store?host=/run",
        "postgresql+psycopg://u@/store?host=/run&hostaddr=192.0.2.1",
        "postgresql+psycopg://u@/store?host=/run&host=elsewhere.example",
        "postgresql+psycopg2://u@/store?host=/run",
        "postgresql://u@/store?host=/run",
        "sqlite://",
        "not an address",
    ],
)
def test_what_may_lead_over_a_network_is_no_socket_and_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(StoreAddressRefused):
        checked_address(address, "GP_STORE_URL")


@pytest.mark.parametrize("name", ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"])
def test_a_variable_that_leads_elsewhere_is_refused(monkeypatch, name: str) -> None:
    monkeypatch.setenv(name, "192.0.2.1")
    with pytest.raises(StoreAddressRefused) as told:
        load()
    assert name in str(told.value)
    assert "192.0.2.1" not in str(told.value)


def test_the_settings_refuse_it_whichever_way_they_are_told(tmp_path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://u:open-sesame@store.example/store")
    for values in ({"GP_STORE_URL": file.read_text()}, {"GP_STORE_URL_FILE": str(file)}):
        with pytest.raises(StoreAddressRefused, match=next(iter(values))):
            _ = Settings(values).store_url
    with pytest.raises(StoreAddressRefused, match="GP_STORE_ADMIN_URL"):
        _ = Settings({"GP_STORE_ADMIN_URL": file.read_text()}).store_admin_url


@pytest.mark.parametrize("said", ["user=administrator", "password=open-sesame", "service=mine", "passfile=/tmp/p"])
@pytest.mark.parametrize("address", [WHOLE, "postgresql+psycopg://u@/store?host=/run/postgresql"])
def test_who_one_is_stands_nowhere_that_goes_before_the_role_of_a_step(address: str, said: str) -> None:
    """What stands after the ? overrules the user in front: every step would be whoever it names."""
    with pytest.raises(StoreAddressRefused, match=said.partition("=")[0]) as told:
        Settings({"GP_STORE_URL": f"{address}&{said}"}).store_url_of("gp_loader")
    assert "sesame" not in str(told.value)
