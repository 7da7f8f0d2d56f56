"""Determine the test style of a project: framework, oldest Python version, and annotations."""

from __future__ import annotations

import ast
import configparser
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from io import StringIO
from pathlib import PurePosixPath
from tokenize import STRING, TokenError, TokenInfo, generate_tokens
from typing import NamedTuple

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import decode, lines_of, parse_untrusted, span_of
from testsmith.languages.python.source.projects import read_toml
from testsmith.languages.python.test_files.test_modules import is_of_unittest, is_suite, is_test_name
from testsmith.languages.python.test_files.test_paths import TEST_FOLDERS, TestFileNames
from testsmith.languages.source import CannotParse, SourceTree

PYTEST = "pytest"
UNITTEST = "unittest"

_NAMES_PYTEST = re.compile(r"(?<![\w.-])(?:pytest|py\.test)\b|\[tool[:.]pytest\b")
_SETTINGS = frozenset(
    {
        *("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "tox.toml", "noxfile.py", "hatch.toml"),
        *("Pipfile", "Makefile", "justfile", ".travis.yml", ".gitlab-ci.yml", "azure-pipelines.yml"),
    }
)
_OF_PYTEST = frozenset({"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"})
_REQUIREMENTS = re.compile(r"(?:.*/)?(?:[\w.-]*requirements[\w.-]*|requirements/[\w./-]+)\.(?:txt|in)")
_WORKFLOWS = ".github/workflows/"
_MOST_BYTES = 1_000_000
_MOST_TEST_FILES = 200


def framework_of(tree: SourceTree, project: str) -> str:
    """Return `unittest` if the project uses only unittest, otherwise `pytest`.

    A project uses only unittest if no settings, requirements or workflow file mentions pytest and all its
    tests are methods of a `TestCase`.

    Args:
        tree: Files of head.
        project: Project folder relative to the Git root; empty for the root.
    """
    prefix = f"{project}/" if project else ""
    paths = [path for path in tree.paths() if path.startswith(prefix)]
    names = TestFileNames.of(tree)
    tests = [
        path for path in paths if _may_hold_tests(path.removeprefix(prefix)) or names.is_test_module(path)
    ][:_MOST_TEST_FILES]
    shared = [path for path in tree.paths() if path in _SETTINGS or path.startswith(_WORKFLOWS)]
    if not tests or any(_names_pytest(tree, path) for path in (*shared, *paths)):
        return PYTEST
    kinds = [kind for path in tests for kind in _kinds_of_tests(tree.read(path) or b"")]
    return UNITTEST if kinds and all(kind == UNITTEST for kind in kinds) else PYTEST


def _may_hold_tests(path: str) -> bool:
    *folders, name = PurePosixPath(path).parts
    is_test = name.startswith("test") or name.endswith("_test.py") or not TEST_FOLDERS.isdisjoint(folders)
    return name.endswith(".py") and is_test


def _names_pytest(tree: SourceTree, path: str) -> bool:
    name = PurePosixPath(path).name
    if name in _OF_PYTEST:
        return True
    is_read = name in _SETTINGS or path.startswith(_WORKFLOWS) or _REQUIREMENTS.fullmatch(path)
    if not is_read:
        return False
    text = (tree.read(path) or b"")[:_MOST_BYTES].decode("utf-8", "replace")
    return _NAMES_PYTEST.search(text) is not None


def _kinds_of_tests(data: bytes) -> Iterator[str]:
    """Yield the frameworks that the tests of a file use; nothing if it has no tests."""
    try:
        body = parse_untrusted(decode(data[:_MOST_BYTES])).body
    except CannotParse:
        return
    for statement in body:
        match statement:
            case ast.Import(names=names) if any(each.name.partition(".")[0] == "pytest" for each in names):
                yield PYTEST
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == "pytest":
                yield PYTEST
            case ast.ClassDef(name=name, bases=bases) if is_of_unittest(name, list(map(last_name, bases))):
                yield UNITTEST
            case ast.ClassDef(name=name) if is_suite(name, ()) and _tests_in(statement):
                yield PYTEST if not statement.bases else UNITTEST
            case ast.FunctionDef() | ast.AsyncFunctionDef() if is_test_name(statement.name):
                yield PYTEST


_MOST_SAMPLED_LINES = 80
_MOST_SAMPLED_TESTS = 3
_SHORTEST, _LONGEST = 40, 320
_BLACK_LENGTH = 88
"""Black's own default."""

_BLACK_REQUIRED = re.compile(r"[\"']black\b|^\[tool\.black\]", re.MULTILINE)
_BLACK_HOOK = re.compile(r"\bid:\s*black\b")
_RUFF_FORMATS = re.compile(r"\bruff[\"', ]+format\b|^\[tool\.ruff\.format\]", re.MULTILINE)
_RUFF_HOOK = re.compile(r"\bid:\s*ruff-format\b")
_ENOUGH_TEXTS = 10
_MOST_OF_ALL = 0.8
_PREFIXES = "rRbBuU"
_SHORT_TEXT = re.compile(rf"[{_PREFIXES}]*(?P<quote>[\"'])[^\"'\\\n]*(?P=quote)")
_LOWER_BOUND = re.compile(r"(?:>=|~=|==|>|\^)\s*3\.(\d+)")


def lowest_python(pyproject: str | None, setup_cfg: str | None) -> tuple[int, int] | None:
    """Return the oldest Python 3 version a project supports, for example `(3, 9)`, or None if unspecified.

    Reads `requires-python` in `[project]`, `python` in Poetry's dependencies, and `python_requires` in
    `setup.cfg`. Unreadable files are ignored.

    Args:
        pyproject: Text of `pyproject.toml`, or None if there is none.
        setup_cfg: Text of `setup.cfg`, or None if there is none.
    """
    for requirement in (*_from_pyproject(pyproject or ""), *_from_setup_cfg(setup_cfg or "")):
        minors = [int(minor) for minor in _LOWER_BOUND.findall(requirement)]
        if minors:
            return 3, max(minors)
    return None


def refuse_newer_syntax(code: str, version: tuple[int, int]) -> None:
    """Check that a Python version can parse the code.

    Raises:
        CannotParse: The code uses newer syntax; the message says which.
    """
    parse_untrusted(code)
    try:
        ast.parse(code, feature_version=version)
    except SyntaxError as error:
        supported = ".".join(map(str, version))
        raise CannotParse(
            f"line {error.lineno or 1}: {error.msg}, but the project supports Python {supported}",
        ) from error


class LineLayout(NamedTuple):
    """How a project lays out its lines, as far as ruff's settings do not say it.

    Attributes:
        line_length: Maximum length of a line.
        keeps_quotes: Whether the quotes of texts stay as they are.
        ignores_commas: Whether lines are joined although a comma ends them.
    """

    line_length: int
    keeps_quotes: bool = False
    ignores_commas: bool = False


def black_layout(pyproject: str | None, hooks: str | None = None) -> LineLayout | None:
    """Return the layout of black if it formats the project's files; None if it does not.

    Args:
        pyproject: Text of the `pyproject.toml`. It may have settings of black, or require it.
        hooks: Text of the `.pre-commit-config.yaml`, which may run black, or ruff's formatter instead.
    """
    settings: object = read_toml((pyproject or "").encode())
    for key in ("tool", "black"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    given = settings if isinstance(settings, dict) else {}
    length = given.get("line-length")
    named = length if isinstance(length, int) and _SHORTEST <= length <= _LONGEST else None
    is_required = _BLACK_REQUIRED.search(pyproject or "") and not _RUFF_FORMATS.search(pyproject or "")
    runs = _BLACK_HOOK.search(hooks or "") or (is_required and not _RUFF_HOOK.search(hooks or ""))
    if named is None and not runs:
        return None
    return LineLayout(
        line_length=named or _BLACK_LENGTH,
        keeps_quotes=given.get("skip-string-normalization") is True,
        ignores_commas=given.get("skip-magic-trailing-comma") is True,
    )


def added_lines(text: str, existing: str) -> frozenset[int]:
    """Return the lines of a text that are not in the existing one, counted from 1."""
    matcher = SequenceMatcher(None, existing.splitlines(), text.splitlines())
    changed = (code for code in matcher.get_opcodes() if code[0] != "equal")
    return frozenset(line for _, _, _, first, end in changed for line in range(first + 1, end + 1))


def with_own_quotes(text: str, existing: str) -> str:
    """Return a test file whose added lines have the quotes that almost all texts of the others have.

    Texts with quotes or backslashes in them stay as they are, as do those over several lines.
    """
    counts = Counter(token.string.lstrip(_PREFIXES)[0] for token in _short_texts(existing))
    [(own, most), *_] = counts.most_common(1) or [("", 0)]
    if most < _ENOUGH_TEXTS or most < _MOST_OF_ALL * counts.total():
        return text
    other, added, lines = {"'": '"', '"': "'"}[own], added_lines(text, existing), lines_of(text)
    for token in reversed(list(_short_texts(text))):
        (row, first), (_, end) = token.start, token.end
        if row in added:
            line = lines[row - 1]
            lines[row - 1] = f"{line[:first]}{token.string.replace(other, own)}{line[end:]}"
    return "".join(lines)


def with_own_table_names(text: str, existing: str) -> str:
    """Return a test file whose added tables name their arguments as all others do: in a text, tuple or list.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    forms = {type(node) for node, _ in _table_names(existing)}
    if len(forms) != 1:
        return text
    [own], added, lines = forms, added_lines(text, existing), lines_of(text)
    for node, names in sorted(_table_names(text), key=lambda found: -found[0].lineno):
        if node.lineno in added and type(node) is not own:
            quoted = ", ".join(f'"{name}"' for name in names)
            whole = {ast.Tuple: f"({quoted})", ast.List: f"[{quoted}]"}.get(own, f'"{", ".join(names)}"')
            first, last = node.lineno - 1, node.end_lineno or node.lineno
            before = lines[first].encode()[: node.col_offset].decode()
            after = lines[last - 1].encode()[node.end_col_offset :].decode()
            lines[first:last] = [f"{before}{whole}{after}"]
    return "".join(lines)


def _table_names(code: str) -> Iterator[tuple[ast.expr, list[str]]]:
    """Yield what names the arguments of each table of cases with several, with the names."""
    for call in ast.walk(parse_untrusted(code)):
        match call:
            case ast.Call(
                func=ast.Attribute(attr="parametrize"), args=[ast.Constant(value=str(text)) as node, *_]
            ):
                names = [name.strip() for name in text.split(",")]
            case ast.Call(
                func=ast.Attribute(attr="parametrize"), args=[ast.Tuple() | ast.List() as node, *_]
            ):
                names = [str(each.value) for each in node.elts if isinstance(each, ast.Constant)]
            case _:
                continue
        if len(names) > 1:
            yield node, names


def _short_texts(code: str) -> Iterator[TokenInfo]:
    """Yield the string literals of one line that contain no quotes and no backslashes."""
    try:
        for token in generate_tokens(StringIO(code.removeprefix("\ufeff")).readline):
            if token.type == STRING and _SHORT_TEXT.fullmatch(token.string):
                yield token
    except (TokenError, SyntaxError):
        return


def are_annotated(test_files: Iterable[str]) -> bool:
    """Return whether most test functions in these texts have a return annotation."""
    said = [function.returns is not None for text in test_files for function in _test_functions(text)]
    return sum(said) * 2 > len(said)


def have_bare_arguments(test_files: Iterable[str]) -> bool:
    """Return whether a test function with a return annotation has an argument without one in these texts."""
    tests = (test for text in test_files for test in _test_functions(text) if test.returns is not None)
    arguments = (argument for test in tests for argument in test.args.args)
    return any(one.annotation is None and one.arg not in {"self", "cls"} for one in arguments)


def sample(data: bytes) -> str:
    """Return the imports and first short tests of a test file, as an example of its style.

    Args:
        data: Content of the file. If it is not valid Python or has no short test, the sample is empty.
    """
    try:
        text = decode(data)
        body = parse_untrusted(text).body
    except CannotParse:
        return ""
    lines = lines_of(text)
    imports = [span_of(each).lines() for each in body if isinstance(each, ast.Import | ast.ImportFrom)]
    room = _MOST_SAMPLED_LINES - sum(map(len, imports))
    tests: list[str] = []
    for test in _sampled_tests(body):
        if len(tests) < _MOST_SAMPLED_TESTS and len(test) <= room:
            tests.append("".join(lines[number - 1] for number in test).rstrip())
            room -= len(test)
    head = "".join(lines[number - 1] for numbers in imports for number in numbers).rstrip()
    return "\n\n".join(filter(None, [head, *tests])) if tests else ""


def _sampled_tests(body: Sequence[ast.stmt]) -> Iterator[list[int]]:
    """Yield the lines of each test; those of the first one in a class begin with the class's."""
    for statement in body:
        if isinstance(statement, Function) and is_test_name(statement.name):
            yield [*span_of(statement).lines()]
        elif isinstance(statement, ast.ClassDef):
            tests = [[*span.lines()] for span in map(span_of, _tests_in(statement))]
            head = range(
                span_of(statement).first, max(statement.lineno + 1, span_of(statement.body[0]).first)
            )
            yield from [[*head, *test] for test in tests[:1]]
            yield from tests[1:]


def _tests_in(suite: ast.ClassDef) -> list[Function]:
    return [each for each in suite.body if isinstance(each, Function) and is_test_name(each.name)]


def _test_functions(text: str) -> Iterator[Function]:
    try:
        tree = parse_untrusted(text)
    except CannotParse:
        return
    for node in ast.walk(tree):
        if isinstance(node, Function) and is_test_name(node.name):
            yield node


def _from_pyproject(text: str) -> Iterator[str]:
    settings = read_toml(text.encode())
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
