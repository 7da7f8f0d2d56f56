from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.test_files.style import framework_of

TEST_CASE = "import unittest\n\n\nclass TestCart(unittest.TestCase):\n    def test_add(self): ...\n"
FUNCTION = "def test_add(): ...\n"
UNITTEST = {
    "shop/cart.py": "def add(): ...\n",
    "tests/__init__.py": "",
    "tests/test_cart.py": TEST_CASE,
    "tests/helpers.py": "def make(): ...\n",
    "pyproject.toml": "[project]\nname = 'shop'\ndependencies = ['requests']\n",
    "setup.cfg": "[flake8]\nexclude = .pytest_cache\n",
    ".github/workflows/test.yml": "run: python -m unittest\n",
}


def test_framework_of__a_project_of_test_cases_alone() -> None:
    assert framework_of(MemoryTree(UNITTEST), "") == "unittest"


def test_framework_of__a_plugin_of_the_linter_is_not_pytest() -> None:
    settings = "[tool.ruff.lint.flake8-pytest-style]\nfixture-parentheses = false\n"
    assert framework_of(MemoryTree({**UNITTEST, "pyproject.toml": settings}), "") == "unittest"


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_other.py": FUNCTION},
        {"tests/test_other.py": "import pytest\n" + TEST_CASE},
        {"tests/conftest.py": ""},
        {"pytest.ini": "[pytest]\n"},
        {"pyproject.toml": "[dependency-groups]\ntest = ['pytest>=8']\n"},
        {"pyproject.toml": "[tool.pytest.ini_options]\n"},
        {"setup.cfg": "[tool:pytest]\n"},
        {"tox.ini": "[testenv]\ndeps = pytest\n"},
        {"noxfile.py": "session.install('pytest')\n"},
        {"requirements/test.txt": "pytest-cov\n"},
        {"test-requirements.txt": "pytest\n"},
        {".github/workflows/test.yml": "run: pytest\n"},
        {"tests/test_cart.py": ""},
    ],
)
def test_framework_of__pytest_wherever_it_is_named_or_used(files: dict[str, str]) -> None:
    assert framework_of(MemoryTree({**UNITTEST, **files}), "") == "pytest"


def test_framework_of__a_project_in_a_folder() -> None:
    inner = {f"shop/{path}": text for path, text in UNITTEST.items()}
    tree = MemoryTree({**inner, "other/pyproject.toml": "[tool.pytest.ini_options]\n"})
    assert framework_of(tree, "shop") == "unittest"
    assert (
        framework_of(MemoryTree({**inner, "pyproject.toml": "[tool.pytest.ini_options]\n"}), "shop")
        == "pytest"
    )


def test_framework_of__no_tests() -> None:
    assert framework_of(MemoryTree({"shop.py": "def add(): ...\n"}), "") == "pytest"
