"""The judge of TypeScript's tests."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.judge import Finding, Judge, first_words_without, short
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import end_line_of, field, line_of, text_of, walk
from testsmith.languages.typescript.judge.smells import findings_of
from testsmith.languages.typescript.judge.test_function import TypeScriptTest, TypeScriptTestModule
from testsmith.languages.typescript.source.declarations import BOUND_NAMES
from testsmith.languages.typescript.source.parsing import normalized, parse
from testsmith.languages.typescript.test_files.imports import NAMES, bindings_of
from testsmith.languages.typescript.test_files.test_blocks import FUNCTIONS, tests_in
from testsmith.languages.typescript.test_files.test_paths import may_name
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

_ASSERTION = re.compile(
    r"AssertionError|ERR_ASSERTION|expect\(.*\)\.|^\s*(?:Error: )?Snapshot .* mismatched",
    re.MULTILINE,
)
_ERROR = re.compile(r"^\s*(?:Uncaught )?(?:\w+\.)*\w*(?:Error|Exception)\b(?: \[\w+\])?:", re.MULTILINE)
_OF_ENVIRONMENT = re.compile(
    r"\b(?:ENOENT|ECONNREFUSED|EACCES|EPERM|ENOTFOUND|EADDRINUSE|EROFS|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EMFILE)\b"
    r"|ERR_MODULE_NOT_FOUND|Cannot find (?:module|package)|timed out|[Tt]imeout of|exceeded timeout"
    r"|is not defined in (?:this|the) environment|document is not defined|window is not defined|out of memory"
)
_PLACE = re.compile(r"^\s*(?:at )?(?:[\w./-]+\.[cm]?[jt]sx?[:(]\d+(?:[:,]\d+)?\)?:? ?(?:- )?)")
_DIAGNOSIS = re.compile(r"\berror TS\d+: ")
_BAD_CALL = re.compile(r"\berror TS(?:2345|2554|2555|2556|2558|2559|2769|2339|2353|2741|2739)\b")
_HARMLESS_GLOBALS = re.compile(
    r"(?:Array|BigInt|Boolean|Error|Intl|Iterator|JSON|Map|Math|Number|Object|Promise|RangeError|Reflect|RegExp|Set|String"
    r"|Symbol|TypeError|URL|URLSearchParams|WeakMap|WeakSet|Date|structuredClone|parseInt|parseFloat|isNaN|isFinite)(?:[.(].*)?"
)
_READING = frozenset(
    {
        *(
            "at",
            "concat",
            "entries",
            "every",
            "filter",
            "find",
            "findIndex",
            "flat",
            "flatMap",
            "get",
            "has",
            "includes",
        ),
        *(
            "indexOf",
            "join",
            "keys",
            "map",
            "match",
            "padEnd",
            "padStart",
            "repeat",
            "replace",
            "slice",
            "some",
            "sort",
        ),
        *(
            "split",
            "startsWith",
            "endsWith",
            "toFixed",
            "toISOString",
            "toString",
            "trim",
            "values",
            "toLowerCase",
        ),
        *(
            "toUpperCase",
            "forEach",
            "push",
            "reduce",
            "then",
            "test",
            "toJSON",
            "valueOf",
            "fill",
            "charCodeAt",
        ),
    }
)


class TypeScriptJudge(Judge):
    """Judges tests of vitest, jest, mocha and `node:test`."""

    temporary_folder = '`mkdtempSync(join(tmpdir(), "test-"))`'
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
        test_path: str | None = None,  # noqa: ARG002 - the module has all that its tests use
    ) -> Mapping[str, str]:
        """Return why tests are cut: a call that may run for them did not, and may do harm.

        Calls that report a failure do not run in a test that passes.
        """
        if not idle:
            return {}
        module = TypeScriptTestModule(parse(code), member)
        waiting = {(line, column) for line, column, _, _ in idle}
        found = {}
        for block in module.tests:
            test = TypeScriptTest(block, module)
            calls = (node for node in test.nodes if node.type in {"call_expression", "new_expression"})
            names = (
                text_of(field(call, "function") or field(call, "constructor"))
                for call in calls
                if (line_of(call), int(call.start_point.column)) in waiting and not _is_harmless(call, test)
            )
            name = next(names, None)
            if name is not None:
                found[block.name] = f"calls `{short(name)}` only under conditions that did not occur"
        return found

    def names_member(self, code: str, function: str, member: Member) -> bool:
        """Return whether a test, or a helper or hook of its module that it uses, names the member."""
        try:
            module = TypeScriptTestModule(parse(code), member)
        except CannotParse:
            return False
        names = {member.plain_name, *_names_of_default(module, member)}
        tests = (TypeScriptTest(block, module) for block in module.tests if block.name == function)
        kinds = {*NAMES, "property_identifier"}
        return any(text_of(node) in names for test in tests for node in test.all_nodes if node.type in kinds)

    def lengths(self, code: str) -> Mapping[str, int]:
        """Return the number of lines of each test."""
        try:
            tests = tests_in(parse(code))
        except CannotParse:
            return {}
        return {one.name: end_line_of(one.statement) - line_of(one.statement) + 1 for one in tests}

    def first_words(self, message: str) -> str:
        """Return the first line of a failure message, without the place in a file."""
        return first_words_without(_PLACE, message)

    def first_line(self, text: str, test: str) -> int:
        """Return the line of a test; 0 if it is not in the text."""
        try:
            tests = tests_in(parse(text))
        except CannotParse:
            return 0
        return next((line_of(one.statement) for one in tests if one.name == test), 0)

    def is_assertion(self, message: str) -> bool:
        """Return whether a failure is that of an assertion, rather than of an error that was thrown."""
        return _ASSERTION.search(message) is not None

    def is_of_environment(self, message: str) -> bool:
        """Return whether a failure may be due to where the test runs."""
        return _OF_ENVIRONMENT.search(message) is not None or not (
            _ASSERTION.search(message) or _ERROR.search(message)
        )

    def is_interface_mismatch(self, message: str) -> bool:
        """Return whether the compiler says only that a call does not fit the signature of what it calls."""
        lines = [line for line in message.splitlines() if _DIAGNOSIS.search(line)]
        return bool(lines) and all(_BAD_CALL.search(line) for line in lines)


def _names_of_default(module: TypeScriptTestModule, member: Member) -> frozenset[str]:
    """Return the names that a module gives to the default export of the member's file."""
    found = (one for one in bindings_of(module.file) if one.imported in {"default", "*"})
    return frozenset(one.local for one in found if may_name(one.source, member.path))


def _is_harmless(call: Node, test: TypeScriptTest) -> bool:
    """Return whether a call that did not run only reports or reads, or is judged by what it calls."""
    called = field(call, "function") or field(call, "constructor")
    if called is None or called.type in FUNCTIONS:
        return True
    around: Node | None = call
    while around is not None and around.type in {"call_expression", "member_expression", "await_expression"}:
        if test.is_assertion(around):
            return True
        around = around.parent
    name = test.module.resolved(call if call.type == "call_expression" else called)
    if _HARMLESS_GLOBALS.fullmatch(name):
        return True
    if test.module.is_confined and _is_of_parameter(called):
        return True
    if called.type == "member_expression":
        return text_of(field(called, "property")) in _READING
    return called.type != "identifier" or (not name and text_of(called) in test.module.helpers)


def _is_of_parameter(called: Node) -> bool:
    """Return whether what is called is a parameter of a function in the test, or a method of one."""
    root: Node | None = called
    while root is not None and root.type in {"member_expression", "call_expression"}:
        root = field(root, "object") or field(root, "function")
    around = called.parent if root is not None and root.type == "identifier" else None
    while around is not None:
        parameters = field(around, "parameters") or field(around, "parameter")
        if around.type in FUNCTIONS and parameters is not None:
            names = {text_of(one) for one in walk(parameters) if one.type in BOUND_NAMES}
            if text_of(root) in names:
                return True
        around = around.parent
    return False
