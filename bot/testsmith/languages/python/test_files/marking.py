"""Write and read the marks above tests, and detect manual edits.

A mark is one comment with the bot's version, the digest of the member's source, the digest of the test's own
text, and the member's id. The digest of the test is computed from its text and name when it was added, and
ignores formatting, so that later edits can be detected.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence

from testsmith.languages.python.source.comparison import meaning_of_tree, normalized_source
from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import lines_of, parse, parse_untrusted, span_of, text_of
from testsmith.languages.python.test_files.test_modules import test_functions
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import MarkedTest, TestMark

_UNSEALED = "0" * 8
_MARK = re.compile(
    r"[ \t]*# testsmith (?P<version>\S{1,40}) (?P<source>[0-9a-f]{8}) (?P<test>[0-9a-f]{8})"
    r" (?P<member>\S[^\r\n]{0,1000}?)(?P<silenced>[ \t]+#[ \t]*noqa[^\r\n]*)?\r?\n?"
)

_Definition = Function | ast.ClassDef


def source_digest(source: str) -> str:
    """Return a digest of a member's behavior, ignoring its name.

    Docstrings, annotations, comments and formatting are ignored. Text that is not valid Python, or is nested
    too deeply, is used verbatim.
    """
    try:
        tree = parse(source)
        for node in tree.body[:1]:
            if isinstance(node, _Definition):
                _rename(tree, node.name)
        return _digest(meaning_of_tree(tree))
    except (CannotParse, RecursionError):
        return _digest(source)


def _rename(tree: ast.Module, name: str) -> None:
    for node in ast.walk(tree):
        if isinstance(node, _Definition) and node.name == name:
            node.name = "itself"
        elif isinstance(node, ast.Name) and node.id == name:
            node.id = "itself"


def marked(code: str, mark: TestMark, names: Collection[str] | None = None) -> str:
    """Return text with an unsealed mark above tests.

    Args:
        code: The text.
        mark: The mark.
        names: The tests to mark in a test file; None for a test module, of which each top-level definition is
            marked and earlier marks are removed.

    Raises:
        CannotParse: `code` is not valid Python.
    """
    lines = lines_of(code)
    if names is None:
        lines = [line for line in lines if not _MARK.fullmatch(line)]
    tests = _tests("".join(lines))
    chosen = [each for name, each in tests if (name in names if names is not None else "::" not in name)]
    for statement in sorted(chosen, key=lambda each: each.lineno, reverse=True):
        first = span_of(statement).first - 1
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        line = f"{indent}# testsmith {mark.version} {mark.source} {_UNSEALED} {mark.member}\n"
        lines.insert(first, line)
    return "".join(lines)


def sealed(text: str) -> str:
    """Return a test file with the digests of tests added to unsealed marks.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    lines = lines_of(text)
    for line, _, statement in _marked(text, lines):
        match = _MARK.fullmatch(lines[line])
        if match is not None and match["test"] == _UNSEALED:
            start, end = match.span("test")
            lines[line] = f"{lines[line][:start]}{_test_digest(lines, statement)}{lines[line][end:]}"
    return "".join(lines)


def marked_tests(text: str) -> tuple[MarkedTest, ...]:
    """Return the marked tests of a file, in order.

    Raises:
        CannotParse: `text` has marks and is not valid Python.
    """
    if "# testsmith " not in text:
        return ()
    lines = lines_of(text)
    found: list[MarkedTest] = []
    for line, name, statement in _marked(text, lines):
        match = _MARK.fullmatch(lines[line])
        if match is not None:
            mark = TestMark(version=match["version"], source=match["source"], member=match["member"])
            is_edited = match["test"] != _test_digest(lines, statement)
            found.append(MarkedTest(name=name, mark=mark, is_edited=is_edited))
    return tuple(found)


def beside_marked(text: str) -> str:
    """Return the content of a test file without tests that the bot added and no one edited.

    Imports, comments and formatting are ignored. Text that is not valid Python is returned unchanged.
    """
    try:
        ours = {one.name for one in marked_tests(text) if not one.is_edited}
        body = parse_untrusted(text).body
    except CannotParse:
        return text
    return ast.unparse(ast.Module(body=_others(body, ours), type_ignores=[]))


def _others(body: Sequence[ast.stmt], names: Collection[str], prefix: str = "") -> list[ast.stmt]:
    """Return the statements that say something, without the named tests and classes that only had these."""
    left: list[ast.stmt] = []
    for each in body:
        name = prefix + getattr(each, "name", "")
        if _says_nothing(each) or name in names:
            continue
        if isinstance(each, ast.ClassDef) and any(one.startswith(f"{name}::") for one in names):
            each.body = _others(each.body, names, f"{name}::")
            if not each.body:
                continue
        left.append(each)
    return left


def _says_nothing(statement: ast.stmt) -> bool:
    """Return whether a statement tests nothing by itself: an import or a string."""
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Import | ast.ImportFrom)


def _marked(text: str, lines: Sequence[str]) -> Iterator[tuple[int, str, _Definition]]:
    """Yield the line index of each mark (0-based), and the name and definition of the test below it."""
    if not any(map(_MARK.fullmatch, lines)):
        return
    for name, statement in _tests(text):
        line = span_of(statement).first - 2
        while line >= 0 and lines[line].lstrip().startswith("#"):
            if _MARK.fullmatch(lines[line]):
                yield line, name, statement
                break
            line -= 1


def _tests(text: str) -> list[tuple[str, _Definition]]:
    """Return the functions and classes with tests, and the tests in classes as `Class::name`, in order."""
    names = set(test_functions(text))
    found: list[tuple[str, _Definition]] = []
    for each in parse_untrusted(text).body:
        if isinstance(each, Function) and each.name in names:
            found.append((each.name, each))
        elif isinstance(each, ast.ClassDef) and any(name.startswith(f"{each.name}::") for name in names):
            found.append((each.name, each))
            inner = [(f"{each.name}::{one.name}", one) for one in each.body if isinstance(one, Function)]
            found += [(name, one) for name, one in inner if name in names]
    return found


def _test_digest(lines: Sequence[str], statement: _Definition) -> str:
    source = text_of([line.rstrip("\r\n") for line in lines], statement)
    return _digest("\n".join((normalized_source(source), *_comments(source))))


def _comments(source: str) -> Iterator[str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    try:
        yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError):
        return


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[: len(_UNSEALED)]
