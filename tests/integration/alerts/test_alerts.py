"""Alerts reach a real mail server and a real web server, once; one that is down is tried again, and the others are told."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crossing.alerts import Alert, read_alert_policy
from crossing.policy import Policy
from send_alerts import ReceiverRefused, SomebodyNotTold
from tell_people import Telling

pytestmark = pytest.mark.airflow
NOW = datetime(2026, 9, 2, 3, 0, tzinfo=UTC)
FAILED = Alert(
    kind="practice_failed",
    about="Y99008",
    what="Y99008 failed at pull on 2 nights, since 2026-09-01: FileRefused: The file was cut off. Ask for it again.",
    where="the page of practice Y99008, and docs/runbook/FileRefused.md",
)
HELD = Alert(kind="parcels_held", about="Y99001 3", what="Y99001, parcel 3 is held.", where="the page Decisions")


@dataclass
class Mailbox:
    """Keeps what a mail server is given; `refuses` makes it answer as one that is out of order does."""

    got: list[Message] = field(default_factory=list)
    refuses: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (the server's own name)
        if self.refuses:
            return "451 not now"
        self.got.append(message_from_bytes(envelope.content))
        return "250 OK"


@dataclass
class Chat:
    """Keeps what is posted to it."""

    server: ThreadingHTTPServer
    got: list[dict[str, Any]]
    answers: dict[str, int]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook/a-secret"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    monkeypatch.setenv("GP_ALERT_MAIL", f"smtp://127.0.0.1:{controller.port}")
    yield box
    controller.stop()


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Chat]:
    got: list[dict[str, Any]] = []
    answers = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers["status"])
            self.end_headers()

        def log_message(self, *said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = Chat(server, got, answers)
    (tmp_path / "on_call").write_text(found.address)
    (tmp_path / "on_call").chmod(0o400)
    monkeypatch.setenv("GP_ALERT_SECRETS_DIR", str(tmp_path))
    yield found
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tell(alerts: list[Alert], kept: list[dict[str, Any]], at: datetime = NOW) -> int:
    """One round, with what earlier rounds noted."""
    telling = Telling(read_alert_policy(Policy()), kept[-1] if kept else {}, at)
    return telling.tell(alerts, kept.append)


def test_an_alert_says_what_why_whose_move_and_where_by_mail_and_by_webhook(mailbox: Mailbox, chat: Chat) -> None:
    kept: list[dict[str, Any]] = []
    assert tell([FAILED, HELD], kept) == 3
    by_address = {mail["To"]: mail for mail in mailbox.got}
    assert set(by_address) == {"gp-collect-engineers@example.invalid", "gp-collect-stewards@example.invalid"}
    mail = by_address["gp-collect-engineers@example.invalid"]
    text = mail.get_payload(decode=True).decode()
    assert mail["Subject"] == "GP Collect: 1 practice failed"
    for said in ("Y99008 failed at pull on 2 nights", "Why this is told", "Whose move", "docs/runbook/FileRefused.md"):
        assert said in text
    (posted,) = chat.got
    assert posted["alerts"] == [{"kind": "practice_failed", "about": "Y99008", "what": FAILED.what}]


def test_the_same_is_told_again_only_when_it_changes_or_goes_on_for_a_day(mailbox: Mailbox, chat: Chat) -> None:
    kept: list[dict[str, Any]] = []
    tell([FAILED], kept)
    assert tell([FAILED], kept, NOW + timedelta(hours=23)) == 0
    worse = Alert(kind=FAILED.kind, about=FAILED.about, what="Y99008 failed on 3 nights.", where=FAILED.where)
    assert tell([worse], kept, NOW + timedelta(hours=23)) == 2
    assert tell([worse], kept, NOW + timedelta(hours=47)) == 2
    assert len(mailbox.got) == len(chat.got) == 3


def test_a_receiver_that_is_down_is_tried_again_and_the_others_are_told_once(mailbox: Mailbox, chat: Chat) -> None:
    kept: list[dict[str, Any]] = []
    mailbox.refuses = True
    with pytest.raises(SomebodyNotTold, match="engineers"):
        tell([FAILED], kept)
    assert len(chat.got) == 1
    mailbox.refuses = False
    assert tell([FAILED], kept) == 1
    assert (len(mailbox.got), len(chat.got)) == (1, 1)


def test_a_webhook_that_fails_is_tried_again_and_one_that_refuses_is_a_persons(mailbox: Mailbox, chat: Chat) -> None:
    for status, error in ((503, SomebodyNotTold), (404, ReceiverRefused)):
        chat.answers["status"] = status
        with pytest.raises(error, match="on_call") as told:
            tell([FAILED], [])
        assert "a-secret" not in str(told.value)


def test_nobody_there_at_all_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GP_ALERT_MAIL", f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(SomebodyNotTold, match="stewards"):
        tell([HELD], [])


@pytest.mark.runbook("NoSuchWay")
def test_where_no_way_is_set_up_the_log_has_it_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("GP_ALERT_MAIL", raising=False)
    assert tell([HELD], []) == 1
    assert "Y99001, parcel 3 is held." in caplog.text


def test_nothing_goes_over_a_network_in_clear(monkeypatch: pytest.MonkeyPatch, chat: Chat, tmp_path: Path) -> None:
    monkeypatch.setenv("GP_ALERT_MAIL", "smtp://relay.example.invalid:25")
    with pytest.raises(ReceiverRefused, match="in clear"):
        tell([HELD], [])
    (tmp_path / "on_call").chmod(0o600)
    (tmp_path / "on_call").write_text("http://chat.example.invalid/hook")
    (tmp_path / "on_call").chmod(0o400)
    monkeypatch.delenv("GP_ALERT_MAIL")
    with pytest.raises(ReceiverRefused, match="in clear"):
        tell([FAILED], [])


def test_a_night_in_which_everything_fails_is_one_message(mailbox: Mailbox) -> None:
    many = [
        Alert(kind="parcels_held", about=f"Y{n} 1", what=f"Y{n}, parcel 1 is held.", where="Decisions")
        for n in range(500)
    ]
    assert tell(many, []) == 1
    assert "and 460 more" in mailbox.got[0].get_payload(decode=True).decode()


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_mail_goes_to_no_relay_whose_certificate_is_not_trusted(
    scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Somebody in between can have a certificate too, but none for the relay's name from an authority of ours."""
    box, context = Mailbox(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*of_nobody(tmp_path))
    tls = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), **tls)
    controller.start()
    monkeypatch.setenv("GP_ALERT_MAIL", f"{scheme}://127.0.0.1:{controller.port}")
    try:
        with pytest.raises(ReceiverRefused, match="certificate"):
            tell([HELD], [])
    finally:
        controller.stop()
    assert box.got == []


def of_nobody(folder: Path) -> tuple[Path, Path]:
    """A certificate that its own key signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    now = datetime.now(UTC)
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    (folder / "cert.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"
