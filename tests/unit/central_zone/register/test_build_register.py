"""The register says what ran: to people, to spreadsheets, to programs; and never how few people are behind a number."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from central_zone.register.build_register import publish
from central_zone.register.data_use import FIELDS
from central_zone.register.read_ledger import AuditHead, Ledger, ParcelRun
from crossing.policy import Policy, policy_folder

FIRST_NIGHT = datetime(2026, 9, 2, 1, tzinfo=UTC)
HEAD = AuditHead(seq=33, at=FIRST_NIGHT + timedelta(days=60), hash="12" * 32)
PRACTICES = [f"Y9900{number}" for number in range(1, 9)]


def a_manifest(**counts: Any) -> dict[str, Any]:
    return {
        "counts": {
            "patients_may_leave": 94,
            "patients_held_back": {"type_one_opt_out": 4, "test_patient": 0},
            "tables": {
                "observation": {"held_back": {"legally_restricted_code": 6}, "quarantined": {"unknown_code": 2}}
            },
            "retired_objections": {"type_two_dissent": 3, "type_two_withdrawal": 0},
            **counts,
        },
        "policy_sha256": {"collections/gpdpr.toml": "ab" * 32},
        "schema_sha256": "ef" * 32,
        "token_key": "token-gpdpr-v1",
        "software": "gp-collect 0.1.0",
    }


def a_run(practice: str = "Y99001", night: int = 1, **changes: Any) -> ParcelRun:
    taken = FIRST_NIGHT + timedelta(days=night - 1)
    run = ParcelRun(
        collection="gpdpr",
        practice_code=practice,
        sequence=night,
        state="loaded",
        supplier_format="emis_csv",
        synthetic=True,
        extract_kind="delta",
        extract_taken_at=taken,
        received_at=taken + timedelta(hours=1),
        loaded_at=taken + timedelta(hours=2),
        rows_loaded={"patient": 94, "observation": 20_001},
        rows_quarantined={"observation": {"dated_in_future": 3}},
        rows_released={},
        rows_discarded={},
        manifest=a_manifest(),
    )
    return replace(run, **changes)


def a_ledger(*runs: ParcelRun, **changes: Any) -> Ledger:
    return replace(Ledger(parcels=runs, audit_head=HEAD, parcels_refused_unread=0), **changes)


def one_night(**changes: Any) -> Ledger:
    return a_ledger(*(a_run(practice, **changes) for practice in PRACTICES))


def register(out: Path, ledger: Ledger) -> dict[str, Any]:
    publish(out, ledger, Policy())
    return json.loads((out / "register.json").read_text())


def collection(out: Path, ledger: Ledger) -> dict[str, Any]:
    return next(item for item in register(out, ledger)["collections"] if item["id"] == "gpdpr")


class Page(HTMLParser):
    """What a screen reader or a link checker would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))

    def values(self, name: str) -> Iterator[str]:
        return (attributes[name] for _, attributes in self.tags if name in attributes)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    publish(tmp_path, one_night(), Policy())
    return Page((tmp_path / "index.html").read_text())


def test_the_top_of_the_page_says_that_it_is_a_demonstration(page: Page) -> None:
    top = page.words()[: page.words().index("What was collected")]
    assert "demonstration on synthetic records" in top
    assert "data provision notice for General Practice Data for Planning and Research was withdrawn" in top
    assert "not live or authorised" in top


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script(page: Page) -> None:
    addresses = [*page.values("href"), *page.values("src")]
    assert addresses
    assert [address for address in addresses if ":" in address or address.startswith("//")] == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert "url(" not in page.words()


def test_every_link_inside_the_page_leads_somewhere(page: Page, tmp_path: Path) -> None:
    ids = list(page.values("id"))
    assert len(ids) == len(set(ids))
    targets = [address for address in page.values("href") if address.startswith("#")]
    assert {target[1:] for target in targets} | set(page.values("aria-labelledby")) <= set(ids)
    files = {address for address in page.values("href") if not address.startswith("#")}
    assert files == {"feed.atom", "register.json", "register.csv"}
    assert all((tmp_path / file).is_file() for file in files)


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    tags = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"] == {"lang": "en-GB"}
    assert [tags.count(tag) for tag in ("h1", "main", "header", "footer", "nav")] == [1, 1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert tags.count("caption") == tags.count("table") > 3
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")


def test_the_page_says_what_ran(page: Page) -> None:
    words = page.words()
    assert "Last loaded 2 September 2026, 03:00 UTC" in words
    assert "Practices whose records were loaded 8" in words
    assert "Observation 160,008" in words
    assert "dated in future" in words
    assert "8 loaded." in words
    assert HEAD.hash in words
    assert "ab" * 32 in words
    assert "token-gpdpr-v1" in words


def test_counts_of_people_are_rounded_or_not_shown(tmp_path: Path) -> None:
    month = collection(tmp_path, one_night())["people"][0]
    assert (month["month"], month["practices"]) == ("2026-09", 8)
    assert month["sent"]["figure"] == 750  # 8 x 94 = 752
    assert month["held_back"]["type_one_opt_out"]["figure"] == 30  # 8 x 4 = 32
    assert month["held_back"]["test_patient"] == {"figure": None, "words": "7 or fewer"}
    assert month["records_held_back"]["legally_restricted_code"]["figure"] == 50  # 8 x 6 = 48
    assert month["records_faulty_at_practice"]["unknown_code"]["figure"] == 15  # 8 x 2 = 16
    assert month["retired_objections"]["type_two_dissent"]["figure"] == 25  # 8 x 3 = 24
    assert month["retired_objections"]["type_two_withdrawal"] == {"figure": None, "words": "7 or fewer"}


def test_retired_objections_are_told_apart_on_the_page_from_what_was_held_back(tmp_path: Path) -> None:
    publish(tmp_path, one_night(), Policy())
    page = (tmp_path / "index.html").read_text()
    assert "nothing here obeys any more" in page
    assert "An old type 2 opt-out: ended in 2018" in page


def test_a_parcel_of_before_they_were_counted_has_none(tmp_path: Path) -> None:
    manifest = a_manifest()
    del manifest["counts"]["retired_objections"]
    said = collection(tmp_path, a_ledger(*(a_run(practice, manifest=manifest) for practice in PRACTICES)))
    assert said["people"][0]["retired_objections"] == {}


def test_the_rows_of_the_patient_table_are_people_too(tmp_path: Path) -> None:
    rows = {row["table"]: row["rows"] for row in collection(tmp_path, one_night())["rows_loaded"]}
    assert rows["patient"]["figure"] == 750
    assert rows["observation"]["figure"] == 160_008


def test_rows_that_were_decided_on_are_told_beside_those_that_were_kept_out(tmp_path: Path) -> None:
    decided = {"rows_released": {"observation": 2}, "rows_discarded": {"observation": 1, "patient": 1}}
    said = collection(tmp_path, one_night(**decided))
    assert {row["rule"]: row["rows"]["figure"] for row in said["rows_quarantined"]} == {"dated_in_future": 24}
    figures = {row["table"]: (row["released"]["figure"], row["discarded"]["figure"]) for row in said["rows_decided"]}
    assert figures == {"observation": (16, 8), "patient": (None, 10)}
    page = (tmp_path / "index.html").read_text()
    assert "Loaded after all" in page
    assert collection(tmp_path, one_night())["rows_decided"] == []


def test_one_practice_alone_gets_no_figures_of_people(tmp_path: Path) -> None:
    said = collection(tmp_path, a_ledger(a_run()))
    assert said["people"][0]["sent"]["figure"] is None
    assert {row["table"]: row["rows"]["figure"] for row in said["rows_loaded"]} == {
        "patient": None,
        "observation": 20_001,
    }


def test_whatever_a_hidden_count_is_the_register_is_the_same(tmp_path: Path) -> None:
    def with_opt_outs(number: int) -> Ledger:
        counted = a_manifest(patients_held_back={"type_one_opt_out": number, "test_patient": 9})
        none = a_manifest(patients_held_back={"type_one_opt_out": 0, "test_patient": 9})
        others = (a_run(practice, manifest=none) for practice in PRACTICES[1:])
        return a_ledger(a_run(PRACTICES[0], manifest=counted), *others)

    publish(tmp_path, with_opt_outs(0), Policy())
    assert {publish(tmp_path, with_opt_outs(number), Policy())["state"] for number in range(8)} == {"already"}
    assert publish(tmp_path, with_opt_outs(8), Policy())["state"] == "published"


def test_two_nights_cannot_be_subtracted_from_each_other(tmp_path: Path) -> None:
    """One more patient opts out on the second night: no figure about people changes within the month."""
    more = a_manifest(patients_may_leave=86, patients_held_back={"type_one_opt_out": 12, "test_patient": 0})
    second = [a_run(practice, night=2, manifest=more) for practice in PRACTICES]
    before = collection(tmp_path / "1", one_night())["people"]
    after = collection(tmp_path / "2", a_ledger(*one_night().parcels, *second))["people"]
    assert before == after
    october = [a_run(practice, night=31, manifest=more) for practice in PRACTICES]
    later = collection(tmp_path / "3", a_ledger(*one_night().parcels, *second, *october))["people"]
    assert [month["month"] for month in later] == ["2026-10", "2026-09"]
    assert later[0]["held_back"]["type_one_opt_out"]["figure"] == 95  # 8 x 12 = 96


def everything_in(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(out.iterdir())}


def test_a_month_that_is_not_over_has_no_figures_of_people(tmp_path: Path) -> None:
    """Else a practice that delivers late in the month could be told apart: the figures after less those before."""
    goes_on = AuditHead(seq=33, at=datetime(2026, 9, 30, 23, 59, tzinfo=UTC), hash="12" * 32)
    publish(tmp_path, replace(one_night(), audit_head=goes_on), Policy())
    assert json.loads((tmp_path / "register.json").read_text())["collections"][0]["people"] == []
    assert "Figures for a month are shown once it is over." in (tmp_path / "index.html").read_text()
    assert "Nothing has been loaded yet." not in (tmp_path / "index.html").read_text()
    over = replace(goes_on, at=datetime(2026, 10, 1, tzinfo=UTC))
    assert [each["month"] for each in collection(tmp_path, replace(one_night(), audit_head=over))["people"]] == [
        "2026-09"
    ]


def test_who_opts_in_again_cannot_be_seen_in_any_file(tmp_path: Path) -> None:
    one_person = a_manifest(patients_may_leave=1, patients_held_back={})
    again = a_run("Y99003", night=2, extract_kind="re_extract", rows_loaded={"observation": 347}, manifest=one_person)
    publish(tmp_path / "before", one_night(), Policy())
    publish(tmp_path / "after", a_ledger(*one_night().parcels, again), Policy())
    assert everything_in(tmp_path / "after") == everything_in(tmp_path / "before")
    publish(tmp_path / "a delta", a_ledger(*one_night().parcels, replace(again, extract_kind="delta")), Policy())
    assert everything_in(tmp_path / "a delta") != everything_in(tmp_path / "before")


@pytest.mark.parametrize("about", ["patients_may_leave", "patients_held_back", "held_back", "quarantined"])
def test_no_exact_count_of_people_is_in_any_file(tmp_path: Path, about: str) -> None:
    """8 x 803 is 6,424: published as 6,425, whatever is counted, in HTML, JSON, CSV and Atom alike."""
    tables = {"observation": {"held_back": {"legally_restricted_code": 6}, "quarantined": {"unknown_code": 2}}}
    counts: dict[str, Any] = {
        "patients_may_leave": {"patients_may_leave": 803},
        "patients_held_back": {"patients_held_back": {"type_one_opt_out": 803}},
        "held_back": {"tables": {"observation": {**tables["observation"], "held_back": {"type_one_opt_out": 803}}}},
        "quarantined": {"tables": {"observation": {**tables["observation"], "quarantined": {"unknown_code": 803}}}},
    }
    publish(tmp_path, one_night(manifest=a_manifest(**counts[about])), Policy())
    files = everything_in(tmp_path)
    exact = re.compile(r"(?<![0-9,a-f])(?:803|6,?424)(?![0-9,a-f])")
    assert {name: exact.findall(text) for name, text in files.items()} == {name: [] for name in files}
    assert "6,425" in files["index.html"]
    assert "6425" in files["register.json"]


def test_only_what_was_loaded_counts_as_loaded(tmp_path: Path) -> None:
    held = a_run("Y99008", state="held", loaded_at=None, rows_loaded={})
    said = collection(tmp_path, a_ledger(*(a_run(practice) for practice in PRACTICES[:7]), held))
    assert said["parcels"] == {"held": 1, "loaded": 7}
    assert said["practices"][7]["latest_state"] == "held"
    assert said["practices"][7]["last_loaded_at"] is None
    assert said["people"][0]["practices"] == 7


def test_the_rules_shown_are_those_of_each_practices_latest_delivery(tmp_path: Path) -> None:
    newer = {**a_manifest(), "policy_sha256": {"collections/gpdpr.toml": "cd" * 32}, "token_key": "token-gpdpr-v2"}
    said = collection(tmp_path, a_ledger(*one_night().parcels, a_run("Y99003", night=2, manifest=newer)))
    assert [(item["sha256"][:2], item["practices"]) for item in said["applied"]["policy"]] == [("ab", 7), ("cd", 1)]
    assert said["applied"]["token_keys"] == ["token-gpdpr-v1", "token-gpdpr-v2"]


def test_building_again_changes_no_byte_and_says_so(tmp_path: Path) -> None:
    assert publish(tmp_path, one_night(), Policy())["state"] == "published"
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    assert publish(tmp_path, one_night(), Policy())["state"] == "already"
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before
    assert set(before) == {"index.html", "register.json", "register.csv", "feed.atom"}


def test_a_file_that_was_changed_by_hand_is_put_right(tmp_path: Path) -> None:
    publish(tmp_path, one_night(), Policy())
    good = (tmp_path / "index.html").read_bytes()
    (tmp_path / "index.html").write_text("nothing to see")
    assert publish(tmp_path, one_night(), Policy())["state"] == "published"
    assert (tmp_path / "index.html").read_bytes() == good


def test_the_time_zone_of_the_store_changes_nothing(tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    elsewhere = [
        replace(
            run,
            **{
                name: getattr(run, name).astimezone(ZoneInfo("Asia/Tokyo"))
                for name in ("extract_taken_at", "loaded_at", "received_at")
            },
        )
        for run in one_night().parcels
    ]
    publish(tmp_path, one_night(), Policy())
    assert publish(tmp_path, a_ledger(*elsewhere), Policy())["state"] == "already"


def test_a_store_without_a_single_parcel_still_has_a_register(tmp_path: Path) -> None:
    outcome = publish(tmp_path, Ledger(parcels=(), audit_head=None, parcels_refused_unread=0), Policy())
    words = Page((tmp_path / "index.html").read_text()).words()
    assert outcome["parcels"] == 0
    assert "Nothing has been loaded yet." in words
    assert "The audit trail is still empty." in words


@pytest.mark.fault("F32", injected="=HYPERLINK() as the name of an organisation", happened="the CSV shows it as text")
def test_the_csv_has_hdr_uks_headings_and_runs_in_no_spreadsheet(tmp_path: Path) -> None:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    path = tmp_path / "policy" / "data_uses" / "example_respiratory_demand.toml"
    path.write_text(path.read_text().replace('"Example University (made up)"', '"=HYPERLINK(A1)"'))
    publish(tmp_path / "out", one_night(), Policy(tmp_path / "policy"))
    with (tmp_path / "out" / "register.csv").open(newline="") as file:
        headings, *rows = csv.reader(file)
    assert headings == list(FIELDS.values())
    assert len(rows) == 2
    assert rows[0][1] == "'=HYPERLINK(A1)"
    assert [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r\n" and cell] == []


@pytest.mark.fault("F32", injected="a script as the name of a person", happened="the page shows it as text")
def test_text_from_policy_cannot_become_markup(tmp_path: Path) -> None:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    path = tmp_path / "policy" / "data_uses" / "example_respiratory_demand.toml"
    path.write_text(path.read_text().replace('"A. Example"', '"<script>alert(1)</script>"'))
    publish(tmp_path / "out", one_night(), Policy(tmp_path / "policy"))
    assert "<script" not in (tmp_path / "out" / "index.html").read_text()


ATOM = "{http://www.w3.org/2005/Atom}"


def test_the_feed_is_atom_with_a_day_an_entry(tmp_path: Path) -> None:
    publish(tmp_path, a_ledger(*one_night().parcels, a_run(night=2)), Policy())
    feed = ET.fromstring((tmp_path / "feed.atom").read_bytes())  # noqa: S314  (our own bytes)
    entries = feed.findall(f"{ATOM}entry")
    titles = [entry.findtext(f"{ATOM}title") for entry in entries]
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert titles[:2] == [
        "2026-09-03: 1 delivery loaded, collection gpdpr",
        "2026-09-02: 8 deliveries loaded, collection gpdpr",
    ]
    assert len(ids) == len(set(ids)) == 4
    updated = [datetime.fromisoformat(entry.findtext(f"{ATOM}updated") or "") for entry in entries]
    assert datetime.fromisoformat(feed.findtext(f"{ATOM}updated") or "") == max([*updated, HEAD.at])
