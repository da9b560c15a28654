"""Every token of whoever is opted out at the end of nights lived, and of whoever is in the store."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from support.books import Key, keys
from support.histories_lived import HistoriesLived
from support.tokens_again import SourceKey, StoreKey


@dataclass(frozen=True, slots=True)
class WhoseTokens:
    """T1, T2 and T3. Of people only where all of their registrations are on the one side."""

    gone: frozenset[bytes] = field(repr=False)
    there: frozenset[bytes] = field(repr=False)


def whose_tokens(lived: HistoriesLived, night: int) -> WhoseTokens:
    in_store = set(lived.books.in_store[night])
    out = set(keys(lived.expected[night].filter("opted_out"))) - in_store
    tokens = {(row[0], row[1]): row[3:] for row in lived.tokens().iter_rows()}
    seen = {person for each in in_store for person in tokens[each][2:] if person}
    gone = {token for each in out for token in tokens[each] if token} - seen
    there = {token for each in in_store for token in tokens[each] if token}
    return WhoseTokens(
        frozenset(gone | set(_of_records(lived, out))), frozenset(there | set(_of_records(lived, in_store)))
    )


def _of_records(lived: HistoriesLived, whose: Iterable[Key]) -> Iterable[bytes]:
    source = SourceKey(lived.zone.settings.keys)
    store = StoreKey(lived.zone.settings.keys.parent / "central")
    for practice, local_id in whose:
        table = "SRCODE/" if lived.formats[practice] == "tpp_csv" else ""
        for line in lived.slow[practice].lines[local_id]:
            token = source.token(practice, table + (line.entry or "").strip("{} ").upper())
            yield token
            yield store.token(token)
