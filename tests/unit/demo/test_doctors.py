"""What the demonstration says of keys is what both doctors found, and what they could not look at is not passed over."""

from pathlib import Path

from demo.doctors import keys_in_words
from demo.places import Places
from demo.processes import Processes
from demo.stack import Stack
from source_zone.make_development_keys import make_development_keys


def test_each_zone_has_a_line_and_what_is_not_in_order_is_named(tmp_path: Path) -> None:
    make_development_keys(tmp_path / "keys", ["gpdpr"])
    (tmp_path / "airflow").mkdir()
    (tmp_path / "keys" / "source" / "memory-v1.key").chmod(0o440)
    places = Places(root=tmp_path, port=1)
    said = list(keys_in_words(Stack(places, Processes(tmp_path / "processes.json", tmp_path), tmp_path)))
    assert [line for line in said if line.startswith("gp-source doctor: keys are in their folder")]
    assert [line for line in said if line.startswith("gp-central doctor: keys are in their folder")]
    assert any("wrong: keys folder: memory-v1.key" in line for line in said)
    assert any("not looked at: metadata" in line for line in said)  # no database was started
