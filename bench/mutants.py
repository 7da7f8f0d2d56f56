"""How many mutants of a small module are tried a second, by one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.clock import Stopwatch
from bench.figures import Figure
from fakes.workspaces import CountingProgress, function_member, small_workspace
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.running.runner import PythonRunner
from testsmith.languages.python.test_files.test_modules import test_functions
from testsmith.languages.thresholds import GateTable
from testsmith.model import Candidate, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject, gather_evidence
from testsmith.verification.mutation import Mutation, gather_mutants

_MODULE = '''\
import math


def natural_size(value, binary=False, gnu=False, places=1):
    """Return a number of bytes as a person would say it."""
    suffixes = (" KiB", " MiB", " GiB") if binary else (" kB", " MB", " GB")
    base = 1024 if gnu or binary else 1000
    size = float(value)
    absolute = abs(size)
    if absolute == 1 and not gnu:
        return f"{int(size)} Byte"
    if absolute < base:
        return f"{int(size)}B" if gnu else f"{int(size)} Bytes"
    exponent = int(min(math.log(absolute, base), len(suffixes)))
    rounded = round(size / base**exponent, places)
    if rounded == int(rounded) and gnu:
        rounded = int(rounded)
    return str(rounded) + suffixes[exponent - 1]
'''
_TESTS = """\
import pytest

from sizes import natural_size


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, "1 Byte"), (0, "0 Bytes"), (999, "999 Bytes"), (1500, "1.5 kB"), (2 * 10**6, "2.0 MB")],
)
def test_decimal(value, expected):
    assert natural_size(value) == expected


def test_binary():
    assert natural_size(1024, binary=True) == "1.0 KiB"


def test_gnu():
    assert natural_size(5, gnu=True) == "5B"


def test_places():
    assert natural_size(1234, places=2) == "1.23 kB"
"""


def measure_mutants(folder: Path, candidates: int = 10) -> Iterator[Figure]:
    """Measure the speed, the start of the worker and the candidates' collection included.

    By the clock, and by the processor's time, which a busy machine does not lengthen.
    """
    mutations, watch = asyncio.run(_timed(folder, candidates))
    mutants = sum(len(mutation.mutants or ()) for mutation in mutations)
    killed = sum(len(mutation.killed) for mutation in mutations)
    name = f"{mutants} mutants of a small module, {killed} killed, one process"
    yield Figure(name=f"{name}, by the clock", value=mutants / watch.seconds, unit="a second", least=50)
    yield Figure(name=f"{name}, by its time", value=mutants / watch.busy, unit="a second", least=50)


async def _timed(folder: Path, candidates: int) -> tuple[tuple[Mutation, ...], Stopwatch]:
    settings = VerificationSettings(runs=1)
    member = function_member(_MODULE, "natural_size", "sizes.py")
    subjects = [
        RunSubject(
            member=member,
            candidate=Candidate(member=member.id, code=f"{_TESTS}\n# {number}\n", origin=Origin.OFFLINE),
        )
        for number in range(candidates)
    ]
    async with small_workspace(folder, {"sizes.py": _MODULE}) as made:
        workspace = replace(made, parallel=1)
        proofs = await gather_evidence(
            subjects, PythonRunner(workspace=workspace), test_functions, settings, CountingProgress()
        )
        with Stopwatch() as watch:
            mutations = await gather_mutants(
                proofs,
                PYTHON,
                PythonRunner(workspace=workspace),
                GateTable.of(settings),
                CountingProgress(),
            )
    return mutations, watch
