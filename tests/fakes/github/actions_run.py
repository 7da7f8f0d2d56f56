"""One step of a workflow, run as a subprocess with all that GitHub gives to an action in a container."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fakes.fork_server import fork_server
from fakes.github.checkouts import Checkout, check_out
from fakes.github.events import Event
from fakes.github.github import FakeGitHub
from fakes.github.runner import SUMMARY_BYTES, Command, Log, parse_file
from fakes.github.state import Token

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
_FILES = {
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_ENV": "set_env",
    "GITHUB_PATH": "add_path",
    "GITHUB_STATE": "save_state",
    "GITHUB_STEP_SUMMARY": "step_summary",
}
_WORKFLOW = ".github/workflows/testsmith.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a workflow says of the step.

    Attributes:
        inputs: What stands under `with:`.
        action: The action's `action.yml`, whose defaults and `runs.env` hold; without one every input becomes
            `TESTSMITH_<INPUT>`, with underscores.
        variables: What stands under `env:`; it can't override GitHub's own.
        services: Where the cache service is: `ACTIONS_RESULTS_URL` and its like.
        checkout: How the workspace was filled; None leaves it empty.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    action: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    checkout: Checkout | None = field(default_factory=Checkout)

    def set(self, **options: str) -> Step:
        """Return the step with options set: by inputs where the action has them, else by variables."""
        assert self.action is not None
        declared = _read_yaml(self.action)["inputs"]
        named = {name.replace("_", "-"): value for name, value in options.items()}
        inputs = {name: value for name, value in named.items() if name in declared}
        variables = {
            f"TESTSMITH_{name.upper()}": options[name]
            for name in options
            if name.replace("_", "-") not in declared
        }
        return replace(self, inputs={**self.inputs, **inputs}, variables={**self.variables, **variables})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What is left of a step.

    Attributes:
        stdout: What the process wrote, unmasked.
        summary: What GitHub shows as the step's summary; empty where it was too large.
        log: What the runner understood of the output.
    """

    status: int
    stdout: str
    stderr: str
    outputs: dict[str, str]
    exported: dict[str, str]
    state: dict[str, str]
    summary: str
    log: Log

    def annotations(self, level: str) -> list[Command]:
        """Return the annotations that GitHub would show."""
        return self.log.annotations(level)


class ActionsRun:
    """A run of a workflow with one step, in a folder of its own.

    Attributes:
        workspace: Where the step runs, filled as `actions/checkout` does it.
        temp: What RUNNER_TEMP is.
    """

    def __init__(
        self, github: FakeGitHub, event: Event, token: Token, folder: Path, step: Step | None = None
    ) -> None:
        self.github = github
        self.event = event
        self.token = token
        self.step = step or Step()
        self.workspace = folder / "workspace"
        self.temp = folder / "temp"
        self._home = self.temp / "_github_home"
        self._commands = self.temp / "_runner_file_commands"
        self._event_path = self.temp / "_github_workflow" / "event.json"
        self._prepare()

    def _prepare(self) -> None:
        for folder in (self.workspace, self._home, self._commands, self._event_path.parent):
            folder.mkdir(parents=True)
        for name in _FILES:
            self._file(name).touch()
        self._event_path.write_text(json.dumps(self.event.payload, indent=2))
        if self.step.checkout is not None:
            check_out(self.workspace, self.github.url, self.event, self.token, self.step.checkout)

    def _file(self, name: str) -> Path:
        return self._commands / f"{_FILES[name]}_{self.event.repository.id}"

    def forked(self, *, seconds: float = 300.0) -> Finished:
        """Run the step in a process that has already imported the program, and read what it left.

        Raises:
            BadFile: It wrote a file that the runner can't read.
            TimeoutError: It took too long.
        """
        return self.finished(*fork_server().run((), self.environment(), self.workspace, seconds))

    def run(self, command: Sequence[str], *, seconds: float = 300.0) -> Finished:
        """Run the step's process and read what it left.

        Raises:
            BadFile: It wrote a file that the runner can't read.
            subprocess.TimeoutExpired: It took too long.
        """
        done = subprocess.run(
            tuple(command),
            cwd=self.workspace,
            env=self.environment(),
            check=False,
            capture_output=True,
            timeout=seconds,
        )
        return self.finished(done.returncode, done.stdout.decode(), done.stderr.decode())

    def finished(self, status: int, stdout: str, stderr: str) -> Finished:
        """Read what a process left that the caller ran itself."""
        log = Log()
        log.read(stdout)
        log.read(stderr)
        summary = self._file("GITHUB_STEP_SUMMARY").read_bytes()
        return Finished(
            status=status,
            stdout=stdout,
            stderr=stderr,
            outputs=parse_file(self._file("GITHUB_OUTPUT").read_text()),
            exported=parse_file(self._file("GITHUB_ENV").read_text()),
            state=parse_file(self._file("GITHUB_STATE").read_text()),
            summary=summary.decode() if len(summary) <= SUMMARY_BYTES else "",
            log=log,
        )

    def environment(self) -> dict[str, str]:
        """Return the process's whole environment; later parts win, as with GitHub."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            **self.step.variables,
            **self._inputs(),
            "HOME": str(self._home),
            **self._github(),
            **self._runner(),
            "ACTIONS_RUNTIME_URL": f"{self.github.url}/_runtime/",
            "ACTIONS_RUNTIME_TOKEN": "runtime-token",
            **self.step.services,
            "GITHUB_ACTIONS": "true",
            "CI": "true",
        }

    def _inputs(self) -> dict[str, str]:
        if self.step.action is None:
            given = {"token": self.token.value, **self.step.inputs}
            return {f"TESTSMITH_{name.upper().replace('-', '_')}": value for name, value in given.items()}
        described = _read_yaml(self.step.action)
        values = self._values(described.get("inputs") or {})
        inputs = {f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in values.items()}
        mapped = (described["runs"].get("env") or {}).items()
        contexts = {f"inputs.{name}": value for name, value in values.items()}
        return {name: _filled(str(text), contexts) for name, text in mapped} | inputs

    def _values(self, declared: Mapping[str, Any]) -> dict[str, str]:
        """Return the inputs' values: given ones, defaults, and nothing for the rest."""
        unknown = sorted(set(self.step.inputs) - set(declared))
        assert not unknown, f"unexpected inputs: {', '.join(unknown)}"
        contexts = {"github.token": self.token.value, "github.repository": self.event.repository.full_name}
        defaults = {name: str((one or {}).get("default", "")) for name, one in declared.items()}
        return {name: _filled(text, contexts) for name, text in defaults.items()} | dict(self.step.inputs)

    def _github(self) -> dict[str, str]:
        repository, event = self.event.repository, self.event
        short = event.ref.removeprefix("refs/heads/").removeprefix("refs/pull/")
        return {
            "GITHUB_ACTION": "__self",
            "GITHUB_ACTION_PATH": "",
            "GITHUB_ACTION_REF": "",
            "GITHUB_ACTION_REPOSITORY": "",
            "GITHUB_ACTOR": event.actor.login,
            "GITHUB_ACTOR_ID": str(event.actor.id),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_BASE_REF": event.base_branch,
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_EVENT_PATH": str(self._event_path),
            "GITHUB_GRAPHQL_URL": self.github.graphql_url,
            "GITHUB_HEAD_REF": event.head_branch,
            "GITHUB_JOB": "testsmith",
            "GITHUB_REF": event.ref,
            "GITHUB_REF_NAME": short,
            "GITHUB_REF_PROTECTED": str(short in repository.protected).lower(),
            "GITHUB_REF_TYPE": "branch",
            "GITHUB_REPOSITORY": repository.full_name,
            "GITHUB_REPOSITORY_ID": str(repository.id),
            "GITHUB_REPOSITORY_OWNER": repository.owner.login,
            "GITHUB_REPOSITORY_OWNER_ID": str(repository.owner.id),
            "GITHUB_RETENTION_DAYS": "90",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_NUMBER": "1",
            "GITHUB_SERVER_URL": self.github.url,
            "GITHUB_SHA": event.sha,
            "GITHUB_TRIGGERING_ACTOR": event.actor.login,
            "GITHUB_WORKFLOW": "TestSmith",
            "GITHUB_WORKFLOW_REF": f"{repository.full_name}/{_WORKFLOW}@{event.ref}",
            "GITHUB_WORKFLOW_SHA": event.sha,
            "GITHUB_WORKSPACE": str(self.workspace),
            **{name: str(self._file(name)) for name in _FILES},
        }

    def _runner(self) -> dict[str, str]:
        return {
            "RUNNER_ARCH": "X64",
            "RUNNER_ENVIRONMENT": "github-hosted",
            "RUNNER_NAME": "GitHub Actions 1",
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
            "RUNNER_WORKSPACE": str(self.workspace.parent),
        }


def _filled(text: str, contexts: Mapping[str, str]) -> str:
    """Put values in the place of `${{ … }}`; what is not in the contexts may not stand there."""

    def value(found: re.Match[str]) -> str:
        assert found[1] in contexts, f"{found[0]} may not be used here"
        return contexts[found[1]]

    return _EXPRESSION.sub(value, text)


def _read_yaml(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML

    read: dict[str, Any] = YAML(typ="safe").load(path)
    return read
