"""A planted value is found in every kind of container, four deep; what cannot be opened is told and never passed over."""

import base64
import bz2
import email.message
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leak_search import decoders
from leak_search.decoders import Opener
from leak_search.findings import Findings
from leak_search.needles import needles_for, needles_for_date
from leak_search.parts import Readable
from leak_search.search import search
from leak_search.surfaces import Kept

VALUE = "Zorblatt-4711"


def zipped(content: bytes, name: str = "inside.txt") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return target.getvalue()


def tarred(content: bytes, name: str = "inside.txt") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def parquet(content: bytes, *, statistics: bool = False) -> bytes:
    target = io.BytesIO()
    table = pa.table({"n": [1, 2], "value": [b"other", content]})
    pq.write_table(table, target, compression="zstd", write_statistics=statistics)
    return target.getvalue()


def arrow(content: bytes) -> bytes:
    target = io.BytesIO()
    table = pa.table({"value": [b"other", content]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(target, table.schema, options=options) as writer:
        writer.write_table(table)
    return target.getvalue()


def arrow_stream(content: bytes) -> bytes:
    target = io.BytesIO()
    table = pa.table({"nested": [[{"value": b"other"}, {"value": content}]]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(target, table.schema, options=options) as writer:
        writer.write_table(table)
    return target.getvalue()


def sqlite(content: bytes) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute('CREATE TABLE "a ""table" (n integer, value blob)')
    connection.execute('INSERT INTO "a ""table" VALUES (1, ?)', (content,))
    connection.commit()
    return connection.serialize()


def mailed(content: bytes) -> bytes:
    message = email.message.EmailMessage()
    message["Subject"] = "Report"
    message.set_content("See the attachment.")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename="report.bin")
    return message.as_bytes()


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "zlib, least": lambda content: zlib.compress(content * 50, 1),
    "zstd": lambda content: pa.compress(content, "zstd", asbytes=True),
    "zip": zipped,
    "tar": tarred,
    "mail": mailed,
    "SQLite": sqlite,
    "Parquet": parquet,
    "Arrow": arrow,
    "Arrow stream": arrow_stream,
}
HOLDING_FILES = [name for name in CONTAINERS if name not in ("SQLite", "Parquet", "Arrow", "Arrow stream")]


def searched(content: bytes, value: str = VALUE) -> Findings:
    return search(needles_for("value", value), [Kept("bytes", [("it", content)])])


def inside(findings: Findings) -> set[str]:
    return {hit.place for hit in findings.hits if hit.place != "it"}


@pytest.mark.parametrize("container", list(CONTAINERS))
def test_the_value_is_found_in_each_container(container: str) -> None:
    findings = searched(CONTAINERS[container](VALUE.encode()))
    assert inside(findings)
    assert not findings.unread


@pytest.mark.parametrize("container", HOLDING_FILES)
@pytest.mark.parametrize("within", HOLDING_FILES)
def test_and_in_each_within_each(container: str, within: str) -> None:
    findings = searched(CONTAINERS[within](CONTAINERS[container](b"text " + VALUE.encode())))
    assert inside(findings)
    assert not findings.unread


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("hex", VALUE.encode().hex().encode()),
        ("base64, two bytes on", base64.b64encode(b"is " + b"xx" + VALUE.encode())),
    ],
)
def test_encoded_inside_a_container(encoding: str, written: bytes) -> None:
    assert {hit.encoding for hit in searched(gzip.compress(written)).hits} == {encoding}


def test_four_deep_is_opened_and_five_deep_is_told() -> None:
    four = gzip.compress(zipped(tarred(bz2.compress(VALUE.encode()))))
    assert inside(searched(four))
    five = searched(gzip.compress(four))
    assert not five.hits
    assert [each.why for each in five.unread] == ["bzip2 nested deeper than 4"]
    assert not five.are_clean


@pytest.mark.parametrize("container", [zipped, tarred])
def test_names_inside_archives(container: Callable[..., bytes]) -> None:
    findings = searched(gzip.compress(container(b"nothing", f"folder/{VALUE}.txt")))
    assert any("a name" in place for place in inside(findings))
    assert VALUE not in "\n".join(findings.lines())


def test_statistics_in_the_footer_of_parquet() -> None:
    """Where nobody looks: the least and greatest value of a column, uncompressed."""
    assert "it" in {hit.place for hit in searched(parquet(VALUE.encode(), statistics=True)).hits}


def test_numbers_dates_and_dictionaries_in_columns() -> None:
    target = io.BytesIO()
    words = pa.array(["other", VALUE]).dictionary_encode()
    columns = {"number": [1, 9990001234], "day": [date(2001, 1, 1), date(1903, 8, 17)], "word": words}
    pq.write_table(pa.table(columns), target, compression="zstd", write_statistics=False)
    needles = [
        *needles_for("number", "9990001234"),
        *needles_for_date("day", date(1903, 8, 17)),
        *needles_for("word", VALUE),
    ]
    findings = search(needles, [Kept("bytes", [("it", target.getvalue())])])
    assert {hit.label for hit in findings.hits if hit.place != "it"} == {"number", "day", "word"}


def test_headers_of_mail_and_quoted_printable() -> None:
    message = email.message.EmailMessage()
    message["Subject"] = f"About {VALUE} Müller"
    message.set_content("Zorblatt-=4711 is not it, " + "long " * 30 + "Ünderlined-4711", cte="quoted-printable")
    assert inside(searched(message.as_bytes()))
    assert inside(searched(message.as_bytes(), "Ünderlined-4711"))


@pytest.mark.parametrize("container", ["gzip", "zlib", "zip", "tar", "Parquet", "Arrow", "SQLite"])
def test_a_broken_container_is_told_and_what_came_out_of_it_searched(container: str) -> None:
    whole = CONTAINERS[container](VALUE.encode() + bytes(range(256)) * 4_000)
    findings = searched(whole[: len(whole) * 2 // 3])
    assert findings.unread
    assert not findings.are_clean


def test_what_came_out_before_a_stream_broke_is_searched() -> None:
    lines = "\n".join(f"line {number * 7919 % 100_003}" for number in range(50_000))
    packed = gzip.compress(VALUE.encode() + lines.encode())
    assert inside(searched(packed[: len(packed) // 2]))


def test_encrypted_members_are_told() -> None:
    archive = bytearray(zipped(VALUE.encode()))
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + at] |= 1
    assert [each.why for each in searched(bytes(archive)).unread] == ["its members are encrypted"]


def opened(content: bytes, **limits: int) -> tuple[list[str], list[str]]:
    seen: list[str] = []
    unread: list[str] = []

    def look(place: str, stream: Readable) -> None:
        while stream.read(1 << 16):
            pass
        seen.append(place)

    Opener(look, lambda _, why: unread.append(why), **limits).open("it", io.BytesIO(content))
    return seen, unread


def test_a_bomb_is_told_and_not_swallowed() -> None:
    _, unread = opened(gzip.compress(bytes(50_000_000)), unpacked_bytes=1_000_000)
    assert unread == ["more comes out of this gzip than the search unpacks"]


def test_what_is_too_large_to_hold_is_searched_but_not_opened() -> None:
    inner = gzip.compress(b"".join(str(number).encode() for number in range(100_000)))
    seen, unread = opened(zipped(inner), held_bytes=1_000)
    assert seen[-1] == "it > inside.txt"
    assert unread == ["gzip of more than 1000 bytes inside another file"]


def test_two_bytes_of_zlib_alone_open_nothing() -> None:
    assert decoders.decoder_for(io.BytesIO(b"x\x9c but only text follows"))[1] is None
