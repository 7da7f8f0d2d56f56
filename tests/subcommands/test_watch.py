"""What `--watch` runs again, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.reports import a_member, a_suggestion
from testsmith.git.repository import Repository
from testsmith.model import Failure, Report, Skipped, SkipStage
from testsmith.subcommands.watch import Watcher, WatchMemory, stamps_in, watch

ADD, SIZE = a_member("add"), a_member("size")
BOTH = Report(
    members=(ADD, SIZE),
    suggestions=(a_suggestion(ADD), a_suggestion(SIZE)),
    sources={ADD.id: "1", SIZE.id: "1"},
)


class Stop(Exception):
    """The end of a test's time."""


def test_watcher__waits_until_an_editor_has_finished() -> None:
    files, slept = {"a.py": (1, 1, 1)}, list[float]()
    saves: Iterator[tuple[int, int, int]] = iter([(1, 1, 1), (2, 0, 1), (2, 9, 1)])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        files["a.py"] = next(saves, files["a.py"])

    watcher = Watcher(lambda: dict(files), sleep)
    watcher.wait()
    assert slept == [1.0, 1.0, 0.3, 0.3]


def test_watcher__sees_what_was_saved_during_a_run() -> None:
    files = {"a.py": (1, 1, 1)}
    watcher = Watcher(lambda: dict(files), lambda _: None)
    files["b.py"] = (2, 2, 2)
    watcher.wait()
    del files["a.py"]
    watcher.wait()


def test_stamps_in__are_of_source_files_that_git_does_not_ignore(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path)
    repository.commit({"shop.py": "", "notes.txt": "", ".gitignore": "build/\n", "gone.py": ""})
    repository.write({"new.py": "", "build/made.py": ""})
    (tmp_path / "gone.py").unlink()
    checkout = Repository.open(tmp_path)
    before = stamps_in(checkout)

    (tmp_path / "shop.py").write_text("a = 1\n")

    assert set(before) == {"shop.py", "new.py"}
    assert {path for path, stamp in stamps_in(checkout).items() if stamp != before[path]} == {"shop.py"}


def test_memory__shows_only_what_is_new_and_knows_the_rest() -> None:
    memory = WatchMemory()
    assert memory.news(BOTH) == BOTH
    assert memory.is_unchanged(ADD.id, "1")
    assert not memory.is_unchanged(ADD.id, "2")

    changed = replace(a_suggestion(ADD), code="def test_add():\n    assert add(1) == 3\n")
    unchanged = Skipped(path=SIZE.path, stage=SkipStage.CHANGES, reason="it has not changed", member=SIZE.id)
    news = memory.news(
        replace(
            BOTH,
            suggestions=(changed,),
            skipped=(unchanged,),
            sources={ADD.id: "2", SIZE.id: "1"},
            unchanged=frozenset({SIZE.id}),
        )
    )

    assert (news.members, news.suggestions, news.skipped) == ((ADD,), (changed,), ())
    assert memory.is_unchanged(ADD.id, "2")
    assert memory.is_unchanged(SIZE.id, "1")


def test_memory__does_not_count_what_could_not_be_decided() -> None:
    memory = WatchMemory()
    late = Skipped(path=ADD.path, stage=SkipStage.BUDGET, reason="no time was left", member=ADD.id)
    memory.news(replace(BOTH, suggestions=(a_suggestion(SIZE),), skipped=(late,)))

    assert not memory.is_unchanged(ADD.id, "1")
    assert memory.is_unchanged(SIZE.id, "1")


def test_watch__is_quiet_until_something_new_is_proven() -> None:
    other = replace(a_suggestion(ADD), code="def test_add():\n    pass\n")
    runs: Iterator[Report | Failure] = iter(
        [
            BOTH,
            BOTH,  # proven again
            Failure("a rebase is in progress"),
            replace(BOTH, suggestions=(), failure="the quota is used up"),
            replace(BOTH, suggestions=(other,)),
        ]
    )
    shown, warned = list[Report](), list[str]()

    def run() -> Report:
        found = next(runs, None)
        if found is None:
            raise Stop
        if isinstance(found, Failure):
            raise found
        return found

    def show(report: Report) -> int:
        shown.append(report)
        return 0

    with pytest.raises(Stop):
        watch(WatchMemory(), run, show, lambda: None, warned.append)

    assert [one.suggestions for one in shown] == [BOTH.suggestions, (other,)]
    assert warned == ["a rebase is in progress", "the quota is used up"]


def test_watch__ends_if_it_cannot_begin() -> None:
    failed = replace(BOTH, suggestions=(), failure="the key was refused")

    assert watch(WatchMemory(), lambda: failed, lambda _: 1, lambda: None, lambda _: None) == 1
