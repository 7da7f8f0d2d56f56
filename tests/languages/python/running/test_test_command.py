from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes.workspaces import function_member, small_workspace
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.jobs import ChangedModule, ChangedModules
from testsmith.execution.shell import OWN_PYTHON
from testsmith.languages.python.running.project_tests.suite import changes_noticed, measure_project_tests
from testsmith.settings import VerificationSettings

SHOP = """\
def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""
CLAMP = function_member(SHOP, "clamp")
TESTS = """\
import os
import pytest
import shop


@pytest.mark.quick
def test_low():
    assert shop.clamp(0, int(os.environ.get("LOW", 1)), 2) == 1


def test_high():
    assert shop.clamp(5, 1, 2) == 2
"""
FILES = {"shop.py": SHOP, "tests/test_shop.py": TESTS, "pytest.ini": "[pytest]\nmarkers = quick\n"}
LOW, HIGH = "tests/test_shop.py::test_low", "tests/test_shop.py::test_high"


def measured(folder: Path, command: str, files: Mapping[str, str] = FILES, seconds: float = 60.0) -> OwnSuite:
    settings = VerificationSettings(python=OWN_PYTHON, test_command=command, suite_seconds=seconds)

    async def scenario() -> OwnSuite:
        async with small_workspace(folder, files, settings=settings) as workspace:
            return await measure_project_tests(workspace, [CLAMP], settings)

    return asyncio.run(scenario())


def reaching(suite: OwnSuite) -> set[str]:
    return {test for tests in suite.members[CLAMP.id].tests.values() for test in tests}


@pytest.mark.parametrize(
    ("command", "tests"),
    [
        ("pytest -x -n auto --cov", {LOW, HIGH}),
        ("uv run pytest -m quick", {LOW}),
        ("coverage run -m pytest tests/test_shop.py::test_high", {HIGH}),
        ("LOW=2 pytest --deselect tests/test_shop.py::test_low", {HIGH}),
        ("pytest --rootdir . -o markers=quick -k 'not low'", {HIGH}),
    ],
)
def test_test_command__its_arguments_choose_what_is_measured(
    command: str, tests: set[str], tmp_path: Path
) -> None:
    suite = measured(tmp_path, command)
    assert (reaching(suite), suite.notes) == (tests, ())


def test_test_command__runs_with_its_variables_in_its_folder(tmp_path: Path) -> None:
    files = {
        "shop.py": SHOP,
        "app/lib/prices.py": "LOW = 1\n",
        "app/tests/test_app.py": "import prices\nimport shop\nfrom os import environ\n\n"
        "def test_it():\n    assert shop.clamp(0, prices.LOW, int(environ['HIGH'])) == 1\n",
        "test_other.py": "import shop\n\ndef test_other():\n    assert shop.clamp(5, 1, 2) == 2\n",
    }
    suite = measured(tmp_path, "cd app && HIGH=2 PYTHONPATH=lib pytest", files)
    assert (reaching(suite), suite.notes) == ({"app/tests/test_app.py::test_it"}, ())


@pytest.mark.parametrize(
    ("command", "tests"),
    [
        ("pytest", {"libs/shop/tests/test_shop.py::test_low", "libs/shop/tests/test_shop.py::test_high"}),
        ("pytest tests/test_shop.py::test_low", {"libs/shop/tests/test_shop.py::test_low"}),
        ("pytest libs/shop/tests/test_shop.py::test_low", {"libs/shop/tests/test_shop.py::test_low"}),
        ("cd libs/shop && pytest -m quick", {"libs/shop/tests/test_shop.py::test_low"}),
        ("PYTHONPATH=tools pytest checks.py", {"checks.py::test_all"}),
        ("sh libs/shop/check.sh", set()),
    ],
)
def test_test_command__of_one_project_of_several(command: str, tests: set[str], tmp_path: Path) -> None:
    script = "cd libs/shop\npython -m coverage run --branch -m pytest -q -m quick\n"
    files = {
        "tests/test_shop.py": "import no_such_module\n",
        "tools/limits.py": "HIGH = 2\n",
        "checks.py": "import limits\nimport shop\n\n"
        "def test_all():\n    assert shop.clamp(3, 1, limits.HIGH) == 2\n",
        "libs/shop/check.sh": script,
        **{f"libs/shop/{name}": text for name, text in FILES.items()},
    }
    member = function_member(SHOP, "clamp", path="libs/shop/shop.py")
    settings = VerificationSettings(python=OWN_PYTHON, test_command=command, suite_seconds=60.0)

    async def scenario() -> OwnSuite:
        async with small_workspace(tmp_path, files, settings=settings, project="libs/shop") as workspace:
            return await measure_project_tests(workspace, [member], settings)

    suite = asyncio.run(scenario())
    assert suite.notes == ()
    assert 2 in suite.members[member.id].reached.lines
    assert {test for found in suite.members[member.id].tests.values() for test in found} == tests


def test_test_command__holds_for_the_run_with_changes(tmp_path: Path) -> None:
    start = SHOP.index("value < low")
    change = ChangedModule(
        number=0,
        edit=(start, start + len("value < low"), "value > low"),
        function=("clamp", 1),
        tests=frozenset({LOW}),
    )
    changed = ChangedModules(path="shop.py", source=SHOP, names=frozenset({LOW}), changes=(change,))
    trap = "import os\nos._exit(3)\n"  # of files that no change needs none is loaded
    settings = VerificationSettings(python=OWN_PYTHON, test_command="LOW=1 pytest . -m quick")

    async def scenario() -> dict[str, dict[int, bool]]:
        async with small_workspace(tmp_path, {**FILES, "test_trap.py": trap}, settings=settings) as workspace:
            return await changes_noticed(workspace, {CLAMP.id: changed}, 60.0)

    assert asyncio.run(scenario()) == {CLAMP.id: {0: True}}


def test_test_command__a_script_is_measured_by_the_coverage_it_leaves(tmp_path: Path) -> None:
    script = "cd tests/..\npython -m coverage run --branch -m pytest -q -m quick\n"
    suite = measured(tmp_path, "sh check.sh", {**FILES, "check.sh": script, ".coverage": "an old one"})
    assert suite.notes == ()
    assert suite.members[CLAMP.id].reached.lines == {1, 2, 3}
    assert suite.members[CLAMP.id].tests == {}


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("echo fine; true", "wrote neither .coverage nor coverage.xml: use"),
        ("ln -s /etc/hostname .coverage; true", "wrote neither .coverage nor coverage.xml"),
        ("echo broken | tee /dev/stderr; exit 3", "failed in the sandbox (broken)"),
        ("make no-such-target", "failed in the sandbox (make: *** No rule to make target"),
    ],
)
def test_test_command__a_script_that_shows_nothing_is_told_of(
    command: str, note: str, tmp_path: Path
) -> None:
    suite = measured(tmp_path, command, {**FILES, "Makefile": "test:\n", "coverage.xml": "<coverage/>"})
    assert suite.members == {}
    assert "the project's tests were not measured: the test command" in suite.notes[0]
    assert note in suite.notes[0]
