from __future__ import annotations

import pytest

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


def imported(
    files: dict[str, str],
    base: dict[str, str] | None = None,
    source: str = "what the tests and changed files use",
) -> tuple[str, ...]:
    before = None if base is None else MemoryTree(base)
    found = read_test_dependencies(MemoryTree({"pyproject.toml": PROJECT, **files}), "", before)
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


def test_imports__of_a_package_with_another_name() -> None:
    project = PROJECT.replace('bson = ["pymongo>=4"]', 'all = ["pymongo>=4", "Pillow", "scikit-learn"]')
    files = {"pyproject.toml": project, "shop/ids.py": "from bson import ObjectId\nfrom PIL import Image\n"}
    assert imported(files, {}) == ("pymongo>=4", "Pillow")


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


KNOWN = "the packages that tests are known to use"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@pytest.mark.asyncio\nasync def test_x(): ...\n", ("pytest-asyncio",)),
        ("pytestmark = [mark.trio, pytest.mark.anyio]\n", ("anyio", "pytest-trio")),
        ("def test_x(tmp_path, httpx_mock: HTTPXMock): ...\n", ("pytest-httpx",)),
        ("class TestX:\n    async def test_x(\n        self,\n        fs,\n    ): ...\n", ("pyfakefs",)),
        ("@pytest.fixture(scope='module')\ndef client(respx_mock): ...\n", ("respx",)),
        ("from freezegun import freeze_time\n", ("freezegun",)),
        ("hypothesis = pytest.importorskip('hypothesis')\n", ("hypothesis",)),
        ("def helper(mocker): ...\n", ()),
        ("@pytest.mark.parametrize('fs', [1])\ndef test_x(fs): ...\n", ()),
        ("@pytest.fixture\ndef mocker(): ...\ndef test_x(mocker): ...\n", ()),
        ("@pytest.mark.slow\n@pytest.mark.parametrize('a', [1])\ndef test_x(a): ...\n", ()),
        ("import pytest_evil, requests\n@pytest.mark.evil\ndef test_x(evil): ...\n", ()),
        ("def test_x(mocker): ...\n", ()),  # PROJECT's extra `test` has pytest-mock
    ],
)
def test_known_packages__that_tests_use_without_declaring_them(text: str, names: tuple[str, ...]) -> None:
    assert imported({"tests/test_shop.py": text}, source=KNOWN) == names


def test_known_packages__are_installed_as_declared_anywhere() -> None:
    files = {
        "tests/test_shop.py": "@pytest.mark.timeout(3)\ndef test_x(time_machine): ...\n",
        "requirements/ci.txt": "pytest-timeout==2.3\n",
    }
    files["requirements-ci.txt"] = files.pop("requirements/ci.txt")
    assert set(imported(files)) == {"time-machine", "pytest-timeout==2.3"}
    assert imported(files, source=KNOWN) == ()


def test_known_packages__are_never_the_project_itself() -> None:
    text = "import responses, factory\n@pytest.mark.anyio\ndef test_x(mocker, freezer): ...\n"
    files = {
        "src/anyio/__init__.py": "",
        "responses.py": "",
        "tests/factory/__init__.py": "",
        "pyproject.toml": "[project]\nname = 'pytest-freezer'\n",
        "tests/test_shop.py": text,
    }
    assert imported(files, source=KNOWN) == ("pytest-mock",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pytest.ini",
            "[pytest]\nasyncio_mode = auto\nrequired_plugins = pytest-xyz>=2 evil@https://evil.test/x\n",
        ),
        ("pytest.toml", "[pytest]\nasyncio_mode = 'auto'\nrequired_plugins = ['pytest-xyz >= 2']\n"),
    ],
)
def test_known_packages__that_the_settings_of_pytest_name(name: str, text: str) -> None:
    files = {name: text}
    assert imported(files, source=KNOWN) == ("pytest-asyncio",)
    assert imported(files, source="the required plugins of pytest") == ("pytest-xyz>=2",)
