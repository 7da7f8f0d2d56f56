"""The action as a workflow has it: act builds the unmodified Dockerfile, and leaves a review at the fake."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fakes.act import run_workflow
from fakes.attack_site import everybodys_folder
from fakes.containers import ROOT, Engine, give_to_runner
from fakes.endpoint import Endpoint
from fakes.github.actions_run import ActionsRun, Finished, Step
from fakes.github.checkouts import Checkout
from fakes.github.events import Events
from fakes.github.github import FakeGitHub, fake_github
from fakes.github.scene import WORKFLOW
from fakes.github.state import Pull, Repository
from fakes.packages import PackageIndex, hatchling_wheels

pytestmark = [pytest.mark.container, pytest.mark.slow]

FIRST_CALL_SECONDS = 9.0
"""From the start of the container to the first call to the model, without the project's installation.

The goal is 15 with what GitHub does before: `docs/start-up.md`.
"""

ATTEMPTS = 3
"""How often that is measured: other tests run on the machine, too."""

ACTION = ("action.yml", "Dockerfile", ".dockerignore", "requirements.lock", "bot")
"""All that the action's image is built of."""

OWN_WORKFLOW = ROOT / ".github" / "workflows" / "testsmith.yml"
"""`uses: ./`: the action is built of the pull request's own files."""

EXAMPLE_WORKFLOW = ROOT / "examples" / "workflows" / "testsmith.yml"
"""What others copy."""

CHANGED = "src/shop/cart.py"
"""All that the pull request changes where it is an attack."""

PLACES = (
    "testsmith/__init__.py",
    "testsmith/__main__.py",
    "openai.py",
    "github.py",
    "sitecustomize.py",
    "usercustomize.py",
)
SPRINGING = """
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), 2)
except OSError:
    pass
"""
SPRINGING_SCRIPT = "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/{port}\n"
HOSTILE_CONFIG = """
[core]
    fsmonitor = {script}
    sshCommand = {script}
    pager = {script}
[diff]
    external = {script}
[credential]
    helper = {script}
[http]
    proxy = http://127.0.0.1:{port}
[url "http://127.0.0.1:{port}/"]
    insteadOf = http://127.0.0.1
"""


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A pull request on a fake GitHub, and what runs workflows for it.

    Attributes:
        index: Where the project's packages are.
    """

    engine: Engine
    index: str
    folder: Path
    github: FakeGitHub
    shop: Repository
    pull: Pull

    def prepared(self, name: str, **inputs: str) -> ActionsRun:
        """Check the pull request out as the example workflow does it; `inputs` are for runs without one."""
        event = Events(self.github).pull_request(self.shop, self.pull)
        token = self.github.workflow_token(self.shop, self.pull, WORKFLOW)
        checkout = Checkout(persist_credentials=False)
        index = dict.fromkeys(("PIP_INDEX_URL", "UV_INDEX_URL"), self.index)
        step = Step(checkout=checkout, action=ROOT / "action.yml", variables=index).set(**inputs)
        run = ActionsRun(self.github, event, token, self.folder / name, step)
        give_to_runner(run.workspace)
        give_to_owner_of_the_project(run.workspace)
        return run

    def run(self, prepared: ActionsRun, workflow: Path, *published: str) -> Finished:
        """Run a workflow; what is published is this project's own action."""
        action = self.folder / "action"
        if published:
            copy_action(self.engine, action)
        return run_workflow(self.engine, prepared, workflow, dict.fromkeys(published, action))


@contextmanager
def hosted(engine: Engine, states: Path) -> Iterator[Hosted]:
    """Give the pull request between two states of a project, which are kept as the example's are."""
    from make_repository import make_repository

    index = PackageIndex(hatchling_wheels())
    with everybodys_folder() as folder, fake_github(folder / "github") as github, index.serving():
        make_repository(folder / "source", states)
        shop = github.repository("octo/shop", folder / "source")
        pull = github.pull_request(shop, head="change")
        url = f"http://{index.host}/simple/"
        yield Hosted(engine=engine, index=url, folder=folder, github=github, shop=shop, pull=pull)


def copy_shop(folder: Path) -> Path:
    """Copy the states of the example, whose tests are proven in one run: the proof is shown elsewhere."""
    shutil.copytree(ROOT / "examples" / "shop", folder)
    for state in ("base", "head"):
        (folder / state / "testsmith.toml").write_text("runs = 1\n")
    return folder


def copy_action(engine: Engine, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ACTION:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "Dockerfile").write_text(engine.dockerfile)
    give_to_owner_of_the_project(folder)


def give_to_owner_of_the_project(folder: Path) -> None:
    """Let the action's files have the project's owner: the layers that `make image` built fit no others'."""
    owner = (ROOT / "bot").stat()
    for path in (path for name in ACTION for path in ((folder / name), *(folder / name).rglob("*"))):
        if os.geteuid() == 0 and path.exists():
            os.chown(path, owner.st_uid, owner.st_gid)


def owners(folder: Path) -> dict[str, int]:
    """Return who owns each file, by its path."""
    return {str(path.relative_to(folder)): path.lstat().st_uid for path in sorted(folder.rglob("*"))}


def report_of(run: ActionsRun, finished: Finished) -> Any:
    return json.loads((run.workspace / finished.outputs["report"]).read_text())


def assert_all_is_told(at: Hosted, run: ActionsRun, finished: Finished) -> None:
    """Hold what a review left on the pull request, in the outputs and in the summary against its report."""
    assert finished.status == 0, finished.stdout + finished.stderr
    report = report_of(run, finished)
    (review,), (summary,) = at.pull.reviews.values(), at.pull.comments.values()
    assert (review.state, review.commit) == ("COMMENTED", at.pull.head)
    assert {review.user.login, summary.user.login} == {run.token.login}
    figures = {name: str(len(report[name])) for name in ("members", "suggestions", "skipped")}
    assert {name: finished.outputs[name] for name in figures} == figures
    assert 0 < len(at.pull.review_comments) <= len(report["suggestions"])
    assert "TestSmith" in finished.summary
    assert not any("sandbox" in note for note in report["notes"]), report["notes"]  # no layer is missing


def test_action__leaves_one_review_and_is_quiet_when_run_again(engine: Engine, tmp_path: Path) -> None:
    states = copy_shop(tmp_path / "states")
    for state in ("base", "head"):
        copy_action(engine, states / state)
    with hosted(engine, states) as at:
        first = at.prepared("first")
        before = owners(first.workspace)
        done = at.run(first, OWN_WORKFLOW)
        assert_all_is_told(at, first, done)
        new = {path: owner for path, owner in owners(first.workspace).items() if before.get(path) != owner}
        assert {Path(path).parts[0] for path in new} == {Path(done.outputs["report"]).parts[0]}
        assert set(new.values()) == {first.workspace.stat().st_uid}
        writes = len(at.github.counted(writes=True))
        again = at.run(at.prepared("again"), OWN_WORKFLOW)
        assert (again.status, again.outputs["suggestions"]) == (0, "0"), again.stdout
        assert len(at.github.counted(writes=True)) == writes


def test_action__calls_the_model_soon_after_its_start(engine: Engine, tmp_path: Path) -> None:
    with hosted(engine, copy_shop(tmp_path / "states")) as at, Endpoint(key="another") as endpoint:
        took = [first_call(at, endpoint, "first")]
        while took[-1] >= FIRST_CALL_SECONDS and len(took) < ATTEMPTS and load() <= 1:
            took.append(first_call(at, endpoint, f"attempt-{len(took)}"))
        busy = load()
    if took[-1] >= FIRST_CALL_SECONDS and busy > 1:
        pytest.skip(f"NOT SHOWN: how soon the model is called; took {took} s, but the load is {busy:.1f}")
    assert took[-1] < FIRST_CALL_SECONDS, took


def load() -> float:
    """Return how many processes want each processor."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def first_call(at: Hosted, endpoint: Endpoint, name: str) -> float:
    """Return the seconds from when a container is asked for to the first call, without those of the setup.

    The container is ended then.
    """
    endpoint.requests.clear()
    told = {"provider": "openai", "model": "small", "api_key": "refused"}
    run = at.prepared(name, base_url=endpoint.url, **told)
    container = f"testsmith-{uuid.uuid4()}"
    fixed = ("run", "--rm", "--name", container, "--network", "host")
    command = (at.engine.program, *fixed, *as_github_does(run), at.engine.image)
    setup: list[float] = []  # when it began, and when the next line came
    started = time.monotonic()
    with subprocess.Popen(command, env=at.engine.variables, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if setup or "installing the project" in line:
                setup.append(time.monotonic())
            if len(setup) > 1 and endpoint.requests:
                at.engine.call("kill", container)
    return endpoint.requests[0].arrived - started - (setup[1] - setup[0])


def as_github_does(run: ActionsRun) -> tuple[str, ...]:
    """Return the options by which a runner starts an action's container."""
    variables = run.environment().items()
    kept = (("-e", f"{name}={value}") for name, value in variables if name != "PATH")
    mounted = (("-v", f"{folder}:{folder}") for folder in (run.workspace, run.temp))
    return (*(part for pair in (*mounted, *kept) for part in pair), "--workdir", str(run.workspace))


def test_action__by_the_example_workflow_in_a_hostile_workspace(engine: Engine, tmp_path: Path) -> None:
    states = copy_shop(tmp_path / "states")
    shutil.copytree(states / "head", states / "base", dirs_exist_ok=True)
    shutil.copy(ROOT / "examples/shop/base" / CHANGED, states / "base" / CHANGED)
    with hosted(engine, states) as at, socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        written = {place: SPRINGING.format(port=port) for place in PLACES}
        at.github.commit(at.shop, "change", written)
        run = at.prepared("hostile")
        make_git_hostile(run.workspace, port)
        assert_springs(trap, at, run.workspace, "/opt/testsmith/bin/python", "-m", "testsmith")
        assert_springs(trap, at, run.workspace, "git", "status")
        done = at.run(run, EXAMPLE_WORKFLOW, action_of(EXAMPLE_WORKFLOW))
        assert not sprung(trap)
        assert_all_is_told(at, run, done)


def action_of(workflow: Path) -> str:
    """Return what stands behind the last `uses:`, without its comment."""
    return workflow.read_text().rpartition("uses: ")[2].split()[0]


def make_git_hostile(workspace: Path, port: int) -> None:
    """Let every git that heeds the workspace's configuration do as somebody else likes."""
    script = workspace / ".git" / "hooks" / "reference-transaction"
    script.write_text(SPRINGING_SCRIPT.format(port=port))
    script.chmod(0o755)
    with (workspace / ".git" / "config").open("a") as config:
        config.write(HOSTILE_CONFIG.format(port=port, script=script))
    give_to_runner(workspace)


def assert_springs(trap: socket.socket, at: Hosted, workspace: Path, program: str, *arguments: str) -> None:
    """Show that the trap is none for nothing: a program that does not look out springs it."""
    allowed = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    variables = (part for pair in allowed.items() for part in ("-e", "=".join(pair)))
    placed = ("-v", f"{workspace}:{workspace}", "--workdir", str(workspace), "--entrypoint", program)
    at.engine.run(*arguments, options=(*variables, *placed))
    assert sprung(trap)


def sprung(trap: socket.socket) -> bool:
    """Tell whether anybody has connected since the last question."""
    trap.settimeout(0)
    count = 0
    try:
        while True:
            trap.accept()[0].close()
            count += 1
    except BlockingIOError:
        return count > 0
