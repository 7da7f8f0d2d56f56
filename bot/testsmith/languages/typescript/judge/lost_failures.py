"""Smells of tests whose assertions fail unnoticed: not waited for, caught, or not made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.languages.typescript.judge.test_function import OF_REQUEST, TypeScriptTest, chain, is_whole
from testsmith.languages.typescript.test_files.imports import NAMES
from testsmith.languages.typescript.test_files.test_blocks import FUNCTIONS, arguments_of

if TYPE_CHECKING:
    from tree_sitter import Node


_FAILS = re.compile(r"(?:.*\.)?(?:fail|unreachable)\(\)|context\(\)|done\(\)")
_UNAWAITED = re.compile(
    r"(?:.*\.)?(?:expect(?:\.soft)?\(\)\.(?:.+\.)?(?:resolves|rejects)\..+|expect\.poll\(\).*"
    r"|(?:rejects|doesNotReject)\(\))"
)
"""Assertions that are promises, as resolved names."""

_AWAITING = frozenset({"await_expression", "return_statement", "yield_expression"})


def awaits_nothing(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if an assertion is left to a promise that the test does not wait for."""
    is_waited_for = _says_when_it_ends(test)
    for node in test.assertions:
        name = test.module.resolved(node)
        is_promise = _UNAWAITED.fullmatch(name) or (OF_REQUEST.fullmatch(name) and not is_waited_for)
        if is_promise and not _is_awaited(node, test):
            yield "does not wait for an assertion about a promise"
        outer = None if is_waited_for else _outer_function(node, test)
        while outer is not None:
            if _is_left_alone(outer, test):
                yield "has an assertion in a callback that it does not wait for"
            outer = _outer_function(outer, test)
    helper = _asserting_helper(test)
    if helper:
        yield f"does not wait for `{helper}`, which asserts"


def _says_when_it_ends(test: TypeScriptTest) -> bool:
    """Return whether a test is waited for until it calls what it is given, or has made all assertions."""
    called = {test.module.resolved(call) for call in test.calls}
    given = field(test.block.function, "parameters")
    names = {text_of(field(one, "pattern")) for one in given.named_children} if given is not None else set()
    ends = {text_of(node) for node in test.nodes if node.type == "identifier"} & names & {"done", "cb", "end"}
    return "context()" in called or "context.plan()" in called or bool(ends)


def _is_awaited(node: Node, test: TypeScriptTest) -> bool:
    """Return whether what an expression promises is awaited, returned, or kept for that."""
    if any(one.type == "await_expression" for one in chain(node)):
        return True
    around: Node | None = node
    while around is not None:
        if around.type in _AWAITING:
            return True
        if around.type == "variable_declarator":
            name = text_of(field(around, "name"))
            return sum(text_of(one) == name for one in test.nodes if one.type in NAMES) > 1
        if around.type == "arrow_function":
            return not _is_left_alone(around, test)
        if around.type in {"expression_statement", "function_declaration", *FUNCTIONS}:
            return False
        around = around.parent
    return False


def _asserting_helper(test: TypeScriptTest) -> str:
    """Return the name of an asynchronous helper with assertions whose call is not awaited; empty for none."""
    for call in test.calls:
        name = text_of(field(call, "function"))
        for helper in test.module.helpers.get(name, ()):
            function = field(helper, "value") or helper
            is_async = any(child.type == "async" for child in function.children)
            asserts = any(test.is_assertion(one) for one in walk(function, {"comment"}))
            if is_async and asserts and not _is_awaited(call, test):
                return name
    return ""


def _outer_function(node: Node, test: TypeScriptTest) -> Node | None:
    """Return the function around a node that is inside of the test's own one."""
    own = test.block.function
    around = node.parent
    while around is not None and around.type not in FUNCTIONS:
        around = around.parent
    return None if around is None or own is None or around.id == own.id else around


def _is_left_alone(function: Node, test: TypeScriptTest) -> bool:
    """Return whether a function is run later, or is asynchronous, and nothing waits for it."""
    given = function.parent
    call = given.parent if given is not None and given.type == "arguments" else None
    method = text_of(field(call, "function", "property") or field(call, "function"))
    is_async = any(child.type == "async" for child in function.children)
    is_later = method in {
        "then",
        "catch",
        "finally",
        "setTimeout",
        "setImmediate",
        "queueMicrotask",
        "nextTick",
    }
    is_for_each = is_async and method in {"forEach", "map", "filter", "some", "every", "reduce"}
    wrapped = function.parent
    is_called = wrapped is not None and wrapped.type == "parenthesized_expression" and is_async
    if call is not None and (is_later or is_for_each):
        return method == "forEach" or not _is_awaited(call, test)
    if (
        is_called
        and wrapped is not None
        and wrapped.parent is not None
        and wrapped.parent.type == "call_expression"
    ):
        return not _is_awaited(wrapped.parent, test)
    return False


def swallows_failures(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if a failure of its assertions is caught, or if they are only run after an error."""
    caught = 0
    for node in test.assertions:
        inner, around = node, node.parent
        while around is not None and around.type not in FUNCTIONS:
            handler = field(around, "handler") if around.type == "try_statement" else None
            body = field(around, "body") if around.type == "try_statement" else None
            if (
                handler is not None
                and body is not None
                and inner.id == body.id
                and not _fails_again(handler, test)
            ):
                yield "catches the failures of its assertions"
            is_expected = around.type == "catch_clause" and not _fails_without_error(around, test)
            caught += is_expected
            inner, around = around, around.parent
        if around is not None and _is_caught_later(around, test):
            yield "catches the failures of its assertions"
    counted = any(
        re.search(r"expect\.(?:assertions|hasAssertions)\(\)|\.plan\(\)", name) for name in test.uses
    )
    if caught and caught == len(test.assertions) and not counted:
        yield "asserts only after an error, and passes without one"


def _fails_without_error(handler: Node, test: TypeScriptTest) -> bool:
    """Return whether a test fails if what a handler is for does not throw."""
    body = field(handler.parent, "body")
    if body is not None and any(_fails(one, test) for one in walk(body, {"comment"})):
        return True
    following = None if handler.parent is None else handler.parent.next_named_sibling
    while following is not None:
        if _is_failure(following, test):
            return True
        following = following.next_named_sibling
    return False


def _is_failure(statement: Node, test: TypeScriptTest) -> bool:
    """Return whether a statement always fails the test; `done()` without an error does not."""
    if statement.type != "expression_statement":
        return statement.type == "throw_statement"
    call = next(iter(statement.named_children), statement)
    is_end = re.fullmatch(r"context\(\)|done\(\)", test.module.resolved(call)) is not None
    return _fails(call, test) and bool(not is_end or arguments_of(call))


def _fails(node: Node, test: TypeScriptTest) -> bool:
    """Return whether a statement or an expression fails the test, by throwing or by saying so."""
    if node.type == "throw_statement":
        return True
    return is_whole(node) and _FAILS.fullmatch(test.module.resolved(node)) is not None


def _fails_again(handler: Node, test: TypeScriptTest) -> bool:
    return any(_fails(one, test) or test.is_assertion(one) for one in walk(handler, {"comment"}))


def _is_caught_later(function: Node, test: TypeScriptTest) -> bool:
    """Return whether a callback of a promise is followed by one that may take all errors."""
    call = function.parent.parent if function.parent is not None else None
    while call is not None and call.type in {"call_expression", "member_expression"}:
        name = text_of(field(call, "function", "property"))
        given = arguments_of(call)
        if name == "catch" and given and given[0].id != function.id:
            if _FAILS.fullmatch(
                f"{test.module.resolved(given[0])}()"
            ):  # `done` and `fail` report the failure
                return False
            is_literal = given[0].type in FUNCTIONS
            handlers = given[:1] if is_literal else test.module.helpers.get(text_of(given[0]), [])
            throws = (any(one.type == "throw_statement" for one in walk(handler)) for handler in handlers)
            return not handlers or not all(throws)
        call = call.parent
    return False
