"""One GPDPR file as a stream of rows: checked element by element against policy, a snapshot in memory at a time.

Expat reads it (measured: twice as fast as going over events in Python needs). It never fetches anything, and a document
type, without which there are no entities, is refused at once.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from crossing.errors import PersonMustAct
from source_zone.adapters.gpdpr_xml.layout import (
    CHILDREN,
    NAMESPACE,
    PRACTICE_EXTRACT,
    ROOT,
    ROWS,
    SCHEMA_VERSION,
    SNAPSHOT,
)
from source_zone.adapters.gpdpr_xml.snapshot import Cells, SnapshotMixed, settle
from source_zone.adapters.reading import FileRefused

POLICY_FILE = "policy/fields/gpdpr_xml.toml"
_BATCH_ROWS = 50_000
_LARGEST_SNAPSHOT = 200_000  # rows; memory holds one snapshot
_LARGEST_ELEMENT = 1 << 20  # bytes; memory holds one element
_PLAIN_NAME = re.compile(r"^[a-z][a-z_-]{0,39}[0-9]?$")
_ENCODINGS = ("utf-8", "us-ascii")
_XSI = "http://www.w3.org/2001/XMLSchema-instance "
_ASK_AGAIN = "Ask the supplier to send this file again."
_REVIEW = f"Ask the supplier what changed; then have it reviewed in {POLICY_FILE}."

Chunk = dict[str, list[Cells]]
RowsHere = dict[str, tuple[str, frozenset[str]]]  # element, as expat names it -> table and its attributes


class NotInPolicy(PersonMustAct):
    """A file holds an element or an attribute that no reviewer has decided about."""


@dataclass(slots=True)
class Stream:
    """Reads one file. `rows` counts the row elements read so far; `links` what became of problem links."""

    path: Path
    practice_code: str
    known: Mapping[str, frozenset[str]]  # element or table -> its attributes in policy
    rows: int = 0
    links: dict[str, int] = field(default_factory=lambda: {"applied": 0, "not_applied": 0})
    _waiting: Chunk = field(default_factory=lambda: defaultdict(list), repr=False)
    _waiting_rows: int = 0
    _inside: list[str] = field(default_factory=list, repr=False)
    _rows_in: dict[str, RowsHere] = field(default_factory=dict, repr=False)
    _rows_here: RowsHere = field(default_factory=dict, repr=False)
    _here: list[tuple[str, Cells]] = field(default_factory=list, repr=False)
    _in_row: bool = False
    _practices: int = 0
    _parser: expat.XMLParserType = field(
        default_factory=lambda: expat.ParserCreate(namespace_separator=" "), repr=False
    )

    def read(self, pieces: Iterable[bytes]) -> Iterator[Chunk]:
        """Chunks of some 50,000 rows by table, their cells by attribute. Raises FileRefused, NotInPolicy."""
        self._attach()
        fed = 0
        for piece in pieces:
            fed += len(piece)
            self._parse(piece, last=False)
            if fed - self._parser.CurrentByteIndex > _LARGEST_ELEMENT:
                self._refuse("an element is larger than a row can be", "Ask the supplier what it is.")
            self._take_rows_of_the_practice()
            if self._waiting_rows >= _BATCH_ROWS:
                yield self._chunk()
        self._parse(b"", last=True)
        if not self._practices:
            self._refuse(f"there is no {PRACTICE_EXTRACT} in it", _ASK_AGAIN)
        yield self._chunk()

    def _attach(self) -> None:
        self._rows_in = {
            container: {_full(each): (ROWS[each], self.known[ROWS[each]]) for each in children if each in ROWS}
            for container, children in CHILDREN.items()
        }
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.XmlDeclHandler = self._declaration

    def _parse(self, piece: bytes, *, last: bool) -> None:
        try:
            self._parser.Parse(piece, last)
        except expat.ExpatError as error:
            # Expat's own words for an error are a fixed list; they quote nothing.
            rule = f"{expat.ErrorString(error.code)}. Rule: an extract is whole, sound XML"
            raise FileRefused(f"{self.path.name}, line {error.lineno}: {rule}. {_ASK_AGAIN}") from None

    def _start(self, name: str, cells: Cells) -> None:
        found = self._rows_here.get(name)
        if found is not None and found[1].issuperset(cells):
            self._rows_here = {}  # nothing may stand in a row
            self._in_row = True
            self.rows += 1
            self._here.append((found[0], cells))
        elif found is not None:
            self._check_attributes(found[0], cells)
        else:
            self._open(self._known_element(name), cells)

    def _end(self, name: str) -> None:
        if self._in_row:
            self._in_row = False
        elif self._inside.pop() == SNAPSHOT:
            self._settle_snapshot()
        self._rows_here = self._rows_in[self._inside[-1]] if self._inside else {}

    def _open(self, element: str, cells: Cells) -> None:
        allowed = CHILDREN[self._inside[-1]] if self._inside else {ROOT}
        if self._in_row or element not in allowed:
            self._refuse(f"{element} stands where it does not belong", _REVIEW)
        self._check_attributes(element, {name: text for name, text in cells.items() if not name.startswith(_XSI)})
        if element == PRACTICE_EXTRACT:
            self._check_practice(cells)
        if element == SNAPSHOT:
            self._take_rows_of_the_practice()
        self._inside.append(element)
        self._rows_here = self._rows_in[element]

    def _check_practice(self, cells: Cells) -> None:
        self._practices += 1
        if cells.get("provider_id") != self.practice_code:
            self._refuse(
                f"provider_id is not {self.practice_code}, whose folder it is in",
                "Move the file to its own practice's folder, or ask the supplier.",
            )

    def _settle_snapshot(self) -> None:
        try:
            applied, not_applied = settle(self._here)
        except SnapshotMixed as mixed:
            self._refuse(str(mixed), _ASK_AGAIN)
        self.links["applied"] += applied
        self.links["not_applied"] += not_applied
        self._keep()

    def _take_rows_of_the_practice(self) -> None:
        if SNAPSHOT not in self._inside:
            self._keep()
        elif len(self._here) > _LARGEST_SNAPSHOT:
            self._refuse(f"a {SNAPSHOT} has more than {_LARGEST_SNAPSHOT} rows", "Ask the supplier what it is.")

    def _keep(self) -> None:
        for table, cells in self._here:
            self._waiting[table].append(cells)
        self._waiting_rows += len(self._here)
        self._here.clear()

    def _chunk(self) -> Chunk:
        chunk, self._waiting, self._waiting_rows = self._waiting, defaultdict(list), 0
        return chunk

    def _known_element(self, name: str) -> str:
        namespace, _, element = name.rpartition(" ")
        if namespace != NAMESPACE:
            self._refuse(
                f"an element is not of the namespace of schema {SCHEMA_VERSION}", f"Ask for schema {SCHEMA_VERSION}."
            )
        if element not in CHILDREN and element not in ROWS:
            self._not_in_policy("element", element)
        return element

    def _check_attributes(self, element: str, cells: Mapping[str, str]) -> None:
        for name in cells:
            if name not in self.known[element]:
                self._not_in_policy(f"attribute of {element}", name)

    def _text(self, text: str) -> None:
        if not text.isspace():
            self._refuse("there is text between the elements; in this format values are attributes", _REVIEW)

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            self._refuse("it says it is in another encoding than UTF-8", _ASK_AGAIN)

    def _doctype(self, *_: object) -> None:
        self._refuse(
            "it has a document type, which an extract never has and with which a parser is attacked", _ASK_AGAIN
        )

    def _not_in_policy(self, what: str, name: str) -> NoReturn:
        told = f": {name}" if _PLAIN_NAME.match(name) else ", whose name does not look like one, so it is not repeated"
        raise NotInPolicy(f"{self._place()}: an {what} that is not in {POLICY_FILE}{told}. {_REVIEW}") from None

    def _refuse(self, rule: str, remedy: str) -> NoReturn:
        raise FileRefused(f"{self._place()}: {rule}. {remedy}") from None

    def _place(self) -> str:
        return f"{self.path.name}, line {self._parser.CurrentLineNumber}, row {self.rows}"


def _full(element: str) -> str:
    return f"{NAMESPACE} {element}"
