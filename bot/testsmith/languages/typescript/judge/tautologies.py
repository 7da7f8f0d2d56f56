"""Smells of tests whose assertions say nothing: none, constants, or a whole output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.languages.thresholds import DEFAULTS
from testsmith.languages.typescript.judge.test_function import OF_REQUEST, SNAPSHOT, TypeScriptTest, chain
from testsmith.languages.typescript.source.parsing import string_value, tokens
from testsmith.languages.typescript.test_files.test_blocks import arguments_of

if TYPE_CHECKING:
    from tree_sitter import Node


_EXPECTED = re.compile(r"want|expect|exp$|golden|snapshot", re.IGNORECASE)
_EQUAL = re.compile(
    r"(?:toBe|toEqual|toStrictEqual|toBeCloseTo|equal|equals|eql|deepEqual|strictEqual|deepStrictEqual|eq|same|sameDeepMembers"
    r"|notEqual|partialDeepStrictEqual|toMatchObject)"
)


def no_assertion(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if nothing can fail the test."""
    if test.assertions:
        return
    has_snapshot = any(SNAPSHOT.fullmatch(test.module.resolved(call)) for call in test.calls)
    yield "only compares with a snapshot" if has_snapshot else "asserts nothing"


def unreachable_assertion(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if all assertions compare constants, or a value with itself."""
    reasons = [reason for one in test.assertions if (reason := _tautology(test, one))]
    if len(reasons) == len(test.assertions):
        yield from reasons[:1]


def _tautology(test: TypeScriptTest, assertion: Node) -> str | None:
    if OF_REQUEST.fullmatch(test.module.resolved(assertion)):
        return None
    subject, matcher, given = _parts(assertion)
    if subject is None or not test.is_of_framework(assertion):
        return None
    if given and _EQUAL.fullmatch(matcher) and _is_same(test, subject, given[0]):
        return "compares a value with itself"
    values = [subject, *given]
    return "asserts a constant" if all(_is_constant(test, one) for one in values) else None


def _parts(assertion: Node) -> tuple[Node | None, str, list[Node]]:
    """Return what an assertion is about, how it compares, and what with."""
    links = list(chain(assertion))
    made = next(
        (one for one in links if one.type == "call_expression" and _is_expect(field(one, "function"))), None
    )
    outer = arguments_of(assertion) if assertion.type == "call_expression" else []
    called = field(assertion, "function") if assertion.type == "call_expression" else assertion
    matcher = text_of(field(called, "property") or called)
    if made is not None:
        subject = next(iter(arguments_of(made)), None)
        return subject, matcher, outer if made.id != assertion.id else []
    if ".should" in text_of(assertion):
        return None, matcher, outer
    return (outer[0], matcher, outer[1:2]) if outer else (None, matcher, [])


def _is_expect(node: Node | None) -> bool:
    name = text_of(node).removeprefix("await").strip()  # the grammar has the `await` of a generic call inside
    return name.rpartition(".")[2] in {"expect", "soft", "poll"}


def _is_constant(test: TypeScriptTest, node: Node) -> bool:
    """Return whether an expression has no names and calls, other than names of constants."""
    for one in walk(node, {"comment"}):
        if one.type in {"call_expression", "new_expression", "this", "member_expression", "await_expression"}:
            return False
        if one.type in {"identifier", "shorthand_property_identifier"}:
            bound = test.binding(text_of(one))
            if text_of(one) != "undefined" and (bound is None or not _is_literal(bound)):
                return False
    return True


def _is_literal(node: Node) -> bool:
    """Return whether an expression is a literal that cannot be changed later."""
    return node.type in {"number", "true", "false", "null", "undefined"} or string_value(node) is not None


def _is_same(test: TypeScriptTest, left: Node, right: Node) -> bool:
    """Return whether two expressions are the same, looking up names that are bound once."""
    if tokens(left) == tokens(right):
        return True
    bound = [test.binding(text_of(side)) if side.type == "identifier" else side for side in (left, right)]
    texts = [[one for one in tokens(side) if one != "await"] for side in bound if side is not None]
    is_equal = len(texts) == len(bound) and texts[0] == texts[1]
    return is_equal and test.module.member.plain_name in texts[0]


def whole_output(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it compares with a snapshot of a whole output."""
    most = DEFAULTS.snapshot_characters
    for node in test.nodes:
        if node.type not in {"string", "template_string"} or len(text_of(node)) <= most:
            continue
        around = node.parent
        while around is not None and around.type in {
            "parenthesized_expression",
            "binary_expression",
            "array",
            "pair",
            "object",
        }:
            around = around.parent
        named = text_of(field(around, "name") or field(around, "left"))
        call = around.parent if around is not None and around.type == "arguments" else None
        is_compared = call is not None and test.is_assertion(call)
        if is_compared or _EXPECTED.search(named):
            yield f"compares a whole output of more than {most} characters"
