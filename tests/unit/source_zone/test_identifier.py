"""An identifier is held, compared and asked for with a reason; nothing else gets at its text."""

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import yaml

from source_zone.identifier import SHOWN, Identifier, IdentifierStaysHere, Reason, identifier_in, nhs_number_in

polars_asks_in_vain = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # and goes on
NUMBER = "9434765919"
PERSON = Identifier(NUMBER)


@dataclasses.dataclass
class Holder:
    person: Any


REFUSED: dict[str, Callable[[], object]] = (
    {
        "str": lambda: str(PERSON),
        "f-string": lambda: f"{PERSON}",
        "a format": lambda: f"{PERSON:>12}",
        "%s": lambda: "%s" % PERSON,  # noqa: UP031  (the old way must be refused too)  (the old way is what is tried)
        "%d": lambda: "%d" % PERSON,  # noqa: UP031  (the old way must be refused too)
        "glued": lambda: "number " + PERSON,  # type: ignore[operator]
        "joined": lambda: "".join([PERSON]),  # type: ignore[list-item]
        "bytes": lambda: bytes(PERSON),  # type: ignore[call-overload]
        "as a file's name": lambda: Path(PERSON),  # type: ignore[arg-type]
        "opened": lambda: open(PERSON),  # type: ignore[call-overload]  # noqa: SIM115, PTH123
        "length": lambda: len(PERSON),  # type: ignore[arg-type]
        "letter by letter": lambda: list(PERSON),  # type: ignore[call-overload]
        "last digits": lambda: PERSON[-4:],  # type: ignore[index]
        "a digit in it": lambda: "9" in PERSON,  # type: ignore[operator]
        "as a number": lambda: int(PERSON),  # type: ignore[call-overload]
        "in order": lambda: sorted([PERSON, Identifier("1")]),  # type: ignore[type-var]
        "its dictionary": lambda: vars(PERSON),
        "its state": PERSON.__getstate__,
        "changed": lambda: setattr(PERSON, "text", "1"),
        "a class made of it": lambda: type("Loud", (Identifier,), {}),
        "JSON": lambda: json.dumps([PERSON]),
        "JSON, a key": lambda: json.dumps({PERSON: 1}),
        "JSON, forced": lambda: json.dumps(PERSON, default=str),
        "JSON, taken apart": lambda: json.dumps(PERSON, default=vars),
        "msgspec JSON": lambda: msgspec.json.encode([PERSON]),
        "msgspec, forced": lambda: msgspec.to_builtins(PERSON, enc_hook=str),
        "MessagePack": lambda: msgspec.msgpack.encode([PERSON]),
        "YAML": lambda: yaml.dump(PERSON),
        "deep copy": lambda: copy.deepcopy([PERSON]),
        "a dataclass as a dictionary": lambda: dataclasses.asdict(Holder(PERSON)),
        "Arrow": lambda: pa.array([PERSON]),
        "Arrow text": lambda: pa.array([PERSON], pa.string()),
        "Arrow bytes": lambda: pa.array([PERSON], pa.binary()),
        "an Arrow table": lambda: pa.Table.from_pylist([{"person": PERSON}]),
        "polars text": lambda: pl.Series([PERSON], dtype=pl.String),
        "polars CSV": lambda: pl.DataFrame({"person": [PERSON]}).write_csv(),
        "pandas, printed": lambda: str(pd.Series([PERSON])),
        "pandas CSV": lambda: pd.DataFrame({"person": [PERSON]}).to_csv(),
        "pandas text": lambda: pd.Series([PERSON], dtype="string"),
        "pandas to Arrow": lambda: pa.Table.from_pandas(pd.DataFrame({"person": [PERSON]})),
        "NumPy": lambda: np.array([PERSON]),
        "NumPy objects": lambda: np.array([PERSON], dtype=object),
    }
    | {f"pickle {number}": lambda number=number: pickle.dumps(PERSON, number) for number in range(6)}
)  # type: ignore[misc]

NOT_REFUSED: dict[str, Callable[[], object]] = {
    "repr": lambda: repr(PERSON),
    "repr in an f-string": lambda: f"{[PERSON]}",
    "pretty": lambda: pprint.pformat({PERSON: PERSON}),
    "a dataclass": lambda: repr(Holder(PERSON)),
    "what it has": lambda: str(dir(PERSON)),
    "polars objects": lambda: str(pl.Series([PERSON])),  # polars takes any object, and cannot say what is in it
    "polars, not strict": lambda: str(pl.Series([PERSON], dtype=pl.String, strict=False).to_list()),
}


@polars_asks_in_vain
@pytest.mark.parametrize("way", REFUSED)
def test_it_is_not_written_down_sent_or_taken_apart(way: str) -> None:
    with pytest.raises((IdentifierStaysHere, TypeError, ValueError, pl.exceptions.ComputeError)) as caught:
        REFUSED[way]()
    assert NUMBER not in "".join(traceback.format_exception(caught.value))


@polars_asks_in_vain
@pytest.mark.parametrize("way", NOT_REFUSED)
def test_what_tracebacks_and_debuggers_call_unasked_shows_a_fixed_word(way: str) -> None:
    assert NUMBER not in str(NOT_REFUSED[way]())


def test_the_ways_tried_here_do_show_a_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise they would prove nothing."""
    monkeypatch.setitem(globals(), "PERSON", NUMBER)
    ways = (
        "str",
        "f-string",
        "%s",
        "glued",
        "joined",
        "JSON",
        "JSON, a key",
        "YAML",
        "Arrow",
        "Arrow text",
        "polars text",
    )
    silent = [way for way in ways if NUMBER not in str(REFUSED[way]())]
    assert silent == []
    assert [way for way, show in NOT_REFUSED.items() if NUMBER not in str(show())] == ["what it has"]


def test_airflow_will_not_hand_it_from_task_to_task() -> None:
    """The serialiser of XCom, of Airflow itself; and the older one, of DAGs and parameters."""
    from airflow.sdk.execution_time.xcom import XCom
    from airflow.sdk.serde import serialize
    from airflow.serialization.serialized_objects import BaseSerialization

    for hand_over in (serialize, lambda value: XCom.serialize_value(value=value), BaseSerialization.serialize):
        for value in (PERSON, {"person": PERSON}, [PERSON], Holder(PERSON)):
            try:
                handed = str(hand_over(value))
            except Exception as error:
                handed = "".join(traceback.format_exception(error))
            assert NUMBER not in handed
        assert NUMBER in str(hand_over({"person": NUMBER}))
    with pytest.raises((TypeError, IdentifierStaysHere)):
        serialize({"person": PERSON})


def test_a_log_line_with_one_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Python's logging tells its own failures on stderr, with the arguments' repr."""
    log = logging.getLogger("of this test")
    handler = logging.StreamHandler()
    log.propagate = False  # pytest's own handler raises where Python's tells
    log.addHandler(handler)
    try:
        log.warning("person %s", PERSON)
        log.warning("person %r", PERSON)
        try:
            raise ValueError(PERSON)
        except ValueError:
            log.exception("failed")
    finally:
        log.removeHandler(handler)
    said = capsys.readouterr().err
    assert said.count(SHOWN) >= 2
    assert NUMBER not in said


def test_equal_texts_are_one_person() -> None:
    assert Identifier(NUMBER) == PERSON
    assert {Identifier(NUMBER): "here"}[PERSON] == "here"
    assert Identifier("1") != PERSON
    assert PERSON != NUMBER, "a plain text is never one: it would be looked up in vain, not shown"
    assert copy.copy(PERSON) is PERSON


def test_its_text_is_given_for_a_reason_on_the_list_only() -> None:
    assert PERSON.reveal(Reason.COLUMN) == NUMBER
    for reason in ("because", None, Reason.COLUMN.value, Holder(Reason.COLUMN)):
        with pytest.raises(IdentifierStaysHere):
            PERSON.reveal(reason)  # type: ignore[arg-type]


def test_an_empty_cell_holds_no_identifier() -> None:
    assert identifier_in(None) is None
    assert identifier_in("") is None
    assert nhs_number_in("943 476 5919") == PERSON
    assert nhs_number_in("9434765918") is None


def test_whatever_a_text_can_do_an_identifier_refuses() -> None:
    """A method that Identifier neither has for a reason nor refuses is a way to the text that nobody thought of."""
    harmless = {"__repr__", "__eq__", "__ne__", "__hash__", "__new__", "__init__", "__init_subclass__", "__class__"} | {
        name for name in dir(object) if getattr(Identifier, name, None) is getattr(object, name)
    }
    ways = (
        {name for name in dir(str) if name.startswith("__")}
        - harmless
        - {"__getnewargs__", "__doc__", "__subclasshook__"}
    )
    assert {name for name in ways if getattr(Identifier, name, None) is not Identifier._stays_here} == set()
