from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.running.project_facts import project_facts
from testsmith.languages.toolchain import ProjectFacts


def test_project_facts__nothing_known() -> None:
    assert project_facts(MemoryTree({"README.md": ""})) == ProjectFacts()
    assert (
        project_facts(MemoryTree({"pyproject.toml": "not [toml"})).package_manager == "pip (pyproject.toml)"
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"uv.lock": "", "pyproject.toml": "[tool.poetry]\n"}, "uv (uv.lock)"),
        ({"pyproject.toml": "[tool.poetry]\n"}, "Poetry (pyproject.toml)"),
        ({"pyproject.toml": "[project]\n"}, "pip (pyproject.toml)"),
        ({"setup.py": ""}, "pip (setup.py)"),
        ({"requirements/dev.txt": ""}, "pip (requirements/dev.txt)"),
        ({"Pipfile": ""}, "Pipenv (Pipfile)"),
    ],
)
def test_project_facts__package_manager(files: dict[str, str], expected: str) -> None:
    assert project_facts(MemoryTree(files)).package_manager == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"setup.cfg": "[options]\npython_requires = >=3.8\n"}, "Python >=3.8"),
        ({".python-version": "3.12.4\n"}, "Python 3.12.4 (.python-version)"),
        ({"setup.py": ""}, "Python, any version"),
        ({"tool.py": ""}, ""),
    ],
)
def test_project_facts__version(files: dict[str, str], expected: str) -> None:
    assert project_facts(MemoryTree(files)).version == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tests/test_a.py": "import unittest\n"}, "unittest, 1 test file"),
        (
            {"tests/test_a.py": "import unittest\n", "tests/test_b.py": "import pytest\n"},
            "pytest, 2 test files",
        ),
        ({"tests/test_a.py": "def test(): pass\n"}, "pytest, 1 test file"),
        ({"tests/test_a.py": "import unittest\n", "tox.ini": "[pytest]\n"}, "pytest (tox.ini), 1 test file"),
    ],
)
def test_project_facts__tests(files: dict[str, str], expected: str) -> None:
    assert project_facts(MemoryTree(files)).tests == expected


def test_project_facts__projects_in_folders() -> None:
    project = "[project]\nname = 'x'\n"
    files = {
        "pyproject.toml": project,
        "packages/a/pyproject.toml": project,
        "packages/b/setup.py": "setup()",
        "packages/c/pyproject.toml": "[tool.ruff]\n",
        "tests/data/d/setup.py": "",
        ".github/lib/pyproject.toml": project,
        "_template/pyproject.toml": project,
    }
    assert project_facts(MemoryTree(files)).projects == ("packages/a", "packages/b")
