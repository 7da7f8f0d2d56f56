from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from languages.python.running.install.test_installer import TEST, order, repository, run_on_both, statuses

from fakes.attack_site import everybodys_folder
from fakes.git_repository import GitRepository
from fakes.packages import PackageIndex, shop_wheels
from fakes.trees import MemoryTree
from testsmith.execution.jobs import JobResult
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.languages.python.running.install.environment_cache import CachedEnvironment, key_of
from testsmith.languages.python.running.workspace_builder import open_workspace

FILES = {"pyproject.toml": "[project]\n", "src/shop/cart.py": "x = 1\n", "setup.py": ""}


def key(files: dict[str, str], **parts: object) -> str:
    return key_of(MemoryTree(files), parts)


def test_key_of__only_what_decides_what_is_installed() -> None:
    first = key(FILES, needs=("needed",))
    assert first == key({**FILES, "src/shop/cart.py": "x = 2\n"}, needs=("needed",))
    others = [
        key(FILES, needs=("needed", "more")),
        key({**FILES, "setup.py": "print()"}, needs=("needed",)),
        key({**FILES, "pyproject.toml": "[project]\nname = 'shop'\n"}, needs=("needed",)),
        key({**FILES, "src/shop/new.py": ""}, needs=("needed",)),
    ]
    assert len({first, *others}) == 5


def installation(place: Path, files: dict[str, str]) -> Path:
    site = "environment/lib/python3.12/site-packages"
    all_files = {
        "environment/bin/python": "\x7fELF",
        "environment/bin/pytest": f"#!{place}/environment/bin/python\n",
        f"{site}/shop-1.dist-info/direct_url.json": f'{{"url": "file://{place}/project"}}',
        f"{site}/shop-1.dist-info/RECORD": "shop/__init__.py,sha256=x,0\n",
        "project/setup.py": "",
        **files,
    }
    for name, content in all_files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(content)
    return place


def test_restore__what_was_kept_at_another_place(tmp_path: Path) -> None:
    old, new = installation(tmp_path / "old", {}), tmp_path / "new"
    (old / "environment/bin/python3").symlink_to("python")
    cached = CachedEnvironment(folder=tmp_path / "cache" / "key")
    assert cached.restore(new) is None
    cached.keep(old, ["a note"])

    assert cached.restore(new) == ("a note",)
    assert (new / "environment/bin/pytest").read_text() == f"#!{new}/environment/bin/python\n"
    assert (new / "environment/bin/python3").readlink() == Path("python")
    [address] = new.glob("environment/lib/*/site-packages/*/direct_url.json")
    assert address.read_text() == f'{{"url": "file://{new}/project"}}'
    assert [one.name for one in (tmp_path / "cache").iterdir()] == ["key"]


def test_restore__nothing_that_is_a_week_old(tmp_path: Path) -> None:
    cached = CachedEnvironment(folder=tmp_path / "cache" / "key")
    cached.keep(installation(tmp_path / "old", {}), [])
    week_ago = time.time() - 8 * 86_400
    os.utime(cached.folder, (week_ago, week_ago))
    assert cached.restore(tmp_path / "new") is None
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "file",
    [
        "project/src/shop/fast.cpython-312-x86_64-linux-gnu.so",
        "environment/lib/python3.12/site-packages/shop-1.dist-info/RECORD",
    ],
)
def test_keep__nothing_with_modules_that_the_project_compiles(tmp_path: Path, file: str) -> None:
    cached = CachedEnvironment(folder=tmp_path / "cache" / "key")
    cached.keep(installation(tmp_path / "old", {file: "shop/fast.cpython-312.so,sha256=x,9\n"}), [])
    assert not cached.folder.exists()


def test_keep__the_newest_five(tmp_path: Path) -> None:
    old = installation(tmp_path / "old", {})
    for number in range(7):
        cached = CachedEnvironment(folder=tmp_path / "cache" / f"key{number}")
        cached.keep(old, [])
        minutes_ago = time.time() - 60 * (10 - number)
        os.utime(cached.folder, (minutes_ago, minutes_ago))
    assert {one.name for one in (tmp_path / "cache").iterdir()} == {f"key{number}" for number in range(2, 7)}


@pytest.mark.slow
def test_install__a_second_run_needs_no_index(tmp_path: Path) -> None:
    async def scenario(whole: WorkspaceOrder) -> tuple[JobResult, JobResult, tuple[str, ...]]:
        async with open_workspace(whole) as workspace:
            return *await run_on_both(workspace, TEST), workspace.notes

    with everybodys_folder() as folder:
        project = repository(folder / "project", {"shop/new.py": ""})
        with PackageIndex(shop_wheels()).serving() as index:
            whole = replace(order(project, index), environments=tmp_path / "environments")
            asyncio.run(scenario(whole))
        GitRepository(folder / "project").write({"shop/new.py": "x = 1\n"})
        head, base, notes = asyncio.run(scenario(replace(whole, head=project.working_tree())))
    assert statuses(head) == {"test_what_is_there": "passed", "test_what_is_new": "passed"}, head
    assert statuses(base) == {"test_what_is_there": "passed", "test_what_is_new": "failed"}, base
    assert "installed by an earlier run (`testsmith cache clear` removes it)" in notes
