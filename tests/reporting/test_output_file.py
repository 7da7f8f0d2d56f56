from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.model import UsageFailure
from testsmith.reporting.output_file import OutputFile
from testsmith.settings import OutputFormat


@pytest.mark.parametrize(
    ("name", "expected"),
    [("r.html", OutputFormat.HTML), ("r.JSON", OutputFormat.JSON), ("r.md", OutputFormat.MARKDOWN)]
    + [(name, OutputFormat.TEXT) for name in ("r.txt", "r", "json")],
)
def test_format__of_the_suffix(name: str, expected: OutputFormat) -> None:
    assert OutputFile(Path(name)).format is expected


def test_write__replaces_the_content(tmp_path: Path) -> None:
    file = OutputFile(tmp_path / "report.txt")
    file.path.write_text("something longer that was there before\n")
    file.text.write("new: ü\n")
    file.write()
    assert file.path.read_text(encoding="utf-8") == "new: ü\n"
    assert [one.name for one in tmp_path.iterdir()] == ["report.txt"]


def test_check__never_through_a_link(tmp_path: Path) -> None:
    aim = tmp_path / "aim"
    (tmp_path / "report.txt").symlink_to(aim)
    file = OutputFile(tmp_path / "report.txt")
    with pytest.raises(UsageFailure, match=r"--output .*report\.txt is a symbolic link; name the file"):
        file.write()
    assert not aim.exists()


def test_check__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match=r"is a folder; name a file in it\."):
        OutputFile(tmp_path).check()
    with pytest.raises(UsageFailure, match=r"there is no folder .*absent; create it first\."):
        OutputFile(tmp_path / "absent" / "report.txt").check()
