"""The practice's account as a page to read: no script, nothing loaded from elsewhere, plain headings and tables."""

from pathlib import Path

from crossing.html_pages import rendered
from crossing.parcel import write_durably
from source_zone.practice_account import Contents

_FOLDER = Path(__file__).parent / "pages"


def page(contents: Contents) -> bytes:
    return rendered(_FOLDER, "practice_account.html.j2", contents)


def write_page(out: Path, contents: Contents) -> None:
    """Appears whole or not at all, readable by its owner alone: it is for the practice."""
    draft = out.with_name(f".{out.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    write_durably(draft, page(contents))
    draft.replace(out)
