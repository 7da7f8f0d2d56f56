"""Rules that no linter measures here. Complexity is measured by ruff (C901), imports by import-linter."""

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import testsmith

HOUSE = Path(testsmith.__file__).parent
ROOT = HOUSE.parents[1]


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(HOUSE.rglob("*.py"))]


def lengths() -> dict[str, int]:
    """Return every function's length in lines, its docstring not counted."""
    found = {}
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                name = f"{path.relative_to(HOUSE)}:{node.lineno} {node.name}"
                found[name] = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
    return found


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    if ast.get_docstring(node) is None:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def test_functions__none_is_over_60_lines() -> None:
    assert {name: length for name, length in lengths().items() if length > 60} == {}


def test_classes__no_two_public_ones_share_a_name() -> None:
    places = defaultdict(list)
    for path, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(HOUSE)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_folders__none_has_more_than_15_modules() -> None:
    paths = [path for path in HOUSE.rglob("*.py") if path.name != "__init__.py"]
    counted = Counter(path.parent.relative_to(HOUSE) for path in paths)
    assert {str(folder): count for folder, count in counted.items() if count > 15} == {}


def test_structure__the_picture_in_the_docs_is_true_to_the_imports() -> None:
    command = (sys.executable, str(ROOT / "docs" / "structure.py"), "--check")
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
