from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.running.install.known_packages import PLUGIN_MARKS
from testsmith.languages.python.running.pytest_settings import PLAIN_INI, pytest_ini

MARKS = "".join(f"    {mark}\n" for mark in PLUGIN_MARKS)
STRICT = f"[pytest]\nfilterwarnings = error\nmarkers =\n{MARKS}"


def text(files: dict[str, str | bytes], project: str = "") -> str:
    return pytest_ini(MemoryTree(files=files), project).text


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pytest.ini", "[pytest]\naddopts = -x\nfilterwarnings = error\ntestpaths = tests\n"),
        (".pytest.ini", "[pytest]\nfilterwarnings = error\n"),
        ("tox.ini", "[tox]\nenvlist = py\n[pytest]\nfilterwarnings = error\n"),
        ("setup.cfg", "[tool:pytest]\nfilterwarnings = error\nplugins = x\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\nfilterwarnings = ['error']\naddopts = '-p x'\n"),
        ("pyproject.toml", "[tool.pytest]\nfilterwarnings = ['error']\n"),
        ("pytest.toml", "[pytest]\nfilterwarnings = ['error']\n"),
    ],
)
def test_pytest_ini__reads_each_kind_of_file(path: str, content: str) -> None:
    assert text({path: content}) == STRICT


def test_pytest_ini__keeps_strictness_and_lists() -> None:
    document = """
        [tool.pytest.ini_options]
        xfail_strict = true
        minversion = "8"
        asyncio_mode = "auto"
        filterwarnings = ["error", "ignore:old:DeprecationWarning"]
        markers = ["slow: takes long"]
    """
    assert text({"pyproject.toml": document}) == (
        "[pytest]\n"
        "filterwarnings =\n    error\n    ignore:old:DeprecationWarning\n"
        f"markers =\n    slow: takes long\n{MARKS}"
        "xfail_strict = true\n"
        "[finding]\n"
        "asyncio_mode = auto\n"
    )


def test_pytest_ini__one_value_a_line_in_ini_files() -> None:
    content = "[pytest]\nfilterwarnings =\n    error\n    # a comment\n    ignore::UserWarning\n"
    assert text({"pytest.ini": content}) == (
        f"[pytest]\nfilterwarnings =\n    error\n    ignore::UserWarning\nmarkers =\n{MARKS}"
    )


def test_pytest_ini__the_first_file_is_the_only_one() -> None:
    files: dict[str, str | bytes] = {"pytest.ini": "", "setup.cfg": "[tool:pytest]\nfilterwarnings = error\n"}
    assert text(files) == PLAIN_INI


def test_pytest_ini__a_shared_file_without_settings_is_passed_over() -> None:
    files: dict[str, str | bytes] = {
        "pyproject.toml": "[project]\nname = 'x'\n[tool.pytest]\n",
        "tox.ini": "[tox]\n",
        "setup.cfg": "[tool:pytest]\nfilterwarnings = error\n",
    }
    assert text(files) == STRICT


def test_pytest_ini__the_project_comes_before_the_folders_around_it() -> None:
    files: dict[str, str | bytes] = {
        "pytest.ini": "",
        "libs/a/pytest.ini": STRICT,
        "libs/tox.ini": "[pytest]\n",
    }
    assert text(files, "libs/a") == STRICT
    assert text({"pytest.ini": STRICT}, "libs/a") == STRICT


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyproject.toml", "[tool.pytest"),
        ("pyproject.toml", f"digits = {'1' * 5000}"),
        ("pytest.ini", "no section\n"),
        ("pytest.ini", b"[pytest]\nx = \xff\n"),
        ("pytest.ini", "[pytest]\n" + "#" * 300_000),
    ],
)
def test_pytest_ini__a_broken_file_is_told_of(path: str, content: str | bytes) -> None:
    found = pytest_ini(MemoryTree(files={path: content}), "")
    assert found.text == PLAIN_INI
    assert found.note.startswith(f"{path} was not used for the test runs")


@pytest.mark.parametrize(
    "document",
    ["tool = 1", "[tool]\npytest = 3", "[tool.pytest]\nini_options = 5", "[tool.pytest.ini_options]"],
)
def test_pytest_ini__odd_tables_are_no_settings(document: str) -> None:
    assert text({"pyproject.toml": document}) == PLAIN_INI
