"""Writes every page of docs/rules: `make pages`."""

from crossing.policy import Policy
from rule_pages.contents import CONTENTS, PAGES
from rule_pages.page import FOLDER

FOLDER.mkdir(exist_ok=True)
for page in (CONTENTS, *PAGES):
    (FOLDER / page.file).write_text(page.text(Policy()))
