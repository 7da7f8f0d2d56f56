from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TRACERS = ["SettraceTracer", *(["MonitoringTracer"] if sys.version_info >= (3, 12) else [])]

SUBJECT = """\
def before():
    return 0


def subject(n, fail=False):
    total = 0
    for i in range(n):
        if i % 2:
            total += i
    if fail:
        raise ValueError(total)
    return total


def pieces(n):
    for i in range(n):
        yield i


async def waiting(n):
    if n:
        return await waiting(n - 1)
    return [x for x in range(n)]


def recursive(n):
    if n == 0:
        return 0
    return recursive(n - 1)


class Box:
    size = 1

    def grow(self):
        self.size += 1
        if self.size > 2:
            self.size = 0
"""

DRIVER = """\
import asyncio, json, sys, threading
sys.path.insert(0, {folder!r})
from testsmith.languages.python.running.worker import tracer as module
tracer = module.{tracer}(module.MemberSpan({file!r}, {first}, {last}))
tracer.start()
import subject
loaded = tracer.exchange(module.ReachedLines())
{statements}
print(json.dumps({{"loaded": loaded.as_json(), "ran": tracer.reached.as_json()}}))
"""


def trace(tracer: str, tmp_path: Path, span: tuple[int, int], statements: str) -> dict[str, Any]:
    file = tmp_path / "subject.py"
    file.write_text(SUBJECT)
    code = DRIVER.format(
        folder=str(tmp_path),
        tracer=tracer,
        file=str(file),
        first=span[0],
        last=span[1],
        statements=statements,
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize(
    ("span", "statements", "lines", "branches"),
    [
        ((5, 12), "subject.before()", [], []),
        ((5, 12), "subject.subject(0)", [6, 7, 10, 12], [[7, 10], [10, 12]]),
        (
            (5, 12),
            "subject.subject(3)",
            [6, 7, 8, 9, 10, 12],
            [[7, 8], [7, 10], [8, 7], [8, 9], [10, 12]],
        ),
        (
            (5, 12),
            "try:\n    subject.subject(0, True)\nexcept ValueError:\n    pass",
            [6, 7, 10, 11],
            [[7, 10], [10, 11]],
        ),
        ((15, 17), "list(subject.pieces(2))", [16, 17], [[16, -15], [16, 17]]),
        ((20, 23), "asyncio.run(subject.waiting(1))", [21, 22, 23], [[21, 22], [21, 23]]),
        ((26, 29), "subject.recursive(2)", [27, 28, 29], [[27, 28], [27, 29]]),
        (
            (5, 12),
            "t = threading.Thread(target=subject.subject, args=(0,)); t.start(); t.join()",
            [6, 7, 10, 12],
            [[7, 10], [10, 12]],
        ),
        ((35, 38), "subject.Box().grow()", [36, 37], [[37, -35]]),
    ],
)
def test_tracer__lines_and_branches(  # noqa: PLR0913, PLR0917 - a row of the table
    tracer: str,
    span: tuple[int, int],
    statements: str,
    lines: list[int],
    branches: list[list[int]],
    tmp_path: Path,
) -> None:
    told = trace(tracer, tmp_path, span, statements)
    assert told["ran"] == {"lines": lines, "branches": branches}
    assert told["loaded"]["lines"] == []


@pytest.mark.parametrize("tracer", TRACERS)
def test_tracer__the_body_of_a_class_runs_while_it_is_loaded(tracer: str, tmp_path: Path) -> None:
    told = trace(tracer, tmp_path, (32, 38), "pass")
    assert {33, 35} <= set(told["loaded"]["lines"])
    assert told["ran"]["lines"] == []


@pytest.mark.parametrize("tracer", TRACERS)
def test_tracer__several_members_of_several_files(tracer: str, tmp_path: Path) -> None:
    (tmp_path / "subject.py").write_text(SUBJECT)
    (tmp_path / "second.py").write_text("def one(n):\n    return n\n\n\ndef two(n):\n    return n\n")
    code = f"""
import json, sys
sys.path.insert(0, {str(tmp_path)!r})
from testsmith.languages.python.running.worker import tracer as module
spans = [module.MemberSpan({str(tmp_path)!r} + "/" + file, first, last)
         for file, first, last in (("subject.py", 1, 2), ("subject.py", 26, 29), ("second.py", 5, 6))]
tracer = module.{tracer}(module.Spans(spans))
tracer.exchange(module.ReachedByFile())
tracer.start()
import second, subject
subject.before(), subject.subject(1), subject.recursive(1), second.one(1), second.two(1)
whole = module.ReachedByFile()
whole.add(tracer.reached)
print(json.dumps({{file.rpartition("/")[2]: part.as_json() for file, part in whole.parts.items()}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) == {
        "subject.py": {"lines": [2, 27, 28, 29], "branches": [[27, 28], [27, 29]]},
        "second.py": {"lines": [6], "branches": []},
    }
