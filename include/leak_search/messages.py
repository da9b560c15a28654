"""Inside mails, and inside PostgreSQL's own archives."""

import email
import email.policy
import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from leak_search.parts import CannotOpen, Part

_MAIL_BYTES = 256 << 20


def mail_parts(stream: BinaryIO) -> Iterator[Part]:
    """Headers as people read them, and every part without its quoted-printable or base64."""
    content = stream.read(_MAIL_BYTES + 1)
    if len(content) > _MAIL_BYTES:
        raise CannotOpen(f"mail of more than {_MAIL_BYTES} bytes")
    message = email.message_from_bytes(content, policy=email.policy.default)
    for number, part in enumerate(message.walk()):
        headers = "\n".join(f"{name}: {value}" for name, value in part.items())
        yield Part(f"headers of part {number}", io.BytesIO(headers.encode("utf-8", "surrogateescape")), is_plain=True)
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield Part(f"part {number}", io.BytesIO(payload))


def pg_dump_parts(stream: BinaryIO) -> Iterator[Part]:
    """A dump in PostgreSQL's custom format, as its SQL. Needs pg_restore, and says so where there is none."""
    program = shutil.which("pg_restore")
    if program is None:
        raise CannotOpen("a pg_dump archive, and no pg_restore here to open it")
    with tempfile.NamedTemporaryFile(prefix="leak-search-") as copy:
        shutil.copyfileobj(stream, copy)
        copy.flush()
        command = [program, "-f", "-", copy.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:  # noqa: S603  (a fixed program of our own choosing)
            if run.stdout is None:
                raise CannotOpen("a pg_dump archive whose SQL could not be taken")
            yield Part("SQL", run.stdout)
        if run.returncode:
            raise CannotOpen("a pg_dump archive that pg_restore could not read whole")
