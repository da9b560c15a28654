"""What is said of a server's facts, where a real server of the tests cannot be brought to have them."""

from dataclasses import replace

import pytest

from central_zone.store.facts import Facts, HbaLine
from central_zone.store.server_settings import LACKS, Promise, read_promises
from central_zone.store.weaker import tasks, weaker
from crossing.policy import Policy, PolicyRefused

PROMISES = read_promises(Policy())
SETTINGS = {promise.name: promise.to_set("") if promise.words else "something" for promise in PROMISES}
WHOLE = Facts(
    user="gp_auditor",
    is_superuser=False,
    version=180001,
    tls="TLSv1.3",
    settings={**SETTINGS, "listen_addresses": "*"},
    sees_every_setting=True,
    on_command_line=frozenset(),
    waits_for_restart=frozenset(),
    overridden=frozenset(),
    own=(),
    hba=(HbaLine(1, "hostssl", ("all",), ("all",), "scram-sha-256", is_broken=False),),
    passwords={"gp_loader": "scram"},
    extensions=frozenset({"plpgsql", "pgaudit"}),
)


def with_settings(facts: Facts = WHOLE, **changed: str | None) -> Facts:
    settings = {name: value for name, value in {**facts.settings, **changed}.items() if value is not None}
    return replace(facts, settings=settings)


def said_of(facts: Facts, *, demonstration: bool = False) -> list[tuple[str, str]]:
    said = weaker(facts, PROMISES, demonstration=demonstration)
    return [(each.said, each.why) for each in said if each.said != "ok"]


def test_a_server_as_promised_is_ok_in_every_subject() -> None:
    assert said_of(WHOLE) == []
    assert {each.place for each in weaker(WHOLE, PROMISES, demonstration=False)} == {
        "store: encryption",
        "store: logs",
        "store: code",
        "store: audit log",
        "store: durability",
        "store: signing in",
        "store: server",
    }


def test_a_log_that_cannot_be_restored_from_is_named() -> None:
    [(said, why)] = said_of(with_settings(wal_level="minimal"))
    assert (said, "wal_level is 'minimal'" in why) == ("wrong", True)


def test_what_archives_may_be_a_library_instead_of_a_command() -> None:
    assert said_of(with_settings(archive_command="", archive_library="basic_archive")) == []
    assert len(said_of(with_settings(archive_command="", archive_library=""))) == 1


def test_a_library_that_is_not_loaded_is_one_thing_to_mend_whoever_looks() -> None:
    without = {name: None for name in SETTINGS if name.startswith("pgaudit.")}
    [(_, why)] = said_of(with_settings(**without, shared_preload_libraries=""))
    assert why.startswith("shared_preload_libraries is ''")
    blind = replace(with_settings(**without, shared_preload_libraries=None), sees_every_setting=False)
    assert [said for said, _ in said_of(blind)] == ["take care", "wrong"]
    assert "pgaudit.log is not known to the server" in said_of(blind)[1][1]


def test_an_old_server_is_named() -> None:
    assert "older than 15" in said_of(replace(WHOLE, version=140012))[0][1]


@pytest.mark.parametrize(
    ("changed", "remedy"),
    [
        ({}, "Run gp-central store init"),
        ({"on_command_line": frozenset({"fsync"})}, "command line"),
        ({"waits_for_restart": frozenset({"fsync"})}, "started again"),
    ],
)
def test_the_remedy_is_one_that_helps(changed: dict[str, frozenset[str]], remedy: str) -> None:
    [(_, why)] = said_of(replace(with_settings(fsync="off"), **changed))
    assert remedy in why


def embedded(**changed: str | None) -> Facts:
    lacking = {promise.name: None for promise in PROMISES if promise.demonstration == LACKS}
    trust = (HbaLine(9, "local", ("all",), ("all",), "trust", is_broken=False),)
    return replace(with_settings(**{**lacking, "listen_addresses": "", **changed}), hba=trust, passwords={})


def test_a_demonstration_is_told_what_it_lacks_and_it_is_accepted() -> None:
    said = said_of(embedded(), demonstration=True)
    assert {word for word, _ in said} == {"take care"}
    assert all("Accepted here: demonstration" in why for _, why in said)
    assert {word for word, _ in said_of(embedded())} == {"wrong"}, "nothing is accepted of whoever does not say so"


def test_a_demonstration_may_not_lose_rows_nor_quote_them() -> None:
    said = said_of(embedded(fsync="off", log_min_messages="warning"), demonstration=True)
    assert len([why for word, why in said if word == "wrong"]) == 2


def test_a_server_on_a_network_is_no_demonstration() -> None:
    said = said_of(embedded(listen_addresses="localhost"), demonstration=True)
    assert "take care" not in {word for word, _ in said}
    assert "listens on a network" in said[-1][1]


def test_a_connection_in_clear_is_named_where_a_network_carries_it() -> None:
    in_clear = replace(WHOLE, tls=None)
    assert [each.said for each in tasks(in_clear, over_network=True, demonstration=False)] == ["wrong"]
    assert [each.said for each in tasks(in_clear, over_network=False, demonstration=False)] == ["ok"]


def of_file(tmp_path, text: str) -> tuple[Promise, ...]:
    (tmp_path / "store_settings.toml").write_text(text)
    return read_promises(Policy(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        'is = "on"\nabout = "logs"',
        'is = "on"\nabout = "elsewhere"\nwhy = "x"',
        'is = "on"\none_of = ["on"]\nabout = "logs"\nwhy = "x"',
        'about = "logs"\nwhy = "x"',
        'is = "on"\nabout = "logs"\nwhy = "x"\nwhenever = true',
        'is = "on"\nabout = "logs"\nwhy = "x"\ndemonstration = "perhaps"',
        'is = "on"\nabout = "logs"\nwhy = "x"\nby = "me"',
    ],
)
def test_a_promise_that_is_not_understood_is_refused(tmp_path, text: str) -> None:
    with pytest.raises(PolicyRefused, match=r"store_settings\.toml, fsync"):
        of_file(tmp_path, f"[fsync]\n{text}\n")


def test_a_list_keeps_what_it_has(tmp_path) -> None:
    [promise] = of_file(tmp_path, '[shared]\ncontains = ["pgaudit"]\nabout = "logs"\nwhy = "x"\n')
    assert promise.to_set('other, "more"') == "other,more,pgaudit"
    assert promise.holds({"shared": "other, pgaudit"})
    assert not promise.holds({"shared": "pgaudit_of_another_kind"})
