from __future__ import annotations

import pytest

from testsmith.languages.python.running.project_tests.command import (
    PytestCall,
    ShellCommand,
    read_test_command,
)


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("pytest", ()),
        (
            "pytest -m 'not slow' tests/unit --ignore=tests/old",
            ("-m", "not slow", "tests/unit", "--ignore=tests/old"),
        ),
        ("python -m pytest -k one", ("-k", "one")),
        ("python3.12 -X dev -W error -m pytest tests", ("tests",)),
        (".venv/bin/python -m pytest", ()),
        ("uv run pytest -p plugin", ("-p", "plugin")),
        ("uv run --frozen --extra test -- pytest tests", ("tests",)),
        ("uv run -m pytest tests", ("tests",)),
        ("uv run python -m pytest -o xfail_strict=true", ("-o", "xfail_strict=true")),
        (
            "poetry run pytest --deselect tests/test_a.py::test_b[1]",
            ("--deselect", "tests/test_a.py::test_b[1]"),
        ),
        ("hatch run -e ci pytest tests", ("tests",)),
        ("coverage run --source src --branch -m pytest tests", ("tests",)),
        ("python -m coverage run -p -m pytest tests", ("tests",)),
        ("env pytest \\\n  tests", ("tests",)),
        ("pytest -x --maxfail 2 --maxfail=2 tests", ("tests",)),
        ("pytest -n auto --dist loadscope -n4 tests", ("tests",)),
        ("pytest --cov=shop --cov shop --cov-report=xml tests --no-cov", ("tests",)),
        ("pytest --cov --cov-report xml --junitxml=out.xml --lf --pdb", ()),
        ("PYTEST_ADDOPTS='-m quick --lf' pytest tests", ("-m", "quick", "tests")),
    ],
)
def test_read_test_command__a_call_of_pytest(typed: str, arguments: tuple[str, ...]) -> None:
    assert read_test_command(typed) == PytestCall(arguments=arguments)


@pytest.mark.parametrize(
    "typed",
    [
        "tox -e py312",
        "make test",
        "nox",
        "./run-tests.sh",
        "hatch run test",
        "hatch run ci:test",
        "uv run tox",
        "python run_tests.py",
        "python -c 'import pytest'",
        "python -m unittest",
        "coverage run tests.py",
        "pytest; rm -rf .",
        "pytest && coverage xml",
        "pytest $(cat files)",
        'pytest -k "$NAME"',
        "pytest tests/test_*.py",
        "pytest `cat files`",
        "pytest > log",
        "pytest 'tests",
        "cd .. && pytest",
        "cd /etc && pytest",
        "docker run image pytest",
        "X=1",
        "",
    ],
)
def test_read_test_command__anything_else_is_for_a_shell(typed: str) -> None:
    assert read_test_command(typed) == ShellCommand(text=typed)


def test_read_test_command__where_nothing_was_typed() -> None:
    assert read_test_command(None) == PytestCall()


def test_read_test_command__variables_and_where_it_runs() -> None:
    typed = "cd apps/shop && MODE=test PATH=/evil PYTHONPATH=lib:../other:/abs:src pytest -m 'a and b'"
    assert read_test_command(typed) == PytestCall(
        arguments=("-m", "a and b"), variables=(("MODE", "test"),), paths=("lib", "src"), folder="apps/shop"
    )
