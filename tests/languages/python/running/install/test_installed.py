from __future__ import annotations

import asyncio
import json
from pathlib import Path

from fakes.workspaces import small_workspace
from testsmith.languages.python.running.install.installed import Installed, with_installation
from testsmith.languages.python.running.workspace import PythonWorkspace

HEAD = {"src/shop/__init__.py": "", "libs/tills/tills.py": "SIDE = 'head'\n"}
BASE = {"src/shop/__init__.py": "", "libs/tills/tills.py": "SIDE = 'base'\n"}


def files(folder: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def installation(folder: Path) -> tuple[Installed, Path]:
    """An environment with its folder of packages, and a copy that was installed."""
    packages = folder / "environment/lib/python3.13/site-packages"
    packages.mkdir(parents=True)
    built = folder / "built"
    files(built, HEAD)
    return Installed(interpreter=folder / "environment/bin/python", built=built), packages


def used(folder: Path, installed: Installed) -> tuple[list[str], list[str], list[str]]:
    """Return the source roots of both sides, and the files of both, relative to their copies."""

    async def scenario() -> PythonWorkspace:
        async with small_workspace(folder / "repository", HEAD, BASE) as workspace:
            found = with_installation(workspace, installed)
            assert found.base is not None
            told.append([str(root.relative_to(found.head.root)) for root in found.head.source_roots])
            told.append([str(root.relative_to(found.base.root)) for root in found.base.source_roots])
            told.append(
                sorted(
                    str(path.relative_to(copy.root))
                    for copy in (found.head, found.base)
                    for path in copy.root.rglob("*.py")
                )
            )
            return found

    told: list[list[str]] = []
    asyncio.run(scenario())
    return told[0], told[1], told[2]


def test_with_installation__folders_that_were_installed_are_roots_of_both_sides(tmp_path: Path) -> None:
    installed, packages = installation(tmp_path)
    address = f"file://{installed.built}/libs/tills"
    files(packages, {"tills-1.dist-info/direct_url.json": json.dumps({"url": address, "dir_info": {}})})
    files(installed.built, {"src/shop/_made.py": ""})
    head, base, brought = used(tmp_path, installed)
    assert head == base == [".", "src", "libs/tills"]
    assert brought.count("src/shop/_made.py") == 2
    assert not installed.built.exists()


def test_with_installation__what_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    installed, packages = installation(tmp_path)
    outside = tmp_path / "outside"
    files(outside, {"shop/secret.py": "", "tills.py": ""})
    lines = (
        outside,
        "../outside",
        f"{installed.built}/../outside",
        f"{installed.built}/.git",
        "import os",
        "/",
    )
    files(
        packages,
        {
            "evil.pth": "".join(f"{line}\n" for line in lines),
            "a-1.dist-info/direct_url.json": json.dumps({"url": f"file://{outside}"}),
            "b-1.dist-info/direct_url.json": json.dumps({"url": f"https://{installed.built}/libs/tills"}),
            "c-1.dist-info/direct_url.json": "[" * 50_000,
            "d-1.dist-info/direct_url.json": "[1]",
        },
    )
    (packages / "link.pth").symlink_to(packages / "evil.pth")
    for path in (
        installed.built / "src/shop/__init__.py",
        installed.built / "src/shop",
        installed.built / "src",
    ):
        path.unlink() if path.is_file() else path.rmdir()
    (installed.built / "src").symlink_to(outside)
    head, base, brought = used(tmp_path, installed)
    assert head == base == [".", "src"]
    assert not [path for path in brought if "secret" in path]
