from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fakes.attack_site import everybodys_folder
from fakes.git_repository import GitRepository
from fakes.packages import PackageIndex, hatchling_wheels, made_wheel, shop_wheels
from testsmith.execution.jobs import JobResult, TestJob
from testsmith.execution.package_index import uv_program
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome, RunningProcess
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.install.installer import InstallOrder, install_project
from testsmith.languages.python.running.project_tests.answers import SuiteAnswer
from testsmith.languages.python.running.project_tests.run import run_suite
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.settings import SandboxChoice, VerificationSettings

SHOP: dict[str, str | bytes | None] = {
    "setup.py": "open('built', 'w').write('x')\n",
    "shop/__init__.py": "from needed import VALUE\nfrom shop._version import version\n",
}
TEST = """
from importlib import metadata
import shop
def test_what_is_there():
    import for_tests
    assert (shop.VALUE, for_tests.VALUE) == (5, 6)
    assert shop.version == metadata.version("shop") == "1.2.post1"
def test_what_is_new():
    import shop.new
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex(shop_wheels()).serving() as served:
        yield served


def repository(folder: Path, head: dict[str, str | bytes | None]) -> Repository:
    """A repository whose second commit is a step behind its tag."""
    made = GitRepository.create(folder)
    made.commit(SHOP)
    made.git("tag", "-a", "v1.2", "-m", "a version")
    made.commit(head)
    return Repository.open(folder)


def order(project: Repository, index: PackageIndex) -> WorkspaceOrder:
    python = Path(sys.executable)
    return WorkspaceOrder(
        repository=project,
        head=project.working_tree(),
        base=project.commit_tree(project.resolve("v1.2")),
        settings=VerificationSettings(install=True, install_seconds=100.0, python=python),
        build_sandbox=partial(build_sandbox, SandboxChoice.BEST_EFFORT),
        environment={"PIP_INDEX_URL": f"http://{index.host}/simple/"},
    )


async def run_on_both(workspace: PythonWorkspace, code: str) -> tuple[JobResult, JobResult]:
    job = TestJob(number=0, code=code, seconds=20.0)
    head = await run_jobs(workspace, PythonSetting(name="head"), [job])
    base = await run_jobs(workspace, PythonSetting(name="base", on_base=True), [job])
    return head[0], base[0]


@pytest.mark.slow
def test_install__the_project_and_what_its_tests_need(index: PackageIndex) -> None:
    async def scenario(whole: WorkspaceOrder) -> tuple[PythonWorkspace, JobResult, JobResult]:
        async with open_workspace(whole) as workspace:
            return workspace, *await run_on_both(workspace, TEST)

    with everybodys_folder() as folder:
        project = repository(folder / "project", {"shop/new.py": ""})
        workspace, head, base = asyncio.run(scenario(order(project, index)))
        left = sorted(path.name for path in (folder / "project").iterdir())
    assert statuses(head) == {"test_what_is_there": "passed", "test_what_is_new": "passed"}, head
    assert statuses(base) == {"test_what_is_there": "passed", "test_what_is_new": "failed"}, base
    assert workspace.interpreter.path.is_relative_to(workspace.scratch)
    assert not workspace.scratch.exists()
    assert left == [".git", "setup.py", "shop"]  # all was built in a copy
    assert "/simple/py/" not in [path for path, _ in index.asked]  # pytest worked as it was


def statuses(result: JobResult) -> dict[str, str]:
    return {name: one.status for name, one in result.functions.items()}


@pytest.mark.slow
def test_install__what_it_needs_alone_where_it_cannot_be_built(index: PackageIndex) -> None:
    head: dict[str, str | bytes | None] = {
        "setup.py": "raise SystemExit('no compiler')",
        "requirements.txt": "needed\n",
        "requirements-test.txt": "for-tests\n",
        "shop/_version.py": "version = 'unknown'\n",
    }
    code = "import shop\ndef test_it():\n    import for_tests\n    assert shop.VALUE == 5\n"

    async def scenario(whole: WorkspaceOrder) -> tuple[PythonWorkspace, JobResult]:
        async with open_workspace(whole) as workspace:
            return workspace, (await run_on_both(workspace, code))[0]

    with everybodys_folder() as folder:
        project = repository(folder / "project", head)
        workspace, result = asyncio.run(scenario(order(project, index)))
    assert result.functions["test_it"].status == "passed"
    assert "Could not install the project itself, only its dependencies: no compiler" in workspace.notes


@pytest.mark.slow
def test_install__without_what_cannot_be_had(index: PackageIndex) -> None:
    head: dict[str, str | bytes | None] = {
        "requirements-test.txt": "no-such-package\n--index-url https://evil.test\n",
        "tox.ini": "[testenv]\ndeps =\n    for-tests\n    needed<1\n",
    }

    async def scenario(whole: WorkspaceOrder) -> tuple[PythonWorkspace, JobResult]:
        async with open_workspace(whole) as workspace:
            return workspace, (await run_on_both(workspace, TEST))[0]

    with everybodys_folder() as folder:
        project = repository(folder / "project", head)
        workspace, result = asyncio.run(scenario(order(project, index)))
    assert statuses(result)["test_what_is_there"] == "passed", result
    whole, one = sorted(
        (note for note in workspace.notes if note.startswith("Could not install ")), reverse=True
    )
    assert whole.startswith("Could not install the dependencies in requirements-test.txt:")
    assert "no-such-package" in whole
    assert one.startswith("Could not install needed<1, a dependency in tox.ini:")
    [left_out] = [note for note in workspace.notes if "evil.test" in note]
    assert left_out.startswith("not installed for the tests")


class SlowSandbox:
    """A sandbox whose installations all take all of their time; it keeps how much, and if they built."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.builds: list[bool] = []

    def layers(self) -> tuple[str, ...]:
        return ()

    def warning(self) -> str:
        return ""

    async def start(self, command: Command, limits: Limits) -> RunningProcess:  # noqa: ARG002 - the seam's names
        raise CannotRun("no process can be started")

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        """Answer as if a time limit had ended an installation."""
        is_slow = "install" in command.argv
        if is_slow:
            self.seconds.append(limits.seconds)
            self.builds.append("--only-binary" not in command.argv)
        return ProcessOutcome(
            exit_code=int(is_slow), stdout=b"", stderr=b"", seconds=limits.seconds, timed_out=is_slow
        )


def slow_order(
    folder: Path,
    sandbox: SlowSandbox,
    needs: str,
    seconds: float,
    head: dict[str, str | bytes | None] | None = None,
) -> InstallOrder:
    """Return an order to install a project with these test requirements in a slow sandbox."""
    made = repository(folder / "project", {"requirements-test.txt": needs, **(head or {})})
    return InstallOrder(
        sandbox=sandbox,
        interpreter=Path(sys.executable),
        tree=made.working_tree(),
        project="",
        version="1",
        scratch=folder / "scratch",
        seconds=seconds,
    )


def test_install__a_slow_build_leaves_time_for_the_rest(tmp_path: Path) -> None:
    sandbox = SlowSandbox()
    whole = slow_order(tmp_path, sandbox, "for-tests\n", 1000.0)
    with pytest.raises(CannotPrepare):
        asyncio.run(install_project(whole))
    assert 600 < sandbox.seconds[0] < 800
    assert sandbox.builds == [True, *(False, True), False, *(False, True)]


class FailingSandbox(SlowSandbox):
    """A sandbox in which installing pytest alone works, and all else takes the time that is left."""

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        """Answer as if everything but pytest had no wheel."""
        done = await super().run(command, limits)
        if any(one.endswith("dependencies.txt") for one in command.argv):
            return replace(done, exit_code=0, timed_out=False)
        return done


def test_install__one_after_another_ends_with_the_time(tmp_path: Path) -> None:
    sandbox = FailingSandbox()
    many = "".join(f"package-{number}\n" for number in range(400))
    whole = slow_order(tmp_path, sandbox, many, 0.0, {"setup.py": None})
    installed = asyncio.run(install_project(whole))
    assert len(sandbox.seconds) < 10
    [note] = [note for note in installed.notes if "no time was left" in note]
    assert note.startswith("Could not install package-0 and what follows it in requirements-test.txt:")


OLD_PYTEST = made_wheel("pytest", "3.0", {"pytest/__init__.py": "", "pytest/__main__.py": "import gone\n"})
OLD_PY = made_wheel("py", "1.0", {"py/__init__.py": "path = None\n"})
NEW_PY = made_wheel("py", "1.1", {"py/__init__.py": "import _pytest._py.path as path", "py/builtin.py": ""})
OLD_PLUGIN = made_wheel(
    "fold",
    "1.0",
    {"fold.py": "import py.builtin\n", "fold-1.0.dist-info/entry_points.txt": "[pytest11]\nfold = fold\n"},
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("pytest<4\npy<1.1", "ModuleNotFoundError: No module named 'gone'"),
        ("fold", "ModuleNotFoundError: No module named 'py.builtin'; 'py' is not a package"),
    ],
    ids=["pinned years ago", "with a plugin from years ago"],
)
def test_install__a_pytest_that_works_here(index: PackageIndex, asked: str, problem: str) -> None:
    index.add({"pytest-3.0-py3-none-any.whl": OLD_PYTEST, "fold-1.0-py3-none-any.whl": OLD_PLUGIN})
    index.add({"py-1.0-py3-none-any.whl": OLD_PY, "py-1.1-py3-none-any.whl": NEW_PY})
    head: dict[str, str | bytes | None] = {"requirements-test.txt": f"{asked}\nfor-tests\n"}
    head["test_shop.py"] = "def test_it():\n    pass\n"

    async def scenario(whole: WorkspaceOrder) -> tuple[PythonWorkspace, JobResult, SuiteAnswer]:
        async with open_workspace(whole) as workspace:
            result = (await run_on_both(workspace, TEST))[0]
            return workspace, result, await run_suite(workspace, (), 60.0)

    with everybodys_folder() as folder:
        project = repository(folder / "project", head)
        workspace, result, own = asyncio.run(scenario(order(project, index)))
    assert statuses(result)["test_what_is_there"] == "passed", result
    assert [test.status for test in own.tests] == ["passed"], own.trouble
    what = f"pytest does not work in the version that the project requires ({problem})"
    notes = [note for note in workspace.notes if "pytest" in note]
    assert notes == [f"{what}: installed the newest pytest and py"]


@pytest.mark.slow
def test_install__a_setup_command_that_leaves_a_pytest_which_cannot_be_imported(index: PackageIndex) -> None:
    old = made_wheel("pytest", "3.0", {"pytest/__init__.py": "import no_longer_there\n"})
    index.add({"pytest-3.0-py3-none-any.whl": old})

    async def scenario(whole: WorkspaceOrder) -> None:
        async with open_workspace(whole):
            pytest.fail("there is nothing to run tests with")

    with everybodys_folder() as folder:
        whole = order(repository(folder / "project", {}), index)
        settings = replace(whole.settings, setup_command="uv pip install pytest==3.0")
        with pytest.raises(CannotPrepare, match="another pytest with --setup-command") as refused:
            asyncio.run(scenario(replace(whole, settings=settings)))
    assert "Run again with --install" not in str(refused.value)


def locked_project(folder: Path, index: PackageIndex, for_tests: str) -> Repository:
    """Return a project that needs `needed`, and something for its tests, with uv's lock file."""
    project_file = f"""
[project]
name = "shop"
version = "1"
requires-python = ">=3.9"
dependencies = ["needed"]
[dependency-groups]
test = ["{for_tests}"]
"""
    files: dict[str, str | bytes | None] = {
        "pyproject.toml": project_file,
        "setup.py": None,
        "shop/_version.py": "version = '1'\n",
    }
    project = repository(folder, files)
    host = f"http://{index.host}/simple/"
    command = ("lock", "--quiet", "--default-index", host, "--project", str(folder))
    subprocess.run((uv_program(), *command), check=True)
    return project


def with_newer_packages(
    project: Repository, index: PackageIndex, code: str
) -> tuple[PythonWorkspace, JobResult]:
    """Install a project when there is a newer `needed`; return the workspace and the result of a test."""
    index.add({"needed-2.0-py3-none-any.whl": made_wheel("needed", "2.0", {"needed.py": "VALUE = 6\n"})})

    async def scenario(whole: WorkspaceOrder) -> tuple[PythonWorkspace, JobResult]:
        async with open_workspace(whole) as workspace:
            return workspace, (await run_on_both(workspace, code))[0]

    return asyncio.run(scenario(order(project, index)))


@pytest.mark.slow
def test_install__the_versions_that_uv_has_locked(index: PackageIndex) -> None:
    code = """
from importlib.metadata import version
import shop
def test_versions():
    assert (version("needed"), version("for-tests")) == ("1.0", "1.0")
"""
    with everybodys_folder() as folder:
        project = locked_project(folder / "project", index, "for-tests")
        (folder / "project" / ".python-version").write_text("3.99\n")  # another than that of the tests
        workspace, result = with_newer_packages(project, index, code)
    assert statuses(result) == {"test_versions": "passed"}, result
    assert not [note for note in workspace.notes if "uv.lock" in note]


@pytest.mark.slow
def test_install__the_locked_versions_of_all_packages_that_can_be_had(index: PackageIndex) -> None:
    code = """
from importlib.metadata import version
import shop
def test_versions():
    assert version("needed") == "1.0"
"""
    with everybodys_folder() as folder:
        private = GitRepository.create(folder / "private")
        private.commit({"pyproject.toml": "[project]\nname = 'private'\nversion = '1'\n", "private.py": ""})
        project = locked_project(folder / "project", index, f"private @ git+file://{private.folder}")
        shutil.rmtree(private.folder)
        workspace, result = with_newer_packages(project, index, code)
    assert statuses(result) == {"test_versions": "passed"}, result
    assert [note for note in workspace.notes if "versions in uv.lock" in note]


@pytest.mark.slow
def test_install__the_versions_that_another_tool_has_locked(index: PackageIndex) -> None:
    code = """
from importlib.metadata import version
import shop
def test_versions():
    assert version("needed") == "{}"
"""
    lock = '[[package]]\nname = "Needed"\nversion = "{}"\n'
    for version, used in (("1.0", "1.0"), ("9.9", "2.0")):
        with everybodys_folder() as folder:
            project_file = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['needed']\n"
            files: dict[str, str | bytes | None] = {
                "pyproject.toml": project_file,
                "poetry.lock": lock.format(version),
                "setup.py": None,
                "shop/_version.py": "version = '1'\n",
            }
            project = repository(folder / "project", files)
            workspace, result = with_newer_packages(project, index, code.format(used))
        assert statuses(result) == {"test_versions": "passed"}, result
        notes = [note for note in workspace.notes if "versions in poetry.lock" in note]
        assert bool(notes) == (version != used)


@pytest.mark.slow
def test_install__nothing_of_it_can_be_had(index: PackageIndex) -> None:
    async def scenario(whole: WorkspaceOrder) -> None:
        async with open_workspace(whole):
            pytest.fail("there is nothing to run tests with")

    with everybodys_folder() as folder:
        head: dict[str, str | bytes | None] = {
            "setup.py": "raise SystemExit('no compiler')",
            "requirements.txt": "no-such-package\n",
        }
        project = repository(folder / "project", head)
        with pytest.raises(
            CannotPrepare, match=r"Could not install the test dependencies .*no-such-package.*--python"
        ):
            asyncio.run(scenario(order(project, index)))


DEEP = """
import os
here = os.getcwd()
os.chdir(os.environ["UV_PROJECT_ENVIRONMENT"])
for _ in range(600):
    os.mkdir("d")
    os.chdir("d")
os.chdir(here)
"""


@pytest.mark.slow
def test_install__folders_that_are_nested_too_deep_are_an_answer(index: PackageIndex) -> None:
    async def scenario(whole: WorkspaceOrder) -> None:
        async with open_workspace(whole):
            pytest.fail("the environment cannot be read")

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with everybodys_folder() as folder:
        whole = order(repository(folder / "project", {"setup.py": DEEP}), index)
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, before[1]))
        try:
            with pytest.raises(CannotPrepare, match=r"Could not use .* built .*\(Too many open files\)"):
                asyncio.run(scenario(whole))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "kind", "problems"),
    [
        ("", "black", []),
        (
            "tea",
            "green",
            ["Could not install other projects of this repository, so packages of the same name may be used"],
        ),
        ("pot", "black", ["Could not install the project itself, only its dependencies"]),
    ],
)
def test_install__other_projects_of_the_repository_first(
    index: PackageIndex, broken: str, kind: str, problems: list[str]
) -> None:
    index.add({"tea-1.0-py3-none-any.whl": made_wheel("tea", "1.0", {"tea.py": "KIND = 'green'\n"})})
    index.add(hatchling_wheels())
    declared = "[project]\nname = '{0}'\nversion = '2'\ndependencies = [{1}]\n"
    backend = "[build-system]\nrequires = ['{0}']\nbuild-backend = 'hatchling.build'\n"
    extra = "optional-dependencies = {hot = ['needed']}\n"
    build = {
        name: backend.format("no-such-package" if name == broken else "hatchling") for name in ("tea", "pot")
    }
    head: dict[str, str | bytes | None] = {
        **dict.fromkeys(SHOP),
        "packages/tea/pyproject.toml": declared.format("tea", "") + extra + build["tea"],
        "packages/tea/tea.py": "import needed\nKIND = 'black'\n",
        "packages/pot/pyproject.toml": declared.format("pot", "'tea[hot]>=1,<2'") + build["pot"],
        "packages/pot/pot.py": "import tea\n",
        "packages/pot/requirements-test.txt": "for-tests\n-e ../tea\n-e ../cup\n-e ../gone\n",
        "packages/cup/pyproject.toml": declared.format("cup", "") + backend.format("hatchling"),
        "packages/cup/cup.py": "",
    }
    code = f"import pot\ndef test_it():\n    assert pot.tea.KIND == '{kind}'\n"
    code += "" if kind == "green" else "    import cup\n"

    async def scenario(whole: WorkspaceOrder) -> tuple[PythonWorkspace, JobResult]:
        async with open_workspace(whole) as workspace:
            return workspace, (await run_on_both(workspace, code))[0]

    with everybodys_folder() as folder:
        project = replace(repository(folder / "project", head), project="packages/pot")
        workspace, result = asyncio.run(scenario(order(project, index)))
    assert statuses(result) == {"test_it": "passed"}, result
    failing = [note for note in workspace.notes if note.startswith("Could not")]
    assert [note.partition(":")[0] for note in failing] == problems
    [note] = [note for note in workspace.notes if note.startswith("not installed for the tests")]
    assert note.endswith(": `-e ../gone` (requirements-test.txt)")
