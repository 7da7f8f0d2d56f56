"""Candidates in a session of the project's own: beside its tests, under its conftest, with its settings."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fakes.workspaces import small_workspace
from testsmith.execution.jobs import JobResult, TestJob, TracedMember
from testsmith.execution.shell import OWN_PYTHON
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import (
    BESIDE_OWN_TESTS,
    UNDER_CONFTEST,
    WITHOUT_ADDOPTS,
    PythonSetting,
)
from testsmith.languages.python.running.worker.project_session import plugins_used
from testsmith.settings import VerificationSettings

SHOP = "def price(amount):\n    return amount * 2\n"
OWN = "import shop\n\ndef test_own():\n    assert shop.price(1) == 2\n"
GOOD = "from shop import price\ndef test_x():\n    '''>>> 1\n    1'''\n    assert price(1) == 2\n"
OUT_OF_ORDER = "raise RuntimeError('no database')\n"

SESSION, PLAIN = PythonSetting(name="session", in_project_session=True), PythonSetting(name="plain")


def run(  # noqa: PLR0913 - each of them changes how candidates run
    folder: Path,
    files: Mapping[str, str],
    *codes: str,
    setting: PythonSetting = SESSION,
    seconds: float = 20.0,
    interpreter: Path | None = None,
    is_of_file: bool = False,
) -> list[JobResult]:
    """Run candidates for `tests/test_shop.py` of a project, in one worker."""

    async def scenario() -> list[JobResult]:
        head, settings = {"shop.py": SHOP, **files}, VerificationSettings(python=interpreter)
        async with small_workspace(folder, head, settings=settings) as workspace:
            jobs = [
                TestJob(
                    number=number,
                    code=textwrap.dedent(code),
                    seconds=seconds,
                    test_path="tests/test_shop.py",
                    is_of_file=is_of_file,
                    traced=TracedMember(path="shop.py", first=1, last=2),
                )
                for number, code in enumerate(codes)
            ]
            results = await run_jobs(workspace, setting, jobs)
            return [results[number] for number in range(len(codes))]

    return asyncio.run(scenario())


def statuses(result: JobResult) -> dict[str, str]:
    return {name: function.status for name, function in result.functions.items()}


@pytest.mark.parametrize("is_of_file", [True, False])
def test_session__traces_the_tests_of_a_whole_file(tmp_path: Path, is_of_file: bool) -> None:
    (result,) = run(tmp_path, {"tests/test_shop.py": OWN}, GOOD, is_of_file=is_of_file)

    assert result.done == BOTH
    assert result.functions["test_x"].reached.lines == ({2} if is_of_file else set())
    assert result.loaded.lines == set()  # the project's tests do not load the module


BOTH = frozenset({BESIDE_OWN_TESTS})
ALONE = frozenset({UNDER_CONFTEST})


@pytest.mark.parametrize(
    ("files", "done"),
    [
        ({"tests/test_shop.py": OWN}, BOTH),
        ({"tests/test_shop.py": OWN, "tests/conftest.py": "", "tests/__init__.py": ""}, BOTH),
        ({"tests/test_shop.py": OWN.replace("== 2", "== 3")}, BOTH),
        ({"tests/test_other.py": OWN}, ALONE),
        ({}, ALONE),
        ({"tests/test_shop.py": OUT_OF_ORDER}, ALONE),
        ({"tests/test_shop.py": "import os\nos._exit(1)\n"}, ALONE),
        ({"tests/test_shop.py": OWN, "tests/conftest.py": OUT_OF_ORDER}, frozenset()),
        ({"tests/test_shop.py": OWN, "tests/conftest.py": "pytest_plugins = ['not_there']\n"}, frozenset()),
        (
            {"tests/test_shop.py": OWN, "pytest.ini": "[pytest]\naddopts = --not-there\n"},
            BOTH | {WITHOUT_ADDOPTS},
        ),
        (
            {
                "tests/test_shop.py": OWN,
                "xdist.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: xdist\nVersion: 1\n",
                "xdist.egg-info/entry_points.txt": "[pytest11]\nxdist = processes\n",
                "processes.py": (
                    "def pytest_addoption(parser):\n    parser.getgroup('xdist')._addoption('-n')\n"
                    "def pytest_configure(config):\n    raise PermissionError('bind')\n"
                ),
            },
            BOTH | {WITHOUT_ADDOPTS},
        ),
        (
            {"tests/test_shop.py": OWN.replace("== 2", "== 3"), "pytest.ini": "[pytest]\naddopts = -x\n"},
            BOTH,
        ),
        (
            {
                "tests/test_shop.py": OWN
                + "\ndef test_stop(request):\n    request.session.shouldstop = 'x'\n",
                "tests/conftest.py": "",
            },
            ALONE,
        ),
        (
            {"tests/test_shop.py": OWN, "broken.egg-info/entry_points.txt": "[pytest11]\nno value\n"},
            frozenset(),
        ),
        (
            {"tests/test_shop.py": OWN, "pytest.ini": "[pytest]\naddopts = --doctest-modules\n"},
            BOTH,
        ),
        ({"tests/test_shop.py": OWN, "pytest.ini": "[pytest]\nrequired_plugins = not-there\n"}, frozenset()),
        (
            {
                "tests/test_shop.py": OWN,
                "tests/conftest.py": (
                    "import pytest\n@pytest.fixture(autouse=True, scope='session')\n"
                    "def database():\n    raise OSError('no database')\n"
                ),
            },
            frozenset(),
        ),
        (
            {
                "tests/test_shop.py": OWN,
                "tests/conftest.py": (
                    "import pytest\ndef pytest_runtest_setup(item):\n    pytest.skip('no database')\n"
                ),
            },
            frozenset(),
        ),
    ],
)
def test_run_jobs__what_the_project_cannot_set_up_is_no_fault_of_a_candidate(
    files: Mapping[str, str], done: frozenset[str], tmp_path: Path
) -> None:
    (result,) = run(tmp_path, files, GOOD)
    assert (statuses(result), result.done) == ({"test_x": "passed"}, done)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {
                "tests/test_shop.py": "import builtins, shop\ndef test_own():\n    builtins.spoiled = 1\n",
                "tests/conftest.py": "",
            },
            "spoiled",
        ),
        (
            {
                "tests/test_shop.py": OWN,
                "tests/conftest.py": "import builtins\nbuiltins.spoiled = True\n",
            },
            "spoiled",
        ),
        (
            {
                "tests/test_shop.py": "import pytest\n@pytest.mark.allowed\ndef test_own(): pass\n",
                "tests/conftest.py": (
                    "import pytest\n@pytest.fixture(autouse=True)\ndef only_allowed(request):\n"
                    "    assert request.node.get_closest_marker('allowed'), 'not marked'\n"
                ),
                "pytest.ini": "[pytest]\nmarkers = allowed\n",
            },
            "not marked",
        ),
    ],
)
def test_run_jobs__what_a_candidate_fails_with_where_it_would_stand_counts(
    files: Mapping[str, str], message: str, tmp_path: Path
) -> None:
    code = "import builtins\ndef test_x():\n    assert not hasattr(builtins, 'spoiled'), 'spoiled'\n"
    (result,) = run(tmp_path, files, code)
    assert statuses(result) == {"test_x": "failed"}
    assert message in result.functions["test_x"].message
    assert result.done == BOTH
    (alone,) = run(tmp_path / "alone", files, code, setting=PLAIN)
    assert statuses(alone) == {"test_x": "passed"}


def test_run_jobs__fixtures_and_settings_of_the_project_hold_in_its_session(tmp_path: Path) -> None:
    files = {
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef given():\n    return 3\n",
        "pytest.ini": "[pytest]\nfilterwarnings = error\n",
    }
    code = (
        "import warnings\ndef test_g(given):\n    assert given == 3\ndef test_w():\n    warnings.warn('')\n"
    )
    (result,) = run(tmp_path, files, code)
    assert statuses(result) == {"test_g": "passed", "test_w": "failed"}


def test_run_jobs__only_the_functions_of_the_candidate_are_told(tmp_path: Path) -> None:
    own = OWN + "\ndef test_x():\n    assert False\n"
    (result,) = run(tmp_path, {"tests/test_shop.py": own}, GOOD)
    assert statuses(result) == {"test_x": "passed"}


def test_run_jobs__own_tests_run_first_or_last_by_the_order_seed(tmp_path: Path) -> None:
    own = "import builtins\ndef test_own():\n    builtins.own_ran = True\n"
    code = "import builtins\ndef test_x():\n    assert hasattr(builtins, 'own_ran')\n"
    found = [
        statuses(run(tmp_path / str(seed), {"tests/test_shop.py": own}, code, setting=setting)[0])["test_x"]
        for seed in (2, 3)
        for setting in [PythonSetting(name="", in_project_session=True, order_seed=seed)]
    ]
    assert found == ["passed", "failed"]


def test_run_jobs__each_candidate_finds_the_project_as_it_is(tmp_path: Path) -> None:
    vandal = """
        import os, pathlib, shutil
        root = pathlib.Path(__file__).parents[1]
        def test_x():
            found = (root / "shop.py").stat()
            (root / "shop.py").write_text("def price(amount):\\n    return amount * 3\\n")
            os.utime(root / "shop.py", ns=(found.st_atime_ns, found.st_mtime_ns))
            (root / "tests" / "test_shop.py").unlink()
            shutil.rmtree(root / "data")
            (root / "data").symlink_to("/")
            (root / "tests" / "conftest.py").write_text("raise ValueError\\n")
            (root / "shut").mkdir()
            os.chmod(root / "shut", 0)
            os.chmod(root / "tests", 0)
    """
    files = {"tests/test_shop.py": OWN, "data/one.txt": "1", "data/deep/two.txt": "2"}
    code = """
        import pathlib
        from shop import price
        root = pathlib.Path(__file__).parents[1]
        def test_x():
            assert price(1) == 2
            assert (root / "data" / "deep" / "two.txt").read_text() == "2"
            assert sorted(path.name for path in root.iterdir() if path.name != "shut") == [
                "data", "shop.py", "tests"
            ]
            assert not (root / "tests" / "conftest.py").exists()
    """
    first, second = run(tmp_path, files, vandal, code)
    assert (statuses(first), first.done) == ({"test_x": "passed"}, BOTH)
    assert (second.functions["test_x"].message, second.done) == ("", BOTH)


@pytest.mark.parametrize(
    "blow",
    [
        "shutil.rmtree(root)",
        "shutil.rmtree(root); root.symlink_to(root.parent)",
        "shutil.rmtree(root); root.write_text('')",
        "os.chmod(root, 0)",
    ],
)
def test_run_jobs__a_project_that_removes_itself_costs_no_later_candidate(blow: str, tmp_path: Path) -> None:
    conftest = (
        "import os, pathlib, shutil\nroot = pathlib.Path(__file__).parents[1]\n"
        f"def pytest_sessionfinish():\n    {blow}\n"
    )
    results = run(tmp_path, {"tests/test_shop.py": OWN, "tests/conftest.py": conftest}, GOOD, GOOD)
    assert [(statuses(result), result.done) for result in results] == [({"test_x": "passed"}, BOTH)] * 2


def test_run_jobs__own_tests_that_hang_cost_one_time_limit_a_worker(tmp_path: Path) -> None:
    own = "import time\ndef test_own():\n    time.sleep(60)\n"
    results = run(tmp_path, {"tests/test_shop.py": own}, *[GOOD] * 4, seconds=2.0)
    assert [statuses(result) for result in results] == [{"test_x": "passed"}] * 4
    assert {result.done for result in results} == {ALONE}


def test_run_jobs__own_tests_that_hang_leave_time_for_a_slow_conftest(tmp_path: Path) -> None:
    own = "import time\ndef test_own():\n    time.sleep(60)\n"
    conftest = "import time\ntime.sleep(3)\n"
    (result,) = run(tmp_path, {"tests/test_shop.py": own, "tests/conftest.py": conftest}, GOOD, seconds=10.0)
    assert (statuses(result), result.done) == ({"test_x": "passed"}, ALONE)


def test_run_jobs__a_candidate_that_hangs_or_dies_there_is_told(tmp_path: Path) -> None:
    code = """
        import os, time
        def test_dies(): os._exit(0)
        def test_after(): pass
    """
    (result,) = run(tmp_path, {"tests/test_shop.py": OWN}, code)
    assert statuses(result) == {"test_dies": "crashed", "test_after": "passed"}
    assert result.done == BOTH


def test_run_jobs__own_tests_that_are_slow_are_run_once_a_worker(tmp_path: Path) -> None:
    own = "import time\ndef test_own():\n    while time.process_time() < 4:\n        pass\n"
    results = run(tmp_path, {"tests/test_shop.py": own}, *[GOOD] * 4, seconds=120.0)
    assert [statuses(result) for result in results] == [{"test_x": "passed"}] * 4
    assert BESIDE_OWN_TESTS in results[0].done
    assert results[3].done == ALONE


@pytest.mark.parametrize("setting", [SESSION, PLAIN], ids=["session", "alone"])
def test_run_jobs__what_pytest_deprecates_is_no_error(tmp_path: Path, setting: PythonSetting) -> None:
    code = "import warnings\nimport pytest\nfrom shop import price\n\ndef test_x():\n    warnings.warn({})\n"
    deprecated, other = run(
        tmp_path,
        {"pytest.ini": "[pytest]\nfilterwarnings = error\n"},
        *(code.format(warning) for warning in ("pytest.PytestDeprecationWarning('x')", "UserWarning('x')")),
        setting=setting,
    )
    assert [statuses(one) for one in (deprecated, other)] == [{"test_x": "passed"}, {"test_x": "failed"}]


COLLECTS_CLASSES = """
import inspect

def pytest_pycollect_makeitem(collector, name, obj):
    return [] if inspect.isfunction(obj) and collector.__class__.__name__ == "Module" else None
"""


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_shop.py": OWN, "pytest.ini": "[pytest]\npython_functions = check_*\n"},
        {"tests/conftest.py": COLLECTS_CLASSES},
        {"tests/conftest.py": COLLECTS_CLASSES, "tests/test_shop.py": OWN},
    ],
)
def test_run_jobs__what_the_projects_pytest_does_not_collect_is_no_test(
    files: Mapping[str, str], tmp_path: Path
) -> None:
    in_class = "from shop import price\nclass TestX:\n    def test_x(self):\n        assert price(1) == 2\n"
    results = run(tmp_path, files, GOOD, in_class)
    problem = "the project's pytest does not collect it as a test"
    assert (statuses(results[0]), results[0].problem) == ({}, problem)
    if "pytest.ini" not in files:
        assert statuses(results[1]) == {"TestX::test_x": "passed"}


@pytest.mark.parametrize("conftest", ["", OUT_OF_ORDER], ids=["session", "none"])
def test_run_jobs__what_runs_alone_may_be_complete_by_itself(tmp_path: Path, conftest: str) -> None:
    head = {
        "shop.py": SHOP,
        "tests/__init__.py": "",
        "tests/helpers.py": "ONE = 1\n",
        "tests/conftest.py": conftest,
    }
    code = "from shop import price\nfrom .helpers import ONE\ndef test_x():\n    assert price(ONE) == 2\n"
    alone = code.replace("from .helpers import ONE", "ONE = 1")
    complete = TestJob(number=0, code=code, seconds=20.0, test_path="tests/test_shop.py", alone=alone)

    async def scenario() -> Mapping[int, JobResult]:
        async with small_workspace(tmp_path, head) as workspace:
            return await run_jobs(workspace, SESSION, [complete, replace(complete, number=1, alone="")])

    results = asyncio.run(scenario())
    assert statuses(results[0]) == {"test_x": "passed"}
    assert statuses(results[1]) == ({} if conftest else {"test_x": "passed"})


def test_run__a_fixture_of_an_installed_plugin_is_there_outside_of_a_session_too(tmp_path: Path) -> None:
    code = (
        "from shop import price\ndef test_x(worker_id):\n    assert (worker_id, price(1)) == ('master', 2)\n"
    )
    plain, apart = (
        run(
            *(tmp_path / name, {}, code, GOOD),
            setting=PythonSetting(name=name, apart=name == "apart"),
            interpreter=OWN_PYTHON,
        )
        for name in ("plain", "apart")
    )
    assert [statuses(one) for one in (*plain, *apart)] == [{"test_x": "passed"}] * 4


@pytest.mark.parametrize(
    ("code", "plugins"),
    [
        ("def test_a(worker_id): ...", ("xdist",)),
        ("class TestA:\n    def test_a(self, tmp_path, worker_id): ...", ("xdist",)),
        ("@pytest.fixture\ndef one(worker_id): ...\ndef test_a(one): ...", ("xdist",)),
        ("def test_a(tmp_path, monkeypatch): ...", ()),
        ("def test_a(nobody_has_it): ...", ()),
        ("@pytest.fixture\ndef worker_id(): ...\ndef test_a(worker_id): ...", ()),
        ("@pytest.fixture\ndef worker_id(worker_id): ...\ndef test_a(worker_id): ...", ("xdist",)),
        ("@pytest.mark.parametrize('worker_id', [1])\ndef test_a(worker_id): ...", ()),
        ("def helper(worker_id): ...\ndef test_a(): ...", ()),
        ("async def test_a(): ...", ("anyio",)),
        ("@coroutine_test\ndef test_a(): ...", ("anyio",)),
        ("async def helper(): ...\n@pytest.mark.slow\ndef test_a(): ...", ()),
        ("def test_a(:", ()),
    ],
)
def test_plugins_used__plugins_whose_fixtures_tests_ask_for(code: str, plugins: tuple[str, ...]) -> None:
    assert plugins_used(code) == plugins


def test_run__a_coroutine_is_run_outside_of_a_session_as_the_project_says(tmp_path: Path) -> None:
    code = "async def test_x():\n    assert True\n"
    marking = "import pytest\ncoroutine_test = pytest.mark.anyio\n"
    decorated = f"from tests.marks import coroutine_test\n@coroutine_test\n{code}"
    automatic = {"pytest.ini": "[pytest]\nanyio_mode = auto\nfilterwarnings = error\n"}
    with_anyio = partial(run, interpreter=OWN_PYTHON)
    (by_setting,) = with_anyio(tmp_path / "setting", automatic, code, setting=replace(PLAIN, with_ini=False))
    in_tests = {"tests/__init__.py": "", "tests/marks.py": marking}
    (by_decorator,) = with_anyio(tmp_path / "decorator", in_tests, decorated, setting=PLAIN)
    (by_nothing,) = with_anyio(tmp_path / "nothing", {}, code, setting=PLAIN)
    assert [statuses(one)["test_x"] for one in (by_setting, by_decorator, by_nothing)] == [
        "passed",
        "passed",
        "failed",
    ]


def test_run__marks_of_plugins_in_what_a_test_imports_are_known_outside_of_a_session(tmp_path: Path) -> None:
    files = {
        "pytest.ini": "[pytest]\nfilterwarnings = error\n",
        "tests/__init__.py": "",
        "tests/test_own.py": "import pytest\n@pytest.mark.asyncio\ndef test_own(): ...\nTWO = 2\n",
    }
    code = (
        "from shop import price\nfrom tests.test_own import TWO\ndef test_x():\n    assert TWO == price(1)\n"
    )
    (found,) = run(tmp_path / "own", files, code, setting=replace(PLAIN, with_ini=True))
    assert statuses(found) == {"test_x": "passed"}
    (found,) = run(tmp_path / "typo", files, f"import pytest\n@pytest.mark.asincio\n{code}", setting=PLAIN)
    assert statuses(found) == {}


def test_run__classes_are_those_that_the_project_names_outside_of_a_session_too(tmp_path: Path) -> None:
    code = "class test_Shop:\n    def test_x(self):\n        assert True\n"
    files = {"pytest.ini": "[pytest]\npython_classes = test_*\n"}
    (result,) = run(tmp_path, files, code, setting=replace(PLAIN, with_ini=False))
    assert statuses(result) == {"test_Shop::test_x": "passed"}


REGISTERS = "import shop\nshop.register('euro')\n"
REGISTERING = (
    f"{SHOP}\nnames = set()\ndef register(name):\n    assert name not in names\n    names.add(name)\n"
)


@pytest.mark.parametrize(
    ("is_of_file", "done", "problem"),
    [(True, ALONE, None), (False, BOTH, "AssertionError")],
    ids=["of the file", "beside it"],
)
def test_run_jobs__what_a_file_does_once_while_it_is_loaded_is_not_done_twice(
    is_of_file: bool, done: frozenset[str], problem: str | None, tmp_path: Path
) -> None:
    files = {"shop.py": REGISTERING, "tests/test_shop.py": REGISTERS + OWN}
    (result,) = run(tmp_path, files, REGISTERS + GOOD, is_of_file=is_of_file)
    assert (result.done, (result.problem or "").partition(":")[0] or None) == (done, problem)
    assert statuses(result) == ({} if problem else {"test_x": "passed"})
