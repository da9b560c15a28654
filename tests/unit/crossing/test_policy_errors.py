"""A policy file that cannot be read is told by its place: a reviewed file may hold a name, and a copied line a patient's."""

from pathlib import Path

import pytest

from crossing.policy import Policy, PolicyRefused
from support.told import told_by

NAME = "Zebrowska9990000018"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (f"a = {{{NAME} = 1, {NAME} = 2}}", "line 1"),
        (f"a = 1\n[{NAME}\n", "line 2"),
        (f'a = "{NAME}', ""),
        (f"a = {NAME}", "line 1"),
    ],
)
def test_a_broken_line_of_toml_is_not_repeated(
    tmp_path: Path, content: str, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.toml").write_text(content)
    told = told_by(lambda: Policy(tmp_path).table("file.toml"), capfd)
    assert isinstance(told.error, PolicyRefused)
    assert f"not valid TOML, {place}" in told.text
    assert not told.has(NAME)


def test_a_practice_that_is_there_twice_is_refused_for_whoever_asks(tmp_path: Path) -> None:
    """Which of the two rows was meant is not ours to choose."""
    header, *rows = [
        line for line in (Policy().folder / "practices.csv").read_text().splitlines() if not line.startswith("#")
    ]
    (tmp_path / "practices.csv").write_text("\n".join([header, *rows, rows[0].replace("EMIS", "TPP")]))
    with pytest.raises(PolicyRefused, match="a practice twice"):
        Policy(tmp_path).practices()
    with pytest.raises(PolicyRefused, match="a practice twice"):
        Policy(tmp_path).practice(rows[1].partition(",")[0])
