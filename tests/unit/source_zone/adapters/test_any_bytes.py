"""Whatever a delivery holds, every adapter gives sound batches or stops the practice, and says nothing of what it read.

Each format is tried with files of arbitrary bytes under the names its own files have, and with sound deliveries of the
simulator in which something was damaged. A format joins by being registered in adapters/choose.py.
"""

import gzip
import io
import random
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossing.canonical import TABLES
from crossing.errors import PersonMustAct, TryAgain
from crossing.policy import Policy
from journey.canaries import canaries_of, found_in
from simulator.formats import formats
from simulator.simulate import simulate
from source_zone import identified
from source_zone.adapters.choose import FORMATS, choose_adapter
from source_zone.identified import ReadTally
from source_zone.memory import Memory
from support.source_zone import a_practice

pytestmark = pytest.mark.timeout(60)  # a hang is a failure: a night waits for no file

PRACTICE = "Y99001"
POLICY = Policy()
SCHEMAS = {table: identified.schema(table) for table in TABLES}
_TEN_DIGITS = re.compile(r"(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9])")
_EXAMPLES = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)


class Delivery:
    """A sound delivery of a format, and everything identifying in it, which no failure prints."""

    def __init__(self, format: str, folder: Path, canaries: set[str]) -> None:
        self.format, self.folder, self.canaries = format, folder, canaries

    def __repr__(self) -> str:
        return self.format

    def files(self) -> list[Path]:
        return sorted(path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module", params=FORMATS)
def delivery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    if request.param not in formats():
        pytest.skip(f"{request.param} is not simulated, so there is nothing sound to damage")
    out = tmp_path_factory.mktemp(request.param)
    simulate(out, format=request.param, practices=1, patients=6, entries_per_patient=6)
    return Delivery(request.param, out / PRACTICE, canaries_of(out))


@pytest.fixture(scope="module", params=FORMATS)
def empty(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Unsound(AssertionError):
    """An adapter did what no adapter may. Without its causes, as those may quote the delivery."""


def outcome(format: str, folder: Path, canaries: set[str]) -> int:
    """How many rows came; -1 where the practice was stopped. Raises Unsound."""
    try:
        return sum(_read(format, folder))
    except (PersonMustAct, TryAgain) as refused:
        _check_says_nothing(refused, canaries)
        return -1


def _read(format: str, folder: Path) -> Iterator[int]:
    adapter = choose_adapter(a_practice(PRACTICE, format), POLICY, Memory(), "token-gpdpr-v1")
    for extract in adapter.find_extracts(folder):
        for batch in adapter.read(extract, ReadTally()):
            if not batch.rows.schema.equals(SCHEMAS[batch.table]):
                raise Unsound(f"{format}: a batch of {batch.table} has other columns than its table")
            batch.rows.validate(full=True)
            yield batch.rows.num_rows


def _check_says_nothing(refused: BaseException, canaries: set[str]) -> None:
    said = str(refused)
    if found_in(said, canaries) or _TEN_DIGITS.search(said):
        raise Unsound(f"{type(refused).__name__} says something identifying")
    if refused.__cause__ is not None or (refused.__context__ is not None and not refused.__suppress_context__):
        raise Unsound(f"{type(refused).__name__} shows the error it was made of, which may quote the file")


def test_a_sound_delivery_gives_rows(delivery: Delivery) -> None:
    assert outcome(delivery.format, delivery.folder, delivery.canaries) > 50


def test_an_unsound_adapter_would_be_found_out(delivery: Delivery) -> None:
    name = next(iter(canary for canary in sorted(delivery.canaries) if canary.isalpha()))
    for message in (f"line 3: {name} is no date", "line 3: 999 123 4567 is no date"):
        with pytest.raises(Unsound):
            _check_says_nothing(PersonMustAct(message), delivery.canaries)
    with pytest.raises(Unsound):
        _check_says_nothing(_with_cause(), delivery.canaries)
    _check_says_nothing(PersonMustAct("line 3: no date, in extract 20260902010000"), delivery.canaries)


def _with_cause() -> PersonMustAct:
    try:
        raise PersonMustAct("a bad line") from ValueError("Rosalind")
    except PersonMustAct as error:
        return error


BYTES = st.binary(max_size=300) | st.text(max_size=100).map(str.encode) | st.just(b"") | st.just(b"\n")


@given(content=BYTES, choice=st.integers(min_value=0), alone=st.booleans())
@_EXAMPLES
def test_arbitrary_bytes(delivery: Delivery, content: bytes, choice: int, alone: bool) -> None:
    """In place of one of the files; or that file is all there is."""
    with TemporaryDirectory() as name:
        folder, files = Path(name) / PRACTICE, delivery.files()
        chosen = files[choice % len(files)]
        if not alone:
            shutil.copytree(delivery.folder, folder)
        (folder / chosen).parent.mkdir(parents=True, exist_ok=True)
        (folder / chosen).write_bytes(content)
        outcome(delivery.format, folder, delivery.canaries)


@given(
    name=st.sampled_from(["x.csv", "Rosalind 9990548609.csv", "9990548609.json", "a.xml.gz", "b.zip", "c.ndjson", "é"])
)
@settings(_EXAMPLES, max_examples=7)
def test_files_of_strange_names(empty: str, name: str) -> None:
    with TemporaryDirectory() as root:
        folder = Path(root) / PRACTICE
        folder.mkdir()
        (folder / name).write_bytes(b"Rosalind,9990548609\n")
        assert outcome(empty, folder, {"rosalind", "9990548609"}) <= 0


Damage = Callable[[bytes, random.Random], bytes]


def _flip(data: bytes, by: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(by.choice([1, 1, 3, 30])):
        damaged[by.randrange(len(damaged))] ^= by.randrange(1, 256)
    return bytes(damaged)


def _cut_off(data: bytes, by: random.Random) -> bytes:
    return data[: by.randrange(len(data))]


def _repeat_a_line(data: bytes, by: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    place = by.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def _lose_a_line(data: bytes, by: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[by.randrange(len(lines))]
    return b"".join(lines)


def _insert_a_column(data: bytes, by: random.Random) -> bytes:
    return b"".join(b"Surname," + line for line in data.splitlines(keepends=True))


def _swap_values(data: bytes, by: random.Random) -> bytes:
    """Numbers and words that fit the form and not the sense."""
    values = [each.span() for each in re.finditer(rb"[0-9A-Za-z.:-]{4,}", data)]
    start, end = by.choice(values) if values else (0, 0)
    other = by.choice(
        [b"0", b"-1", b"1e999", b"99999-99-99", b"NaN", b"true", b"9990548609", b"0000-00-00", b"\xff\xfe"]
    )
    return data[:start] + other + data[end:]


DAMAGES = (_flip, _cut_off, _repeat_a_line, _lose_a_line, _insert_a_column, _swap_values)


@pytest.mark.fault(
    "F28",
    injected="bytes flipped, lines lost or doubled, senseless values, in a delivery of any format",
    happened="sound rows or a stopped practice; never a word of the file in the error",
)
@given(choice=st.integers(min_value=0), seed=st.integers(min_value=0, max_value=2**32), damage=st.sampled_from(DAMAGES))
@settings(_EXAMPLES, max_examples=40)
def test_a_damaged_delivery(delivery: Delivery, choice: int, seed: int, damage: Damage) -> None:
    by, files = random.Random(seed), delivery.files()
    with TemporaryDirectory() as name:
        folder = Path(name) / PRACTICE
        shutil.copytree(delivery.folder, folder)
        path = folder / files[choice % len(files)]
        path.write_bytes(_damaged(path, damage, by))
        outcome(delivery.format, folder, delivery.canaries)


def _damaged(path: Path, damage: Damage, by: random.Random) -> bytes:
    """Of a compressed file mostly what is inside, as the outside has a checksum."""
    data = path.read_bytes()
    if path.suffix == ".gz" and by.random() < 0.8:
        return gzip.compress(damage(gzip.decompress(data), by), mtime=0)
    if path.suffix == ".zip" and by.random() < 0.8:
        return _with_a_damaged_member(data, damage, by)
    return damage(data, by) if data else data


def _with_a_damaged_member(data: bytes, damage: Damage, by: random.Random) -> bytes:
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as damaged:
        chosen = by.choice(archive.namelist())
        for name in archive.namelist():
            member = archive.read(name)
            damaged.writestr(name, damage(member, by) if name == chosen and member else member)
    return again.getvalue()


def test_every_damage_damages() -> None:
    data = b"".join(b"line %d,2020-01-01\n" % number for number in range(20))
    by = random.Random(1)
    assert {damage.__name__ for damage in DAMAGES if zlib.crc32(damage(data, by)) == zlib.crc32(data)} == set()
