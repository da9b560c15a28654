"""Exports from a Bulk Data server over real HTTP: asked for, waited for, broken off, refused, and only whole ones at rest."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import policy_folder
from source_zone.release import Release, prepare
from source_zone.transports.bring_export import ExportIncomplete
from source_zone.transports.bulk_download import FileNotWhole
from source_zone.transports.bulk_export import ExportGivenUp, ExportGone, Job
from source_zone.transports.bulk_fhir import BulkFhir
from source_zone.transports.bulk_server import ExportRefused, ServerDown
from source_zone.transports.smart_token import TokenRefused, TokenServerDown
from source_zone.transports.transport import NotReadyYet
from support.bulk_fhir_server import BulkFhirServer, Plan, running
from support.emis_files import PRACTICE
from support.source_zone import a_practice, make_source_zone

STAMP = "20260902T010000Z"
PATIENTS = [{"resourceType": "Patient", "id": f"p{n}", "gender": "female"} for n in range(2_000)]


class World:
    """A supplier's server and the source zone that is enrolled with it."""

    def __init__(self, root: Path, server: BulkFhirServer, **changed: Any) -> None:
        self.server = server
        policy = root / "policy"
        shutil.copytree(policy_folder(), policy)
        connection = server.connection(**changed)
        lines = [f"{key} = {json.dumps(value)}" for key, value in connection.items()]
        (policy / "connections.toml").write_text("[supplier]\n" + "\n".join(lines) + "\n")
        self.zone = make_source_zone(root, policy)
        secrets = self.zone.settings.keys / "connections" / "supplier"
        secrets.mkdir(parents=True)
        (secrets / "private_key.pem").write_bytes(server.private_key)
        (secrets / "private_key.pem").chmod(0o400)

    def release(self) -> Release:
        practice = replace(a_practice(), transport="bulk_fhir", connection="supplier")
        return prepare("gpdpr", practice, "run", self.zone.settings)

    def transport(self) -> BulkFhir:
        """A new one each time, as after a crash: nothing is known but what lies in the landing folder."""
        made = self.release().transport
        assert isinstance(made, BulkFhir)
        return made

    def fetch(self, since: datetime | None = None) -> None:
        self.transport().fetch(since, lambda _: None)

    @property
    def landed(self) -> list[str]:
        return sorted(path.name for path in self.transport().folder.glob("[!.]*"))

    def journal_job(self) -> dict[str, Any]:
        """The export under way, as written down."""
        return dict(self.transport().landing.journal()[".export"])

    def lines(self, name: str) -> list[dict[str, Any]]:
        path = self.transport().folder / STAMP / name
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Starts a server that keeps to a plan, and a zone enrolled with it."""
    started: list[Any] = []

    def start(connection: dict[str, Any] | None = None, **plan: Any) -> World:
        context = running(Plan(**{"files": {"Patient": PATIENTS}, **plan}))
        server = context.__enter__()
        started.append(context)
        return World(tmp_path, server, **(connection or {}))

    yield start
    for each in started:
        each.__exit__(None, None, None)


def test_an_export_comes_to_rest_whole_with_its_manifest(serve: Callable[..., World]) -> None:
    world = serve()
    world.fetch()
    assert world.landed == [STAMP]
    manifest = json.loads((world.transport().folder / STAMP / "manifest.json").read_text())
    assert world.lines(manifest["output"][0]["file"]) == PATIENTS
    assert world.server.seen.deletes == 1, "the server is told that it may clear away"
    assert world.server.seen.kick_offs[0]["_type"] == ["Patient,Observation"]
    assert "_since" not in world.server.seen.kick_offs[0]


def test_the_next_export_asks_since_the_servers_own_time(serve: Callable[..., World]) -> None:
    world = serve()
    world.fetch(datetime(2026, 9, 1, 1, tzinfo=UTC))
    assert world.server.seen.kick_offs[0]["_since"] == ["2026-09-01T01:00:00Z"]


def test_it_waits_as_long_as_the_server_says_and_asks_after_the_same_job(serve: Callable[..., World]) -> None:
    world = serve(polls=2, retry_after="120")
    for _ in range(2):
        with pytest.raises(NotReadyYet) as raised:
            world.fetch()
        assert 110 < (raised.value.ask_again_at - datetime.now(UTC)).total_seconds() <= 120
    world.fetch()
    assert len(world.server.seen.kick_offs) == 1
    assert world.landed == [STAMP]


def test_retry_after_may_be_a_date_or_absent(serve: Callable[..., World]) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=30)
    world = serve(polls=9, retry_after=format_datetime(moment, usegmt=True))
    with pytest.raises(NotReadyYet) as raised:
        world.fetch()
    assert abs((raised.value.ask_again_at - moment).total_seconds()) < 2
    world.server.plan.retry_after = None
    waits = []
    for _ in range(3):
        with pytest.raises(NotReadyYet) as raised:
            world.fetch()
        waits.append((raised.value.ask_again_at - datetime.now(UTC)).total_seconds())
    assert waits == sorted(waits)
    assert waits[2] > waits[0] * 1.5


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_later_at_kick_off_and_at_poll(serve: Callable[..., World], status: int) -> None:
    world = serve(kick_off_status=status, retry_after="60")
    with pytest.raises(NotReadyYet):
        world.fetch()
    world.server.plan.kick_off_status = 202
    world.server.plan.poll_statuses = [status]
    with pytest.raises(NotReadyYet):
        world.fetch()
    world.fetch()
    assert world.landed == [STAMP]


def test_an_outcome_that_calls_itself_transient_is_asked_again(serve: Callable[..., World]) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "transient"}]}
    world = serve(poll_statuses=[500], poll_body=outcome)
    with pytest.raises(NotReadyYet):
        world.fetch()
    world.fetch()
    assert world.landed == [STAMP]


def test_a_failed_export_is_for_a_person(serve: Callable[..., World]) -> None:
    world = serve(poll_statuses=[500])
    with pytest.raises(ExportRefused, match="HTTP 500"):
        world.fetch()
    world.fetch()
    assert len(world.server.seen.kick_offs) == 2, "what failed is not asked after again"


def test_a_transaction_time_without_a_zone_is_no_time(serve: Callable[..., World]) -> None:
    world = serve(transaction_time="2026-09-02T01:00:00")
    with pytest.raises(ExportRefused, match="not as HL7 Bulk Data defines it"):
        world.fetch()
    assert world.landed == []


def test_a_job_the_server_forgot_is_asked_for_anew(serve: Callable[..., World]) -> None:
    world = serve(polls=1)
    with pytest.raises(NotReadyYet):
        world.fetch()
    world.server.jobs.clear()
    with pytest.raises(ExportGone):
        world.fetch()
    world.fetch()
    assert len(world.server.seen.kick_offs) == 2
    assert world.landed == [STAMP]


def test_an_export_that_never_ends_is_given_up(serve: Callable[..., World]) -> None:
    world = serve({"give_up_after_hours": 1}, polls=99)
    with pytest.raises(NotReadyYet):
        world.fetch()
    job = world.journal_job()
    world.transport().landing.note(**{".export": {**job, "started_at": "2026-09-01T00:00:00+00:00"}})
    with pytest.raises(ExportGivenUp):
        world.fetch()
    assert world.server.seen.deletes == 1


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_broken_download_goes_on_where_it_broke(serve: Callable[..., World], gzipped: bool) -> None:
    world = serve(cut_after=5_000, gzipped=gzipped)
    with pytest.raises(ServerDown):
        world.fetch()
    assert world.landed == []
    world.fetch()
    assert world.server.seen.ranges == [None, "bytes=5000-"]
    assert world.lines("output.0.Patient.ndjson" + (".gz" if gzipped else "")) == PATIENTS


def test_files_that_came_before_the_break_are_not_asked_for_again(serve: Callable[..., World]) -> None:
    world = serve(files={"Patient": PATIENTS, "Observation": PATIENTS})
    whole = world.server.seen
    world.server.plan.expired_links = 0
    with pytest.raises(ServerDown):
        _fetch_and_break_at_second(world)
    world.fetch()
    assert whole.file_requests == 3, "Patient once, Observation twice"


def _fetch_and_break_at_second(world: World) -> None:
    def watch(text: str) -> None:
        if "Observation" in text:
            raise ServerDown("the power went")

    world.transport().fetch(None, watch)


def test_a_file_with_another_number_of_lines_is_not_believed(serve: Callable[..., World]) -> None:
    world = serve(wrong_count=1)
    with pytest.raises(FileNotWhole, match="2,000 lines where the manifest says 2,001"):
        world.fetch()
    assert world.landed == []


def test_an_export_with_errors_of_its_own_is_refused_and_said(serve: Callable[..., World]) -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "processing", "diagnostics": "Anne Smith"}],
    }
    world = serve(errors=[outcome])
    with pytest.raises(ExportIncomplete) as raised:
        world.fetch()
    assert "processing" in str(raised.value)
    assert "Anne" not in str(raised.value)
    assert world.landed == []
    world.server.plan.errors.clear()
    world.fetch()
    assert len(world.server.seen.kick_offs) == 2


def test_warnings_about_the_export_do_not_stop_it(serve: Callable[..., World]) -> None:
    world = serve(errors=[{"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "x"}]}])
    world.fetch()
    assert world.landed == [STAMP]


def test_links_that_ran_out_are_signed_again_and_then_the_export_is_asked_for_again(
    serve: Callable[..., World],
) -> None:
    world = serve(expired_links=1)
    with pytest.raises(NotReadyYet, match="links ran out"):
        world.fetch()
    world.fetch()
    assert world.landed == [STAMP]
    assert len(world.server.seen.kick_offs) == 1

    shutil.rmtree(world.transport().folder)
    world.server.plan.expired_links = 2
    with pytest.raises(NotReadyYet):
        world.fetch()
    with pytest.raises(ExportGone):
        world.fetch()
    world.fetch()
    assert len(world.server.seen.kick_offs) == 3


@pytest.mark.parametrize("needs_token", [True, False])
def test_files_get_the_token_only_where_the_manifest_says_so(serve: Callable[..., World], needs_token: bool) -> None:
    world = serve(needs_token=needs_token)
    world.fetch()
    assert world.server.seen.tokens_on_files == [needs_token]


def test_links_to_a_host_that_policy_does_not_name_are_not_followed(serve: Callable[..., World]) -> None:
    world = serve(link_host="files.example.test")
    with pytest.raises(ExportRefused, match="does not name"):
        world.fetch()


def test_a_named_host_without_tls_is_refused(serve: Callable[..., World]) -> None:
    world = serve({"file_hosts": ["files.example.test"]}, link_host="files.example.test")
    with pytest.raises(ExportRefused, match="TLS"):
        world.fetch()


def test_an_authorisation_server_that_refuses_is_for_a_person_and_one_that_is_down_is_not(
    serve: Callable[..., World],
) -> None:
    world = serve(token_status=400)
    with pytest.raises(TokenRefused):
        world.fetch()
    world.server.plan.token_status = 503
    with pytest.raises(TokenServerDown):
        world.fetch()


def test_an_assertion_signed_for_another_server_is_refused(serve: Callable[..., World]) -> None:
    with pytest.raises(TokenRefused):
        serve({"client_id": "somebody-else"}).fetch()


def test_an_export_at_rest_is_taken_before_another_is_asked_for(serve: Callable[..., World]) -> None:
    world = serve()
    world.fetch()
    world.fetch()
    assert len(world.server.seen.kick_offs) == 1


def test_the_status_url_is_in_no_repr(serve: Callable[..., World]) -> None:
    world = serve(polls=1)
    with pytest.raises(NotReadyYet) as raised:
        world.fetch()
    job = Job(**world.journal_job())
    assert job.status_url not in repr(job) + repr(world.transport()) + str(raised.value)
    assert PRACTICE in str(raised.value)
