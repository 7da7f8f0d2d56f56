"""When the tests that a change adds or edits are judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fakes.git_repository import GitRepository
from fakes.sweep_tools import idle_tools
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.pipeline import audit
from testsmith.pipeline.select import select
from testsmith.pipeline.state import RunOptions, RunState
from testsmith.settings import SettingsSources, parse

TESTS = "from fees import fee\n\n\ndef test_old():\n    assert fee(5) == 2\n"


def selected(folder: Path, **arguments: Any) -> RunState:
    """Return a run on a change of a function and its tests, with these arguments of the command line."""
    project = GitRepository.create(folder)
    project.commit({"fees.py": "def fee(amount):\n    return 2\n", "test_fees.py": TESTS})
    changed = TESTS + "\n\ndef test_large():\n    assert fee(200) == 1\n"
    project.write({"fees.py": "def fee(amount):\n    return 1 + (amount < 9)\n", "test_fees.py": changed})
    given = {"base": "HEAD", "provider": "offline", **arguments}
    settings = parse(project.folder, SettingsSources(arguments=given, file={}, environment={}))
    return select(settings, idle_tools().run, RunOptions())


def test_tests_to_audit__those_of_the_change(tmp_path: Path) -> None:
    (named,) = audit.tests_to_audit(selected(tmp_path / "project"))
    assert [one.id for one in named.functions] == ["test_fees.py::test_large"]


@pytest.mark.parametrize(
    "arguments", [{"audit": "off"}, {"only": ["fees.py::fee"]}, {"verify": False}], ids=str
)
def test_tests_to_audit__none_if_it_is_off_or_a_run_is_partial_or_proves_nothing(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    run = selected(tmp_path / "project", **arguments)
    assert [member.id for member in run.members] == ["fees.py::fee"]
    assert audit.tests_to_audit(run) == []
    nothing_is_run = cast(TestRunner, None)
    assert asyncio.run(audit.audit_change(run, nothing_is_run, None)) == (None, ())


class _Endless:
    """A toolchain whose runs do not end."""

    workspace = SimpleNamespace(notes=())

    @asynccontextmanager
    async def open(self, _order: object) -> AsyncIterator[_Endless]:
        yield self

    async def audit_runs(self, *_: object) -> None:
        await asyncio.Event().wait()


def test_prove__time_is_over_before_anything_was_judged(tmp_path: Path) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"fees.py": "def fee(weight):\n    return 2\n", "test_fees.py": TESTS})
    given = {"base": "HEAD", "provider": "offline", "max_minutes": 0.01}
    settings = parse(project.folder, SettingsSources(arguments=given, file={}, environment={}))
    tools = replace(idle_tools().run, toolchains=cast(Any, {"python": _Endless()}))
    with pytest.raises(CannotRun, match=r"time limit of 0\.01 minutes reached before the tests .* judged"):
        asyncio.run(audit.prove(settings, tools, ["test_fees.py"]))
