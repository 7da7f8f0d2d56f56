"""A project on the fake GitHub, and runs of the action for its pull request, as processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fakes.actions_cache import ActionsCacheService
from fakes.github.actions_run import ActionsRun, Finished, Step
from fakes.github.checkouts import Checkout
from fakes.github.events import Event, Events
from fakes.github.github import FakeGitHub, Shown
from fakes.github.state import Pull, Repository, ReviewComment, Token
from testsmith.forge.comment_markers import suggestion_of
from testsmith.forge.pr_state import State, decode

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-I", "-m", "testsmith")
_ABOUT_PACKAGES = ("PIP_", "UV_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_")
GRANTED = {"contents": "read", "pull_requests": "write"}
FEWER_RUNS = "runs = 1\nsuite-seconds = 0\nmax-mutants = 5\n"
"""Settings under which a test is proven in a third of the time, where it is not the proof that matters."""


@dataclass
class Shop:
    """The example project, or another, on the fake GitHub, and runs of the action for its pull request.

    Attributes:
        index: Where packages are installed from; empty for where this machine gets them.
        inputs: What the workflow that runs on comments sets.
    """

    github: FakeGitHub
    repository: Repository
    pull: Pull
    folder: Path
    index: str
    granted: Mapping[str, str] = field(default_factory=lambda: GRANTED)
    services: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    event: Event | None = None
    runs: int = 0

    def run(self, **inputs: str) -> Finished:
        return self.finished(self.prepared(**inputs))

    def prepared(self, **inputs: str) -> ActionsRun:
        """Return a run whose workspace is there, but which has not begun."""
        self.runs += 1
        step = Step(
            action=ROOT / "action.yml",
            variables=self.variables(),
            services=self.services,
            checkout=Checkout(persist_credentials=False, depth=0 if self.event else 1),
        ).set(**inputs)
        event = self.event or Events(self.github).pull_request(
            self.repository, self.pull, "opened" if self.runs == 1 else "synchronize"
        )
        return ActionsRun(self.github, event, self.token(), self.folder / f"run-{self.runs}", step)

    def variables(self) -> dict[str, str]:
        """Return how packages are installed, as a workflow's `env:` says it."""
        if self.index:
            return {"PIP_INDEX_URL": self.index, "UV_INDEX_URL": self.index}
        return {name: value for name, value in os.environ.items() if name.startswith(_ABOUT_PACKAGES)}

    def keep_in(self, service: ActionsCacheService, *scopes: str) -> None:
        """Have the runs from now on use a cache service, as runs in the first of some scopes."""
        token = service.token(*scopes)
        self.services = {"ACTIONS_RESULTS_URL": service.url, "ACTIONS_RUNTIME_TOKEN": token}

    def command(self, body: str, by: str = "ada", *, in_thread: ReviewComment | None = None) -> Finished:
        """Let somebody comment, and the action obey it, in a workflow that runs on comments."""
        events = Events(self.github)
        if in_thread is None:
            comment = self.github.say(self.pull, by, body)
            self.event = events.issue_comment(self.repository, self.pull, comment)
        else:
            reply = self.github.reply(self.pull, in_thread, by, body)
            self.event = events.review_comment(self.repository, self.pull, reply)
        try:
            return self.run(**self.inputs)
        finally:
            self.event = None

    def token(self) -> Token:
        if self.event is not None and self.event.name == "issue_comment":  # whosever pull request it is on
            return self.github.token(self.repository, self.granted)
        return self.github.workflow_token(self.repository, self.pull, self.granted)

    def finished(self, run: ActionsRun) -> Finished:
        done = run.forked()
        assert done.status == 0, done.stdout + done.stderr
        return done

    def remembered(self) -> State:
        """Return what the summary comment remembers."""
        states = (decode(one.body) for one in self.pull.comments.values())
        return next(state for state in states if state is not None)

    def threads(self) -> dict[int, Shown]:
        """Return the threads of suggestions by the number that stands in their mark."""
        shown = self.github.threads(self.repository, self.pull)
        marks = ((suggestion_of(one.comments[0].body), one) for one in shown)
        return {mark.number: one for mark, one in marks if mark is not None}

    def proposed(self) -> set[str]:
        shown = (one for one in self.pull.review_comments.values() if one.minimized is None)
        return {one.body.partition("`")[2].partition("`")[0] for one in shown}
