"""Commands on pull requests of real projects, as processes of the action with all that GitHub gives to them.

The pull request is reviewed; a person rejects one suggestion and applies two; the action runs for its own
commit, then for a person's next push. That must cost nothing and post nothing again. The fake GitHub holds
every request and every answer against GitHub's own description.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.clock import Stopwatch
from bench.engine import NEEDED
from bench.figures import Figure
from bench.pulls import pull_request
from bench.subjects import NotToBeHad, environment_with
from fakes.attack_site import everybodys_folder
from fakes.github.actions_run import Finished
from fakes.github.clock import WallClock
from fakes.github.github import fake_github
from fakes.shop import Shop
from testsmith.languages.registry import languages
from testsmith.pipeline import RunOptions

PAIRS = (
    ("humanize", "4.14.0", "4.15.0"),
    ("python-dotenv", "1.2.2", "1.2.3"),
)

_COMMENTER = "ada"
_GRANTED = {"contents": "write", "pull_requests": "write"}
_WANTED = 3
"""Green suggestions that the trip needs: one to reject, two to apply."""


def measure_round_trip(folder: Path, only: Sequence[str] = ()) -> Iterator[Figure]:
    """Measure each pair, or those of the projects that are named."""
    for name, old, new in PAIRS:
        if only and name not in only:
            continue
        try:
            source = pull_request(folder / name, name, old, new, old_tests=True)
        except NotToBeHad as reason:
            print(f"not measured: {name} from {old} to {new}: {reason}")
            continue
        with _on_github(folder / f"{name}-github", source) as shop:
            yield from _Trip(shop, f"{name} {old} to {new}", folder / f"{name}-after").figures()


@contextmanager
def _on_github(folder: Path, source: Path) -> Iterator[Shop]:
    with everybodys_folder() as runs, fake_github(folder, clock=WallClock()) as github:
        repository = github.repository("octo/project", source)
        repository.collaborators[_COMMENTER] = "write"
        pull = github.pull_request(repository, head="change")
        yield Shop(github, repository, pull, runs, index="", granted=_GRANTED)


@dataclass(frozen=True, slots=True)
class _Trip:
    """One trip.

    Attributes:
        shop: The project.
        what: The pair in words.
        folder: Where the branch is checked out and installed after the commit.
    """

    shop: Shop
    what: str
    folder: Path

    def figures(self) -> Iterator[Figure]:
        """Go on the trip, and yield what it took and what came of it."""
        yield self._step("review", lambda: self.shop.run(commands="true"))
        green = [one.number or 0 for one in self.shop.remembered().entries if one.outcome == "suggested"]
        if len(green) < _WANTED:
            print(f"{self.what}: only {len(green)} suggestions, so the trip ends here")
            return
        first, rejected, second, *_ = green
        before = self.shop.pull.head
        yield self._step("reject", lambda: self.shop.command(f"/testsmith reject {rejected} not useful"))
        yield self._step("apply", lambda: self.shop.command(f"/testsmith apply {first} {second}"))
        yield from self._commit(before)
        yield from self._threads((first, rejected, second))
        yield from self._later_pushes((first, rejected, second))
        yield self._count("requests and answers against GitHub's description", self.shop.github.violations)

    def _step(self, name: str, run: Callable[[], Finished]) -> Figure:
        with Stopwatch() as watch:
            run()
        print(f"{self.what}: {name} took {watch.seconds:.0f} s by the clock", flush=True)
        return Figure(name=f"{self.what}: {name}, processors' time", value=watch.busy, unit="s")

    def _count(self, name: str, wrong: Sequence[object]) -> Figure:
        for one in wrong:
            print(f"{self.what}: {name}: {one}")
        return Figure(name=f"{self.what}: {name}", value=len(wrong), unit="", most=0)

    def _commit(self, before: str) -> Iterator[Figure]:
        git, head = self.shop.repository.git, self.shop.pull.head
        made = git.between(before, head)
        yield Figure(name=f"{self.what}: commits of `apply`", value=len(made), unit="", most=1, least=1)
        changed = git.text("diff", "--name-only", before, head).split()
        yield self._count("files outside of the tests", [one for one in changed if "tests/" not in one])
        yield self._count("committed tests that do not pass", list(self._failing(changed)))

    def _failing(self, changed: Sequence[str]) -> Iterator[str]:
        """Check the branch out, install it, run its committed tests; yield what pytest says of failures."""
        checkout, git = self.folder / "checkout", self.shop.repository.git
        clone = ("git", "clone", "--quiet", "--branch", self.shop.pull.head_branch)
        subprocess.run((*clone, str(git.folder), str(checkout)), check=True)
        interpreter = environment_with(self.folder / "environment", *NEEDED, str(checkout))
        tests = [
            f"{path}::{one.name}"
            for path in changed
            for language in languages()
            for one in language.tests.marked_tests((checkout / path).read_text())
        ]
        command = (str(interpreter), "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--color=no")
        done = subprocess.run((*command, *tests), cwd=checkout, capture_output=True, text=True, check=False)
        passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED ")]
        print(f"{self.what}: {len(passed)} committed cases pass of {len(tests)} tests", flush=True)
        if done.returncode != 0:
            yield f"{done.stdout[-2000:]}{done.stderr}"

    def _threads(self, numbers: Sequence[int]) -> Iterator[Figure]:
        threads = self.shop.threads()
        yield self._count("threads left open", [one for one in numbers if not threads[one].is_resolved])
        yield self._count("rows left in the summary", self._rows(numbers))

    def _later_pushes(self, numbers: Sequence[int]) -> Iterator[Figure]:
        shop, posted = self.shop, self._posted()
        yield self._step("push of that commit", lambda: shop.run(commands="true"))
        shop.github.commit(shop.repository, shop.pull.head_branch, {"docs/notes.md": "A word.\n"})
        run = shop.prepared(commands="true")
        yield self._step("push of a person", lambda: shop.finished(run))
        report = json.loads((run.workspace / "testsmith-report" / "report.json").read_text())
        members = {one.member for one in shop.remembered().entries if one.number}
        yield self._count("members looked at again", sorted(members & _looked_at(report)))
        yield self._count("comments posted again", sorted(self._posted() - posted))
        yield self._count("rows shown again", self._rows(numbers))

    def _posted(self) -> set[int]:
        return {*self.shop.pull.comments, *self.shop.pull.review_comments}

    def _rows(self, numbers: Sequence[int]) -> list[int]:
        """Return those of some numbers that have a row in the summary."""
        summary = self.shop.pull.comments[min(self.shop.pull.comments)].body
        return [one for one in numbers if f"\n| {one} |" in summary]


def _looked_at(report: dict[str, Any]) -> set[str]:
    """Return the members of a report that were looked at."""
    left = {one["member"] for one in report["skipped"] if one["reason"] == RunOptions().reason}
    return {one["id"] for one in report["members"]} - left
