"""The files of a finished export, each brought whole: a broken line is taken up where it broke, a short file is not believed."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from crossing.errors import TryAgain
from source_zone.transports.bulk_server import BulkServer, ExportRefused, ServerDown
from source_zone.transports.transport import Progress

_BLOCK_BYTES = 1024 * 1024


class LinkExpired(TryAgain):
    """The file's address no longer works: the manifest is asked for again, or the export."""


class FileNotWhole(TryAgain):
    """A file came, and is not what the manifest says. It is brought again from its start."""


@dataclass(frozen=True, slots=True)
class BulkDownload:
    """Downloads into one folder, which is nobody's until all of it is there."""

    server: BulkServer
    folder: Path
    with_token: bool
    progress: Progress

    def file(self, entry: dict[str, Any], name: str) -> str:
        """Brings one file and returns the name it got. Raises LinkExpired, FileNotWhole, ServerDown, ExportRefused."""
        for done in (self.folder / name, self.folder / f"{name}.gz"):
            if done.exists():
                return done.name
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part, tag = self.folder / f".{name}.part", self.folder / f".{name}.tag"
        encoding = self._bring(entry, part, tag)
        target = self.folder / (f"{name}.gz" if encoding == "gzip" else name)
        self._check(entry, part, encoding)
        part.replace(target)
        tag.unlink(missing_ok=True)
        return target.name

    def _bring(self, entry: dict[str, Any], part: Path, tag: Path) -> str:
        """Goes on after the bytes there are, if the server still has the very same file; returns its encoding."""
        begun = tag.read_text().split("\n") if part.exists() and tag.exists() else ["", ""]
        have = part.stat().st_size if begun[0] else 0
        headers = {"Range": f"bytes={have}-", "If-Range": begun[0]} if have else {}
        with self.server.file(entry["url"], with_token=self.with_token, headers=headers) as answer:
            if answer.status_code == 416:  # what is here is longer than the file there
                part.unlink()
                raise FileNotWhole(f"{self.server.where}: a file of {entry['type']} changed. It is brought again.")
            self._check_status(answer)
            goes_on = answer.status_code == 206 and answer.headers.get("content-range", "").startswith(f"bytes {have}-")
            encoding = begun[1] if goes_on else answer.headers.get("content-encoding", "identity")
            if encoding not in ("gzip", "identity"):
                raise ExportRefused(
                    f"{self.server.where}: a file comes in an encoding we did not ask for. Ask the supplier."
                )
            if not goes_on:
                tag.write_text(f"{_strong_tag(answer)}\n{encoding}")
            self._save(answer, part, have if goes_on else 0)
        return encoding

    def _save(self, answer: httpx.Response, part: Path, have: int) -> None:
        with part.open("ab" if have else "wb") as target:
            for block in answer.iter_raw():  # as they come: gathered blocks would be lost with the line
                target.write(block)
                have += len(block)
                self.progress(f"fetch {self.server.where}: {part.name.strip('.').removesuffix('.part')} {have:,} bytes")

    def _check_status(self, answer: httpx.Response) -> None:
        if answer.status_code in (401, 403, 404, 410):
            raise LinkExpired(f"{self.server.where}: a file's link no longer works, HTTP {answer.status_code}.")
        if answer.status_code == 429 or answer.status_code >= 500:
            raise ServerDown(f"{self.server.where}: a file did not come, HTTP {answer.status_code}. It is tried again.")
        if answer.status_code not in (200, 206):
            raise ExportRefused(
                f"{self.server.where}: a file did not come, HTTP {answer.status_code}. Ask the supplier."
            )

    def _check(self, entry: dict[str, Any], part: Path, encoding: str) -> None:
        """The manifest says how many resources a file holds. Without that, only a cut in mid-line is noticed."""
        lines = _count_lines(part, encoding)
        expected = entry.get("count")
        if lines is None or (expected is not None and int(expected) != lines):
            part.unlink()
            raise FileNotWhole(
                f"{self.server.where}: a file of {entry['type']} is not whole"
                + (
                    f": {lines:,} lines where the manifest says {int(expected):,}"
                    if lines is not None and expected
                    else ""
                )
                + ". It is brought again."
            )


def _strong_tag(answer: httpx.Response) -> str:
    """Only a strong tag says that bytes are the same; without one a broken download starts anew."""
    tag = answer.headers.get("etag", "")
    return "" if tag.startswith("W/") else tag


def _count_lines(path: Path, encoding: str) -> int | None:
    """None where the file breaks off: inside gzip, or in the middle of a line."""
    lines, last = 0, b"\n"
    try:
        with gzip.open(path) if encoding == "gzip" else path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                lines += block.count(b"\n")
                last = block[-1:]
    except (EOFError, OSError, zlib.error):
        return None
    return lines if last == b"\n" else lines + 1
