from __future__ import annotations

import ast
from pathlib import Path

import pytest

import testsmith.languages.python.running.worker

FILES = sorted(Path(testsmith.languages.python.running.worker.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_worker__keeps_to_the_syntax_of_the_oldest_interpreter(file: Path) -> None:
    ast.parse(file.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_worker__takes_annotations_as_text(file: Path) -> None:
    tree = ast.parse(file.read_text())
    needs = any(isinstance(node, ast.FunctionDef | ast.AnnAssign) for node in ast.walk(tree))
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert futures or not needs
