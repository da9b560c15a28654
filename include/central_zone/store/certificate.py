"""The certificate that the store's server shows, and what it lets in, seen from outside as any client would."""

import socket
import ssl
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from sqlalchemy.engine import URL

from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, take_care, wrong

PLACE = "store: encryption"
_PORT = 5432
_SECONDS = 10
_PLEASE_TLS = struct.pack("!ii", 8, 80877103)  # PostgreSQL's SSLRequest
_PROTOCOL = 196608  # 3.0
_ACT_WITHIN, _CARE_WITHIN = timedelta(days=14), timedelta(days=45)


def look_from_outside(url: URL, now: datetime | None = None) -> list[Verdict]:
    """What the server shows to a stranger who has no password. Nothing secret is sent."""
    host, port = url.host or "localhost", url.port or _PORT
    try:
        certificate = _shown(host, port, str(url.query.get("sslrootcert", "")))
        said = [*_wrong_with(certificate, "the server's certificate", now or datetime.now(UTC))]
        said += _wrong_with_authority(Path(str(url.query.get("sslrootcert"))), now or datetime.now(UTC))
        said += [*_in_clear(host, port, url)]
    except ssl.SSLError:
        return [
            wrong(
                PLACE,
                "the server offers no TLS 1.3, or shows no certificate that sslrootcert vouches for under the name that we call. "
                "Find out who answers there; then mend the certificate or sslrootcert.",
            )
        ]
    except OSError:
        return [
            not_looked_at(PLACE, "the server cannot be reached to look at its certificate. Check that PostgreSQL runs.")
        ]
    return said or [ok(PLACE, "the certificate is ECDSA, in date and verified; nothing is let in in clear")]


def _shown(host: str, port: int, authority: str) -> x509.Certificate:
    context = ssl.create_default_context(cafile=None if authority == "system" else authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection((host, port), timeout=_SECONDS) as plain:
        plain.sendall(_PLEASE_TLS)
        if plain.recv(1) != b"S":
            raise ssl.SSLError(1, "no TLS offered")
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")


def _wrong_with(certificate: x509.Certificate, whose: str, now: datetime) -> Iterator[Verdict]:
    if not isinstance(certificate.public_key(), ec.EllipticCurvePublicKey):
        yield wrong(
            PLACE,
            f"{whose} is not ECDSA. Ed25519 breaks channel binding, RSA is not what is promised. Issue one with P-256.",
        )
    if not isinstance(certificate.signature_hash_algorithm, SHA256 | SHA384 | SHA512):
        yield wrong(
            PLACE, f"{whose} is signed without SHA-2, so that channel binding has no hash to use. Issue it anew."
        )
    left = certificate.not_valid_after_utc - now
    if left < _ACT_WITHIN:
        yield wrong(
            PLACE,
            f"{whose} ends in {max(left.days, 0)} days, after which nothing loads. Issue a new one and reload the server.",
        )
    elif left < _CARE_WITHIN:
        yield take_care(PLACE, f"{whose} ends in {left.days} days. Issue a new one and reload the server.")


def _wrong_with_authority(path: Path, now: datetime) -> list[Verdict]:
    if not path.is_file():  # `system`: the machine's own
        return []
    found = x509.load_pem_x509_certificates(path.read_bytes())
    return [each for one in found for each in _wrong_with(one, "the authority's certificate", now)]


def _in_clear(host: str, port: int, url: URL) -> Iterator[Verdict]:
    """Asks to come in without TLS, as the tasks' user. A server as promised refuses before it asks for a password."""
    words = f"user\0{url.username or ''}\0database\0{url.database or ''}\0\0".encode()
    with socket.create_connection((host, port), timeout=_SECONDS) as plain:
        plain.sendall(struct.pack("!ii", len(words) + 8, _PROTOCOL) + words)
        if plain.recv(1) != b"E":
            yield wrong(
                PLACE,
                "the server talks to whoever comes without TLS. Refuse it in pg_hba.conf: hostnossl all all all reject.",
            )
