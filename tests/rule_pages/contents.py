"""All pages, the policy files that need none, and the contents page that lists both."""

from crossing.policy import Policy
from rule_pages import (
    known_faults,
    national_data_opt_out,
    opting_out,
    opting_out_later,
    small_numbers,
    what_never_leaves,
    when_a_practice_is_stopped,
    who_is_in_scope,
    who_you_are,
    why_a_record_stays,
)
from rule_pages.page import Page, explained_files, table

PAGES: tuple[Page, ...] = (
    opting_out.PAGE,
    opting_out_later.PAGE,
    who_is_in_scope.PAGE,
    what_never_leaves.PAGE,
    national_data_opt_out.PAGE,
    when_a_practice_is_stopped.PAGE,
    why_a_record_stays.PAGE,
    known_faults.PAGE,
    small_numbers.PAGE,
    who_you_are.PAGE,
)
NEEDS_NO_PAGE = {
    "connections.toml": "Addresses of computers. It says nothing of what may leave.",
    "practice_lists.csv": "How long each practice's list is; only what the pages of docs/pages.md hold a night against.",
    "store_rights.toml": "Who may do what in the store: docs/store-rights.md is made of it.",
    "quality.toml": "How long results of validation are kept, and what drift is: docs/quality.md. It says nothing of what may leave.",
    "airflow_roles.toml": "Who may do what in the Airflow UI, each right with its reason: docs/people.md.",
    "alerts.toml": "Who is told of what, and how often: docs/people.md.",
    "decisions.toml": "How many stewards must agree before a held parcel is loaded: docs/people.md.",
    "quarantine.toml": "Which rows a steward at the centre may let in after all, each line with its reason: docs/quality.md.",
    "store_settings.toml": "How the store's server is set: docs/store.md says why. It says nothing of what may leave.",
    "fields/emis_csv_headers.toml": "The order of columns in a file. What becomes of each column is on a page.",
    "fields/tpp_csv_headers.toml": "The order of columns in a file. What becomes of each column is on a page.",
    "fields/medicus_csv_headers.toml": "The order of columns in a file. What becomes of each column is on a page.",
    "fields/medicus_csv_map.toml": "One supplier's words for the same things. What becomes of each column is on a page.",
}
README = "README.md"


def _body(policy: Policy) -> str:
    pages = "\n".join(f"- [{page.title}]({page.file}). {page.about}" for page in PAGES)
    none = table(("file", "why it needs no page"), [(f"`{name}`", why) for name, why in NEEDS_NO_PAGE.items()])
    return f"""
These pages say in plain words what the software does with your choice. You need to know nothing of computers.

{pages}

Each page gives examples, and says what is certain and what is only from memory. What was really done, night by night, is in
the public register that the software writes.

## Rule files without a page

Every other file of rules is explained on one of these pages. A test makes sure of it.

{none}
"""


CONTENTS = Page(
    README,
    "The rules about your choice, in plain words",
    "",
    tuple(NEEDS_NO_PAGE),
    _body,
)


def explained(policy: Policy) -> set[str]:
    """Every policy file that some page explains, or that needs none."""
    return {name for page in (CONTENTS, *PAGES) for name in explained_files(policy, page.explains)}
