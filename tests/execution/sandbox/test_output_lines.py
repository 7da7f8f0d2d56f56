from __future__ import annotations

import json
import subprocess
import sys

import pytest

from testsmith.execution.sandbox.interface import ProcessOutcome
from testsmith.languages.python.explorer.cases import read_told
from testsmith.languages.python.running.answers import read_answer
from testsmith.languages.python.running.project_tests.answers import read_suite

BIG = "1" + "0" * 400


def printed(*lines: str | bytes) -> ProcessOutcome:
    output = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return ProcessOutcome(exit_code=0, stdout=output, stderr=b"", seconds=1.0)


HOSTILE = {
    "a change at infinity": b'{"noticed": {"change": 1e999, "outcome": [], "state": []}}',
    "a literal of many signs": b'{"description": {"name": "a", "problem": null, "parameters": [{"name": "a",'
    b' "required": true, "shape": {}, "default": {"text": "' + b"-" * 20_000 + b'1", "imports": []}}],'
    b' "returns": {"kind": "x"}, "generator": false}}',
    "a lone surrogate": b'{"description": {"name": "\\ud800", "problem": null}}',
    "a NUL": b'{"problem": null, "missing": "a\\u0000b"}',
    "deep": b'{"number": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_read_told__no_line_ends_the_run(line: bytes) -> None:
    told = read_told(line + b'\n{"problem": null, "missing": null}')
    assert told.loaded
    assert told.observations == {}


@pytest.mark.parametrize("seconds", [BIG, "1e999", "NaN", "-Infinity"])
def test_read_suite__no_time_ends_the_run(seconds: str) -> None:
    test = '{"kind": "test", "id": "%s", "file": "b", "name": "c", "status": "passed", "seconds": %s,'
    end = ' "set": 1, "attempt": 1}'
    answer = read_suite(printed(test % ("a", seconds) + end, test % ("b", "0.5") + end), "/x")
    assert [one.id for one in answer.tests] == ["b"]


@pytest.mark.parametrize(
    "greeting",
    [
        f'{{"python": [3, {BIG}], "pytest": "9"}}',
        '{"python": [3, 13], "pytest": "9", "locales": ["\\ud800"], "prefix": "a\\u0000b"}',
        '{"python": [3, 13], "pytest": "9", "prefix": "%s"}' % ("a" * 5_000),
    ],
)
def test_read_answer__no_greeting_ends_the_run(greeting: str) -> None:
    result = '{"number": 0, "functions": [{"name": "t", "status": "passed"}]}'
    assert list(read_answer(printed(greeting, result), {0}).results[0].functions) == ["t"]


MEASURED = """
import resource, sys
from testsmith.languages.python.running.answers import read_answer
from testsmith.languages.python.running.project_tests.answers import read_suite
from testsmith.execution.sandbox.interface import ProcessOutcome
line = {"a": b'{"number": 0, "functions": [' + b"[]," * (10 << 20) + b"[]]}",
        "b": b'{"number": 0, "done": [' + b'{"":1},' * (4 << 20) + b"1]}",
        "c": b'{"kind": "arcs", "arcs": [' + b"[],"  * (10 << 20) + b"[]]}",
        "d": b"\\n" * (32 << 20)}[sys.argv[1]]
outcome = ProcessOutcome(exit_code=0, stdout=line, stderr=b"", seconds=1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_answer(outcome, {0})
read_suite(outcome, "/x")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["a", "b", "c", "d"])
def test_read__what_is_printed_at_most_takes_little_memory(kind: str) -> None:
    """Nothing that fits into 32 MiB may take several hundred in the bot."""
    done = subprocess.run((sys.executable, "-c", MEASURED, kind), capture_output=True, check=True)
    assert json.loads(done.stdout) < 250
