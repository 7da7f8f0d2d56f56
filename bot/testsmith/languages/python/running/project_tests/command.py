"""Parse the configured test command. Pure.

Calls of pytest are recognized behind common prefixes: variables, `uv run`, `poetry run`, `coverage run -m`,
`python -m`. Their arguments are passed to the bot's own pytest session, which measures what each test
reaches. Any other command runs in a shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OF_THE_SHELL = re.compile(r"[;&|<>(){}$`*?#!~\\\n]")
_EXPANDED = re.compile(r"[$`\\]")
_IN_FOLDER = re.compile(r"cd\s+([\w./-]+)\s*&&\s*(.+)", re.DOTALL)
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?")
_PYTEST = re.compile(r"(?:.*/)?(?:pytest|py\.test)")
_NOT_OURS_TO_SET = frozenset({"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME"})

_RUNNERS = frozenset({"uv", "poetry", "pdm", "pipenv", "rye", "hatch"})
_RUNNER_VALUES = frozenset(
    {
        *("--extra", "--group", "--only-group", "--no-group", "--with", "--with-editable", "--no-extra"),
        *("--with-requirements", "--python", "-p", "--package", "--directory", "--project", "--env-file"),
        *("-e", "--env", "-P", "-C", "--index", "--default-index"),
    }
)
_PYTHON_VALUES = frozenset({"-X", "-W"})
_COVERAGE_VALUES = frozenset(
    {
        *("--source", "--source-pkgs", "--omit", "--include", "--rcfile", "--data-file", "--context"),
        *("--concurrency", "--debug", "--save-signal"),
    }
)

_DROPPED = frozenset(
    {
        *("-x", "--exitfirst", "--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first"),
        *("--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "--cache-clear", "--pdb", "--trace"),
        *("--testmon", "--picked", "--forked", "--self-contained-html", "-f", "--looponfail"),
        *("--no-cov", "--no-cov-on-fail", "--cov-branch", "--cov-append"),
    }
)
"""Options that would end the run early, depend on an earlier run, or run the tests in other processes."""

_DROPPED_WITH_VALUE = frozenset(
    {
        *("--maxfail", "--lfnf", "--last-failed-no-failures", "-n", "--numprocesses", "--maxprocesses"),
        *("--dist", "--tx", "--cov", "--cov-report", "--cov-config", "--cov-fail-under", "--cov-context"),
        *("--junitxml", "--junit-xml", "--junitprefix", "--junit-prefix", "--html", "--report-log"),
        *("--randomly-seed", "--timeout-method", "--pdbcls"),
    }
)
_DROPPED_AS_ONE = re.compile(r"-n(?:\d+|auto|logical)|-x[a-z]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestCall:
    """A call of pytest.

    Attributes:
        arguments: Arguments, without those the measuring session cannot use.
        variables: Environment variables set by the command.
        paths: Folders to add to the import path, relative to the working folder.
        folder: Working folder below the project's folder; empty for the project's folder.
    """

    arguments: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    paths: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellCommand:
    """Any other command, to be run in a shell."""

    text: str


TestCommand = PytestCall | ShellCommand

PLAIN_PYTEST = PytestCall()
"""Used if no test command is configured."""


def read_test_command(text: str | None) -> TestCommand:
    """Parse the command that runs the project's tests."""
    if text is None:
        return PLAIN_PYTEST
    typed = text.strip().replace("\\\n", " ")
    inner, folder = typed, ""
    if (match := _IN_FOLDER.fullmatch(typed)) and _is_below(match[1]):
        folder, inner = PurePosixPath(match[1]).as_posix(), match[2]
    call = None if _needs_shell(inner) else _pytest_call(shlex.split(inner), folder)
    return call or ShellCommand(text=typed)


def _is_below(folder: str) -> bool:
    path = PurePosixPath(folder)
    return not path.is_absolute() and ".." not in path.parts


def _needs_shell(text: str) -> bool:
    """Return whether the text uses shell syntax."""
    double_quoted = re.sub(r"'[^']*'", "", text)
    bare = _QUOTED.sub("", text)
    return bool(_EXPANDED.search(double_quoted) or _OF_THE_SHELL.search(bare) or set(bare) & {"'", '"'})


def _pytest_call(words: Sequence[str], folder: str) -> PytestCall | None:
    """Return the call of pytest that the words make up; None if they do not."""
    left = list(words)
    variables: dict[str, str] = {}
    while left:
        word = left.pop(0)
        if match := _VARIABLE.fullmatch(word):
            variables[match[1]] = match[2]
        elif _PYTEST.fullmatch(word):
            return _call(left, variables, folder)
        elif word == "coverage" and left[:1] == ["run"]:
            left = _module(_after_options(left[1:], _COVERAGE_VALUES))
        elif _PYTHON.fullmatch(word):
            left = _module(_after_options(left, _PYTHON_VALUES))
        elif word in _RUNNERS and left[:1] == ["run"]:
            left = _after_options(left[1:], _RUNNER_VALUES)
            left = _module(left) if left[:1] == ["-m"] else left
        elif word != "env":
            return None
    return None


def _after_options(words: Sequence[str], with_value: frozenset[str]) -> list[str]:
    """Return the words after leading options; `-m` ends the options and is kept."""
    left = list(words)
    while left and left[0].startswith("-") and left[0] != "-m":
        option = left.pop(0)
        if option == "--":
            break
        if option in with_value and left:
            left.pop(0)
    return left


def _module(words: Sequence[str]) -> list[str]:
    """Return the words without a leading `-m MODULE` and similar; empty if there is none."""
    return list(words[1:]) if words[:1] == ["-m"] else []


def _call(arguments: Sequence[str], variables: dict[str, str], folder: str) -> PytestCall:
    given = [*shlex.split(variables.pop("PYTEST_ADDOPTS", "")), *arguments]
    paths = variables.pop("PYTHONPATH", "").split(":")
    return PytestCall(
        arguments=_usable(given),
        variables=tuple((name, value) for name, value in variables.items() if name not in _NOT_OURS_TO_SET),
        paths=tuple(path for path in paths if path and _is_below(path)),
        folder=folder,
    )


def _usable(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments that the measuring session can use."""
    kept: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        name, has_value, _ = word.partition("=")
        if name in _DROPPED or _DROPPED_AS_ONE.fullmatch(word):
            continue
        if name not in _DROPPED_WITH_VALUE:
            kept.append(word)
        elif not has_value and left and not left[0].startswith("-"):
            left.pop(0)
    return tuple(kept)
