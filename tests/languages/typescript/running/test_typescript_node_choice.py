"""Versions of Node, and which Node is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.languages.typescript.running.install.node_choice import fits, named_node, node_on_path
from testsmith.model import UsageFailure


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("24.19.0", ">=18", True),
        ("24.19.0", ">=18 <24", False),
        ("24.19.0", "^20.1.0 || ^22.0.0 || >=24.0.0", True),
        ("23.1.0", "^20.1.0 || ^22.0.0 || >=24.0.0", False),
        ("20.19.0", "20", True),
        ("20.19.0", "v20.19.0", True),
        ("20.19.1", "20.19.0", False),
        ("20.19.0", "20.x", True),
        ("22.1.0", "20.x", False),
        ("20.19.0", "~20.18", False),
        ("20.18.4", "~20.18", True),
        ("18.2.0", "16 - 18", True),
        ("19.0.0", "16 - 18", False),
        ("24.19.0", "lts/*", True),
        ("24.19.0", "*", True),
        ("24.19.0", ">= 18.0.0", True),
        ("24.19.0", "> 24.19", False),
        ("24.19.0", "<= 24", True),
        ("24.19.0", "something else", None),
    ],
)
def test_fits__ranges_of_npm(version: str, wanted: str, expected: bool | None) -> None:
    assert fits(version, wanted) is expected


def test_named_node__a_folder_or_a_program(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "node"
    program.parent.mkdir()
    program.touch()
    assert named_node(tmp_path).program == named_node(program).program == program.resolve()
    assert named_node(tmp_path).root == tmp_path.resolve()
    with pytest.raises(UsageFailure, match="No Node: "):
        named_node(tmp_path / "nowhere")


def test_node_on_path__none(tmp_path: Path) -> None:
    assert node_on_path({"PATH": str(tmp_path)}) is None
