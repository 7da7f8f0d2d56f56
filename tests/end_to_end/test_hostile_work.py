"""Texts that would keep the program itself busy for ever: it refuses them, and its report is whole."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fakes.actions_cache import ActionsCacheService
from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint
from fakes.git_repository import GitRepository
from fakes.running import Running, orphanage
from fakes.shop import COMMAND, Shop

PATTERN = f"{'{1: ' * 24}a{'}' * 24}"
HELPER = f"def helper(x):\n    match x:\n        case {PATTERN}:\n            return a\n"

CART = '''\
def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b
'''

ANSWER = f"""\
from shop.cart import add


{HELPER}

def test_adding():
    assert add(1, 2) == 3
    assert helper(1) is None


def test_bad():
    assert add(1, 1) == 5
"""

FORGED = f"""\
# testsmith 0.1 12345678 8949bdff shop/cart.py::add
def test_old():
    from shop.cart import add
    assert add(1, 1) == 3


{HELPER}"""


HURRIED = """
from testsmith.__main__ import main
from testsmith.process import supervisor

supervisor.seconds_allowed = lambda minutes: 3.0
supervisor.SECONDS_TO_REACT = 1.0
main()
"""
"""The program, ended when it has gone on for seconds instead of minutes."""


def project(folder: Path, **tests: str) -> GitRepository:
    made = GitRepository.create(folder)
    own = {f"tests/{name}.py": text for name, text in tests.items()}
    made.commit({"shop/__init__.py": "", "shop/cart.py": CART.replace("a + b", "a - b"), **own})
    made.git("switch", "-qc", "topic")
    made.commit({"shop/cart.py": CART})
    return made


def test_suggest__an_answer_that_would_keep_it_busy_is_refused_each_time(
    command_line: CommandLine, tmp_path: Path
) -> None:
    def answer(_: Body) -> str:
        return json.dumps({"tests": [{"name": "shop/cart.py::add", "code": ANSWER}]})

    made = project(tmp_path / "project")
    with Endpoint(answer=answer) as endpoint:
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--repairs", "0")
        first = command_line.suggest(made.folder, "--base", "main", *model)
    again = command_line.suggest(made.folder, "--base", "main", *model)

    for ran in (first, again):
        assert ran.code == 0, ran.stderr
        [skipped] = ran.report["skipped"]
        assert "nested too deep" in skipped["reason"]
    assert again.report["stats"]["cache_hits"] == 1


def test_suggest__a_test_file_that_would_keep_it_busy_is_left_as_it_is(
    command_line: CommandLine, tmp_path: Path
) -> None:
    made = project(tmp_path / "project", test_cart=FORGED, conftest="import os\nos._exit(0)\n")

    ran = command_line.suggest(
        made.folder, "--base", "main", "--provider", "offline", "--runs", "1", "--write"
    )

    assert ran.code == 0, ran.stderr
    assert (made.folder / "tests" / "test_cart.py").read_text() == FORGED


def bot_of(running: Running) -> int:
    """Return the process that works, of which the one that was started is the supervisor."""
    return int(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()[0])


@pytest.mark.slow
def test_suggest__what_keeps_it_busy_for_hours_is_ended_and_reported(
    command_line: CommandLine, tmp_path: Path
) -> None:
    made = project(tmp_path / "project")
    made.commit({"pyproject.toml": ".".join("a" * 250_000) + " = 1\n"})  # read in quadratic time
    made.git("checkout", "-q", "main")
    arguments = ("--base", "main", "--head", "topic", "--provider", "offline")
    command = ("suggest", "--repo", str(made.folder), "--format", "json", *arguments)
    running = Running((sys.executable, "-c", HURRIED, *command), command_line.environment(), tmp_path)
    with orphanage() as orphans, closing(running):
        assert running.wait(300.0) == 1, running.stderr
        assert orphans.left(0.0) == []
        report = json.loads(running.stdout)
    assert "exceeded its time limit by far" in report["failure"]
    assert (report["members"], report["suggestions"]) == ([], [])
    assert running.stderr.splitlines()[-1] == f"testsmith: {report['failure']}"


def test_suggest__answers_that_a_killed_bot_was_given_are_not_used_again(
    command_line: CommandLine, tmp_path: Path
) -> None:
    def answer(_: Body) -> str:
        slow = "from shop.cart import add\n\n\ndef test_add():\n    while add(1, 2):\n        pass\n"
        return json.dumps({"tests": [{"name": "shop/cart.py::add", "code": slow}]})

    made = project(tmp_path / "project")
    with Endpoint(answer=answer) as endpoint:
        model = ("--provider", "openai", "--base-url", endpoint.url, "--model", "small", "--repairs", "0")
        command = ("suggest", "--repo", str(made.folder), "--base", "main", "--format", "json", *model)
        with orphanage() as orphans, command_line.started(*command) as running:
            running.wait_until_told("running tests")
            os.kill(bot_of(running), signal.SIGKILL)
            assert running.wait() == 1, running.stderr
            assert orphans.left(0.0) == []
            report = json.loads(running.stdout)
        again = command_line.run(*command, "--no-verify")

    assert "SIGKILL" in report["failure"]
    assert (again.report["stats"]["cache_hits"], len(endpoint.requests)) == (0, 2)


@pytest.mark.slow
def test_action__a_killed_bot_is_a_warning_and_its_answers_are_not_kept(hosted: Shop) -> None:
    with Endpoint() as endpoint, ActionsCacheService() as service:
        hosted.keep_in(service, "refs/pull/1/merge")
        inputs = {"base_url": endpoint.url, "model": "small", "include": "src/shop/stock.py"}
        run = hosted.prepared(**inputs)
        with orphanage() as orphans:
            running = Running(COMMAND, run.environment(), run.workspace)
            wait_until(lambda: "FinalizeCacheEntryUpload" in service.heard)
            os.kill(bot_of(running), signal.SIGKILL)
            code = running.wait()
            assert orphans.left(0.0) == []
        killed = run.finished(code, running.stdout, running.stderr)
        running.close()
        asked = len(endpoint.requests)
        hosted.finished(hosted.prepared(**inputs))

    assert code == 0, running.stderr
    (warning,) = killed.annotations("warning")
    assert "SIGKILL" in warning.data
    assert "SIGKILL" in killed.summary
    assert killed.outputs["suggestions"] == "0"
    assert len(endpoint.requests) > asked > 0


def wait_until(happens: Callable[[], bool], seconds: float = 120.0) -> None:
    limit = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < limit
        time.sleep(0.02)
