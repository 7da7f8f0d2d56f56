"""The judge of Python's tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from testsmith.execution.jobs import Place
from testsmith.languages.judge import Conflicts, Finding, Judge
from testsmith.languages.python.judge.covered import covers
from testsmith.languages.python.judge.documentation.conflicts import conflicts
from testsmith.languages.python.judge.documentation.docstring_examples import documented_examples
from testsmith.languages.python.judge.documentation.questions import first_words
from testsmith.languages.python.judge.smells.calls_not_run import calls_not_run
from testsmith.languages.python.judge.smells.known_checks import KnownChecks
from testsmith.languages.python.judge.smells.known_parts import copied_helper
from testsmith.languages.python.judge.smells.smells import findings_of
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.differences import difference
from testsmith.languages.python.judge.test_reading.edits import row_counts, without_rows
from testsmith.languages.python.judge.test_reading.failing_assertions import watched, with_observed
from testsmith.languages.python.judge.test_reading.observed import observed_tests
from testsmith.languages.python.source.parsing import decode, parse_untrusted
from testsmith.languages.python.test_files.existing.conftest_fixtures import (
    fixture_modules,
    with_absolute_imports,
)
from testsmith.languages.results import Proof
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import Member

_INTERFACE_MISMATCH = re.compile(
    r"TypeError: [\w.<>]+\(\) (?:got an unexpected keyword argument|got some positional-only arguments|"
    r"takes .* positional argument|missing \d+ required |got multiple values for argument)"
    r"|AttributeError: (?:module|type object) '[\w.]+' has no attribute "
)

_ASSERTION = re.compile(r"assert\b|(?:\w+\.)*AssertionError\b|Failed\b|(?:\w+\.)*outcomes\.Failed\b")
_OF_ENVIRONMENT = re.compile(
    r"(?:in setup: )?(?:\w+\.)*(?:ModuleNotFoundError|PermissionError|ConnectionError|ConnectionRefusedError|"
    r"TimeoutError|gaierror|OperationalError|PackageNotFoundError|BlockingIOError)\b"
    r"|(?:in setup: )?(?:\w+\.)*(?:FileNotFoundError|OSError)\b.*\[Errno"
    r"|.*\bfixture '[^']*' not found|.*async def functions are not natively supported"
)


class PythonJudge(Judge):
    """Judges tests for pytest and unittest.

    Args:
        tree: Files of the project; None if they are not known.
    """

    temporary_folder = "tmp_path"
    row_counts = staticmethod(row_counts)
    without_rows = staticmethod(without_rows)
    observed_tests = staticmethod(observed_tests)
    watched = staticmethod(watched)
    with_observed = staticmethod(with_observed)
    covers = staticmethod(covers)
    first_words = staticmethod(first_words)
    difference = staticmethod(difference)

    def __init__(self, tree: SourceTree | None = None) -> None:
        self._tree = tree
        self._checks = None if tree is None else KnownChecks(tree)

    def of_project(self, tree: SourceTree) -> PythonJudge:
        """Return the judge for a project, which knows its test files."""
        return PythonJudge(tree)

    def findings(
        self, code: str, member: Member, test_path: str | None = None
    ) -> dict[str, tuple[Finding, ...]]:
        """Return the smells of each test function that has any; see `findings_of`."""
        copied = "" if test_path is None else self.copies(code, test_path)
        return findings_of(code, member, self._checks, self._known(test_path), [copied] if copied else [])

    def copies(self, code: str, test_path: str) -> str:
        """Return which helper a module for a new file has as a test file of the project has it."""
        if self._tree is None or self._tree.read(test_path) is not None:
            return ""
        name, path = copied_helper(parse_untrusted(code), self._tree)
        return f"copies `{name}` from `{path}` instead of using it" if name else ""

    def calls_not_run(
        self, code: str, member: Member, idle: Collection[Place], test_path: str | None = None
    ) -> dict[str, str]:
        """Return why test functions are cut whose calls may have unknown effects; see `calls_not_run`."""
        return calls_not_run(code, member, idle, self._known(test_path))

    def _known(self, test_path: str | None) -> Iterator[str]:
        """Yield a test file, and the modules of its fixtures."""
        if self._tree is not None and test_path is not None:
            data = self._tree.read(test_path)
            if data is not None:
                yield with_absolute_imports(decode(data), test_path, self._tree)
            yield from fixture_modules(test_path, self._tree)

    def conflicts(self, proof: Proof) -> Conflicts:
        """Return a candidate's conflicts with docstrings and annotations."""
        return conflicts(proof, documented_examples(proof.member))

    def names_member(self, code: str, function: str, member: Member) -> bool:
        """Return whether a test function, or module-level code that it shares, names the member."""
        try:
            tree = parse_untrusted(code)
        except CannotParse:
            return False
        tests = dict(functions_of(tree))
        shared = [
            node for node in tree.body if node not in tests.values() and not isinstance(node, ast.ClassDef)
        ]
        places: Iterable[ast.AST] = [*shared, *(node for name, node in tests.items() if name == function)]
        return any(
            (isinstance(node, ast.Name) and node.id == member.plain_name)
            or (isinstance(node, ast.Attribute) and node.attr == member.plain_name)
            for place in places
            for node in ast.walk(place)
        )

    def is_interface_mismatch(self, message: str) -> bool:
        """Return whether arguments of a call cannot be bound, or a module or class lacks a name."""
        return _INTERFACE_MISMATCH.match(message) is not None

    def is_of_environment(self, message: str) -> bool:
        """Return whether a failure is about a missing module, program, service, network or plugin."""
        return _OF_ENVIRONMENT.match(message) is not None

    def is_assertion(self, message: str) -> bool:
        """Return whether a failure is that of an assertion, or of an expected exception that did not come."""
        return _ASSERTION.match(message) is not None

    def first_line(self, text: str, test: str) -> int:
        """Return the line of a test function's `def`; 0 if it is not in the text."""
        try:
            return next(
                (node.lineno for name, node in functions_of(parse_untrusted(text)) if name == test), 0
            )
        except CannotParse:
            return 0

    def lengths(self, code: str) -> Mapping[str, int]:
        """Return the number of lines of each test function."""
        try:
            functions = functions_of(parse_untrusted(code))
        except CannotParse:
            return {}
        return {name: (node.end_lineno or node.lineno) - node.lineno for name, node in functions}

    def normalized(self, code: str) -> str:
        """Return a test module without comments and formatting; unchanged if it cannot be parsed."""
        try:
            return ast.unparse(parse_untrusted(code))
        except CannotParse:
            return code
