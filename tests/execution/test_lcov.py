"""Coverage files as coverage.py writes them, and lcov files as nobody should write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testsmith.execution.baseline import CannotReadCoverage, FileReach
from testsmith.execution.coverage_files import read_coverage
from testsmith.execution.lcov import looks_like_lcov, read_lcov
from testsmith.languages.source import CodeBranch

SOURCE = """\
def pick(value):
    if value:
        answer = 1
    for one in range(value):
        answer = one
    return answer


def never():
    return 0


pick(2)
"""


@pytest.mark.parametrize("kind", ["lcov", "xml", "data"])
def test_read_coverage__what_coverage_py_writes(tmp_path: Path, kind: str) -> None:
    (tmp_path / "picked.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "new").mkdir()
    coverage = (sys.executable, "-m", "coverage")
    subprocess.run((*coverage, "run", "--branch", "picked.py"), cwd=tmp_path, check=True)
    file = tmp_path / ".coverage"
    if kind != "data":
        file = tmp_path / "report"
        command = (*coverage, kind, "-o", "report")
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    measured = read_coverage(file, lambda _: tmp_path / "new")

    (found,) = (one for path, one in measured.files.items() if path.endswith("picked.py"))
    reach = FileReach(found)
    assert measured.has_branches
    assert [line for line in range(1, 14) if reach.reaches(range(line, line + 1))] == [
        1,
        2,
        3,
        4,
        5,
        6,
        9,
        13,
    ]
    assert reach.takes(CodeBranch(head=range(2, 3), target=range(3, 4)))
    assert not reach.takes(CodeBranch(head=range(2, 3), target=range(3, 4), past=True))
    assert reach.takes(CodeBranch(head=range(4, 5), target=range(5, 6), past=True))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"TN:\n", "names no file"),
        (b"SF:a.py\nDA:one,1\n", "line 2 is broken"),
        (b"SF:a.py\nDA:1\n", "line 2 is broken"),
        (b"SF:a.py\nBRDA:1\n", "line 2 is broken"),
        (b"SF:a.py\nDA:" + b"9" * 5_000 + b",1\n", "line 2 is broken"),
    ],
)
def test_read_lcov__refuses_what_is_broken(content: bytes, reason: str) -> None:
    assert looks_like_lcov(content)
    with pytest.raises(CannotReadCoverage, match=reason):
        read_lcov(content)


def test_read_lcov__a_file_that_is_told_of_twice_is_one() -> None:
    content = b"SF:a.py\nDA:1,0\nDA:2,0\nend_of_record\nDA:9,9\nSF:a.py\nDA:1,3,hash\nend_of_record\n"

    measured = read_lcov(content)

    assert measured.files["a.py"].hit == {1}
    assert measured.files["a.py"].missed == {2}
