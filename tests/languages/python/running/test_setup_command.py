from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fakes.attack_site import everybodys_folder
from fakes.git_repository import GitRepository
from fakes.packages import PackageIndex, hatchling_wheels
from testsmith.execution.jobs import JobResult, TestJob
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.settings import SandboxChoice, VerificationSettings

pytestmark = pytest.mark.slow


def project_file(name: str) -> str:
    return f"""\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
dynamic = ["version"]

[tool.hatch.version]
source = "env"
variable = "SETUPTOOLS_SCM_PRETEND_VERSION"
"""


BASE: dict[str, str | bytes | None] = {
    "pyproject.toml": project_file("shop"),
    "src/shop/__init__.py": "from tills import SIDE\n",
    "libs/tills/pyproject.toml": project_file("tills"),
    "libs/tills/src/tills/__init__.py": "SIDE = 'base'\n",
    "libs/coins/pyproject.toml": project_file("coins"),
    "libs/coins/coins/__init__.py": "SIDE = 'base'\n",
}
HEAD: dict[str, str | bytes | None] = {
    "src/shop/new.py": "",
    "libs/tills/src/tills/__init__.py": "SIDE = 'head'\n",
    "libs/coins/coins/__init__.py": "SIDE = 'head'\n",
}
SIDES = """
from importlib import metadata
import coins, shop, shop._made, tills
def test_head():
    import shop.new
    assert (shop.SIDE, tills.SIDE, coins.SIDE) == ("head",) * 3
def test_base():
    assert (shop.SIDE, tills.SIDE, coins.SIDE) == ("base",) * 3
def test_on_both():
    assert shop._made.VALUE == 7
    assert metadata.version("shop") == metadata.version("tills") == "1.2.post1"
"""


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex(hatchling_wheels()).serving() as served:
        yield served


def order(
    folder: Path, index: PackageIndex, command: str, base: dict[str, str | bytes | None]
) -> WorkspaceOrder:
    made = GitRepository.create(folder)
    made.commit(base)
    made.git("tag", "-a", "v1.2", "-m", "a version")
    made.commit(HEAD)
    project = Repository.open(folder)
    python = Path(sys.executable)
    return WorkspaceOrder(
        repository=project,
        head=project.working_tree(),
        base=project.commit_tree(project.resolve("v1.2")),
        settings=VerificationSettings(setup_command=command, install_seconds=100.0, python=python),
        build_sandbox=partial(build_sandbox, SandboxChoice.BEST_EFFORT),
        environment={
            "PIP_INDEX_URL": f"http://someone:secret@{index.host}/simple/",
            "TESTSMITH_API_KEY": "sk-secret",
        },
    )


async def run_on_both(whole: WorkspaceOrder, code: str) -> tuple[PythonWorkspace, JobResult, JobResult]:
    job = TestJob(number=0, code=code, seconds=20.0)
    async with open_workspace(whole) as workspace:
        head = await run_jobs(workspace, PythonSetting(name="head"), [job])
        base = await run_jobs(workspace, PythonSetting(name="base", on_base=True), [job])
    return workspace, head[0], base[0]


def passing(result: JobResult) -> set[str]:
    return {name for name, one in result.functions.items() if one.status == "passed"}


def test_setup_command__what_is_installed_editable_is_each_sides_own(index: PackageIndex) -> None:
    command = """
        test -z "$TESTSMITH_API_KEY"; env | grep -q secret && exit 3
        pip install --quiet -e . -e libs/tills
        uv pip install --quiet ./libs/coins
        echo 'VALUE = 7' > src/shop/_made.py
    """
    with everybodys_folder() as folder:
        whole = order(folder / "project", index, command, BASE)
        workspace, head, base = asyncio.run(run_on_both(whole, SIDES))
        left = sorted(path.name for path in (folder / "project" / "src/shop").iterdir())
    assert passing(head) == {"test_head", "test_on_both"}, head
    assert passing(base) == {"test_base", "test_on_both"}, base
    assert "pytest was installed, because the setup command did not install it" in workspace.notes
    assert left == ["__init__.py", "new.py"]  # all was built in a copy


def test_setup_command__runs_in_the_opened_folder(index: PackageIndex) -> None:
    command = "uv pip install --quiet -e ./libs/tills ./libs/coins"
    code = "import coins, tills\ndef test_it():\n    assert (tills.SIDE, coins.SIDE) == ('head', 'head')\n"
    with everybodys_folder() as folder:
        whole = order(folder / "project", index, command, BASE)
        nested = Repository.open(folder / "project" / "libs" / "tills")
        _, head, _ = asyncio.run(run_on_both(replace(whole, repository=nested, opened=""), code))
    assert passing(head) == {"test_it"}, head


def test_setup_command__that_fails_tells_its_last_words(index: PackageIndex) -> None:
    command = "echo begun\nls missing-folder\necho never reached"
    with everybodys_folder() as folder:
        whole = order(folder / "project", index, command, BASE)
        with pytest.raises(CannotPrepare, match=r"The setup command failed \(ls: .*missing-folder"):
            asyncio.run(run_on_both(whole, ""))
