"""What a project asks of its tests: the oldest Python they run on, and whether they are annotated. Pure."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.definitions import Function
from testsmith.languages.python.parsing import lines_of, parse_untrusted
from testsmith.languages.python.syntax import decode, span_of
from testsmith.languages.python.test_modules import is_test_name

_MOST_SAMPLED_LINES = 80
_LOWER_BOUND = re.compile(r"(?:>=|~=|==|>|\^)\s*3\.(\d+)")


def lowest_python(pyproject: str | None, setup_cfg: str | None) -> tuple[int, int] | None:
    """Return the oldest Python 3 that a project supports, as `(3, 9)`; None where it does not say.

    Read are `requires-python` of `[project]`, `python` of Poetry's dependencies, and `python_requires` of a
    `setup.cfg`. A file that cannot be read says nothing.

    Args:
        pyproject: Text of the `pyproject.toml`, None where there is none.
        setup_cfg: Text of the `setup.cfg`, None where there is none.
    """
    for requirement in (*_from_pyproject(pyproject or ""), *_from_setup_cfg(setup_cfg or "")):
        minors = [int(minor) for minor in _LOWER_BOUND.findall(requirement)]
        if minors:
            return 3, max(minors)
    return None


def refuse_newer_syntax(code: str, version: tuple[int, int]) -> None:
    """Look whether a Python of this version can read the code.

    Raises:
        CannotParse: It cannot; says why.
    """
    parse_untrusted(code)
    try:
        ast.parse(code, feature_version=version)
    except SyntaxError as error:
        supported = ".".join(map(str, version))
        raise CannotParse(
            f"line {error.lineno or 1}: {error.msg}, but the project supports Python {supported}",
        ) from error


def are_annotated(test_files: Iterable[str]) -> bool:
    """Tell whether most test functions of these test files' texts say what they return."""
    said = [function.returns is not None for text in test_files for function in _test_functions(text)]
    return sum(said) * 2 > len(said)


def sample(data: bytes) -> str:
    """Return a part of a test file that shows its style: its imports and first statements, whole ones.

    Args:
        data: The file's bytes; one that is no Python gives no sample.
    """
    try:
        text = decode(data)
        body = parse_untrusted(text).body
    except CannotParse:
        return ""
    lines = lines_of(text)
    chosen: list[str] = []
    end = 0
    for statement in body:
        span = span_of(statement)
        block = lines[end : span.last]
        end = span.last
        if len(chosen) + len(block) <= _MOST_SAMPLED_LINES:
            chosen.extend(block)
    return "".join(chosen).strip("\n")


def _test_functions(text: str) -> Iterator[Function]:
    try:
        tree = parse_untrusted(text)
    except CannotParse:
        return
    for node in ast.walk(tree):
        if isinstance(node, Function) and is_test_name(node.name):
            yield node


def _from_pyproject(text: str) -> Iterator[str]:
    try:
        settings = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for path in (("project", "requires-python"), ("tool", "poetry", "dependencies", "python")):
        value: object = settings
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            yield value


def _from_setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
        value = parser.get("options", "python_requires", fallback=None)
    except configparser.Error:
        return
    if value is not None:
        yield value
