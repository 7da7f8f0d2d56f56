"""A small repository without tests on the fake GitHub, and sweeps of it by the action, as processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fakes.actions_cache import ActionsCacheService
from fakes.attack_site import everybodys_folder
from fakes.github.actions_run import ActionsRun, Finished, Step
from fakes.github.checkouts import Checkout
from fakes.github.clock import WallClock
from fakes.github.events import Event, Events
from fakes.github.github import FakeGitHub, fake_github
from fakes.github.state import Pull, Repository

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-I", "-m", "testsmith")
MAY_SWEEP = {"contents": "write", "pull_requests": "write"}
SECONDS = 900.0
PARTS = "testsmith-report/parts"

_MEMBERS = {
    "clamp": "number: int, low: int, high: int) -> int:\n    if number < low:\n        return low\n"
    "    return min(number, high)\n",
    "cups": 'count: int) -> str:\n    return "1 cup" if count == 1 else f"{count} cups"\n',
    "initials": 'name: str) -> str:\n    return "".join(word[0].upper() for word in name.split())\n',
    "longest": "one: str, other: str) -> str:\n    return other if len(other) > len(one) else one\n",
}
FILES = {
    "README.md": "plain\n",
    "testsmith.toml": "runs = 1\nmax-mutants = 5\n",
    "plain/__init__.py": "",
    **{f"plain/{name}.py": f"def {name}({rest}" for name, rest in _MEMBERS.items()},
    "tests/test_plain.py": "import plain\n\n\ndef test_plain():\n    assert plain\n",
}
MEMBERS = frozenset(_MEMBERS)


@dataclass
class Sweepable:
    """The repository, and runs of the action that sweep it."""

    github: FakeGitHub
    repository: Repository
    folder: Path
    services: Mapping[str, str] = field(default_factory=dict)

    @property
    def pulls(self) -> list[Pull]:
        return list(self.repository.pulls.values())

    def event(self) -> Event:
        return Events(self.github).schedule(self.repository)

    def prepared(self, **inputs: str) -> ActionsRun:
        """Return a run whose workspace is there, but which has not begun."""
        step = Step(
            action=ROOT / "sweep" / "action.yml",
            inputs={"provider": "offline", "sandbox": "best-effort"},
            services=self.services,
            checkout=Checkout(persist_credentials=False, depth=0),
        ).set(**inputs)
        token = self.github.token(self.repository, MAY_SWEEP)
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        folder.chmod(0o755)
        return ActionsRun(self.github, self.event(), token, folder, step)

    def run(self, **inputs: str) -> Finished:
        return self.finished(self.prepared(**inputs))

    def finished(self, run: ActionsRun) -> Finished:
        done = run.forked(seconds=SECONDS)
        assert done.status == 0, done.stdout + done.stderr
        return done

    def begun(self, run: ActionsRun) -> subprocess.Popen[bytes]:
        """Begin a run in a process group of its own, and do not wait for it."""
        return subprocess.Popen(
            COMMAND,
            cwd=run.workspace,
            env=run.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def tested(self, branch: str = "testsmith/sweep") -> set[str]:
        """Return the members that tests on a branch were made for."""
        text = self.repository.git.text("grep", "-h", "^# testsmith ", branch, "--", "tests")
        return {line.rpartition("::")[2] for line in text.splitlines()}

    def keep_in(self, service: ActionsCacheService) -> None:
        """Have the runs from now on use a cache service, on the default branch."""
        token = service.token("refs/heads/main")
        self.services = {"ACTIONS_RESULTS_URL": service.url, "ACTIONS_RUNTIME_TOKEN": token}


def hand_over(source: ActionsRun, target: ActionsRun, pattern: str = "*.json") -> None:
    """Bring parts from one machine to another, as artifacts are."""
    folder = target.workspace / PARTS
    folder.mkdir(parents=True, exist_ok=True)
    for part in (source.workspace / PARTS).glob(pattern):
        shutil.copy(part, folder)


@contextmanager
def sweepable(folder: Path) -> Iterator[Sweepable]:
    with everybodys_folder() as runs, fake_github(folder / "github", clock=WallClock()) as github:
        repository = github.repository("octo/plain")
        github.commit(repository, "main", dict(FILES))
        yield Sweepable(github, repository, runs)
