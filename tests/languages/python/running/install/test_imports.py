from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.running.install.dependencies import read_test_dependencies

PROJECT = """
[project]
name = "shop"
dependencies = ["attrs"]
[project.optional-dependencies]
pyyaml = ["PyYAML>=6"]
bson = ["pymongo>=4"]
speed = ["cython", "ujson; python_version > '3.9'"]
test = ["pytest-mock"]
[dependency-groups]
dev = ["time-machine", "mypy", "evil @ https://evil.test/x"]
"""
TESTS = """
import os, sys
import attrs
from yaml import safe_load
import ujson
import nowhere
import evil
try:
    from time_machine import travel
except ImportError:
    travel = None
def test_it():
    import bson.codec
"""


def imported(files: dict[str, str], base: dict[str, str] | None = None) -> tuple[str, ...]:
    before = None if base is None else MemoryTree(base)
    found = read_test_dependencies(MemoryTree({"pyproject.toml": PROJECT, **files}), "", before)
    source = "what the tests and changed files import"
    return tuple(text for one in found.sets if one.source == source for text in one.requirements)


def test_imports__of_test_files_are_had_from_wherever_they_are_declared() -> None:
    expected = ("PyYAML>=6", "pymongo>=4", 'ujson; python_version > "3.9"', "time-machine")
    assert imported({"tests/test_shop.py": TESTS}) == expected


def test_imports__what_nobody_declares_is_never_installed() -> None:
    assert imported({"tests/test_shop.py": "import nowhere\nimport evil\n"}) == ()


def test_imports__of_other_files_do_not_count() -> None:
    assert imported({"shop/yaml_format.py": TESTS, "docs/conf.py": TESTS}) == ()


def test_imports__that_a_test_skips_without() -> None:
    found = imported({"shop/test_io.py": "ujson = pytest.importorskip('ujson')\n"})
    assert found == ('ujson; python_version > "3.9"',)


def test_imports__of_files_that_changed() -> None:
    files = {
        "src/shop/rates.py": "import yaml\n",
        "src/shop/db.py": "import bson\n",
        "src/shop/new.py": "import ujson\n",
    }
    assert imported(files) == ()
    base = {**files, "src/shop/rates.py": "import json\n"}
    base.pop("src/shop/new.py")
    assert imported(files, base) == ("PyYAML>=6", 'ujson; python_version > "3.9"')
