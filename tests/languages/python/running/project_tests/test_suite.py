from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fakes.workspaces import function_member, small_workspace
from testsmith.execution.baseline import OnBase, OwnSuite
from testsmith.execution.jobs import ChangedModule, ChangedModules
from testsmith.execution.sandbox.interface import (
    CannotRun,
    Command,
    Limits,
    ProcessOutcome,
    RunningProcess,
    Sandbox,
)
from testsmith.languages.python.running.project_tests.answers import SuiteAnswer
from testsmith.languages.python.running.project_tests.suite import (
    _on_base,
    changes_noticed,
    measure_project_tests,
    with_base,
)
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.model import Baseline, BaselineStatus, Member
from testsmith.settings import VerificationSettings

SHOP = """\
import enum


def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)


def fetch(url):
    if not url:
        return None
    raise OSError(url)


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2
"""

TESTS = """\
import pytest
import shop


@pytest.fixture(scope="module")
def low():
    return shop.clamp(0, 1, 2)


def test_uses_fixture(low):
    assert low == 1


def test_uses_it_too(low):
    assert low == 1


@pytest.mark.parametrize("value", [2, 3])
def test_itself(value):
    assert shop.clamp(value, 1, 2) == 2


def test_size():
    assert shop.Size.SMALL.value == 1
"""

MEMBERS = tuple(function_member(SHOP, name) for name in ("clamp", "fetch", "Size"))


@dataclass
class CountingSandbox:
    """Counts what the real one is asked for."""

    real: Sandbox
    runs: int = 0

    def layers(self) -> tuple[str, ...]:
        return self.real.layers()

    def warning(self) -> str:
        return self.real.warning()

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        self.runs += 1
        return await self.real.run(command, limits)

    async def start(self, command: Command, limits: Limits) -> RunningProcess:
        self.runs += 1
        return await self.real.start(command, limits)


class ClosedSandbox(CountingSandbox):
    """Runs nothing."""

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:  # noqa: ARG002 - the seam's own names
        raise CannotRun("no process can be started")

    async def start(self, command: Command, limits: Limits) -> RunningProcess:  # noqa: ARG002 - as above
        raise CannotRun("no process can be started")


@dataclass
class MemoryStore:
    """A store that is gone with the test."""

    values: dict[str, dict[str, object]] = field(default_factory=dict)

    def get_many(self, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        return {key: self.values[key] for key in keys if key in self.values}

    def put(self, key: str, value: Mapping[str, object]) -> None:
        self.values[key] = json.loads(json.dumps(value))


def measured(
    folder: Path,
    files: Mapping[str, str],
    members: tuple[Member, ...] = MEMBERS,
    settings: VerificationSettings | None = None,
) -> OwnSuite:
    async def scenario() -> OwnSuite:
        async with small_workspace(folder, {"shop.py": SHOP, **files}) as workspace:
            return await measure_project_tests(workspace, members, settings or VerificationSettings())

    return asyncio.run(scenario())


def test_measure_own_suite__many_files_are_shared_by_processes(tmp_path: Path) -> None:
    names = [f"tests/test_{number}.py" for number in range(13)]
    text = "import shop\n\n\ndef test_low():\n    assert shop.clamp(0, 1, 2) == 1\n"
    suite = measured(tmp_path, {**dict.fromkeys(names, text), "tests/test_broken.py": "import nothing\n"})
    assert suite.tests == len(names)
    assert suite.members["shop.py::clamp"].is_whole
    assert suite.passed == {f"{name}::test_low" for name in names}
    assert suite.failed == frozenset({"tests/test_broken.py"})


def test_measure_own_suite__lines_arcs_and_tests(tmp_path: Path) -> None:
    suite = measured(tmp_path, {"tests/test_shop.py": TESTS})
    clamp, fetch, size = (suite.members[member.id] for member in MEMBERS)
    itself = {f"tests/test_shop.py::test_itself[{value}]" for value in (2, 3)}
    shared = {"tests/test_shop.py::test_uses_fixture", "tests/test_shop.py::test_uses_it_too"}

    assert suite.notes == ()
    assert clamp.reached.lines == {5, 6, 7}
    assert clamp.reached.branches == {(5, 6), (5, 7)}
    assert {line: set(tests) for line, tests in clamp.tests.items()} == {
        5: itself | shared,
        6: shared,
        7: itself,
    }
    assert (fetch.reached.lines, fetch.tests) == (frozenset(), {})
    assert {17, 18} <= size.reached.lines
    assert len(size.tests[17]) == 5


def test_measure_own_suite__with_the_projects_conftest_and_options(tmp_path: Path) -> None:
    files = {
        "setup.cfg": (
            "[tool:pytest]\naddopts = -x --doctest-modules\ntestpaths = checks\npython_files = check_*.py\n"
        ),
        "checks/conftest.py": "import pytest\n\n@pytest.fixture\ndef low():\n    return 1\n",
        "checks/check_shop.py": (
            "import shop\n\ndef test_a():\n    assert False\n\n"
            "def test_low(low):\n    assert shop.clamp(5, low, 2) == 2\n"
        ),
    }
    suite = measured(tmp_path, files)
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 7}
    assert suite.notes == (
        "1 of 2 project tests fails in the sandbox, but none of them tests these functions",
    )


def test_measure_own_suite__options_of_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "test_shop.py": TESTS}
    suite = measured(tmp_path, files)
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}


def test_measure_own_suite__a_project_without_tests_reaches_nothing(tmp_path: Path) -> None:
    suite = measured(tmp_path, {})
    assert {baseline.reached.lines for baseline in suite.members.values()} == {frozenset()}
    assert suite.notes == ("the project has no tests",)


def test_measure_own_suite__members_that_a_failing_test_names_are_unknown(tmp_path: Path) -> None:
    failing = "import shop\n\ndef test_fetch():\n    assert shop.fetch('http://x') == 'page'\n"
    suite = measured(tmp_path, {"tests/test_shop.py": TESTS, "tests/test_fetch.py": failing})
    assert set(suite.members) == {MEMBERS[0].id, MEMBERS[2].id}
    assert {one: baseline.reached.lines for one, baseline in suite.partly.items()} == {
        MEMBERS[1].id: {11, 13}
    }
    assert suite.blamed == {MEMBERS[1].id: {"tests/test_fetch.py::test_fetch"}}
    assert suite.notes == ("1 of 6 project tests fails in the sandbox (OSError: http://x)",)


def test_measure_own_suite__a_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    broken = "import no_such_library, shop\n\ndef test_fetch():\n    assert shop.fetch('') is None\n"
    suite = measured(tmp_path, {"tests/test_shop.py": TESTS, "tests/test_fetch.py": broken})
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}
    assert MEMBERS[1].id not in suite.members
    assert suite.status is BaselineStatus.PARTLY
    assert suite.notes == (
        "1 test file cannot be loaded in the sandbox",
        (
            "tests/test_fetch.py cannot be loaded (ModuleNotFoundError: No module named 'no_such_library'):"
            " install no_such_library where pytest is installed, or run again with --install"
        ),
    )


def test_measure_own_suite__a_file_that_skips_itself_for_want_of_a_module(tmp_path: Path) -> None:
    lacking = (
        "import pytest\npytest.importorskip('no_such_library')\nimport shop\n\n"
        "def test_fetch():\n    assert shop.fetch('') is None\n"
    )
    suite = measured(tmp_path, {"tests/test_shop.py": TESTS, "tests/test_fetch.py": lacking})
    assert set(suite.partly) | set(suite.members) == {MEMBERS[0].id, MEMBERS[2].id}
    assert suite.notes[1].startswith(
        "tests/test_fetch.py cannot be loaded (Skipped: could not import 'no_such_library': No module named"
    )


def test_measure_own_suite__a_test_that_skips_itself_within_a_member(tmp_path: Path) -> None:
    skipping = (
        "import pytest, shop\n\ndef test_page():\n    try:\n        getattr(shop, 'fet' + 'ch')('http://x')\n"
        "    except OSError:\n        pytest.skip('no network')\n"
    )
    suite = measured(tmp_path, {"test_page.py": skipping})
    assert MEMBERS[1].id not in suite.members
    assert suite.notes == ("1 of 1 project tests is skipped halfway in the sandbox",)


def test_measure_own_suite__a_test_that_ends_the_process_takes_no_other_along(tmp_path: Path) -> None:
    ending = "import os\n\ndef test_end():\n    os._exit(0)\n"
    suite = measured(tmp_path, {"test_a.py": ending, "test_shop.py": TESTS})
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}
    assert suite.notes[0].startswith("1 of 6 project tests fails")


def test_measure_own_suite__an_id_of_megabytes_takes_no_other_result_along(tmp_path: Path) -> None:
    values = "import pytest\nimport shop\nIDS = ['a' * 10**7, 'b' * 10**7, 'c']\n"
    test = "@pytest.mark.parametrize('value', range(3), ids=IDS)\ndef test_it(value):\n    shop.fetch('')\n"
    suite = measured(tmp_path, {"test_shop.py": values + test})
    assert suite.members[MEMBERS[1].id].reached.lines == {11, 12}
    assert not suite.notes


FORGING = """\
import json, os

def forge(data):
    for descriptor in range(1, 40):
        try:
            os.write(descriptor, data)
        except OSError:
            pass

forge(b"[" * 5000 + b"\\n")
forge(json.dumps({"kind": "ended", "how": "done", "attempt": 0}).encode() + b"\\n")
forge(json.dumps({"kind": "lines", "number": 0, "files": {"/etc/x": [1]}, "attempt": 0}).encode() + b"\\n")
forge(json.dumps({"kind": "change", "module": 0, "number": 0, "noticed": True}).encode() + b"\\n")
forge(b"\\xff\\x00{\\n")
"""


def test_measure_own_suite__a_conftest_that_writes_wherever_it_can(tmp_path: Path) -> None:
    suite = measured(tmp_path, {"conftest.py": FORGING, "test_shop.py": TESTS})
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}


def test_measure_own_suite__a_conftest_that_ends_the_worker(tmp_path: Path) -> None:
    ending = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"
    suite = measured(tmp_path, {"conftest.py": ending, "test_shop.py": TESTS})
    assert suite.members == {}
    assert suite.notes[0].startswith("the project's tests were not measured: they ended the test process")


def test_measure_own_suite__a_test_about_something_else_ends_the_worker(tmp_path: Path) -> None:
    ending = (
        "import os, signal, time\n\ndef test_other():\n    pass\n\n"
        "def test_end():\n    time.sleep(1)  # the worker has passed the others' results on\n"
        "    os.kill(os.getppid(), signal.SIGKILL)\n"
    )
    suite = measured(tmp_path, {"test_a.py": ending, "test_shop.py": TESTS})
    assert suite.status is BaselineStatus.PARTLY
    assert set(suite.members) == {member.id for member in MEMBERS}
    assert not suite.members[MEMBERS[0].id].is_whole


def test_measure_own_suite__tests_may_write_into_the_project(tmp_path: Path) -> None:
    writing = (
        "import pathlib, shop\n\ndef test_write():\n    pathlib.Path('out.txt').write_text('x')\n"
        "    assert shop.clamp(3, 1, 2) == 2\n"
    )

    async def scenario() -> tuple[OwnSuite, bool]:
        async with small_workspace(tmp_path, {"shop.py": SHOP, "test_w.py": writing}) as workspace:
            suite = await measure_project_tests(workspace, MEMBERS, VerificationSettings())
            return suite, (workspace.head.root / "out.txt").exists()

    suite, is_left = asyncio.run(scenario())
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 7}
    assert not is_left


SLOW = "import time\n\ndef test_other():\n    pass\n\ndef test_slow():\n    time.sleep(60)\n"


@pytest.mark.slow
def test_measure_own_suite__not_in_time_but_all_in_files_that_name_a_member_have_run(tmp_path: Path) -> None:
    files = {
        "test_a_slow.py": SLOW,
        "test_b.py": "# clamp\n" + SLOW.replace("60", "0"),
        "test_shop.py": TESTS,
    }
    suite = measured(tmp_path, files, settings=VerificationSettings(suite_seconds=10.0))
    assert suite.status is BaselineStatus.PARTLY
    assert set(suite.members) == {member.id for member in MEMBERS}
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}
    assert not suite.members[MEMBERS[0].id].is_whole
    told = "project tests ran, including all in files that name a function to test; the others are unknown:"
    assert f"{told} they exceeded the time limit" in suite.notes[0]


@pytest.mark.slow
def test_measure_own_suite__not_in_time_for_all_that_name_a_member(tmp_path: Path) -> None:
    files = {"test_a_slow.py": "# clamp\n" + SLOW, "test_shop.py": TESTS}
    suite = measured(tmp_path, files, settings=VerificationSettings(suite_seconds=10.0))
    assert suite.members == {}
    assert suite.partly[MEMBERS[0].id].reached.lines == {5, 6, 7}  # those that import a member come first
    assert suite.notes[0].startswith("the project's tests were not measured: they exceeded the time limit")


OTHERS = {
    "test_a.py": "import shop, time\n\ndef test_late():\n    time.sleep(1)\n\ndef test_other():\n    pass\n",
    "test_b.py": "import helper\n\ndef test_through():\n    assert helper.low(0) == 1\n",
}
"""Tests that name no member; one of them reaches one."""


def test_measure_own_suite__a_test_that_hangs_and_names_no_member_is_not_waited_for(tmp_path: Path) -> None:
    hangs = "import threading\n\ndef test_hangs():\n    threading.Event().wait()\n"
    files = {"test_a.py": hangs, "test_b.py": hangs, "test_shop.py": TESTS}

    suite = measured_until(tmp_path, files, 5.0, VerificationSettings(suite_seconds=30))

    assert suite.tests in {5, 6}  # the first that hangs does not begin if the machine is slow
    assert suite.status is BaselineStatus.PARTLY
    assert suite.members.keys() == {member.id for member in MEMBERS[:2]}
    assert suite.notes == ()


TEARDOWN = (
    "import pytest, shop\n\n@pytest.fixture(scope='session')\ndef opened():\n    yield\n"
    "    {}\n\ndef test_clamp(opened):\n    assert shop.clamp(0, 1, 2) == 1\n"
)


def measured_until(
    folder: Path, files: Mapping[str, str], until: float | None, settings: VerificationSettings | None = None
) -> OwnSuite:
    helper = "import shop\n\ndef low(value):\n    return shop.clamp(value, 1, 2)\n"

    async def measure() -> OwnSuite:
        async with small_workspace(folder, {"shop.py": SHOP, "helper.py": helper, **files}) as workspace:
            chosen = settings or VerificationSettings()
            return await measure_project_tests(workspace, MEMBERS[:2], chosen, others_until=until)

    return asyncio.run(measure())


def test_measure_own_suite__tests_that_name_no_member_are_left_out_after_some_time(tmp_path: Path) -> None:
    files = {**OTHERS, "test_shop.py": TESTS}
    [part, every] = [
        measured_until(tmp_path / name, files, until) for name, until in (("a", 0.01), ("b", None))
    ]
    assert (part.tests, every.tests) == (5, 8)
    assert [one.members[MEMBERS[0].id].is_whole for one in (part, every)] == [False, True]
    assert part.status is BaselineStatus.PARTLY
    assert part.members.keys() == every.members.keys()
    assert part.notes == ()


@pytest.mark.parametrize("failure", ["raise OSError", "pytest.fail('not closed')"])
def test_measure_own_suite__a_teardown_that_fails_when_the_time_is_over(tmp_path: Path, failure: str) -> None:
    late = "import time\n\ndef test_last():\n    time.sleep(1)\n"
    scoped = TEARDOWN.format(failure)
    suite = measured_until(tmp_path, {"test_shop.py": scoped, "test_x.py": late, "test_y.py": late}, 0.01)
    assert (suite.status, suite.tests, suite.notes) == (BaselineStatus.PARTLY, 1, ())
    assert suite.members[MEMBERS[0].id].all_tests == {"test_shop.py::test_clamp"}


def test_measure_own_suite__a_part_is_kept_for_those_that_need_no_more(tmp_path: Path) -> None:
    store = MemoryStore()
    files = {"shop.py": SHOP, "helper.py": "", "test_shop.py": TESTS, "test_a.py": OTHERS["test_a.py"]}

    async def scenario() -> list[int]:
        async with small_workspace(tmp_path, files) as workspace:
            sandbox = CountingSandbox(workspace.sandbox)
            counted = replace(workspace, sandbox=sandbox)
            runs = []
            for until in (0.1, 0.1, None, 0.1):
                await measure_project_tests(counted, MEMBERS, VerificationSettings(), store, until)
                runs.append(sandbox.runs)
            return runs

    assert asyncio.run(scenario()) == [1, 1, 2, 2]


@pytest.mark.slow
def test_measure_own_suite__a_part_that_had_no_time_is_measured_again_with_more(tmp_path: Path) -> None:
    store = MemoryStore()
    slow = f"{TESTS}\n\ndef test_slow():\n    import time\n    time.sleep(8)\n"

    async def scenario() -> list[bool]:
        async with small_workspace(tmp_path, {"shop.py": SHOP, "test_shop.py": slow}) as workspace:
            limits = [VerificationSettings(suite_seconds=seconds) for seconds in (1.0, 60.0)]
            suites = [
                await measure_project_tests(workspace, MEMBERS, one, store, others_until=0.1)
                for one in limits
            ]
            return [one.is_cut_short for one in suites]

    assert asyncio.run(scenario()) == [True, False]


def test_measure_own_suite__of_a_small_project_in_one_file(tmp_path: Path) -> None:
    suite = measured(tmp_path, {"test.py": TESTS})
    assert (suite.status, suite.tests) == (BaselineStatus.MEASURED, 5)
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}


def test_measure_own_suite__what_a_newer_pytest_warns_of_is_not_an_error(tmp_path: Path) -> None:
    warning = "import pytest, warnings\nwarnings.warn(pytest.PytestRemovedIn10Warning('old'))\n"
    if not hasattr(pytest, "PytestRemovedIn10Warning"):
        warning = warning.replace("PytestRemovedIn10Warning", "PytestDeprecationWarning")
    files = {"pytest.ini": "[pytest]\nfilterwarnings = error\n", "test_shop.py": warning + TESTS}
    suite = measured(tmp_path, files)
    assert suite.status is BaselineStatus.MEASURED
    assert suite.members[MEMBERS[0].id].reached.lines == {5, 6, 7}


def test_measure_own_suite__pytest_cannot_be_started(tmp_path: Path) -> None:
    suite = measured(tmp_path, {"conftest.py": "import no_such_plugin\n", "test_shop.py": TESTS})
    assert suite.members == {}
    assert "No module named 'no_such_plugin'" in suite.notes[0]


def test_measure_own_suite__a_plugin_ends_the_collection(tmp_path: Path) -> None:
    ending = (
        "import sys\nprint('a warning', file=sys.stderr)\n"
        "def pytest_collection():\n    raise AttributeError('of another pytest')\n"
    )
    suite = measured(tmp_path, {"conftest.py": ending, "test_shop.py": TESTS})
    assert suite.members == {}
    assert "pytest could not run them: of another pytest" in suite.notes[0]


def test_measure_own_suite__not_wanted(tmp_path: Path) -> None:
    suite = measured(tmp_path, {"test_shop.py": TESTS}, settings=VerificationSettings(suite_seconds=0))
    assert suite == OwnSuite(notes=("the project's tests were not run: suite-seconds is 0",))


def test_measure_own_suite__is_kept_until_a_file_changes(tmp_path: Path) -> None:
    store = MemoryStore()
    settings = VerificationSettings()

    async def scenario() -> tuple[list[int], OwnSuite, OwnSuite]:
        async with small_workspace(tmp_path, {"shop.py": SHOP, "test_shop.py": TESTS}) as workspace:
            sandbox = CountingSandbox(workspace.sandbox)
            counted = replace(workspace, sandbox=sandbox)
            first = await measure_project_tests(counted, MEMBERS, settings, store)
            runs = [sandbox.runs]
            second = await measure_project_tests(counted, MEMBERS, settings, store)
            runs.append(sandbox.runs)
            (workspace.head.root / "test_shop.py").write_text("")
            await measure_project_tests(counted, MEMBERS, settings, store)
            return [*runs, sandbox.runs], first, second

    runs, first, second = asyncio.run(scenario())
    assert runs == [1, 1, 2]
    assert first == second


def test_measure_own_suite__what_was_late_is_tried_again_with_more_time(tmp_path: Path) -> None:
    store = MemoryStore()
    slow = "import time\n\ndef test_slow():\n    time.sleep(60)\n"

    async def scenario() -> list[int]:
        async with small_workspace(tmp_path, {"shop.py": SHOP, "test_slow.py": slow}) as workspace:
            sandbox = CountingSandbox(workspace.sandbox)
            counted = replace(workspace, sandbox=sandbox)
            runs = []
            for seconds in (0.8, 0.7, 0.9):
                settings = VerificationSettings(suite_seconds=seconds)
                await measure_project_tests(counted, MEMBERS, settings, store)
                runs.append(sandbox.runs)
            return runs

    assert asyncio.run(scenario()) == [1, 1, 2]


def test_measure_own_suite__nothing_can_be_run(tmp_path: Path) -> None:
    async def scenario() -> OwnSuite:
        async with small_workspace(tmp_path, {"shop.py": SHOP}) as workspace:
            closed = replace(workspace, sandbox=ClosedSandbox(workspace.sandbox))
            return await measure_project_tests(closed, MEMBERS, VerificationSettings())

    assert asyncio.run(scenario()) == OwnSuite(
        status=BaselineStatus.FAILED, notes=("the project's tests were not run: no process can be started",)
    )


OLD_SHOP = SHOP.replace("return low", "return value").replace("def fetch", "def fetched")
OLD_TESTS = "import shop\n\ndef test_old():\n    assert shop.clamp(0, 1, 2) == 0\n"


def on_base(
    folder: Path,
    head: Mapping[str, str],
    base: Mapping[str, str] | None,
    seconds: float = 60.0,
    others_until: float | None = None,
) -> tuple[OwnSuite, bool]:
    """Return what is known once the tests have been run on base, and whether both copies are as they were."""

    async def scenario() -> tuple[OwnSuite, bool]:
        files = None if base is None else {"shop.py": OLD_SHOP, **base}
        async with small_workspace(folder, {"shop.py": SHOP, **head}, files) as workspace:
            before = [tree_of(copy.root) for copy in (workspace.head, workspace.base) if copy is not None]
            suite = await measure_project_tests(workspace, MEMBERS, VerificationSettings())
            suite = await with_base(workspace, suite, MEMBERS, seconds, others_until)
            after = [tree_of(copy.root) for copy in (workspace.head, workspace.base) if copy is not None]
            return suite, before == after

    return asyncio.run(scenario())


def tree_of(root: Path) -> dict[str, str]:
    return {str(one.relative_to(root)): one.read_text() for one in root.rglob("*.py")}


def test_with_base__tests_of_head_on_the_source_of_base(tmp_path: Path) -> None:
    base = {"tests/test_shop.py": OLD_TESTS, "tests/test_gone.py": "1 / 0"}
    suite, is_untouched = on_base(tmp_path, {"tests/test_shop.py": TESTS}, base)
    passed = {f"tests/test_shop.py::{name}" for name in ("test_itself[2]", "test_itself[3]", "test_size")}
    failed = {f"tests/test_shop.py::{name}" for name in ("test_uses_fixture", "test_uses_it_too")}
    assert suite.on_base == OnBase(passed=frozenset(passed), failed=frozenset(failed))
    clamp, fetch, size = (suite.fails_on_base(member.id) for member in MEMBERS)
    assert (clamp, fetch, size) == (True, False, True)
    assert suite.reported([member.id for member in MEMBERS]) == Baseline(
        status=BaselineStatus.MEASURED, tests=5, fail_on_base=2, known=3
    )
    assert is_untouched


def test_with_base__tests_of_files_that_the_change_leaves_alone_may_be_left_out(tmp_path: Path) -> None:
    size = "import shop\n\ndef test_size():\n    assert shop.Size.LARGE.value == 2\n"
    low = "import shop\n\ndef test_low():\n    assert shop.clamp(0, 1, 2) == 1\n"
    head = {"tests/test_a.py": size, "tests/test_z.py": low}
    suite, _ = on_base(tmp_path, head, {"tests/test_a.py": size}, others_until=0.01)
    assert suite.on_base == OnBase(failed=frozenset({"tests/test_z.py::test_low"}))
    assert suite.status is BaselineStatus.PARTLY  # so that a report says "that ran"
    assert suite.notes == ()


def test_with_base__what_is_broken_through_a_helper_is_known_of_a_part(tmp_path: Path) -> None:
    helper = "import shop\n\ndef low():\n    return shop.clamp(0, 1, 2)\n"
    failing = "# of clamp\nimport helper\n\ndef test_low():\n    assert helper.low() == 0\n"
    files = {"helper.py": helper, "test_low.py": failing, "test_a.py": OTHERS["test_a.py"]}

    async def scenario() -> OwnSuite:
        head, base = {"shop.py": SHOP, **files}, {"shop.py": OLD_SHOP, **files}
        async with small_workspace(tmp_path, head, base) as workspace:
            settings, members = VerificationSettings(), MEMBERS[:1]
            suite = await measure_project_tests(workspace, members, settings, others_until=0.01)
            return await with_base(workspace, suite, members, 60.0, 0.01)

    suite = asyncio.run(scenario())
    assert suite.failed is None
    assert suite.broken == {"test_low.py::test_low"}


def test_with_base__part_of_the_tests_is_no_whole_although_a_broken_one_is_known(tmp_path: Path) -> None:
    broken = "import shop\n\ndef test_fetch():\n    assert shop.fetch('') == 0\n"
    low = "import shop\n\ndef test_low():\n    assert shop.clamp(0, 1, 2) == 1\n"
    base = {"shop.py": SHOP.replace("return None", "return 0")}
    head = {"tests/test_a.py": low, "tests/test_b.py": low, "tests/test_fetch.py": broken}
    suite, _ = on_base(tmp_path, head, {**base, "tests/test_fetch.py": broken}, others_until=0.01)
    assert suite.broken == {"tests/test_fetch.py::test_fetch"}
    assert suite.status is BaselineStatus.MEASURED
    same = {name: text for name, text in head.items() if name != "tests/test_a.py"}
    suite, _ = on_base(tmp_path / "part", head, {**base, **same}, others_until=0.01)
    assert suite.broken == {"tests/test_fetch.py::test_fetch"}
    assert suite.status is BaselineStatus.PARTLY


def test_with_base__a_file_that_imports_what_base_lacks_fails_there(tmp_path: Path) -> None:
    importing = (
        "from shop import clamp, fetch\n\ndef test_fetch():\n    assert fetch('') is None\n\n"
        "def test_clamp():\n    assert clamp(3, 1, 2) == 2\n\ndef test_nothing():\n    pass\n"
    )
    other = "import shop\n\ndef test_other():\n    assert shop.Size.LARGE.value == 2\n"
    suite, _ = on_base(tmp_path, {"tests/test_new.py": importing, "tests/test_other.py": other}, {})
    assert suite.on_base is not None
    assert suite.on_base.failed == {"tests/test_new.py::test_fetch", "tests/test_new.py::test_clamp"}
    assert [suite.fails_on_base(member.id) for member in MEMBERS] == [True, True, False]
    assert suite.reported([]).fail_on_base == 3


def test_with_base__a_test_that_needs_another_before_it_shows_nothing(tmp_path: Path) -> None:
    tests = (
        "import shop\n\nSEEN = []\n\ndef test_first():\n    SEEN.append(1)\n\n"
        "def test_second():\n    assert SEEN and shop.clamp(5, 1, 2) == 2\n\n"
        "def test_low():\n    assert shop.clamp(0, 1, 2) == 1\n"
    )
    suite, _ = on_base(tmp_path, {"tests/test_shop.py": tests}, {})
    assert suite.on_base == OnBase(failed=frozenset({"tests/test_shop.py::test_low"}))


def test_with_base__settings_helpers_and_data_are_those_of_head(tmp_path: Path) -> None:
    head = {
        "setup.cfg": "[tool:pytest]\naddopts = --strict-markers\nmarkers = new\npython_files = check_*.py\n",
        "checks/conftest.py": "import pytest\n\n@pytest.fixture\ndef low():\n    return 1\n",
        "checks/check_shop.py": (
            "import pytest, shop\n\n@pytest.mark.new\ndef test_low(low):\n"
            "    assert shop.clamp(0, low, 2) == 1\n\ndef test_high(low):\n"
            "    assert shop.clamp(5, low, 2) == 2\n"
        ),
    }
    suite, _ = on_base(tmp_path, head, {"setup.cfg": "[tool:pytest]\npython_files = other_*.py\n"})
    assert suite.on_base == OnBase(
        passed=frozenset({"checks/check_shop.py::test_high"}),
        failed=frozenset({"checks/check_shop.py::test_low"}),
    )


def test_with_base__examples_of_docstrings_belong_to_the_source(tmp_path: Path) -> None:
    example = '    """Clamp.\n\n    >>> clamp(0, 1, 2)\n    1\n    """\n    if value < low'
    head = {
        "shop.py": SHOP.replace("    if value < low", example),
        "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
    }

    async def scenario() -> OwnSuite:
        members = (function_member(head["shop.py"], "clamp"),)
        async with small_workspace(tmp_path, head, {"shop.py": OLD_SHOP}) as workspace:
            suite = await measure_project_tests(workspace, members, VerificationSettings())
            return await with_base(workspace, suite, members, 60.0)

    suite = asyncio.run(scenario())
    assert suite.tests == 1
    assert suite.on_base == OnBase()


ONCE = """\
SIZES = {"S": 1, "L": 2}
CACHE = {}


def read_sizes():
    CACHE.update(SIZES)


def label(size):
    return f"size {size}"


def size_of(name):
    if not CACHE:
        read_sizes()
    return CACHE.get(name, 0)
"""
OLD_ONCE = ONCE.replace(', "L": 2', "").replace("size {", "Size {").replace("def label", "def labeled")
ONCE_MEMBERS = tuple(function_member(ONCE, name, "once.py") for name in ("read_sizes", "label"))
TEST_SMALL = "import once\n\ndef test_small():\n    assert once.size_of('S') == 1\n"
TEST_LARGE = "\ndef test_large():\n    assert once.size_of('L') == 2\n"


def once_on_base(
    folder: Path, tests: str, old_tests: str = TEST_SMALL, name: str = "test_once.py"
) -> OwnSuite:
    """Return what is known of a change to what runs once per process, with these tests on head and base."""
    head, base = {"once.py": ONCE, name: tests}, {"once.py": OLD_ONCE, name: old_tests}

    async def scenario() -> OwnSuite:
        async with small_workspace(folder, head, base) as workspace:
            suite = await measure_project_tests(workspace, ONCE_MEMBERS, VerificationSettings())
            return await with_base(workspace, suite, ONCE_MEMBERS, 60.0)

    return asyncio.run(scenario())


def test_with_base__a_new_test_of_what_ran_before_it_counts_for_what_it_reaches_alone(tmp_path: Path) -> None:
    suite = once_on_base(tmp_path, TEST_SMALL + TEST_LARGE)
    assert suite.passed == {"test_once.py::test_small"}
    assert suite.on_base == OnBase(passed=frozenset({"test_once.py::test_small"}))
    assert suite.showing == {"test_once.py::test_large": {"once.py::read_sizes"}}
    assert [suite.fails_on_base(member.id) for member in ONCE_MEMBERS] == [True, False]
    assert suite.reported([]).fail_on_base == 1


def test_with_base__a_new_test_that_reaches_no_member_counts_for_all(tmp_path: Path) -> None:
    loaded = "\n@pytest.mark.parametrize('name', ['L'])\ndef test_it(name):\n    assert name in once.SIZES\n"
    suite = once_on_base(tmp_path, "import pytest\n" + TEST_SMALL + loaded)
    assert suite.showing == {"test_once.py::test_it[L]": frozenset()}
    assert [suite.fails_on_base(member.id) for member in ONCE_MEMBERS] == [True, True]


def test_with_base__of_a_file_that_base_cannot_load_only_new_tests_count(tmp_path: Path) -> None:
    old = "import once\n\ndef test_other():\n    assert once.SIZES['S'] == 1\n"
    suite = once_on_base(tmp_path, "from once import label\n" + old + old.replace("other", "new"), old)
    assert suite.showing == {"test_once.py::test_new": frozenset()}
    assert [suite.fails_on_base(member.id) for member in ONCE_MEMBERS] == [True, True]
    assert suite.reported([]).fail_on_base == 1


def test_with_base__a_test_file_that_the_change_leaves_alone_is_not_run_for_what_it_does_not_reach(
    tmp_path: Path,
) -> None:
    tests = TEST_SMALL + TEST_LARGE
    suite = once_on_base(tmp_path, tests, tests)
    assert suite.showing == {}
    assert [suite.fails_on_base(member.id) for member in ONCE_MEMBERS] == [False, False]


def test_with_base__a_new_test_that_fails_on_head_as_well_shows_nothing(tmp_path: Path) -> None:
    suite = once_on_base(tmp_path, TEST_SMALL + TEST_LARGE.replace("== 2", "== 3"))
    assert suite.showing == {}
    assert suite.reported([]).fail_on_base == 0


def test_with_base__a_new_test_counts_although_the_suite_did_not_get_to_it(tmp_path: Path) -> None:
    head = {
        "once.py": ONCE,
        "test_a.py": TEST_SMALL,
        "test_b.py": "import time\n\ndef test_waits():\n    time.sleep(100)\n",
        "test_c.py": "import importlib\n\ndef test_c():\n"
        "    assert importlib.import_module('on' + 'ce').SIZES['L'] == 2\n",
    }

    async def scenario() -> OwnSuite:
        files = {name: text for name, text in head.items() if name != "test_c.py"}
        async with small_workspace(tmp_path, head, {**files, "once.py": OLD_ONCE}) as workspace:
            settings = VerificationSettings(suite_seconds=3.0)
            suite = await measure_project_tests(workspace, ONCE_MEMBERS, settings)
            return await with_base(workspace, suite, ONCE_MEMBERS, 60.0)

    suite = asyncio.run(scenario())
    assert suite.status is BaselineStatus.PARTLY
    assert suite.showing == {"test_c.py::test_c": frozenset()}


def test_with_base__a_test_that_the_change_breaks_is_known_although_the_time_was_over(tmp_path: Path) -> None:
    head = {
        "test_a.py": "import shop\n\ndef test_old():\n    assert shop.clamp(0, 1, 2) == 0\n",
        "test_b.py": "import shop, time\n\ndef test_waits():\n    time.sleep(100)\n    shop.clamp(3, 1, 2)\n",
    }

    async def scenario() -> OwnSuite:
        files = {"shop.py": SHOP, **head}, {"shop.py": OLD_SHOP, **head}
        async with small_workspace(tmp_path, *files) as workspace:
            settings = VerificationSettings(suite_seconds=3.0)
            suite = await measure_project_tests(workspace, MEMBERS, settings)
            return await with_base(workspace, suite, MEMBERS, 60.0)

    suite = asyncio.run(scenario())
    assert suite.broken == {"test_a.py::test_old"}
    assert suite.is_about("test_a.py::test_old", MEMBERS[0].id)
    assert (suite.status, dict(suite.members)) == (BaselineStatus.PARTLY, {})


def test_with_base__no_base_no_tests_or_no_time(tmp_path: Path) -> None:
    without_base, _ = on_base(tmp_path / "a", {"test_shop.py": TESTS}, None)
    assert without_base.on_base is None
    without_tests, _ = on_base(tmp_path / "b", {}, {})
    assert (without_tests.status, without_tests.on_base) == (BaselineStatus.NONE, OnBase())
    without_time, _ = on_base(tmp_path / "c", {"test_shop.py": TESTS}, {}, seconds=0.0)
    assert without_time.on_base is None
    assert without_time.fails_on_base(MEMBERS[0].id) is None


def test_with_base__tests_that_fail_because_of_the_change_leave_a_member_known(tmp_path: Path) -> None:
    base = {"shop.py": SHOP.replace("return low", "return high") + "\n\nOLD = 1\n"}
    clamping = (
        "import shop\n\ndef test_old():\n    assert shop.clamp(0, 1, 2) == 2\n"
        "    assert shop.clamp(3, 1, 2) == 2\n\n"
        "def test_same():\n    assert shop.clamp(1, 1, 2) == 1\n"
    )
    loading = "from shop import OLD, Size\n\ndef test_size():\n    assert Size(OLD) is Size.SMALL\n"
    suite, _ = on_base(tmp_path, {"test_clamp.py": clamping, "test_size.py": loading}, base)
    clamp, _, size = (suite.members[member.id] for member in MEMBERS)
    assert clamp.reached.lines == {5, 6, 7}
    assert clamp.tests == {5: ("test_clamp.py::test_same",), 6: (), 7: ("test_clamp.py::test_same",)}
    assert size.all_tests == frozenset()
    assert [suite.fails_on_base(member.id) for member in MEMBERS] == [False, False, False]
    assert suite.reported([member.id for member in MEMBERS]) == Baseline(
        status=BaselineStatus.MEASURED, tests=2, fail_on_base=0, known=3
    )
    assert suite.notes[-1] == (
        "test_clamp.py::test_old, test_size.py work on the merge base and fail with this change"
    )


def test_with_base__tests_that_fail_for_another_reason_leave_a_member_unknown(tmp_path: Path) -> None:
    head = {
        "test_a.py": "import os, shop\n\ndef test_both():\n    assert shop.clamp(0, 1, 2) == 3\n",
        "test_b.py": "import absent, shop\n\ndef test_size():\n    assert shop.Size(1)\n",
        # fails in the whole suite alone, by what a test before it leaves behind
        "test_c.py": (
            "import os, shop\n\ndef test_leaves():\n    os.environ['LEFT'] = 'x'\n\n"
            "def test_fails_by_chance():\n    assert shop.fetch('') is os.environ.get('LEFT')\n"
        ),
    }
    suite, _ = on_base(tmp_path, head, {})
    assert suite.members == {}
    assert suite.status is BaselineStatus.PARTLY
    assert not any("with this change" in note for note in suite.notes)


@pytest.mark.slow
def test_with_base__a_failing_test_that_hangs_there_takes_no_other_along(tmp_path: Path) -> None:
    waiting = (
        "import time, shop\n\ndef test_waits():\n    time.sleep(60 * (shop.clamp(0, 1, 2) != 1))\n"
        "    assert shop.clamp(0, 1, 2) == 3\n"
    )
    suite, _ = on_base(tmp_path, {"test_a.py": waiting, "test_shop.py": TESTS}, {}, seconds=5.0)
    assert suite.on_base is not None
    assert suite.on_base.passed | suite.on_base.failed == suite.passed
    assert MEMBERS[0].id not in suite.members


@pytest.mark.slow
def test_with_base__a_test_that_hangs_there(tmp_path: Path) -> None:
    waiting = (
        "import time, shop\n\ndef test_fails():\n    assert shop.clamp(0, 1, 2) == 1\n\n"
        "def test_waits():\n    time.sleep(60 * (shop.clamp(0, 1, 2) != 1))\n"
    )
    suite, _ = on_base(tmp_path, {"test_shop.py": waiting}, {}, seconds=5.0)
    assert suite.on_base is not None
    assert "test_shop.py::test_fails" in suite.on_base.failed
    assert suite.fails_on_base(MEMBERS[0].id) is True
    assert suite.notes[-1].startswith(
        "not all of the project's tests ran on the merge base: they exceeded the time limit"
    )


CHANGED_TESTS = """\
import time
import shop


def test_slow():
    time.sleep(0.6)
    assert shop.clamp(0, 1, 2) == 1


def test_low():
    assert shop.clamp(0, 1, 2) == 1


def test_high():
    assert shop.clamp(3, 1, 2) == 2


def test_failing():
    assert shop.clamp(0, 1, 2) == 7


def test_size():
    assert shop.Size.SMALL.value == 1
"""


def change(
    number: int, old: str, new: str, *tests: str, function: tuple[str, int] | None = ("clamp", 4)
) -> ChangedModule:
    start = SHOP.index(old)
    ids = frozenset(f"tests/test_shop.py::{test}" for test in tests)
    return ChangedModule(number=number, edit=(start, start + len(old), new), function=function, tests=ids)


def noticed(
    folder: Path, *changes: ChangedModule, seconds: float = 60.0, conftest: str = ""
) -> dict[int, bool]:
    changed = ChangedModules(path="shop.py", source=SHOP, names=frozenset(), changes=changes)

    async def scenario(workspace: PythonWorkspace) -> dict[str, dict[int, bool]]:
        return await changes_noticed(workspace, {"shop.py::clamp": changed}, seconds)

    async def whole() -> dict[str, dict[int, bool]]:
        files = {"shop.py": SHOP, "tests/test_shop.py": CHANGED_TESTS, "conftest.py": conftest}
        async with small_workspace(folder, files) as workspace:
            return await scenario(workspace)

    return asyncio.run(whole()).get("shop.py::clamp", {})


def test_changes_noticed__in_place(tmp_path: Path) -> None:
    assert noticed(
        tmp_path,
        change(0, "value < low", "value > low", "test_low", "test_high"),
        change(1, "value < low", "value <= low", "test_low", "test_high"),
        change(2, "return low", "return high", "test_low"),
        change(3, "return low", "import os; os._exit(0)", "test_low"),
        change(4, "return low", "return None", "test_high"),
    ) == {0: True, 1: False, 2: True, 3: True, 4: False}


def test_changes_noticed__a_conftest_that_writes_wherever_it_can(tmp_path: Path) -> None:
    alive = change(0, "value < low", "value <= low", "test_low")
    assert noticed(tmp_path, alive, conftest=FORGING) == {0: False}


def test_changes_noticed__a_change_that_does_not_end(tmp_path: Path) -> None:
    loop = change(0, "return low", "\n        while True: pass", "test_low")
    assert noticed(tmp_path, loop) == {0: True}


def test_changes_noticed__when_loaded(tmp_path: Path) -> None:
    assert noticed(
        tmp_path,
        change(0, "SMALL = 1", "SMALL = 3", "test_size", function=None),
        change(1, "LARGE = 2", "LARGE = 3", "test_size", function=None),
        change(2, "import enum", "raise OSError", "test_size", function=None),
        change(3, "value < low", "value > low", "test_low", function=("clamp", 99)),
        change(4, "value < low", "value < < low", "test_low", function=None),
    ) == {0: True, 1: False, 2: True, 3: True}


def test_changes_noticed__what_fails_unchanged_says_nothing(tmp_path: Path) -> None:
    assert noticed(
        tmp_path,
        change(0, "value < low", "value > low", "test_failing"),
        change(1, "value < low", "value > low", "test_failing", "test_low"),
        change(2, "value < low", "value <= low", "test_failing", "test_low"),
        change(3, "value < low", "value > low", "test_none_such"),
    ) == {1: True}


def test_changes_noticed__what_found_no_time_is_not_told(tmp_path: Path) -> None:
    loop = change(0, "return low", "\n        while True: pass", "test_slow")
    assert noticed(tmp_path, loop, seconds=3.0) == {}


def test_changes_noticed__no_time(tmp_path: Path) -> None:
    assert noticed(tmp_path, change(0, "value < low", "value > low", "test_low"), seconds=0.0) == {}


def test_changes_noticed__nothing_can_be_run(tmp_path: Path) -> None:
    changed = ChangedModules(
        path="shop.py", source=SHOP, names=frozenset(), changes=(change(0, "value", "x", "test_low"),)
    )

    async def scenario() -> dict[str, dict[int, bool]]:
        async with small_workspace(tmp_path, {"shop.py": SHOP}) as workspace:
            closed = replace(workspace, sandbox=ClosedSandbox(workspace.sandbox))
            return await changes_noticed(closed, {"shop.py::clamp": changed}, 10.0)

    assert asyncio.run(scenario()) == {}


@pytest.mark.parametrize(
    ("why", "failed"),
    [
        ("ImportError: cannot import name 'total' from 'shop'", {"test_shop.py::test_x"}),
        ("AttributeError: module 'shop' has no attribute 'total'", {"test_shop.py::test_x"}),
        ("django.core.exceptions.ImproperlyConfigured: settings are not configured", set()),
    ],
)
def test_on_base__a_file_that_lacks_something_fails_there(why: str, failed: set[str]) -> None:
    found = _on_base(frozenset({"test_shop.py::test_x"}), SuiteAnswer(broken={"test_shop.py": why}))
    assert found.failed == failed
    assert found.passed == frozenset()
    assert found.not_loaded == {test.partition("::")[0] for test in failed}
