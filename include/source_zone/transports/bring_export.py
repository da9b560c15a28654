"""One export from asking to rest: a folder named by the server's own transaction time, with `manifest.json` and its files.

Every step leaves on disk what the next needs, so that a run killed anywhere goes on: the status URL before the first
poll, each file before the next, the folder's name when the last of them is there, and only then the server is told.
"""

import gzip
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from crossing.parcel import sync_folder, write_durably
from source_zone.transports.bulk_download import BulkDownload, LinkExpired
from source_zone.transports.bulk_export import BulkExport, Job
from source_zone.transports.bulk_server import BulkServer, ExportRefused
from source_zone.transports.landing import UNDER_WAY, Landing
from source_zone.transports.transport import NotReadyYet, Progress

_PARTS = ("error", "outcome", "deleted", "output")  # bad news first: an export with errors is not worth bringing
_FATAL = ("error", "fatal")
_LISTING = ".listing"  # which files a folder under way is to hold
_RELINKED = ".relinked"  # journal entry: the export whose manifest was asked for again
_WORD = re.compile(r"[A-Za-z]{1,40}")


class ExportIncomplete(ExportRefused):
    """The server says of its own export that something is missing from it."""


@dataclass(frozen=True, slots=True)
class BringExport:
    """What one fetch works with."""

    server: BulkServer
    export: BulkExport
    landing: Landing
    progress: Progress

    def bring(self, path: str, types: tuple[str, ...], since: datetime | None) -> None:
        """Raises NotReadyYet while the server is at it; ServerDown, ExportRefused and their kin."""
        job = self.export.job() or self.export.begin(path, types, since)
        manifest = self.export.manifest(job)
        stamp = _stamp(manifest)
        if not (self.landing.folder / stamp).exists():
            self._bring(job, manifest, stamp)
        self.export.end()

    def _bring(self, job: Job, manifest: dict[str, Any], stamp: str) -> None:
        """All files into a folder under way, which gets its name when the last of them is there."""
        under_way = self._under_way(stamp, manifest)
        with_token = manifest.get("requiresAccessToken") is True
        download = BulkDownload(self.server, under_way, with_token, self.progress)
        try:
            for part, number, entry in _entries(manifest):
                entry["file"] = download.file(entry, _file_name(part, number, entry))
                if part in ("error", "outcome"):
                    self._check_outcome(under_way / entry["file"])
        except LinkExpired:
            raise self._ask_for_new_links(job) from None
        write_durably(under_way / "manifest.json", json.dumps(_as_asked(manifest, job)).encode())
        (under_way / _LISTING).unlink()
        sync_folder(under_way)
        under_way.replace(self.landing.folder / stamp)
        sync_folder(self.landing.folder)

    def _under_way(self, stamp: str, manifest: dict[str, Any]) -> Path:
        """The folder under way, with what a killed run brought of the very same files; of any others it is cleared."""
        everything = self.landing.folder / UNDER_WAY
        listing = json.dumps([[part, each.get("count"), _path(each)] for part, _, each in _entries(manifest)])
        under_way = everything / stamp
        if not (under_way / _LISTING).exists() or (under_way / _LISTING).read_text() != listing:
            shutil.rmtree(everything, ignore_errors=True)
            under_way.mkdir(parents=True, mode=0o700)
            write_durably(under_way / _LISTING, listing.encode())
        return under_way

    def _ask_for_new_links(self, job: Job) -> NotReadyYet:
        """Some servers sign their links anew when asked for the manifest; where that does not help, a new export will."""
        if self.landing.journal().get(_RELINKED) == job.status_url:
            self.export.end()
            return self.export.gone()
        self.landing.note(**{_RELINKED: job.status_url})
        soon = datetime.now(UTC) + timedelta(seconds=1)
        return NotReadyYet(f"{self.server.where}: the links ran out; the manifest is asked for again.", soon)

    def _check_outcome(self, path: Path) -> None:
        """Raises ExportIncomplete, and forgets the export, where an OperationOutcome is an error or cannot be read."""
        issues = list(_issues(path))
        if any(severity in _FATAL or severity is None for severity, _ in issues):
            self.export.end()
            codes = sorted({code for _, code in issues if code and _WORD.fullmatch(code)})
            raise ExportIncomplete(
                f"{self.server.where}: the server reports {len(issues)} problems with its own export"
                + (f" ({', '.join(codes[:5])})" if codes else "")
                + ". An export in part is not taken. Ask the supplier; the next run asks anew."
            )


def _stamp(manifest: dict[str, Any]) -> str:
    """The server's transaction time, cut to the second: asking from a little earlier misses nothing."""
    return datetime.fromisoformat(manifest["transactionTime"]).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _as_asked(manifest: dict[str, Any], job: Job) -> dict[str, Any]:
    """With what we asked for, which a server has to repeat: changes that pass for everything would pass for whole records."""
    request = str(manifest.get("request") or "")
    if not job.since or "_since=" in request:
        return manifest
    return {**manifest, "request": f"{request}{'&' if '?' in request else '?'}_since={job.since}"}


def _entries(manifest: dict[str, Any]) -> list[tuple[str, int, dict[str, Any]]]:
    return [(part, number, entry) for part in _PARTS for number, entry in enumerate(manifest.get(part) or [])]


def _path(entry: dict[str, Any]) -> str:
    """A link without its query: a signature in it changes while the file is the same."""
    return str(httpx.URL(entry["url"]).copy_with(query=None))


def _file_name(part: str, number: int, entry: dict[str, Any]) -> str:
    """Made by us, the same each time the manifest is read: a server's own names may be anything."""
    kind = str(entry["type"])
    word = kind if _WORD.fullmatch(kind) else "Unknown"
    return f"{part}.{number}.{word}.ndjson"


def _issues(path: Path) -> Iterable[tuple[str | None, str | None]]:
    """Severity and code of every issue of a file of outcomes; a line that is none counts as an error."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            try:
                for issue in json.loads(line)["issue"]:
                    yield str(issue["severity"]), str(issue.get("code"))
            except (ValueError, KeyError, TypeError):
                yield None, None
