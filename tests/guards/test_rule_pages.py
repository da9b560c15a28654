"""docs/rules says what policy says, all of it, in words that a member of the public can follow."""

import functools
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import Policy, PolicyRefused, policy_folder
from crossing.reasons import REASONS_IN_WORDS
from rule_pages import national_data_opt_out, opting_out, who_is_in_scope, why_a_record_stays
from rule_pages.contents import CONTENTS, NEEDS_NO_PAGE, PAGES, explained
from rule_pages.page import FOLDER, HOW_TO_MAKE, Page, explained_files
from source_zone.opt_outs import type_one_opt_out_in_force

ALL = (CONTENTS, *PAGES)
FILES_OF_PAGES = [(page, name) for page in PAGES for name in explained_files(Policy(), page.explains)]


def named(value: object) -> str:
    return value.file if isinstance(value, Page) else str(value)


@functools.cache
def made(page: Page) -> str:
    return page.text(Policy())


def text_of(page: Page) -> str:
    return (FOLDER / page.file).read_text()


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """A copy to change."""
    shutil.copytree(policy_folder(), tmp_path / "policy")
    return Policy(tmp_path / "policy")


@pytest.mark.parametrize("page", ALL, ids=named)
def test_each_page_says_what_policy_says(page: Page) -> None:
    assert text_of(page) == made(page), f"{page.file} is not what policy makes it. Run: {HOW_TO_MAKE}"


def test_no_page_lies_there_that_is_not_made() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(page.file for page in ALL)


def test_every_policy_file_is_explained_or_has_a_reason_why_it_need_not_be() -> None:
    folder = policy_folder()
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there - explained(Policy()) == set(), (
        "Explain it on a page in tests/rule_pages, or say there why it needs none."
    )
    on_a_page = {name for _, name in FILES_OF_PAGES}
    assert on_a_page & set(NEEDS_NO_PAGE) == set()
    assert all(why.endswith(".") for why in NEEDS_NO_PAGE.values())


@pytest.mark.parametrize(("page", "name"), FILES_OF_PAGES, ids=named)
def test_a_page_changes_with_every_file_it_explains_and_is_not_made_without_it(
    page: Page, name: str, policy: Policy
) -> None:
    path = policy.folder / name
    path.write_text(changed(name, path.read_text()))
    assert page.text(Policy(policy.folder)) != made(page)
    path.unlink()
    if name.startswith("data_uses/") and page is national_data_opt_out.PAGE:
        assert name not in page.text(Policy(policy.folder))  # there may be one project less
        return
    with pytest.raises((FileNotFoundError, PolicyRefused), match=r"[Nn]o such file"):
        page.text(Policy(policy.folder))


def changed(name: str, content: str) -> str:
    """Other reasons in every line, or, where there are none, another title; one line more or less in a list."""
    if name.endswith(".csv"):
        lines = [line for line in content.splitlines() if not line.startswith("#")]
        return "\n".join(lines[:-1] if len(lines) > 1 else [*lines, lines[0]]) + "\n"
    told = re.sub(r'(\b(?:why|title|project_title) = "|(?m:^)"(?=[^"\n]+\." = \[))', r"\1Otherwise. ", content)
    return re.sub(r"(?m)^((?:words|collected) = \[)", r'\1"Otherwise", ', told)


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("start_date", "2022-10-03"),
        ("look_back_years", "{ medication = 7 }"),
        ("scope_registration_types", '["regular", "temporary"]'),
        ("dissent_reaches", '"registration"'),
        ("largest_quarantined_share", "0.07"),
        ("largest_deleted_share", "{ patients = 0.07, rows = 0.3, rows_a_patient = 2 }"),
        ("stale_after_days", "6"),
        ("entries_expected_from_patients", "77"),
        ("objections_expected_from_patients", "7777"),
        ("largest_unreadable_share", "0.77"),
        ("unreadable_at_least", "77"),
        ("largest_fall", "0.77"),
        ("fall_at_least", "77"),
    ],
)
def test_no_limit_of_a_collection_changes_unread(policy: Policy, key: str, other: str) -> None:
    path = policy.folder / "collections" / "gpdpr.toml"
    path.write_text(re.sub(rf"(?m)^{key} = .*$", f"{key} = {other}", path.read_text()))
    of_collections = [page for page in PAGES if "collections/*.toml" in page.explains]
    assert [page.file for page in of_collections if page.text(Policy(policy.folder)) != made(page)] != []


def words_of(node: Any) -> list[str]:
    """Every `says`, `why`, `source` and `words` of a policy file, however deep."""
    if isinstance(node, list):
        return [text for each in node for text in words_of(each)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in ("says", "why", "source", "words") if isinstance(node.get(key), str)]
    return own + [text for each in node.values() for text in words_of(each)]


@pytest.mark.parametrize("name", [str(path.name) for path in sorted((policy_folder() / "opt_outs").glob("*.toml"))])
def test_every_clause_limit_ground_and_reason_about_opt_outs_is_on_a_page(name: str) -> None:
    pages = "\n".join(text_of(page) for page in PAGES)
    said = words_of(tomllib.loads((policy_folder() / "opt_outs" / name).read_text()))
    assert said
    assert [text for text in said if text.rstrip(".") not in pages] == []


def test_every_reason_to_stay_is_on_the_page_about_reasons_and_once() -> None:
    page = text_of(why_a_record_stays.PAGE)
    assert {name: page.count(f"| `{name}` |") for name in REASONS_IN_WORDS} == dict.fromkeys(REASONS_IN_WORDS, 1)


def test_every_rule_of_quality_is_on_a_page() -> None:
    pages = "\n".join(text_of(page) for page in PAGES)
    rules = [
        rule
        for path in (policy_folder() / "expectations").glob("*.toml")
        for rule in tomllib.loads(path.read_text())["rule"]
    ]
    assert len(rules) > 50
    assert [rule["id"] for rule in rules if rule["why"].replace("|", "\\|") not in pages] == []


def test_every_clause_of_the_rule_has_an_example_and_no_example_is_left_over() -> None:
    assert set(opting_out.EXAMPLES) == {name for each in opting_out.versions(Policy()) for name in each["clauses"]}


@pytest.mark.parametrize("name", [name for name, each in opting_out.EXAMPLES.items() if each.entries])
def test_an_example_about_dates_ends_as_the_rule_itself_decides(name: str) -> None:
    example = opting_out.EXAMPLES[name]
    assert type_one_opt_out_in_force(example.entries, as_of=opting_out.TODAY) is example.stays


def test_every_kind_of_registration_has_words() -> None:
    assert who_is_in_scope.words_without_a_meaning(Policy()) == []


@pytest.mark.parametrize("page", ALL, ids=named)
def test_every_page_says_that_it_is_a_demonstration_and_how_it_is_made(page: Page) -> None:
    text = text_of(page)
    assert (
        "> **This is a demonstration.** Every patient, practice and record in it is made up. It is not an NHS service."
        in text
    )
    assert text.count(HOW_TO_MAKE) == 2


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_gives_examples_and_says_what_is_certain(page: Page) -> None:
    text = text_of(page)
    assert text.count("*Example:*") >= 3
    assert "## What is certain and what is not" in text


def sentences(text: str) -> list[list[str]]:
    """The prose, without tables, links' addresses and what the reader may leave folded."""
    unfolded = re.sub(r"(?s)<details>.*?</details>|<!--.*?-->", "", text)
    prose = re.sub(r"\]\([^)]*\)|[*`#>\[\]]", "", re.sub(r"(?m)^(\||- \[`).*$", "", unfolded))
    paragraphs = re.split(r"\n\n|\n- |\n\d+\. ", prose)
    found = [sentence.split() for each in paragraphs for sentence in re.split(r"(?<=[.!?:;])\s+", each)]
    return [words for words in found if len(words) > 1]


@pytest.mark.parametrize("page", ALL, ids=named)
def test_sentences_are_short(page: Page) -> None:
    found = sentences(text_of(page))
    assert sum(map(len, found)) / len(found) <= 11
    assert [" ".join(words) for words in found if len(words) > 40] == []


def test_and_long_ones_would_be_noticed() -> None:
    assert [len(words) for words in sentences("Short one. And " + "a word " * 46 + "more.")] == [2, 94]


@pytest.mark.parametrize("page", ALL, ids=named)
def test_every_link_leads_somewhere(page: Page) -> None:
    links = re.findall(r"\]\(([^)]+)\)", text_of(page))
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []
