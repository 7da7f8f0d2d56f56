from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fakes.busy_work import printed_in_time
from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import patch_of

CASES = {
    "new": FileEdit(path="tests/test_a.py", old=None, new=b"a = 1\nb = 2\n"),
    "empty": FileEdit(path="tests/__init__.py", old=None, new=b""),
    "changed": FileEdit(path="a.py", old=b"".join(b"%d\n" % n for n in range(40)), new=b"0\n" * 40),
    "no line end": FileEdit(path="a.py", old=b"a\nb", new=b"a\nc"),
    "line end added": FileEdit(path="a.py", old=b"a\nb", new=b"a\nb\nc\n"),
    "carriage returns": FileEdit(path="a.py", old=b"a\r\nb\r\n", new=b"a\r\nc\r\n"),
    "odd characters": FileEdit(path="a.py", old="é\f\u2028x\n".encode(), new="é\f\u2028y\n".encode()),
    "odd path": FileEdit(path='tests/ä "b"\\\tc $(touch x).py', old=None, new=b"a\n"),
    "a space": FileEdit(path="my tests/test_a.py", old=b"a\n", new=b"b\n"),
    "long": FileEdit(path="a.py", old=b"a\n" * 9_000 + b"b\n", new=b"c\n" + b"a\n" * 9_000 + b"b\nd\n"),
    "long, at the end": FileEdit(path="a.py", old=b"a\n" * 9_000, new=b"a\n" * 9_000 + b"b"),
    "long, at the beginning": FileEdit(path="a.py", old=b"a\n" * 9_000, new=b"b\n" + b"a\n" * 8_999),
    "long and gone": FileEdit(path="a.py", old=b"a\n" * 11_000, new=b""),
    "long and new": FileEdit(path="a.py", old=None, new=b"a\n" * 11_000),
    "gone": FileEdit(path="tests/test_a.py", old=b"a\nb\n", new=b"\n"),
}


@pytest.mark.parametrize("edit", CASES.values(), ids=CASES)
def test_patch__git_takes_it(tmp_path: Path, edit: FileEdit) -> None:
    place = tmp_path / edit.path
    if edit.old is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(edit.old)
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=tmp_path,
        input=patch_of([edit]).encode(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert place.exists() is not edit.removes_file
    assert edit.removes_file or place.read_bytes() == edit.new


def test_patch__several_files_and_none(tmp_path: Path) -> None:
    assert patch_of(()) == ""
    edits = [CASES["new"], CASES["empty"], CASES["odd path"]]
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch_of(edits).encode(), check=True)
    assert all((tmp_path / edit.path).read_bytes() == edit.new for edit in edits)


def test_patch__of_a_long_file_of_few_different_lines_is_made_in_time() -> None:
    lines = 'b"".join(b"a%d\\n" % (n % 150) for n in range(150_000))'
    code = f"""
from testsmith.test_files.write import patch_of
from testsmith.test_files.plan import FileEdit
old = {lines}
print(len(patch_of([FileEdit(path="a.py", old=old, new=b"x" + old[::-1])])) > len(old))
"""
    assert printed_in_time(code) == "True\n"
