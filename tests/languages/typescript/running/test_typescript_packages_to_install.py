"""What is installed for a project, and how it is linked into a copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.typescript.running.install.packages import (
    PackageOrder,
    link_packages,
    package_folders,
    package_orders,
)

NEEDS = json.dumps({"dependencies": {"a": "1"}})


def orders(files: dict[str, str], project: str = "") -> list[tuple[str, str, list[str]]]:
    found = package_orders(MemoryTree(files), project)
    return [(one.folder, one.lock, sorted(one.files)) for one in found]


def test_package_orders__by_the_lock_file_around_the_project() -> None:
    files = {
        "package.json": NEEDS,
        "pnpm-lock.yaml": "",
        "pnpm-workspace.yaml": "",
        ".npmrc": "",
        "packages/a/package.json": NEEDS,
        "packages/a/index.js": "",
        "node_modules/x/package.json": NEEDS,
    }
    expected = [
        (
            "",
            "pnpm-lock.yaml",
            [".npmrc", "package.json", "packages/a/package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"],
        )
    ]
    assert orders(files) == expected
    assert orders(files, "packages/a") == expected


def test_package_orders__without_a_lock_file() -> None:
    assert orders({"package.json": NEEDS, "index.js": ""}) == [("", "", ["package.json"])]
    assert orders({"package.json": "{}"}) == []
    assert orders({"index.js": ""}) == []


@pytest.mark.parametrize(
    ("workspaces", "is_one"),
    [
        (["packages/*"], True),
        ({"packages": ["./packages/**/"]}, True),
        (["packages/a"], True),
        (["packages/*", "!packages/a"], False),
        (["apps/*"], False),
        ("packages/*", False),
    ],
)
def test_package_orders__of_a_workspace_without_a_lock_file(workspaces: object, is_one: bool) -> None:
    root = json.dumps({"devDependencies": {"mocha": "11"}, "workspaces": workspaces})
    files = {"package.json": root, "packages/a/package.json": NEEDS, "packages/b/package.json": NEEDS}
    every = ["package.json", "packages/a/package.json", "packages/b/package.json"]
    alone = [("packages/a", "", ["package.json"])]
    assert orders(files, "packages/a") == ([("", "", every)] if is_one else alone)


def test_package_orders__packages_with_a_lock_file_of_their_own() -> None:
    files = {"package.json": "{}", "web/package.json": NEEDS, "web/package-lock.json": "{}"}
    assert orders(files) == [("web", "package-lock.json", ["package-lock.json", "package.json"])]


def digest(**manifest: object) -> str:
    files = {"package.json": json.dumps(manifest).encode()}
    return PackageOrder(folder="", lock="", files=files).digest


def test_digest__only_what_decides_what_is_installed() -> None:
    assert digest(dependencies={"a": "1"}, version="1") == digest(dependencies={"a": "1"}, scripts={"b": "c"})
    assert digest(dependencies={"a": "1"}) != digest(dependencies={"a": "2"})


def test_link_packages__a_workspace_leads_to_the_copy(tmp_path: Path) -> None:
    installed, copy = tmp_path / "installed", tmp_path / "copy"
    for folder in (
        "node_modules/a",
        "node_modules/@s",
        "packages/w/node_modules/b",
        "packages/gone/node_modules/c",
    ):
        (installed / folder).mkdir(parents=True)
    (installed / "node_modules" / "@s" / "d").mkdir()
    (installed / "node_modules" / "w").symlink_to("../packages/w")
    (installed / "node_modules" / "@s" / "w").symlink_to("../../packages/w")
    (installed / "node_modules" / ".bin").mkdir()
    (copy / "packages" / "w").mkdir(parents=True)
    link_packages(installed, package_folders(installed), copy)
    modules = copy / "node_modules"
    assert (modules / "a").resolve() == installed / "node_modules" / "a"
    assert (modules / "@s" / "d").resolve() == installed / "node_modules" / "@s" / "d"
    assert (modules / "w").resolve() == (modules / "@s" / "w").resolve() == copy / "packages" / "w"
    assert (copy / "packages" / "w" / "node_modules" / "b").resolve() == (
        installed / "packages" / "w" / "node_modules" / "b"
    )
    assert not (copy / "packages" / "gone").exists()
    assert not (modules / ".bin").exists()
    again = tmp_path / "runs" / "again"
    shutil.copytree(copy, again, symlinks=True)
    own = again / "node_modules"
    assert (own / "w").resolve() == (own / "@s" / "w").resolve() == again / "packages" / "w"
    assert (own / "a").resolve() == installed / "node_modules" / "a"
    assert sorted(package_folders(installed)) == sorted(
        installed / one for one in ("node_modules", "packages/w/node_modules", "packages/gone/node_modules")
    )
