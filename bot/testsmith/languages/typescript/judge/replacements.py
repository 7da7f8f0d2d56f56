"""Smells of tests that replace what they test, or what other tests see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from testsmith.languages.judge import short
from testsmith.languages.syntax_tree import field, text_of
from testsmith.languages.typescript.judge.forbidden_uses import FAKE_TIME, MOCKERS, plain
from testsmith.languages.typescript.judge.test_function import TypeScriptTest, unwrapped
from testsmith.languages.typescript.source.parsing import string_value
from testsmith.languages.typescript.test_files.imports import bindings_of
from testsmith.languages.typescript.test_files.test_blocks import arguments_of
from testsmith.languages.typescript.test_files.test_paths import may_name

if TYPE_CHECKING:
    from tree_sitter import Node


_RESTORES = frozenset(
    {
        *("mockRestore", "reset", "restore", "restoreAll", "restoreAllMocks", "uninstall", "unstubAllEnvs"),
        *("unstubAllGlobals", "useRealTimers"),
    }
)
_MODULE_MOCKS = re.compile(
    rf"{MOCKERS}\.(?:mock|doMock|unstable_mockModule|setMock|createMockFromModule|module|genMockFromModule)\(\)"
    r"|(?:proxyquire|rewire|rewiremock|mockery|testdouble|td|esmock)\b.*\(\)"
)
_SPIES = re.compile(
    rf"(?:{MOCKERS}|context\.mock)\.(?:spyOn|method|getter|setter|stub|replace\w*|fake|property|replaceProperty)\(\)"
)
_STUBS = re.compile(rf"{MOCKERS}\.(?:stubGlobal|stubEnv)\(\)")
_CHANGES_OF_OBJECTS = re.compile(r"Object\.(?:define\w+|assign|setPrototypeOf)\(\)")
_GLOBALS = frozenset(
    {"Array", "Date", "Error", "JSON", "Map", "Math", "Number", "Object", "Promise", "Set", "String", "fetch"}
)


def replaces_the_member(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it replaces the member, or the module that has it."""
    member = test.module.member
    exported = member.name.partition(".")[0]
    bindings = bindings_of(test.module.file)
    own = {one.source for one in bindings if one.imported == exported}
    similar = {one.source for one in bindings if one.imported == member.plain_name}
    for call in (node for node in test.all_nodes if node.type == "call_expression"):
        name = test.module.resolved(call)
        given = arguments_of(call)
        if _MODULE_MOCKS.fullmatch(name) and given:
            written = (
                given[0]
                if given[0].type != "call_expression"
                else next(iter(arguments_of(given[0])), given[0])
            )
            path = string_value(written)
            if path in own:
                yield "replaces the module of what it tests"
            elif path is None or path in similar or may_name(path, member.path):
                yield "may replace the module of what it tests"
        if _SPIES.fullmatch(name) and len(given) > 1 and string_value(given[1]) in {member.plain_name, None}:
            yield "may replace the function that it tests"


def changes_global_state(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it changes what other tests see, and does not put it back."""
    for target in _assigned(test):
        name = test.module.resolved(target)
        if text_of(field(target, "property")) == test.module.member.plain_name and "prototype" in name:
            yield "replaces the function that it tests"
            continue
        root = name.partition(".")[0].partition("(")[0]
        is_of_context = root in {"this", "context"} or not name
        if not is_of_context and (target.type != "identifier" or root in _GLOBALS):
            yield f"changes `{short(text_of(target))}`, which other code sees"
    names = {test.module.resolved(node) for node in test.all_nodes if node.type == "call_expression"}
    changed = [
        name
        for name in names
        if FAKE_TIME.fullmatch(name) or _STUBS.fullmatch(name) or _SPIES.fullmatch(name)
    ]
    changed = [name for name in changed if not name.startswith("context.")]
    called = {text_of(field(node, "function", "property")) for node in test.all_nodes}
    if changed and not called & _RESTORES:
        for one in sorted(changed):
            yield f"changes what other tests see by `{plain(one)}`, and does not put it back"
    for change in _changes_of_shared(test):
        yield f"may change what other tests see by `{plain(change)}`"


def _assigned(test: TypeScriptTest) -> Iterator[Node]:
    """Yield what is assigned to, or deleted, of what is not the test's own."""
    for node in test.all_nodes:
        target = None
        if node.type in {"assignment_expression", "augmented_assignment_expression"}:
            target = unwrapped(field(node, "left"))
        elif node.type == "update_expression" or text_of(field(node, "operator")) == "delete":
            target = unwrapped(field(node, "argument"))
        if target is not None and target.type in {"identifier", "member_expression", "subscript_expression"}:
            yield target


def _changes_of_shared(test: TypeScriptTest) -> Iterator[str]:
    """Yield the calls of `Object` that change something that is imported or global, as resolved names."""
    for node in test.all_nodes:
        name = test.module.resolved(node) if node.type == "call_expression" else ""
        if _CHANGES_OF_OBJECTS.fullmatch(name):
            first = next(iter(arguments_of(node)), None)
            if first is not None and first.type != "object" and test.module.resolved(first):
                yield name
