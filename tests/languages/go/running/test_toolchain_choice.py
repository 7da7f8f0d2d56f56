from __future__ import annotations

from pathlib import Path

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.go.running.install.toolchain_choice import (
    named_toolchain,
    required_version,
    toolchain_on_path,
    version_of,
)
from testsmith.model import UsageFailure


def fake_go(root: Path) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "pkg" / "tool").mkdir(parents=True)
    program = root / "bin" / "go"
    program.touch(mode=0o755)
    return program


def test_named_toolchain__its_folder_or_its_command(tmp_path: Path) -> None:
    program = fake_go(tmp_path / "go")
    assert named_toolchain(tmp_path / "go").root == tmp_path / "go"
    assert named_toolchain(program).root == tmp_path / "go"
    with pytest.raises(UsageFailure, match=r"No Go toolchain: .*nothing"):
        named_toolchain(tmp_path / "nothing")


def test_toolchain_on_path__through_links_but_not_a_program_that_starts_another(tmp_path: Path) -> None:
    program = fake_go(tmp_path / "go")
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "go").symlink_to(program)
    found = toolchain_on_path({"PATH": str(shims)})
    assert found is not None
    assert found.root == tmp_path / "go"
    (shims / "go").unlink()
    (shims / "go").touch(mode=0o755)
    assert toolchain_on_path({"PATH": str(shims)}) is None
    assert toolchain_on_path({}) is None


def test_required_version__the_newest_of_the_projects_modules() -> None:
    files = {
        "go.mod": "module a\n\ngo 1.21 // the oldest\n",
        "inner/go.mod": "module b\n\ngo 1.23.1\n",
        "other/go.mod": "module c\ngo 1.9\n",
        "vendor/x/go.mod": "go 1.99\n",
        "a/vendor/x/go.mod": "go 1.99\n",
        "without/go.mod": "module d\n",
    }
    tree = MemoryTree({path: text.encode() for path, text in files.items()})
    assert required_version(tree, "") == "1.23.1"
    assert required_version(tree, "other") == "1.9"
    assert required_version(tree, "without") == ""
    assert required_version(MemoryTree({}), "") == ""


def test_version_of__numbers() -> None:
    assert version_of("go1.27.3") == (1, 27, 3)
    assert version_of("1.9") < version_of("1.22rc1") < version_of("1.27.3")
    assert version_of("devel") == ()
