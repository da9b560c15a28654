"""Whoever is opted out at the end, from the start or since, has left no trace: nothing outside the source is theirs.

Their tokens are made a second time, the source's (T1), the store's (T2) and the release's (T3), of registrations, people and
records, and are searched for as bytes, hexadecimal, UUIDs and base64.
"""

import base64
from pathlib import Path
from uuid import UUID

import pytest

from journey.traces import Surface, Traces, heap_of, opened_parcels, tables_of, written_by_the_centre
from support.releases_lived import NIGHTS, PATIENTS, ReleasesLived
from support.whose_tokens import WhoseTokens, whose_tokens

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whose(releases: ReleasesLived) -> WhoseTokens:
    return whose_tokens(releases.lived, NIGHTS[-1])


@pytest.fixture(scope="module")
def gone(whose: WhoseTokens) -> Traces:
    return Traces(whose.gone)


@pytest.fixture(scope="module")
def there(whose: WhoseTokens) -> Traces:
    return Traces(whose.there)


@pytest.fixture(scope="module")
def surfaces(releases: ReleasesLived, said_of_histories: list[str]) -> dict[str, Surface]:
    lived = releases.lived
    return {
        "the parcels": list(opened_parcels(lived.zone.settings)),
        "the store": list(tables_of(lived.central_zone().settings)),
        "its files after VACUUM FULL": list(heap_of(lived.central_zone().settings)),
        "what the centre wrote": list(written_by_the_centre(lived.zone.root)),
        "what was said": [("log", "\n".join(said_of_histories).encode())],
    }


ALL = ("the parcels", "the store", "its files after VACUUM FULL", "what the centre wrote", "what was said")


@pytest.mark.parametrize("where", ALL)
def test_nothing_is_left_of_whoever_is_opted_out(surfaces: dict[str, Surface], gone: Traces, where: str) -> None:
    found = {name: len(gone.within(data)) for name, data in surfaces[where]}
    assert {name: many for name, many in found.items() if many} == {}
    assert sum(len(data) for _, data in surfaces[where]) > 1_000


@pytest.mark.parametrize("where", ALL[:3])
def test_the_same_search_finds_whoever_may_leave(surfaces: dict[str, Surface], there: Traces, where: str) -> None:
    found = set().union(*(there.within(data) for _, data in surfaces[where]))
    assert len(found) > 3 * PATIENTS


@pytest.mark.parametrize("where", ALL[3:])
def test_nobody_at_all_is_named_outside_the_records(surfaces: dict[str, Surface], there: Traces, where: str) -> None:
    assert {name for name, data in surfaces[where] if there.within(data)} == set()


@pytest.mark.parametrize("where", ALL)
def test_one_token_in_any_spelling_would_be_found(surfaces: dict[str, Surface], gone: Traces, where: str) -> None:
    token = min(gone.tokens)
    data = max((data for _, data in surfaces[where]), key=len)
    spellings = (token, token.hex().encode(), str(UUID(bytes=token)).upper().encode(), base64.b64encode(token))
    for spelt in spellings:
        assert gone.within(data[:1_001] + b"|" + spelt + b"|" + data[1_001:]) == {token}


def test_many_are_looked_for(whose: WhoseTokens, releases: ReleasesLived) -> None:
    assert len(whose.gone) > 7 * PATIENTS
    assert {each for night in NIGHTS for each in releases.lived.books.erased[night]}
    assert Path(releases.lived.zone.root, "central", "erasures").is_dir()
