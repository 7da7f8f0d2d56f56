from __future__ import annotations

from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.forge.comment_positions import (
    ShownFile,
    Spot,
    anchor_of,
    is_shown,
    replaced_lines,
    shown_files,
    shown_hunks,
)
from testsmith.forge.interface import Anchor, FilePatch

PATH = "shop/cart.py"

PATCH = """\
@@ -3,7 +3,8 @@ import os
 three
 four
 five
-six
+SIX
+six and a half
 seven
 eight
 nine
@@ -30,7 +31,6 @@ def removed_from(self):
 thirty one
 thirty two
 thirty three
-gone
 thirty four
 thirty five
 thirty six
"""


def spot(line: int, end_line: int, *changed: int, path: str = PATH) -> Spot:
    return Spot(path=path, line=line, end_line=end_line, changed_lines=frozenset(changed))


def files(patch: str | None = PATCH) -> dict[str, ShownFile]:
    return shown_files([FilePatch(path=PATH, patch=patch)])


def at(line: int, start: int | None = None) -> Anchor:
    return Anchor(path=PATH, line=line, start_line=start)


def test_shown_hunks__what_each_shows_of_head() -> None:
    first, second = shown_hunks(PATCH)
    assert list(first.lines) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert first.lines[7] == "six and a half"
    assert first.changed == {6, 7}
    assert first.next_to_removed == {5, 6}
    assert list(second.lines) == [31, 32, 33, 34, 35, 36]
    assert second.changed == frozenset()
    assert second.next_to_removed == {33, 34}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ("@@ -0,0 +1 @@\n+only\n\\ No newline at end of file\n", {1: "only"}),
        ("@@ -0,0 +1 @@\n+only\n\\ No newline at end of file", {1: "only"}),
        ("@@ -1 +1 @@\n-old\n\\ No newline at end of file\n+new\n", {1: "new"}),
        ("@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n", {1: "a\r", 2: "c\r"}),
        ("@@ -1 +1,2 @@\n a\x0cb\u2028c\n+d\re\n", {1: "a\x0cb\u2028c", 2: "d\re"}),
        ("@@ -1,2 +0,0 @@\n-a\n-b\n", {}),
        ("@@ -1,2 +1,2 @@\n--- a\n+++ b\n c\n", {1: "++ b", 2: "c"}),
        ("@@ -1 +1,2 @@\n a\n+ last without a line feed", {1: "a", 2: " last without a line feed"}),
    ],
)
def test_shown_hunks__odd_patches(patch: str, expected: dict[int, str]) -> None:
    (hunk,) = shown_hunks(patch)
    assert hunk.lines == expected


@pytest.mark.parametrize(
    "patch", ["", "Binary files a/x and b/x differ\n", "@@ -1,9 +1,9 @@\n cut\n", "@@ nonsense @@\n+a\n"]
)
def test_shown_hunks__what_cannot_be_read_shows_nothing(patch: str) -> None:
    assert shown_hunks(patch) == ()


def test_shown_files__removed_files_and_missing_patches_show_nothing() -> None:
    patches = [
        FilePatch(path="gone.py", patch="@@ -1 +0,0 @@\n-a\n", is_removed=True),
        FilePatch(path="large.py", patch=None),
        FilePatch(path="new.py", patch=None),
    ]
    assert shown_files(patches) == {
        "large.py": ShownFile(path="large.py"),
        "new.py": ShownFile(path="new.py"),
    }


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (spot(4, 9), at(7, 4)),
        (spot(4, 9, 6), at(6, 4)),
        (spot(4, 9, 99), at(7, 4)),
        (spot(7, 9), at(7)),
        (spot(1, 9), at(7)),
        (spot(8, 20), at(8)),
        (spot(32, 34), at(34, 32)),
        (spot(10, 32), at(10)),
        (spot(4, 40), at(7, 4)),
        (spot(11, 30), None),
        (spot(40, 50), None),
        (spot(4, 9, path="other.py"), None),
    ],
    ids=str,
)
def test_anchor_of__the_last_changed_line_that_is_shown(where: Spot, expected: Anchor | None) -> None:
    assert anchor_of(files(), [where]) == expected


def test_anchor_of__long_members_get_one_line() -> None:
    patch = "@@ -0,0 +1,40 @@\n" + "".join(f"+line {n}\n" for n in range(1, 41))
    assert anchor_of(files(patch), [spot(1, 12)]) == at(12, 1)
    assert anchor_of(files(patch), [spot(1, 13)]) == at(13)


def test_anchor_of__what_an_affected_member_uses_nearest_first() -> None:
    spots = [spot(100, 110), spot(4, 9), spot(32, 34)]
    assert anchor_of(files(), spots) == at(7, 4)
    assert anchor_of(files(), []) is None
    assert anchor_of(files(None), spots) is None


def test_anchor_of__every_place_is_one_the_forge_takes() -> None:
    shown = files()
    places = {number: hunk for hunk in shown[PATH].hunks for number in hunk.lines}
    for line in range(1, 45):
        for end_line in range(line, 45):
            anchor = anchor_of(shown, [spot(line, end_line)])
            inside = [number for number in places if line <= number <= end_line]
            assert (anchor is None) == (not inside)
            if anchor is None:
                continue
            assert anchor.line in inside
            assert anchor.start_line is None or anchor.start_line < anchor.line
            assert anchor.start_line is None or anchor.start_line in places[anchor.line].lines


@pytest.mark.parametrize(
    ("line", "end_line", "expected"),
    [
        (9, 9, at(9)),
        (4, 9, at(9, 4)),
        (9, 11, None),
        (11, 11, None),
        (0, 0, None),
        (9, 8, None),
        (9, 34, None),
    ],
)
def test_replaced_lines__all_are_shown_by_one_hunk(line: int, end_line: int, expected: Anchor | None) -> None:
    assert replaced_lines(files(), PATH, line, end_line) == expected
    assert replaced_lines(files(), "tests/new.py", line, end_line) is None


def test_replaced_lines__not_where_lines_end_otherwise() -> None:
    assert replaced_lines(files("@@ -1 +1,2 @@\n a\r\n+b\r\n"), PATH, 2, 2) is None


def test_replaced_lines__not_many() -> None:
    patch = "@@ -0,0 +1,20 @@\n" + "".join(f"+{number}\n" for number in range(20))
    assert replaced_lines(files(patch), PATH, 1, 12) == at(12, 1)
    assert replaced_lines(files(patch), PATH, 1, 13) is None


@pytest.mark.parametrize(
    ("anchor", "shown"),
    [
        (at(6), True),
        (at(11), False),
        (at(10, 3), True),
        (at(10, 2), False),
        (at(31, 10), False),
        (Anchor(path="other.py", line=6), False),
    ],
)
def test_is_shown__all_of_it_in_one_hunk(anchor: Anchor, shown: bool) -> None:
    assert is_shown(files(), anchor) is shown


PATHS = ("plain.py", "with space.py", "caf\u00e9 \u2603.py", 'quo"te\t.py', "back\\slash.py", "new\nline.py")


@pytest.mark.parametrize("path", PATHS)
def test_shown_hunks__as_git_writes_them(tmp_path: Path, path: str) -> None:
    made = GitRepository.create(tmp_path / "project")
    first = made.commit({path: "1\r\n2\r\n3\r\n"})
    second = made.commit({path: "1\r\ntwo\r\n3\r\nlast"})
    (hunk,) = shown_hunks(made.git("diff", first, second))
    assert list(hunk.lines) == [1, 2, 3, 4]
    assert hunk.changed == {2, 4}
    assert hunk.lines[4] == "last"
