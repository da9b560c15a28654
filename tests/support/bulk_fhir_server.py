"""A Bulk Data server on loopback that keeps the standard's rules and can be told to break each of them.

It checks what a real one checks: the signed assertion, one use of each, the token, `Prefer`, and that no token comes
along to files that need none.
"""

import gzip
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

CLIENT, KEY_ID, SCOPE = "gp-collect", "key-1", "system/*.rs"
Resource = dict[str, Any]


@dataclass
class Plan:
    """What the server holds, and how it misbehaves."""

    files: dict[str, list[Resource]] = field(default_factory=dict)  # resource type -> resources
    errors: list[Resource] = field(default_factory=list)
    deleted: list[Resource] = field(default_factory=list)
    transaction_time: str = "2026-09-02T01:00:00.250Z"
    polls: int = 0  # 202 answers before the manifest
    retry_after: str | None = "1"
    kick_off_status: int = 202
    refusal: Resource = field(default_factory=dict)  # the body of whatever is refused
    location: str | None = None  # in place of the job's own
    manifest: bytes | None = None  # in place of the export's own
    poll_statuses: list[int] = field(default_factory=list)  # answered before anything else
    poll_body: Resource = field(default_factory=dict)
    needs_token: bool = True
    gzipped: bool = True
    repeats_request: bool = True
    cut_after: int | None = None  # bytes, then the line breaks, once
    wrong_count: int = 0
    expired_links: int = 0  # file requests answered 410
    link_host: str | None = None
    token_status: int = 200


@dataclass
class Seen:
    """What clients did."""

    kick_offs: list[dict[str, list[str]]] = field(default_factory=list)
    polls: int = 0
    deletes: int = 0
    ranges: list[str | None] = field(default_factory=list)
    tokens_on_files: list[bool] = field(default_factory=list)
    assertions: set[str] = field(default_factory=set)
    file_requests: int = 0


class BulkFhirServer:
    """Listens until the test is done with it."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.seen = plan, Seen()
        self.tokens: set[str] = set()
        self.jobs: set[str] = set()
        self._key = ec.generate_private_key(ec.SECP384R1())
        self.private_key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/fhir"

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    def connection(self, **changed: Any) -> dict[str, Any]:
        return {
            "transport": "bulk_fhir",
            "base_url": self.base,
            "export_path": "Group/{practice_code}/$export",
            "types": ["Patient", "Observation"],
            "token_url": f"{self.base}/token",
            "client_id": CLIENT,
            "key_id": KEY_ID,
            "signing_algorithm": "ES384",
            "scope": SCOPE,
            "file_hosts": [],
            "give_up_after_hours": 6,
            "why": "Test",
            **changed,
        }


@contextmanager
def running(plan: Plan) -> Iterator[BulkFhirServer]:
    server = BulkFhirServer(plan)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def _lines(resources: list[Resource]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in resources)


def _handler(server: BulkFhirServer) -> type[BaseHTTPRequestHandler]:  # noqa: C901 (one small method a request)
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """A test's output is the test's."""

        def do_POST(self) -> None:
            body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if server.plan.token_status != 200:
                return self._answer(server.plan.token_status, server.plan.refusal)
            try:
                claims = jwt.decode(
                    body["client_assertion"][0],
                    server.public_key,
                    ["ES384"],
                    audience=f"{server.base}/token",
                    issuer=CLIENT,
                    options={"require": ["exp", "jti", "iss", "sub", "aud"]},
                )
            except jwt.PyJWTError:
                return self._answer(400, {"error": "invalid_client"})
            used = claims["jti"] in server.seen.assertions
            if used or body["scope"] != [SCOPE] or claims["exp"] - claims["iat"] > 300:
                return self._answer(400, {"error": "invalid_request"})
            server.seen.assertions.add(claims["jti"])
            token = uuid.uuid4().hex
            server.tokens.add(token)
            return self._answer(200, {"access_token": token, "token_type": "bearer", "expires_in": 300})

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path.startswith("/fhir/files/"):
                return self._file(path.rsplit("/", 1)[1])
            if not self._known_token():
                return self._answer(401)
            if path.endswith("$export"):
                return self._kick_off()
            return self._poll(path)

        def do_DELETE(self) -> None:
            server.seen.deletes += 1
            server.jobs.discard(urlsplit(self.path).path)
            self._answer(202)

        def _known_token(self) -> bool:
            return self.headers.get("Authorization", "").removeprefix("Bearer ") in server.tokens

        def _kick_off(self) -> None:
            if self.headers.get("Prefer") != "respond-async":
                return self._answer(400)
            server.seen.kick_offs.append(parse_qs(urlsplit(self.path).query))
            if server.plan.kick_off_status != 202:
                return self._answer(server.plan.kick_off_status, server.plan.refusal, retry=server.plan.retry_after)
            job = f"/fhir/jobs/{uuid.uuid4().hex}"
            server.jobs.add(job)
            return self._answer(202, headers={"Content-Location": server.plan.location or job})

        def _poll(self, path: str) -> None:
            server.seen.polls += 1
            if path not in server.jobs:
                return self._answer(404)
            if server.plan.poll_statuses:
                return self._answer(
                    server.plan.poll_statuses.pop(0), server.plan.poll_body, retry=server.plan.retry_after
                )
            if server.plan.polls > 0:
                server.plan.polls -= 1
                return self._answer(202, retry=server.plan.retry_after)
            return self._answer(200, self._manifest(), instead=server.plan.manifest)

        def _manifest(self) -> Resource:
            base = server.base if server.plan.link_host is None else f"http://{server.plan.link_host}/fhir"
            names = {"error": server.plan.errors, "deleted": server.plan.deleted}
            asked = _since_of(server.seen.kick_offs) if server.plan.repeats_request else ""
            content: Resource = {
                "transactionTime": server.plan.transaction_time,
                "request": f"{server.base}/$export{asked}",  # in full, as the standard asks
                "requiresAccessToken": server.plan.needs_token,
                "output": [
                    {
                        "type": kind,
                        "url": f"{base}/files/output.{kind}?signature={uuid.uuid4().hex}",
                        "count": len(resources) + server.plan.wrong_count,
                    }
                    for kind, resources in server.plan.files.items()
                ],
            }
            types = {"error": "OperationOutcome", "deleted": "Bundle"}
            for name, resources in names.items():
                entry = {"type": types[name], "url": f"{base}/files/{name}.all", "count": len(resources)}
                content[name] = [entry] if resources else []
            return content

        def _file(self, name: str) -> None:
            server.seen.file_requests += 1
            server.seen.tokens_on_files.append("Authorization" in self.headers)
            if server.plan.expired_links > 0:
                server.plan.expired_links -= 1
                return self._answer(410)
            if server.plan.needs_token and not self._known_token():
                return self._answer(401)
            part, kind = name.split(".", 1)
            resources = {"output": server.plan.files.get(kind, []), "error": server.plan.errors}.get(part)
            data = _lines(server.plan.deleted if resources is None else resources)
            if server.plan.gzipped:
                data = gzip.compress(data, mtime=0)
            return self._bytes(data)

        def _bytes(self, data: bytes) -> None:
            wanted = self.headers.get("Range")
            server.seen.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if server.plan.gzipped:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("ETag", f'"{len(data)}"')
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if server.plan.cut_after is not None:
                self.wfile.write(data[start : start + server.plan.cut_after])
                server.plan.cut_after = None
                self.close_connection = True
                return
            self.wfile.write(data[start:])

        def _answer(
            self,
            status: int,
            body: Resource | None = None,
            *,
            retry: str | None = None,
            headers: dict[str, str] | None = None,
            instead: bytes | None = None,
        ) -> None:
            data = json.dumps(body or {}).encode() if instead is None else instead
            self.send_response(status)
            for name, value in {**(headers or {}), **({"Retry-After": retry} if retry else {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _since_of(kick_offs: list[dict[str, list[str]]]) -> str:
    """Of the last one; the manifest repeats what was asked."""
    since = kick_offs[-1].get("_since") if kick_offs else None
    return f"?_since={since[0]}" if since else ""
