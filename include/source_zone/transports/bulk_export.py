"""One Bulk Data export: asked for, written down before it is asked after, polled as its server says, and ended.

Source: HL7 Bulk Data Access, asynchronous request pattern. The status URL is a secret of sorts (whoever has it may
get the files), so it stays in the landing folder and never reaches Airflow.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from crossing.errors import PersonMustAct
from source_zone.transports.bulk_server import BulkServer, ExportRefused
from source_zone.transports.landing import Landing
from source_zone.transports.transport import NotReadyYet

_JOB = ".export"  # journal entry
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)
_LONGEST_OBEYED = timedelta(hours=6)
_OUR_ACCESS = (401, 403)  # says nothing of the export: it is asked after again when our access is mended


class ExportGivenUp(PersonMustAct):
    """The supplier's server has been at it for longer than policy allows."""


class ExportGone(NotReadyYet):
    """The server has forgotten the export, or its links ran out: a new one is asked for next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An export under way, as the landing folder's journal has it."""

    status_url: str
    started_at: str
    since: str | None
    asked: int = 0  # how often it was asked after

    def __repr__(self) -> str:
        return f"Job(started_at={self.started_at!r}, since={self.since!r}, asked={self.asked})"


@dataclass(frozen=True, slots=True)
class BulkExport:
    """The one export of a practice that is under way, or is to be asked for."""

    server: BulkServer
    landing: Landing
    give_up_after: timedelta

    def job(self) -> Job | None:
        found = self.landing.journal().get(_JOB)
        return Job(**found) if found else None

    def begin(self, path: str, types: tuple[str, ...], since: datetime | None) -> Job:
        """Asks for an export and notes where to ask after it, before anything else. Raises NotReadyYet, ExportRefused."""
        query = {"_outputFormat": "application/fhir+ndjson", "_type": ",".join(types)}
        if since:
            query["_since"] = since.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        answer = self.server.ask("GET", path, params=query, headers={"Prefer": "respond-async"})
        self._wait_if_busy(answer, asked=0)
        if answer.status_code != 202 or "content-location" not in answer.headers:
            raise ExportRefused(
                f"{self.server.where}: the server would not start an export, HTTP {answer.status_code}. "
                "Ask the supplier whether we are enrolled for this practice and these types."
            )
        status_url = str(answer.url.join(answer.headers["content-location"]))
        job = Job(status_url=status_url, started_at=_now().isoformat(timespec="seconds"), since=query.get("_since"))
        self._note(job)
        return job

    def manifest(self, job: Job) -> dict[str, Any]:
        """What the finished export consists of. Raises NotReadyYet until it is finished, ExportGone, ExportGivenUp."""
        self._check_patience(job)
        answer = self.server.ask("GET", job.status_url)
        if answer.status_code == 200:
            return _as_manifest(answer, self.server.where)
        self._note(replace(job, asked=job.asked + 1))
        self._wait_if_busy(answer, asked=job.asked)
        if answer.status_code == 202:
            raise NotReadyYet(f"{self.server.where}: the export is under way.", _ask_again(answer, job.asked))
        if answer.status_code in (404, 410):
            raise self.gone()
        if answer.status_code not in _OUR_ACCESS:
            self.forget()
        raise ExportRefused(
            f"{self.server.where}: the export failed, HTTP {answer.status_code}. Ask the supplier; the next run asks anew."
        )

    def gone(self) -> ExportGone:
        self.forget()
        return ExportGone(f"{self.server.where}: the export is gone from the server.", _now() + _FIRST_WAIT)

    def end(self) -> None:
        """Tells the server that it may clear away, and forgets. A server that has done so already is no trouble."""
        job = self.job()
        if job:
            self.server.ask("DELETE", job.status_url)
            self.forget()

    def forget(self) -> None:
        self.landing.note(**{_JOB: None})

    def _note(self, job: Job) -> None:
        self.landing.note(**{_JOB: asdict(job)})

    def _check_patience(self, job: Job) -> None:
        if _now() - datetime.fromisoformat(job.started_at) > self.give_up_after:
            self.end()
            raise ExportGivenUp(
                f"{self.server.where}: no result after {self.give_up_after}. Ask the supplier; the next run asks anew."
            )

    def _wait_if_busy(self, answer: httpx.Response, *, asked: int) -> None:
        """Too many requests, a server that is restarting, or an outcome that calls itself transient: ask later."""
        if answer.status_code in (429, 502, 503, 504) or (answer.status_code >= 400 and _is_transient(answer)):
            raise NotReadyYet(
                f"{self.server.where}: the server is busy, HTTP {answer.status_code}.", _ask_again(answer, asked)
            )


def _ask_again(answer: httpx.Response, asked: int) -> datetime:
    """When the server says; else a little later each time."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isdigit():
        return _now() + min(timedelta(seconds=int(said)), _LONGEST_OBEYED)
    try:
        moment: datetime = parsedate_to_datetime(said)
        return min(max(moment.astimezone(UTC), _now()), _now() + _LONGEST_OBEYED)
    except (TypeError, ValueError):
        return _now() + min(_FIRST_WAIT * (1 << min(asked, 10)), _LONGEST_WAIT)


def _is_transient(answer: httpx.Response) -> bool:
    try:
        content = answer.json()
        return any(
            issue.get("code") in ("transient", "throttled", "timeout", "lock-error") for issue in content["issue"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _as_manifest(answer: httpx.Response, where: str) -> dict[str, Any]:
    try:
        content = answer.json()
        if datetime.fromisoformat(content["transactionTime"]).tzinfo is None:
            raise ValueError
        for part in ("output", "error", "outcome", "deleted"):
            for each in content.get(part) or []:
                str(each["type"]), httpx.URL(each["url"]), int(each.get("count") or 0)
        return dict(content)
    except (
        json.JSONDecodeError,
        UnicodeDecodeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        httpx.InvalidURL,
    ):
        raise ExportRefused(
            f"{where}: the export's manifest is not as HL7 Bulk Data defines it. Ask the supplier."
        ) from None


def _now() -> datetime:
    return datetime.now(UTC)
