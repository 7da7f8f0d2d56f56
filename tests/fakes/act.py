"""A whole workflow on this machine: act runs its steps in containers, and its GitHub is the fake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from fakes.containers import BASE, Engine, alone, image_store
from fakes.github.actions_run import ActionsRun, Finished
from fakes.github.runner import Log

ACT = Path(sys.executable).with_name("act")

CONTAINERS = "act-"
"""How the names of act's containers begin."""

_ATTEMPTS_TO_REMOVE = 5

_Line = Mapping[str, Any]
"""A line of act's log."""


def run_workflow(
    engine: Engine,
    run: ActionsRun,
    workflow: Path,
    published: Mapping[str, Path] | None = None,
    seconds: float = 300.0,
) -> Finished:
    """Run a workflow with one action for a step's event, in its workspace, and return what the action left.

    Both of its streams are in `stdout`, masked; act's own words are in `stderr`. No other workflow runs
    meanwhile, since act's containers have fixed names; for the same reason none is left of an act that was
    killed.

    Args:
        published: The folders in which actions are, by what stands behind `uses:`.
        seconds: After them it is ended.
    """
    with only_act(), engine.served() as found:
        remove_containers(engine)
        done = subprocess.run(
            _command(run, workflow, published or {}),
            cwd=run.temp,
            env={**engine.variables, **found, "HOME": str(run.temp), "GITHUB_TOKEN": run.token.value},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return _finished(done.returncode, lines, done.stderr)


def only_act() -> AbstractContextManager[None]:
    """Keep other test processes from running act meanwhile."""
    return alone(image_store() / "act.lock")


def remove_containers(engine: Engine) -> None:
    """Remove all of act's containers with their volumes; act must not run.

    A container whose engine was killed may need to be removed twice, and is removed after those that share
    its network.

    Raises:
        AssertionError: Some are left.
    """
    left, problem = _containers(engine), ""
    for _ in range(_ATTEMPTS_TO_REMOVE):
        if not left:
            return
        problem = engine.call("rm", "--force", "--volumes", *left).stderr
        left = _containers(engine)
    assert not left, f"containers of an act that was killed cannot be removed: {problem}"


def _containers(engine: Engine) -> list[str]:
    return engine.call("ps", "--all", "--quiet", "--filter", f"name=^{CONTAINERS}").stdout.split()


def _command(run: ActionsRun, workflow: Path, published: Mapping[str, Path]) -> tuple[str, ...]:
    variables = run.environment()
    options = {
        "--directory": run.workspace,
        "--workflows": workflow,
        "--eventpath": variables["GITHUB_EVENT_PATH"],
        "--actor": run.event.actor.login,
        "--platform": f"ubuntu-latest={BASE}",
        "--container-daemon-socket": "-",
        "--action-cache-path": run.temp / "actions",
        "--secret": "GITHUB_TOKEN",
    }
    # The files that the runner makes are act's own, at paths of its own.
    kept = {
        name: value
        for name, value in variables.items()
        if name in run.step.variables or (name.startswith("GITHUB_") and str(run.temp) not in value)
    }
    return (
        *(str(ACT), run.event.name, "--bind", "--json", "--pull=false", "--no-cache-server"),
        *(str(part) for option in options.items() for part in option),
        *(part for name, value in kept.items() for part in ("--env", f"{name}={value}")),
        *(part for name, folder in published.items() for part in ("--local-repository", f"{name}={folder}")),
    )


def _finished(status: int, lines: Sequence[_Line], errors: str) -> Finished:
    written = "".join(line.get("raw", line["msg"]) for line in lines if _is_of_the_step(line))
    own_words = "\n".join(line["msg"] for line in lines if not _is_of_the_step(line))
    log = Log()
    log.read(written)
    return Finished(
        status=status,
        stdout=written,
        stderr=own_words + errors,
        outputs=_told(lines, "set-output"),
        exported=_told(lines, "set-env"),
        state=_told(lines, "save-state"),
        summary="".join(line["content"] for line in lines if line.get("command") == "summary"),
        log=log,
    )


def _is_of_the_step(line: _Line) -> bool:
    return "raw" in line or bool(line.get("raw_output"))


def _told(lines: Sequence[_Line], command: str) -> dict[str, str]:
    """Return the names and values of commands of a kind, whether they stood in a file or in the log."""
    return {line["name"]: line["arg"] for line in lines if line.get("command") == command}
