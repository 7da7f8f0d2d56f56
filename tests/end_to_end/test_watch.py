"""`suggest --watch`: a save asks the model about the changed function alone."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.git_repository import GitRepository
from fakes.running import Running, orphanage

SOURCE = """\
def shipping(weight):
    return {cents} if weight < 20 else 900


def label(cents):
    return f"{{cents // 100}}.{{cents % 100:02}}"
"""
SETTINGS = "runs = 1\nsuite-seconds = 0\n"


def answer(body: Body) -> str:
    tests = {
        "shipping": "def test_shipping():\n    assert (shipping(19), shipping(20)) == (500, 900)\n",
        "label": "def test_label():\n    assert label(205) == '2.05'\n",
    }
    prompt = json.dumps(body)
    if "return 700" in prompt:
        tests["shipping"] = tests["shipping"].replace("500", "700")
    names = [member.rpartition("::")[2] for member in members_in(body)]
    return json.dumps(
        {"tests": [{"name": name, "code": f"from shop import {name}\n\n\n{tests[name]}"} for name in names]}
    )


def test_watch__a_save_costs_only_what_changed(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "shop")
    base = repository.commit({"testsmith.toml": SETTINGS})
    repository.write({"shop.py": SOURCE.format(cents=500)})
    watched = ("suggest", "--repo", str(repository.folder), "--base", base, "--watch")
    command = (*watched, "--model", "small", "--strategy", "write")

    with (
        orphanage() as orphans,
        Endpoint(answer=answer) as endpoint,
        CommandLine(tmp_path).started(*command, "--base-url", endpoint.url, key="sk-test") as running,
    ):
        wait_until_watching(running, 1)
        assert asked(endpoint) == ["label", "shipping"]
        endpoint.requests.clear()

        repository.write({"shop.py": f"# The shop.\n{SOURCE.format(cents=500)}"})
        repository.write({"shop.py": SOURCE.format(cents=700)})
        wait_until_watching(running, 2)

        assert asked(endpoint) == ["shipping"]
        assert "(700, 900)" in running.stdout
        assert running.stdout.count("label(205)") == 1
        running.send(signal.SIGINT)
        assert running.wait() == 130
        assert "Traceback" not in running.stderr
        assert orphans.left(5.0) == []


def asked(endpoint: Endpoint) -> list[str]:
    return sorted(member.rpartition("::")[2] for one in endpoint.requests for member in one.members)


def wait_until_watching(running: Running, times: int, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while running.stderr.count("watching for changes") < times:
        assert time.monotonic() < end, running.stderr
        time.sleep(0.1)
