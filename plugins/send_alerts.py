"""Two ways to reach a person: mail through a relay, and a webhook. What they answer is never repeated."""

import os
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from crossing.alerts import Message
from crossing.connections import read_secret_file
from crossing.errors import PersonMustAct, TryAgain

_SECONDS = 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NoSuchWay(PersonMustAct):
    """This way to a person is not set up on this worker."""


class SomebodyNotTold(TryAgain):
    """A receiver of alerts could not be reached. Nothing else waits for it."""


class ReceiverRefused(PersonMustAct):
    """A receiver of alerts does not take what we send, or its address is not one that may be used."""


def send(message: Message) -> None:
    """Raises NoSuchWay, SomebodyNotTold, ReceiverRefused."""
    way = by_mail if message.receiver.by == "mail" else by_webhook
    way(message)


def by_mail(message: Message) -> None:
    relay = os.environ.get("GP_ALERT_MAIL")
    if not relay:
        raise NoSuchWay("GP_ALERT_MAIL is not set, so nothing was mailed. What it would have said:")
    mail = EmailMessage()
    mail["From"] = os.environ.get("GP_ALERT_MAIL_FROM", "gp-collect@localhost")
    mail["To"] = ", ".join(message.receiver.to)
    mail["Subject"] = message.subject
    mail.set_content(message.text)
    try:
        with _signed_in(relay) as server:
            server.send_message(mail)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPAuthenticationError) as error:
        raise ReceiverRefused(
            f"The mail relay refused the sender, the password or every address ({type(error).__name__}). Correct "
            "GP_ALERT_MAIL_FROM, the files of GP_ALERT_SECRETS_DIR, or policy/alerts.toml."
        ) from None
    except ssl.SSLCertVerificationError:
        raise ReceiverRefused(
            "The mail relay's certificate is not one that this machine trusts for its name: nothing was sent. Correct "
            "GP_ALERT_MAIL, or the authorities of the machine."
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise SomebodyNotTold(f"The mail relay did not take the message ({type(error).__name__}).") from None


@contextmanager
def _signed_in(relay: str) -> Iterator[smtplib.SMTP]:
    """Nothing goes over a network in clear."""
    address = urlsplit(relay)
    host = address.hostname or ""
    if address.scheme == "smtp" and host not in _LOOPBACK:
        raise ReceiverRefused("GP_ALERT_MAIL leads over a network in clear. Give it as smtp+starttls:// or smtps://.")
    with _connected(address.scheme, host, address.port) as server:
        if address.scheme == "smtp+starttls":
            server.starttls(context=ssl.create_default_context())
        if (user := _secret("mail_user")) and (password := _secret("mail_password")):
            server.login(user, password)
        yield server


def _connected(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    """smtplib checks no certificate unless it is told how."""
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=_SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(host, port or (587 if scheme == "smtp+starttls" else 25), timeout=_SECONDS)


def by_webhook(message: Message) -> None:
    """`text` is what most chats show; the rest is for whoever wants to sort."""
    address = _secret(message.receiver.name)
    if not address:
        raise NoSuchWay(
            f"GP_ALERT_SECRETS_DIR has no file {message.receiver.name}, so nothing was sent. What it would have said:"
        )
    where = urlsplit(address)
    if where.scheme != "https" and where.hostname not in _LOOPBACK:
        raise ReceiverRefused(
            f"The address in {message.receiver.name} leads over a network in clear. Give it as https://."
        )
    said = {
        "text": f"{message.subject}\n\n{message.text}",
        "alerts": [{"kind": alert.kind, "about": alert.about, "what": alert.what} for alert in message.alerts],
    }
    try:
        answer = httpx.post(address, json=said, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SomebodyNotTold(f"Webhook {message.receiver.name} cannot be reached ({type(error).__name__}).") from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise SomebodyNotTold(f"Webhook {message.receiver.name} answered {answer.status_code}.")
    if answer.status_code >= 300:
        raise ReceiverRefused(
            f"Webhook {message.receiver.name} answered {answer.status_code}. Put its present address into that file."
        )


def _secret(name: str) -> str | None:
    folder = os.environ.get("GP_ALERT_SECRETS_DIR")
    path = Path(folder) / name if folder else None
    return read_secret_file(path).decode().strip() if path and path.exists() else None
