from __future__ import annotations

import asyncio
import hashlib
import io
import json
import platform
import sys
import tarfile
from functools import partial
from pathlib import Path

import pytest

from fakes.attack_site import everybodys_folder
from fakes.git_repository import GitRepository
from fakes.packages import PackageIndex
from fakes.trees import MemoryTree
from testsmith.execution.jobs import TestJob
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.workspace import CannotPrepare, WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.languages.python.running.harness import run_jobs
from testsmith.languages.python.running.interpreter import ChosenInterpreter
from testsmith.languages.python.running.python_version import (
    FittingPython,
    PythonWish,
    check_version,
    fitting_python,
    interpreters_in,
    requires_python,
)
from testsmith.languages.python.running.run_settings import PythonSetting
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.running.workspace_builder import open_workspace
from testsmith.settings import SandboxChoice, VerificationSettings

OWN = ChosenInterpreter(path=Path(sys.executable), origin="the interpreter that runs TestSmith")
OWN_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
AT_HAND = {one.version: one for one in interpreters_in([Path("/usr/local/bin"), Path("/usr/bin")])}
OTHER = next((one for version, one in AT_HAND.items() if version != sys.version_info[:2]), None)
NOT_AT_HAND = next(
    f"3.{minor}" for minor in (14, 12, 10, 9) if (3, minor) not in {*AT_HAND, sys.version_info[:2]}
)


def wish(asked: str | None = None, requires: str = "", path: str = "") -> PythonWish:
    return PythonWish(asked=asked, requires=requires, environment={"PATH": path})


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_bytes(b"\x7fELF")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("asked", "requires"),
    [
        (None, ""),
        (None, f">={OWN_VERSION}"),
        (None, "as you like it"),
        (OWN_VERSION, ">=4"),
        (f"{OWN_VERSION}.1", ""),
    ],
)
def test_fitting_python__the_one_at_hand(asked: str | None, requires: str) -> None:
    assert fitting_python(OWN, wish(asked, requires)) == FittingPython(choice=OWN)


def test_requires_python__of_an_invalid_file_is_unknown() -> None:
    assert requires_python(MemoryTree({"pyproject.toml": f"a = {'1' * 5000}"}), "") == ""


def test_fitting_python__another_at_hand(tmp_path: Path) -> None:
    path = programs(tmp_path, "python3.15", "python3.9")
    for wanted in (wish("3.15", path=path), wish(requires=">=3.15", path=path)):
        found = fitting_python(OWN, wanted)
        assert (found.choice.path, found.fetched) == (tmp_path / "python3.15", None)
        assert [*found.notes(OWN)] == [
            f"the tests ran on Python 3.15 at {tmp_path}/python3.15: {sys.executable} has another version"
        ]


def test_fitting_python__one_that_is_fetched() -> None:
    found = fitting_python(OWN, wish(NOT_AT_HAND))
    assert (found.choice, found.fetched) == (OWN, NOT_AT_HAND)
    assert [*found.notes(OWN)] == [f"the tests ran on Python {NOT_AT_HAND}, which was downloaded for them"]
    assert fitting_python(OWN, wish(requires=f"=={NOT_AT_HAND}.*")).fetched == NOT_AT_HAND


def test_fitting_python__of_unknown_version_is_what_the_person_has(tmp_path: Path) -> None:
    unknown = ChosenInterpreter(path=Path(programs(tmp_path, "python")) / "python", origin="--python")
    assert fitting_python(unknown, wish(requires=">=3.99")).choice == unknown


@pytest.mark.parametrize("asked", ["3", "2.7", "latest", "3.12; rm -rf .", "--help", "3.12-dev"])
def test_fitting_python__no_version(asked: str) -> None:
    with pytest.raises(CannotPrepare, match="not a Python version; use for example"):
        fitting_python(OWN, wish(asked))


def test_fitting_python__none_that_is_known() -> None:
    with pytest.raises(CannotPrepare, match=r"requires Python >=3\.99, and no known version fits"):
        fitting_python(OWN, wish(requires=">=3.99"))


def test_check_version__names_the_way_to_another() -> None:
    check_version(OWN, wish(OWN_VERSION))
    with pytest.raises(CannotPrepare, match=r"requires 3\.8: add --install"):
        check_version(OWN, wish("3.8"))


async def opened(whole: WorkspaceOrder) -> tuple[PythonWorkspace, str]:
    code = "import platform\ndef test_version():\n    assert not platform.python_version()\n"
    async with open_workspace(whole) as workspace:
        results = await run_jobs(
            workspace, PythonSetting(name="head"), [TestJob(number=0, code=code, seconds=20.0)]
        )
        return workspace, results[0].functions["test_version"].message


def order(
    folder: Path, index: PackageIndex, asked: str | None, requires: str = "", **variables: str
) -> WorkspaceOrder:
    made = GitRepository.create(folder)
    made.commit(
        {"pyproject.toml": f"[project]\nname = 'shop'\nrequires-python = '{requires}'\n", "shop.py": ""}
    )
    project = Repository.open(folder)
    return WorkspaceOrder(
        repository=project,
        head=project.working_tree(),
        base=None,
        settings=VerificationSettings(install=True, python_version=asked, install_seconds=100.0),
        build_sandbox=partial(build_sandbox, SandboxChoice.BEST_EFFORT),
        environment={"PIP_INDEX_URL": f"http://{index.host}/simple/", **variables},
    )


@pytest.mark.slow
@pytest.mark.skipif(OTHER is None, reason="this machine has one version of Python")
def test_install__on_another_python_by_itself() -> None:
    assert OTHER is not None
    version = f"{OTHER.version[0]}.{OTHER.version[1]}"
    with everybodys_folder() as folder, PackageIndex({}).serving() as index:
        workspace, said = asyncio.run(opened(order(folder / "project", index, None, f"=={version}.*")))
    assert workspace.interpreter.version == OTHER.version
    assert f"assert not '{version}." in said
    assert any(f"the tests ran on Python {version} at" in note for note in workspace.notes)


@pytest.mark.slow
def test_install__a_python_that_cannot_be_fetched() -> None:
    with everybodys_folder() as folder, PackageIndex({}).serving() as index:
        mirror = f"http://{index.host}/nothing"
        whole = order(folder / "project", index, NOT_AT_HAND, UV_PYTHON_INSTALL_MIRROR=mirror)
        with pytest.raises(
            CannotPrepare, match=rf"Python {NOT_AT_HAND}.* could not be downloaded .*404.*--python-version"
        ):
            asyncio.run(opened(whole))


@pytest.mark.slow
@pytest.mark.skipif(not sys.base_prefix.startswith("/usr"), reason="its library is readable in /usr alone")
def test_install__a_python_that_is_fetched_must_be_of_the_version_that_was_asked_for() -> None:
    """What is fetched is this very interpreter under another name: it finds its library by itself."""
    files = {"python.tar.gz": archive()}
    with everybodys_folder() as folder, PackageIndex(files).serving() as index:
        files = {**files, "list.json": downloads(index, files["python.tar.gz"])}
        index.add(files)
        listed = f"http://{index.host}/files/list.json"
        whole = order(folder / "project", index, NOT_AT_HAND, UV_PYTHON_DOWNLOADS_JSON_URL=listed)
        message = rf"is Python {NOT_AT_HAND}, but what runs in it says Python {OWN_VERSION}:"
        with pytest.raises(CannotPrepare, match=message):
            asyncio.run(opened(whole))


def archive() -> bytes:
    """Pack this interpreter as uv expects one: it adapts the settings that lie in its library."""
    settings = b"# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n"
    entry = tarfile.TarInfo(
        f"python/lib/python{NOT_AT_HAND}/_sysconfigdata__linux_{platform.machine()}-linux-gnu.py"
    )
    entry.size = len(settings)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(Path(sys.executable).resolve(), f"python/bin/python{NOT_AT_HAND}")
        tar.addfile(entry, io.BytesIO(settings))
    return packed.getvalue()


def downloads(index: PackageIndex, content: bytes) -> bytes:
    major, minor = NOT_AT_HAND.split(".")
    entry = {
        "name": "cpython",
        "arch": {"family": platform.machine(), "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": int(major),
        "minor": int(minor),
        "patch": 1,
        "prerelease": "",
        "url": f"http://{index.host}/files/python.tar.gz",
        "sha256": hashlib.sha256(content).hexdigest(),
        "variant": None,
    }
    return json.dumps({f"cpython-{NOT_AT_HAND}.1-linux-{platform.machine()}-gnu": entry}).encode()
