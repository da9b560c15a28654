"""What a CSV file that cannot be read makes us say, and that nothing else says anything beside us."""

from pathlib import Path

import pytest

from source_zone.adapters.reading import FileRefused, stream_csv


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n\x93,3,4\n", "x.csv: the text is not UTF-8"),
        (b"a,b\n1,2\n3,4,5\n", "x.csv, row 3: a row has too few or too many columns"),
    ],
)
def test_the_row_and_the_rule_are_named_and_arrow_stays_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(FileRefused, match=said):
        list(stream_csv(tmp_path / "x.csv", ["a", "b"]))
    assert capfd.readouterr() == ("", "")
