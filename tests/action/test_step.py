"""The action as GitHub runs it: a subprocess with GitHub's whole environment, and nothing patched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.github.actions_run import ActionsRun, Finished, Step
from fakes.github.checkouts import Checkout
from fakes.github.events import Event
from fakes.github.scene import Scene, scene

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
COMMAND = (sys.executable, "-I", "-m", "testsmith")


@pytest.fixture(name="at", scope="module")
def _at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("github")) as made:
        yield made


def run_of(
    at: Scene, folder: Path, event: Event, *, checkout: Checkout | None = None, **inputs: str
) -> ActionsRun:
    step = Step(action=ACTION, checkout=checkout).set(**inputs)
    return ActionsRun(at.github, event, at.token, folder, step)


def documentation(at: Scene) -> Event:
    """Return the event of a pull request that changes no member."""
    at.github.commit(at.shop, "words", {"docs/guide.md": "A guide.\n"}, start="main")
    return at.events.pull_request(at.shop, at.github.pull_request(at.shop, head="words"))


def events(at: Scene) -> dict[str, tuple[Event, str]]:
    """Return events on which there is nothing to do, each with a part of the line that says so."""
    bot = at.github.pull_request(at.shop, head="change", author="renovate[bot]")
    draft = at.github.pull_request(at.shop, head="change")
    draft.is_draft = True
    labeled = at.github.pull_request(at.shop, head="change")
    at.github.label(labeled, "testsmith-skip")
    closed = at.github.pull_request(at.shop, head="change")
    at.github.close(at.shop, closed)
    comment = at.github.say(at.pull, "bob", "Nice work!")
    tip = at.shop.branch("main") or ""
    return {
        "push": (at.events.push(at.shop, "main", tip), "Skipped: nothing to do for the event 'push'."),
        "merge_group": (at.events.merge_group(at.shop, at.pull), "a merge queue has no pull request"),
        "comment": (at.events.issue_comment(at.shop, at.pull, comment), "has no command"),
        "bot": (at.events.pull_request(at.shop, bot), "opened by a bot, 'renovate[bot]'"),
        "draft": (at.events.pull_request(at.shop, draft), "is a draft"),
        "label": (at.events.pull_request(at.shop, labeled), "has the label 'testsmith-skip'"),
        "closed": (at.events.pull_request(at.shop, closed, "closed"), "when a pull request is 'closed'"),
    }


def test_step__events_without_anything_to_do(at: Scene, tmp_path: Path) -> None:
    before = len(at.github.exchanges)
    for name, (event, told) in events(at).items():
        done = run_of(at, tmp_path / name, event).run(COMMAND)

        assert (name, done.status, done.stderr) == (name, 0, "")
        (line,) = filter(None, done.log.shown)
        assert told in line
        assert set(done.outputs.values()) == {"0", ""}
        assert (done.exported, done.state, done.summary) == ({}, {}, "")
        assert done.log.all_annotations == []
    assert len(at.github.exchanges) == before


def test_step__pull_request_target_is_refused(at: Scene, tmp_path: Path) -> None:
    event = at.events.pull_request(at.shop, at.pull, name="pull_request_target")

    done = run_of(at, tmp_path / "run", event, max_members="unread").run(COMMAND)

    assert (done.status, done.stderr) == (0, "")
    (warning,) = done.annotations("warning")
    assert "Use `on: pull_request` instead" in warning.data


def test_step__nothing_heavy_is_loaded_where_there_is_nothing_to_do(at: Scene, tmp_path: Path) -> None:
    run = run_of(at, tmp_path / "run", at.events.merge_group(at.shop, at.pull))

    done = run.run((*COMMAND[:2], "-X", "importtime", *COMMAND[2:]))

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "testsmith.action.run" in loaded
    heavy = {"asyncio", "coverage", "github", "jinja2", "libcst", "openai", "requests", "rich", "unidiff"}
    assert loaded & {*heavy, "testsmith.cli", "testsmith.clients", "testsmith.pipeline"} == set()


def test_step__nothing_of_the_workspace_is_run(at: Scene, tmp_path: Path) -> None:
    run = run_of(at, tmp_path / "run", at.events.merge_group(at.shop, at.pull))
    evil = f"open({str(tmp_path / 'evil')!r}, 'w').close()\n"
    for name in (
        "testsmith/__init__.py",
        "testsmith/__main__.py",
        "openai.py",
        "sitecustomize.py",
        "usercustomize.py",
    ):
        path = run.workspace / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(evil)
    (run.workspace / "testsmith" / "main.py").write_text(evil)

    done = run.run(COMMAND)

    assert (done.status, done.stderr) == (0, "")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"::set-env name=A::b"',
        '{"action": "opened\\n::set-env name=A::b", "pull_request": 1}',
        '{"action": "opened", "pull_request": {"state": "open", "number": "##[add-path]/evil"}}',
        '{"action": {"a": "##[error]x"}}',
        "[" * 200_000,
        '{"action": "\\ud800"}',
    ],
)
def test_step__hostile_payloads_are_told_and_obeyed_in_nothing(at: Scene, tmp_path: Path, text: str) -> None:
    run = run_of(at, tmp_path / "run", at.events.pull_request(at.shop, at.pull))
    Path(run.environment()["GITHUB_EVENT_PATH"]).write_text(text)

    done = run.run(COMMAND)

    assert done.status in {0, 2}
    assert done.stderr == ""
    assert {command.name for command in done.log.commands} <= {"add-mask", "warning", "error"}
    assert len([*filter(None, done.log.shown), *done.log.all_annotations]) == 1


def test_step__files_that_are_missing_or_cannot_be_written(at: Scene, tmp_path: Path) -> None:
    run = run_of(at, tmp_path / "run", at.events.merge_group(at.shop, at.pull))
    environment = run.environment()
    without = {key: value for key, value in environment.items() if key != "GITHUB_OUTPUT"}

    assert finished(run, without).status == 0

    done = finished(run, environment | {"GITHUB_OUTPUT": str(tmp_path / "none" / "output")})
    assert done.status == 0
    assert any("warning: Could not write the outputs" in line for line in done.log.shown)


def finished(run: ActionsRun, environment: dict[str, str]) -> Finished:
    """Run the action with another environment than GitHub's."""
    done = subprocess.run(
        COMMAND, cwd=run.workspace, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    return run.finished(done.returncode, done.stdout, done.stderr)


def test_step__without_an_event_it_is_the_command_line(at: Scene, tmp_path: Path) -> None:
    run = run_of(at, tmp_path / "run", at.events.merge_group(at.shop, at.pull))
    environment = run.environment()
    without = {key: value for key, value in environment.items() if key != "GITHUB_EVENT_NAME"}

    assert "usage: testsmith" in finished(run, without).stderr
    version = subprocess.run(
        (*COMMAND, "--version"), env=environment, check=True, capture_output=True, text=True
    )
    assert version.stdout.startswith("testsmith ")


def test_step__a_pull_request_without_any_member(at: Scene, tmp_path: Path) -> None:
    event = documentation(at)
    run = run_of(at, tmp_path / "run", event, checkout=Checkout(persist_credentials=False))

    done = run.run(COMMAND)

    assert (done.status, done.stderr) == (0, "")
    assert [command.name for command in done.log.commands] == [
        *("add-mask", "group", "stop-commands", "endgroup")
    ]
    assert done.outputs["report"] == "testsmith-report/report.json"
    assert json.loads((run.workspace / done.outputs["report"]).read_text())["members"] == []
    assert "No public function or class" in done.summary
    assert at.token.value not in done.summary + "".join(done.log.shown)
    assert event.number is not None
    pull = at.shop.pulls[event.number]
    assert (list(pull.comments), list(pull.reviews)) == ([], [])
    assert at.github.violations == []


@pytest.mark.parametrize(("fails", "status", "level"), [("", 0, "warning"), ("true", 1, "error")])
def test_step__github_refuses_the_token(
    at: Scene, tmp_path: Path, fails: str, status: int, level: str
) -> None:
    event = at.events.pull_request(at.shop, at.pull)
    run = run_of(at, tmp_path / "run", event, token="ghs_no_more", fail_on_error=fails)  # noqa: S106 - none

    done = run.run(COMMAND)

    assert (done.status, done.stderr) == (status, "")
    (told,) = done.log.all_annotations
    assert told.name == level
    assert "token" in told.data
    assert told.data in done.summary.replace("\n> ", " ")


def test_step__a_signal_ends_it_in_order(at: Scene, tmp_path: Path) -> None:
    event = documentation(at)
    run = run_of(at, tmp_path / "run", event)
    process = subprocess.Popen(
        COMMAND, cwd=run.workspace, env=run.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    at.github.before(f"/pulls/{event.number}", lambda: process.send_signal(signal.SIGTERM))
    stdout, stderr = process.communicate(timeout=60)

    done = run.finished(process.returncode, stdout.decode(), stderr.decode())

    assert (done.status, done.stderr) == (128 + signal.SIGTERM, "")
    assert "interrupted" in [*filter(None, done.log.shown)][-1]
    assert [command.name for command in done.log.commands][-1] == "endgroup"
