"""python -m runbook_pages: writes docs/runbook/, and removes pages of errors that are no more."""

from runbook_pages.page import FOLDER, pages

FOLDER.mkdir(exist_ok=True)
wanted = pages()
for path in FOLDER.glob("*.md"):
    if path.name not in wanted:
        path.unlink()
for name, text in wanted.items():
    (FOLDER / name).write_text(text)
