from __future__ import annotations

from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.reports import a_member, a_suggestion
from fakes.trees import MemoryTree
from testsmith.forge.comment_markers import content_digest
from testsmith.forge.comment_positions import shown_files
from testsmith.forge.interface import Anchor, FilePatch
from testsmith.languages.python.language import PYTHON
from testsmith.model import Label, Suggestion
from testsmith.review.desired_state import PlacedChange, suggested_changes
from testsmith.test_files.plan import plan_edits

TEST_PATH = "tests/test_cart.py"
BEFORE = "from shop.cart import add, size\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
AFTER = f"{BEFORE}\n\ndef test_size():\n    assert size([]) == 0\n"


def proposing(name: str, code: str | None = None, label: Label = Label.NEW_BEHAVIOR) -> Suggestion:
    whole = f"from shop.cart import {name}\n\n\ndef test_{name}_of_two():\n    assert {name}([1, 2])\n"
    return a_suggestion(a_member(name), test_path=TEST_PATH, code=code or whole, label=label)


def changes(
    folder: Path, *suggestions: Suggestion, before: str = BEFORE, after: str = AFTER
) -> dict[str, PlacedChange]:
    """Suggest changes for a pull request that changes the test file as git shows it."""
    made = GitRepository.create(folder)
    first, second = made.commit({TEST_PATH: before}), made.commit({TEST_PATH: after.encode()})
    files = shown_files([FilePatch(path=TEST_PATH, patch=made.git("diff", first, second))])
    tree = MemoryTree({TEST_PATH: after.encode()})
    return suggested_changes(suggestions, files, lambda one: plan_edits([one], tree, [PYTHON]).edits)


def applied(change: PlacedChange, text: str = AFTER) -> str:
    """Return the file as it is once somebody has taken the suggested change over."""
    lines, anchor = text.splitlines(), change.anchor
    start = (anchor.start_line or anchor.line) - 1
    return "\n".join((*lines[:start], *change.text.split("\n"), *lines[anchor.line :])) + "\n"


def test_suggested_changes__a_test_below_those_that_the_change_adds(tmp_path: Path) -> None:
    suggestion = proposing("size")
    (change,) = changes(tmp_path, suggestion).values()
    assert change.anchor == Anchor(path=TEST_PATH, line=9)
    whole = applied(change)
    assert whole.startswith(AFTER)
    assert whole.endswith("\n\n\ndef test_size_of_two():\n    assert size([1, 2])\n")
    compile(whole, TEST_PATH, "exec")


def test_suggested_changes__are_named_by_their_content(tmp_path: Path) -> None:
    suggestion = proposing("size")
    assert list(changes(tmp_path, suggestion)) == [content_digest(suggestion.member, suggestion.code)]


def test_suggested_changes__with_an_import_where_all_lines_between_are_shown(tmp_path: Path) -> None:
    before = BEFORE.partition("\n")[0] + "\n"
    (change,) = changes(tmp_path, proposing("total"), before=before, after=BEFORE).values()
    assert change.anchor == Anchor(path=TEST_PATH, line=5, start_line=1)
    whole = applied(change, BEFORE)
    assert whole.startswith("from shop.cart import add, size, total\n\n\ndef test_add():\n")
    assert whole.endswith("\n\n\ndef test_total_of_two():\n    assert total([1, 2])\n")


def test_suggested_changes__none_where_an_import_is_not_shown(tmp_path: Path) -> None:
    assert changes(tmp_path, proposing("total")) == {}


def test_suggested_changes__no_two_at_the_same_lines(tmp_path: Path) -> None:
    found = changes(tmp_path, proposing("size"), proposing("add"))
    assert len(found) == 1


@pytest.mark.parametrize(
    "after",
    [AFTER.replace("\n", "\r\n"), AFTER.removesuffix("\n"), AFTER.replace("add(1, 2)", 'add("\x0c", 2)')],
    ids=["carriage returns", "no line end", "a form feed"],
)
def test_suggested_changes__none_where_lines_are_counted_otherwise(tmp_path: Path, after: str) -> None:
    assert changes(tmp_path, proposing("size"), after=after) == {}


def test_suggested_changes__none_for_questions_or_files_that_the_diff_does_not_show(tmp_path: Path) -> None:
    assert changes(tmp_path / "question", proposing("size", label=Label.QUESTION)) == {}
    assert changes(tmp_path / "same", proposing("size"), after=BEFORE) == {}
    other = a_suggestion(a_member("size"), test_path="tests/test_other.py")
    assert changes(tmp_path / "other", other) == {}


def test_suggested_changes__none_for_a_test_that_is_there(tmp_path: Path) -> None:
    there = proposing(
        "size", code="from shop.cart import size\n\n\ndef test_size():\n    assert size([]) == 0\n"
    )
    assert changes(tmp_path, there) == {}


def test_suggested_changes__in_a_huge_file_of_equal_lines_are_found_in_time(tmp_path: Path) -> None:
    after = BEFORE + "\n\n" + "x = 1\n" * 20_000
    (change,) = changes(tmp_path, proposing("size"), after=after).values()
    assert change.anchor == Anchor(path=TEST_PATH, line=20_007)
    compile(applied(change, after), TEST_PATH, "exec")
