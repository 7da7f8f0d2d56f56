"""The judge of Go's tests."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.go.judge.smells import findings_of
from testsmith.languages.go.judge.test_function import FAILING, GoTestFunction, GoTestModule
from testsmith.languages.go.source.parsing import normalized, parse
from testsmith.languages.go.test_files.test_modules import tests_in
from testsmith.languages.judge import Finding, Judge, first_words_without, short
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import field, line_of, text_of
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

_ASSERTION = re.compile(r"^\s*\w[\w.-]*_test\.go:\d+: ", re.MULTILINE)
_PANIC = re.compile(r"^(?:panic: |fatal error: )", re.MULTILINE)
_OF_ENVIRONMENT = re.compile(
    r"no such file or directory|connection refused|network is unreachable|permission denied|no such host"
    r"|operation not permitted|executable file not found|i/o timeout|httptest: failed to listen"
)
_PLACE = re.compile(r"^\s*(?:\./)?[\w./-]+\.go:\d+(?::\d+)?: ")
_BAD_CALL = re.compile(
    r"(?:not enough|too many) arguments in call|cannot use .+ in argument|assignment mismatch"
)
_HARMLESS_PACKAGES = frozenset(
    {"errors", "fmt", "maps", "math", "reflect", "slices", "sort", "strconv", "strings", "unicode", "utf8"}
)
_HARMLESS_FORMATS = frozenset({"Errorf", "Sprint", "Sprintf", "Sprintln"})
_HARMLESS = frozenset(
    {
        *("append", "cap", "complex", "copy", "imag", "len", "make", "max", "min", "new", "real", "recover"),
        *("string", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64"),
        *("float32", "float64", "byte", "rune", "bool", "any", "error"),
    }
)
_READING = frozenset(
    {"Error", "String", "Len", "Is", "As", "Unwrap", "Diff", "DeepEqual", "Helper", "Log", "Logf"}
)


class GoJudge(Judge):
    """Judges tests that `go test` runs."""

    temporary_folder = "t.TempDir()"
    normalized = staticmethod(normalized)

    def findings(
        self, code: str, member: Member, _test_path: str | None = None
    ) -> Mapping[str, Sequence[Finding]]:
        """Return the smells of each test that has any; see `findings_of`."""
        return findings_of(code, member)

    def calls_not_run(
        self,
        code: str,
        member: Member,
        idle: Collection[tuple[int, int, int, int]],
        test_path: str | None = None,  # noqa: ARG002 - helpers of the test file are not in the module
    ) -> Mapping[str, str]:
        """Return why test functions are cut: a call that may run for them did not, and may do harm.

        Calls that report a failure, and what they print, do not run in a test that passes.
        """
        if not idle:
            return {}
        module = GoTestModule(parse(code), member)
        waiting = {(line, column) for line, column, _, _ in idle}
        found = {}
        for test in module.tests:
            function = GoTestFunction(test, module)
            names = (
                text_of(field(call, "function"))
                for call in function.calls
                if (line_of(call), int(call.start_point.column)) in waiting
                and not _is_harmless(call, function)
            )
            name = next(names, None)
            if name is not None:
                found[test.name] = f"calls `{short(name)}` only under conditions that did not occur"
        return found

    def names_member(self, code: str, function: str, member: Member) -> bool:
        """Return whether a test function, or a helper of its module that it uses, names the member."""
        try:
            module = GoTestModule(parse(code), member)
        except CannotParse:
            return False
        tests = (GoTestFunction(test, module) for test in module.tests if test.name == function)
        named = (
            text_of(node)
            for test in tests
            for node in test.nodes
            if node.type in {"identifier", "field_identifier"}
        )
        return member.plain_name in named

    def lengths(self, code: str) -> Mapping[str, int]:
        """Return the number of lines of each test function."""
        try:
            return {one.name: one.end_line - one.line for one in tests_in(parse(code))}
        except CannotParse:
            return {}

    def first_words(self, message: str) -> str:
        """Return the first line of a failure message, without the place in a file."""
        return first_words_without(_PLACE, message)

    def first_line(self, text: str, test: str) -> int:
        """Return the line of a test function; 0 if it is not in the text."""
        try:
            return next((one.line for one in tests_in(parse(text)) if one.name == test), 0)
        except CannotParse:
            return 0

    def is_assertion(self, message: str) -> bool:
        """Return whether a failure is reported by a test, rather than a panic."""
        return _ASSERTION.search(message) is not None and _PANIC.search(message) is None

    def is_of_environment(self, message: str) -> bool:
        """Return whether a failure may be due to where the test runs."""
        return _OF_ENVIRONMENT.search(message) is not None or not (
            _ASSERTION.search(message) or _PANIC.search(message)
        )

    def is_interface_mismatch(self, message: str) -> bool:
        """Return whether the compiler says only that a call does not fit the signature of what it calls."""
        lines = [line for line in message.splitlines() if _PLACE.match(line)]
        return bool(lines) and all(_BAD_CALL.search(line) for line in lines)


def _is_harmless(call: Node, function: GoTestFunction) -> bool:
    """Return whether a call that did not run only reports or reads, or is judged by what it calls."""
    called = field(call, "function")
    name = text_of(called).rpartition(".")[2].partition("[")[0]
    if function.is_assertion(call) or called is None:
        return True
    imported = function.module.imported(called)
    if imported:
        package = imported.rpartition(".")[0]
        if package == "fmt":
            return name in _HARMLESS_FORMATS
        return package.rpartition("/")[2] in _HARMLESS_PACKAGES or name in _READING
    if called.type == "selector_expression":
        return name in _READING or name in FAILING
    return called.type not in {"identifier", "func_literal"} or name in {
        *_HARMLESS,
        *function.module.by_name,
        *function.module.names,
    }
