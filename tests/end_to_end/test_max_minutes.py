"""A run ends in time: what was proven until then is shown, and the rest is listed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Body, Endpoint, members_in
from fakes.faults import Break, Fault
from fakes.git_repository import GitRepository

pytestmark = pytest.mark.slow

PRICES = """\
def fee(amount):
    if amount > 100:
        return 0
    return 5


def parts(text):
    return [part.strip() for part in text.split(",")]
"""

QUICK = {
    "fee": "from prices import fee\n\ndef test_fee():\n    assert (fee(100), fee(101)) == (5, 0)\n",
    "parts": "from prices import parts\n\ndef test_parts():\n    assert parts('a, b') == ['a', 'b']\n",
}
SLOW = {
    **QUICK,
    "parts": QUICK["parts"].replace("    assert", "    __import__('time').sleep(60)\n    assert"),
}


def answering(tests: Mapping[str, str]) -> Callable[[Body], str]:
    def answer(body: Body) -> str:
        members = members_in(body)
        return json.dumps(
            {"tests": [{"name": one, "code": tests[one.rpartition("::")[2]]} for one in members]}
        )

    return answer


def suggest(
    folder: Path, command_line: CommandLine, endpoint: Endpoint, *arguments: str
) -> tuple[Ran, float]:
    made = GitRepository.create(folder)
    made.commit({"readme.md": ""})
    made.git("switch", "-qc", "change")
    made.commit({"prices.py": PRICES})
    model = ("--base-url", endpoint.url, "--model", "small", "--provider", "openai")
    started = time.monotonic()
    ran = command_line.suggest(folder, "--base", "main", *model, "--suite-seconds", "0", *arguments)
    assert ran.code == 0, ran.stderr
    return ran, time.monotonic() - started


def test_max_minutes__answers_that_came_count(tmp_path: Path, command_line: CommandLine) -> None:
    one_by_one = ("--max-output-tokens", "300", "--only", "prices.py", "--max-minutes", "0.6")
    stalls = Fault(breaks=Break.HEADERS_STALL)
    with Endpoint(faults=[None, stalls], answer=answering(QUICK)) as endpoint:
        ran, seconds = suggest(tmp_path / "project", command_line, endpoint, *one_by_one)
    assert seconds < 90
    [skipped] = ran.report["skipped"]
    assert skipped["stage"] == "budget"
    assert "time limit of 0.6 minutes reached" in skipped["reason"]
    assert "--max-minutes" in skipped["reason"]
    assert len(ran.report["suggestions"]) == 1


def test_max_minutes__a_proof_that_takes_too_long_is_stopped(
    tmp_path: Path, command_line: CommandLine
) -> None:
    with Endpoint(answer=answering(SLOW)) as endpoint:
        ran, seconds = suggest(
            tmp_path / "project", command_line, endpoint, "--test-seconds", "100", "--max-minutes", "0.2"
        )
    assert seconds < 60
    assert {one["stage"] for one in ran.report["skipped"]} == {"budget"}
    assert len(ran.report["skipped"]) == 2 - len(ran.report["suggestions"])
