from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.source.projects import declares_project, project_of

DECLARED = "[project]\nname = 'x'\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": DECLARED}, True),
        ({"pyproject.toml": "[tool.poetry]\n"}, True),
        ({"pyproject.toml": "[tool.ruff]\n"}, False),
        ({"pyproject.toml": "not [toml"}, False),
        ({"setup.py": ""}, True),
        ({"setup.cfg": "[flake8]\n"}, False),
        ({"setup.cfg": "[flake8]\n[metadata]\nname = x\n"}, True),
        ({"setup.py": "", "__init__.py": ""}, False),  # it configures the build of a package
        ({"requirements.txt": "x"}, False),
    ],
)
def test_declares_project(files: dict[str, str], expected: bool) -> None:
    assert declares_project(MemoryTree(files), "") is expected
    assert (
        declares_project(MemoryTree({f"in/a/{name}": text for name, text in files.items()}), "in/a")
        is expected
    )


@pytest.mark.parametrize(
    ("path", "opened", "expected"),
    [
        ("packages/a/src/a/one.py", "", "packages/a"),
        ("packages/a/inner/pkg/two.py", "", "packages/a/inner"),
        ("packages/a/inner/pkg/two.py", "packages/a/inner", "packages/a/inner"),
        ("packages/a/inner/pkg/two.py", "packages/a", "packages/a/inner"),
        ("packages/a/inner/pkg/two.py", "packages/a/inner/pkg", "packages/a/inner/pkg"),
        ("tool.py", "", ""),
        ("scripts/tool.py", "", ""),
        ("packages/ab/one.py", "packages/a", "packages/a"),
    ],
)
def test_project_of__the_nearest_one_above_a_file(path: str, opened: str, expected: str) -> None:
    tree = MemoryTree(
        {"pyproject.toml": DECLARED, "packages/a/pyproject.toml": DECLARED, "packages/a/inner/setup.py": ""}
    )
    assert project_of(tree, path, opened) == expected
