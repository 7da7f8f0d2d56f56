from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.changes.selection import PathBase, is_at_or_below, only_wanted
from testsmith.languages.source import MemberFindings
from testsmith.model import Change, Member, MemberKind, Skipped, SkipStage

PLACE = PathBase(root=Path("/projects/repo"), project="apps/a")


def _member(path: str, name: str) -> Member:
    return Member(
        path=path,
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=1,
        kind=MemberKind.FUNCTION,
        source="",
        module="m",
    )


@pytest.mark.parametrize(
    ("typed", "forms"),
    [
        ("src/x.py", ("apps/a/src/x.py", "src/x.py")),
        ("./src/", ("apps/a/src", "src")),
        (".", ("apps/a", ".")),
        ("../b/x.py", ("apps/b/x.py", "../b/x.py")),
        ("/projects/repo/apps/a/x.py", ("apps/a/apps/a/x.py", "apps/a/x.py")),
        ("/elsewhere/x.py", ("/elsewhere/x.py",)),
    ],
)
def test_forms__seen_from_the_opened_folder_and_from_the_root(typed: str, forms: tuple[str, ...]) -> None:
    assert PLACE.forms(typed) == forms


def test_is_at_or_below__whole_names_only() -> None:
    paths = ["a", "a/b.py", "ab.py", "b/a"]
    assert [path for path in paths if is_at_or_below(path, "a")] == ["a", "a/b.py"]
    assert all(is_at_or_below(path, ".") for path in paths)


def test_only_wanted__skipped_members_go_with_theirs() -> None:
    members = (_member("a.py", "f"), _member("b.py", "f"))
    skipped = tuple(
        Skipped(path=each.path, stage=SkipStage.CHANGES, reason="marked", member=each.id) for each in members
    )
    found = only_wanted(MemberFindings(members=members, skipped=skipped), ["b.py"], PLACE)
    assert found == MemberFindings(members=members[1:], skipped=skipped[1:])


@pytest.mark.parametrize(
    ("of_change", "said"),
    [(True, "no function or class that the change adds"), (False, "no public function or class")],
)
def test_only_wanted__what_is_not_found_is_said(said: str, *, of_change: bool) -> None:
    found = only_wanted(MemberFindings(), ["nothing"], PLACE, of_change=of_change)
    (one,) = found.skipped
    assert (one.path, one.reason.startswith(said)) == ("nothing", True)


def test_only_wanted__nothing_asked_keeps_all() -> None:
    findings = MemberFindings(members=(_member("a.py", "f"),))
    assert only_wanted(findings, [], PLACE) is findings
