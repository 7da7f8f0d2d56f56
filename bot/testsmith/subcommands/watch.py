"""`testsmith suggest --watch`: look again at what changed whenever a file is saved.

A function whose result is known costs nothing: it is neither run nor sent to a model again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.pr_state import State
from testsmith.git.repository import Repository
from testsmith.languages.registry import languages
from testsmith.model import Failure, Report
from testsmith.review.desired_state import outcomes_of

Stamps = Mapping[str, tuple[int, int, int]]
"""The state of files on disk: time of the last change, size and inode by path."""

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_SETTLE = 0.3


def stamps_in(repository: Repository) -> Stamps:
    """Return the state of the source files in a repository, without ignored ones."""
    known = languages()
    found = {}
    for path in repository.working_tree().paths():
        if any(language.source.handles(path) for language in known):
            with suppress(OSError):  # it was just removed
                stat = (repository.root / path).lstat()
                found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


@dataclass
class Watcher:
    """Waits for files to be saved.

    Attributes:
        stamps: Returns the current state of the files.
        sleep: Waits for some seconds.
    """

    stamps: Callable[[], Stamps]
    sleep: Callable[[float], object] = time.sleep

    def __post_init__(self) -> None:
        self._seen = self.stamps()

    def wait(self) -> None:
        """Wait until files differ from the last time, and have stayed the same for a moment since."""
        now = self.stamps()
        while now == self._seen:
            self.sleep(_SECONDS_BETWEEN_LOOKS)
            now = self.stamps()
        while now != self._seen:  # an editor may save several files, or one file in several steps
            self._seen = now
            self.sleep(_SECONDS_TO_SETTLE)
            now = self.stamps()


@dataclass
class WatchMemory:
    """What earlier runs of a watch found."""

    sources: dict[str, str] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)

    def is_unchanged(self, member: str, source: str) -> bool:
        """See `RunOptions.is_unchanged`."""
        return self.sources.get(member) == source

    def news(self, report: Report) -> Report:
        """Remember a report, and return what no earlier one had."""
        decided = outcomes_of(report, State(), {}, {})
        self.sources |= {one.member: one.source for one in decided if one.source}
        new = [one for one in report.suggestions if content_digest(one.member, one.code) not in self.shown]
        self.shown |= {content_digest(one.member, one.code) for one in new}
        known = {one.member for one in report.suggestions} - {one.member for one in new}
        known |= report.unchanged
        return replace(
            report,
            members=tuple(one for one in report.members if one.id not in known),
            suggestions=tuple(new),
            skipped=tuple(one for one in report.skipped if one.member not in known),
            unchanged=frozenset(),
        )


def watch(
    memory: WatchMemory,
    run: Callable[[], Report],
    show: Callable[[Report], int],
    wait: Callable[[], None],
    warn: Callable[[str], object],
) -> int:
    """Run and show the report, then run again after each change and show what is new; never ends by itself.

    Args:
        memory: What is known; `run` asks it.
        run: Runs once.
        show: Shows a report, and returns the exit code for it.
        wait: Waits for a change.
        warn: Shows why a run failed.

    Returns:
        The exit code if the first run fails.

    Raises:
        Failure: The first run cannot begin.
    """
    first = memory.news(run())
    code = show(first)
    if first.failure is not None:
        return code
    while True:
        wait()
        try:
            news = memory.news(run())
        except Failure as failure:  # for example, a repository in the middle of a rebase
            warn(str(failure))
            continue
        if news.suggestions:
            show(news)
        elif news.failure is not None:
            warn(news.failure)
