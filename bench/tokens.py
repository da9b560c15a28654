"""How many tokens a second one core makes: a whole column in, a whole column of tokens out, as each zone does it.

    taskset -c 0 python bench/tokens.py [million values]

Medians of five, in seconds of processor time, on one core and one thread. Every answer is compared with the standard
library on a thousand values.
"""

import hmac
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"  # before polars is imported
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import numpy as np
import polars as pl
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from central_zone.tokens import as_hex
from crossing.manifest import bytes_to_sign
from crossing.tokens import keyed_tokens
from source_zone.keys import LOCAL_ID, TOKEN_FIELDS, SourceKeys, field_key
from source_zone.pseudonymise import local_tokens, local_tokens_of_repeats

RUNS = 5
PRACTICE = "A12345"
PATIENTS = 2_000


@dataclass(frozen=True)
class Case:
    name: str
    ids: pl.Series
    make: Callable[[pl.Series], pa.Array]


def guids(count: int, *, capitals: bool = True) -> list[str]:
    made = np.random.default_rng(5).bytes(16 * count).hex()
    text = made.upper() if capitals else made
    parts = (text[start : start + 32] for start in range(0, len(text), 32))
    return [f"{each[:8]}-{each[8:12]}-{each[12:16]}-{each[16:20]}-{each[20:]}" for each in parts]


def seconds(work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def source_keys() -> SourceKeys:
    return SourceKeys(
        token_key_name="token-gpdpr-v1",  # noqa: S106 (what a key is called; the key itself is a made-up one, on the next line)
        token_keys={each: field_key(bytes(range(32)), "gpdpr", each, 1) for each in TOKEN_FIELDS},
        memory_key=bytes(32),
        signing_key=Ed25519PrivateKey.generate(),
        recipient_key=None,  # type: ignore[arg-type]  # nothing is sealed here
    )


def check(case: Case, keys: SourceKeys) -> None:
    """Bit for bit what the standard library makes."""
    key = keys.token_keys[LOCAL_ID].hex().encode()
    some = case.ids.sample(1_000, seed=1)
    made = case.make(some).to_pylist()
    for each, token in zip(some.to_list(), made, strict=True):
        form = each.strip("{} ").upper()
        if token != hmac.digest(key, f"local_id\0{PRACTICE}\0{form}".encode(), "sha256")[:16]:
            sys.exit(f"{case.name}: a token is not the standard library's.")


def signing() -> None:
    message = bytes_to_sign(b"x" * 4_000)
    for name, key in (("Ed25519", Ed25519PrivateKey.generate()), ("ML-DSA-65", MLDSA65PrivateKey.generate())):
        signature, public = key.sign(message), key.public_key()
        sign = seconds(lambda key=key: [key.sign(message) for _ in range(20)]) / 20
        verify = seconds(lambda check=public.verify, made=signature: [check(made, message) for _ in range(20)]) / 20
        print(f"| {name} | {len(signature):,} | {sign * 1000:.2f} | {verify * 1000:.2f} |")


def main() -> None:
    count = int(float(sys.argv[1] if len(sys.argv) > 1 else 1) * 1_000_000)
    keys = source_keys()
    distinct, lower = pl.Series(guids(count)), pl.Series(guids(count, capitals=False))
    order = np.random.default_rng(6).integers(0, PATIENTS, count)
    first = partial(local_tokens, practice_code=PRACTICE, keys=keys)
    repeated = partial(local_tokens_of_repeats, practice_code=PRACTICE, keys=keys)
    cases = [
        Case("T1 of a record, every one distinct", distinct, first),
        Case("T1 of a record, in small letters", lower, first),
        Case("T1 of a record, numbers as TPP's", pl.Series([f"SRCode/{n}" for n in range(count)]), first),
        Case(f"T1 of a registration, {PATIENTS:,} patients", distinct.gather(order), repeated),
    ]
    print("| a column of tokens | values | processor s | values/s |\n|---|---|---|---|")
    for case in cases:
        check(case, keys)
        taken = seconds(lambda case=case: case.make(case.ids))
        print(f"| {case.name} | {len(case.ids):,} | {taken:.3f} | {len(case.ids) / taken:,.0f} |")
    tokens = first(distinct)
    taken = seconds(lambda: keyed_tokens(as_hex(tokens), bytes(range(32, 64))))
    print(f"| T2 of a record, every one distinct | {count:,} | {taken:.3f} | {count / taken:,.0f} |")
    key, message = keys.token_keys[LOCAL_ID].hex().encode(), distinct.head(100_000).to_list()
    bound = [f"local_id\0{PRACTICE}\0{each}".encode() for each in message]
    taken = seconds(lambda: [hmac.digest(key, each, "sha256")[:16] for each in bound])
    print(f"| the standard library, messages ready | {len(bound):,} | {taken:.3f} | {len(bound) / taken:,.0f} |")
    print("\n| signature | bytes | sign, ms | verify, ms |\n|---|---|---|---|")
    signing()


if __name__ == "__main__":
    main()
