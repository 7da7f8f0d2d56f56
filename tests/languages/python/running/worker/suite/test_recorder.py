from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from testsmith.languages.python.running.worker.suite.recorder import SuiteFolder, last_words, suite_arguments


def place(tmp_path: Path, project: str = "") -> SuiteFolder:
    (tmp_path / project).mkdir(parents=True, exist_ok=True)
    return SuiteFolder(root=tmp_path, project=tmp_path / project, hidden=frozenset({"xdist"}))


def pairs(arguments: list[str]) -> set[tuple[str, str]]:
    return set(pairwise(arguments))


def test_suite_arguments__settings_above_the_copy_do_not_hold(tmp_path: Path) -> None:
    own = place(tmp_path, "packages/shop")
    arguments = pairs(suite_arguments(own, with_own=True))
    assert {("--rootdir", str(own.project)), ("--confcutdir", str(own.project))} <= arguments
    (tmp_path / "tox.ini").write_text("[tox]\nenvlist = py\n")
    assert "--rootdir" in suite_arguments(own, with_own=True)
    (tmp_path / "tox.ini").write_text("[pytest]\n")
    assert "--rootdir" not in suite_arguments(own, with_own=True)


def test_suite_arguments__a_broken_file_is_left_to_pytest(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest")
    assert "--rootdir" not in suite_arguments(place(tmp_path), with_own=True)


def test_suite_arguments__without_the_projects_options(tmp_path: Path) -> None:
    assert ("-o", "addopts=") in pairs(suite_arguments(place(tmp_path), with_own=False))
    assert ("-o", "addopts=") not in pairs(suite_arguments(place(tmp_path), with_own=True))


def test_suite_arguments__plugins_of_hidden_modules_are_not_loaded(tmp_path: Path) -> None:
    assert ("-p", "no:xdist") in pairs(suite_arguments(place(tmp_path), with_own=True))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("E   ModuleNotFoundError: No module named 'x'\nmore\n", "ModuleNotFoundError: No module named 'x'"),
        (
            "usage: pytest [options]\nerror: unrecognized arguments: --n\n  inifile: a\n",
            "unrecognized arguments: --n",
        ),
        (
            "INTERNALERROR>   File 'x'\nINTERNALERROR> a.Warn: unset\nINTERNALERROR> and more\n",
            "a.Warn: unset",
        ),
        ("ERROR: usage\nERROR: not found: a\n", "not found: a"),
        ("just words\n\n", "just words"),
        ("", ""),
    ],
)
def test_last_words__the_errors_own_line(tmp_path: Path, output: str, words: str) -> None:
    file = tmp_path / "output"
    file.write_text(output)
    assert last_words(file) == words


def test_last_words__no_output(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == ""
