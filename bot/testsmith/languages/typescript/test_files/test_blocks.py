"""Find the blocks of a test file: suites (`describe`), tests (`it`), and hooks (`beforeEach`).

They are calls, so they are recognized by the names of what is called: the globals of the frameworks, or what
is imported from them under any name. Of a title that is not a literal, as in a loop, the parts that
are known only when it runs are named by their source: `${row.title}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import TREES_KEPT, ParsedText, field, text_of, walk
from testsmith.languages.typescript.source.parsing import string_value
from testsmith.languages.typescript.test_files.imports import FRAMEWORKS, bindings_of

if TYPE_CHECKING:
    from tree_sitter import Node

JOINT = " > "
"""Joins the titles of suites and of a test to the test's name."""


class BlockKind(StrEnum):
    """What a block is."""

    SUITE = "suite"
    TEST = "test"
    HOOK = "hook"


_KINDS = {
    **dict.fromkeys(("describe", "suite", "context", "xdescribe", "fdescribe", "xcontext"), BlockKind.SUITE),
    **dict.fromkeys(("it", "test", "specify", "xit", "xtest", "fit", "xspecify"), BlockKind.TEST),
    **dict.fromkeys(("before", "after", "beforeAll", "afterAll", "beforeEach", "afterEach"), BlockKind.HOOK),
    **dict.fromkeys(("setup", "teardown", "suiteSetup", "suiteTeardown"), BlockKind.HOOK),
}
TABLES = frozenset({"each", "for"})
"""Properties of a test function that make a test for each row of a table."""

FUNCTIONS = frozenset({"arrow_function", "function_expression", "generator_function"})

CONDITION = "?"
"""Modifier of what is one function or another, by a condition: `isFast ? it : it.skip`."""

_SKIPPING = frozenset(
    {CONDITION, "skip", "todo", "skipIf", "runIf", "only", "fails", "failing", "expectFailure"}
)
_UNNAMED = frozenset({"member_expression", "parenthesized_expression", "ternary_expression"})
_MOST_DEPTH = 40


@dataclass(frozen=True, eq=False)
class TestBlock:
    """A suite, a test, or a hook.

    Attributes:
        kind: What it is.
        titles: Titles of the suites around it and its own, outermost first; its own is empty for a hook.
        statement: Its statement, or its call if that is only part of one.
        call: The call with the title and the function.
        root: What is called, without modifiers: `it`.
        modifiers: Names of its modifiers: `skip`, `each`; or `CONDITION`.
        parent: The suite around it.
    """

    __test__ = False

    kind: BlockKind
    titles: tuple[str, ...]
    statement: Node
    call: Node
    root: Node
    modifiers: tuple[str, ...]
    parent: TestBlock | None

    @property
    def name(self) -> str:
        """Its full title."""
        return JOINT.join(self.titles)

    @cached_property
    def with_suites(self) -> tuple[TestBlock, ...]:
        """The block and the suites around it, innermost first."""
        found = [self]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return tuple(found)

    @cached_property
    def arguments(self) -> Sequence[Node]:
        """The arguments of its call."""
        return arguments_of(self.call)

    @cached_property
    def function(self) -> Node | None:
        """Its function."""
        return next((one for one in reversed(self.arguments) if one.type in FUNCTIONS), None)

    @cached_property
    def body(self) -> Node | None:
        """The body of its function, if that is a block."""
        body = field(self.function, "body")
        return body if body is not None and body.type == "statement_block" else None

    @cached_property
    def title_node(self) -> Node | None:
        """Its title."""
        first = self.arguments[0] if self.arguments else None
        return None if first is None or first.type in {*FUNCTIONS, "object"} else first

    @cached_property
    def table(self) -> Node | None:
        """The arguments with the rows of its table, of `each` and `for`."""
        called = field(self.call, "function")
        while called is not None:
            if called.type == "call_expression":
                if text_of(field(called, "function", "property")) in TABLES:
                    return field(called, "arguments")
                called = field(called, "function")
            else:
                called = field(called, "object")
        return None

    @cached_property
    def skipping(self) -> str:
        """What keeps it, or all other tests, from being run as usual; empty for nothing."""
        name = text_of(self.root)
        if name.startswith(("x", "f")) and name[1:] in _KINDS:
            return name
        found = next((one for one in self.modifiers if one in _SKIPPING), "")
        return found or next((one for one in self._options if one in _SKIPPING), "")

    @property
    def _options(self) -> Iterator[str]:
        for argument in self.arguments:
            if argument.type == "object":
                for pair in argument.named_children:
                    if text_of(field(pair, "value")) != "false":
                        yield text_of(field(pair, "key")) or text_of(pair)


def arguments_of(call: Node | None) -> list[Node]:
    """Return the arguments of a call."""
    given = field(call, "arguments")
    return [] if given is None else [one for one in given.named_children if one.type != "comment"]


@lru_cache(maxsize=TREES_KEPT)
def blocks_in(file: ParsedText) -> tuple[TestBlock, ...]:
    """Return all blocks of a file, in order, suites before what is in them."""
    return tuple(_blocks(file.root, None, _makers(file)))


def tests_in(file: ParsedText) -> list[TestBlock]:
    """Return the tests of a file, in order."""
    return [one for one in blocks_in(file) if one.kind is BlockKind.TEST]


@dataclass(frozen=True, slots=True)
class _Maker:
    """What makes blocks: a function of a framework, with modifiers."""

    root: Node | None
    kind: BlockKind
    modifiers: tuple[str, ...] = ()


def _makers(file: ParsedText) -> Mapping[str, _Maker]:
    """Return what a file's names for functions of a framework make, also with modifiers."""
    makers = {name: _Maker(None, kind) for name, kind in _KINDS.items()}
    for binding in bindings_of(file):
        is_whole = binding.imported in {"default", "*"}  # of node:test, the test function itself
        kind = BlockKind.TEST if is_whole else _KINDS.get(binding.imported)
        if binding.source in FRAMEWORKS and kind is not None:
            makers[binding.local] = _Maker(None, kind)
    for statement in file.root.named_children:
        for one in statement.named_children if statement.type == "lexical_declaration" else ():
            value, name = field(one, "value"), text_of(field(one, "name"))
            is_extended = text_of(field(value, "function", "property")) == "extend"
            maker = _maker(field(value, "function", "object") if is_extended else value, makers)
            if maker is not None and name:
                makers[name] = maker
    return makers


def _maker(called: Node | None, makers: Mapping[str, _Maker]) -> _Maker | None:
    """Return what makes blocks when it is called; of one that depends on a condition, the second choice."""
    modifiers: list[str] = []
    while called is not None and called.type in _UNNAMED:
        if called.type == "member_expression":
            modifiers.append(text_of(field(called, "property")))
        elif called.type == "ternary_expression":
            modifiers.append(CONDITION)
        called = field(called, "object") or field(called, "alternative") or called.named_children[0]
    known = makers.get(text_of(called)) if called is not None and called.type == "identifier" else None
    return None if known is None else _Maker(called, known.kind, (*modifiers, *known.modifiers))


def _blocks(scope: Node, parent: TestBlock | None, makers: Mapping[str, _Maker]) -> Iterator[TestBlock]:
    """Yield the blocks below a node, without what is inside of tests and hooks."""
    waiting = list(reversed(scope.named_children))
    while waiting:
        node = waiting.pop()
        block = _block(node, parent, makers) if node.type == "call_expression" else None
        if block is None:
            waiting += reversed(node.named_children)
            continue
        yield block
        depth = len(block.titles)
        if block.kind is BlockKind.SUITE and block.function is not None and depth < _MOST_DEPTH:
            yield from _blocks(block.function, block, makers)


def _block(call: Node, parent: TestBlock | None, makers: Mapping[str, _Maker]) -> TestBlock | None:
    modifiers: list[str] = []
    inner, root = call, field(call, "function")
    while root is not None and root.type in {"member_expression", "call_expression"}:
        if root.type == "call_expression":
            if _has_function(root):  # `it("...", () => {}).timeout(5)`
                inner, modifiers = root, []
            root = field(root, "function")
        else:
            modifiers.append(text_of(field(root, "property")))
            root = field(root, "object")
    maker, given = _maker(root, makers), arguments_of(inner)
    if maker is None or maker.root is None:
        return None
    kind = maker.kind
    modifiers += maker.modifiers
    if kind is not BlockKind.HOOK and not _is_made(inner, given, modifiers):
        return None
    if kind is BlockKind.HOOK and not any(one.type in {*FUNCTIONS, "identifier"} for one in given[:1]):
        return None
    if kind is BlockKind.TEST and modifiers and modifiers[-1] in _KINDS:  # `nodeTest.describe`, `t.it`
        kind = _KINDS[modifiers.pop()]
    title = "" if kind is BlockKind.HOOK else title_of(given[0])
    above = parent.titles if parent is not None else ()
    return TestBlock(
        kind=kind,
        titles=(*above, title),
        statement=_statement_of(call),
        call=inner,
        root=maker.root,
        modifiers=tuple(modifiers),
        parent=parent,
    )


def _has_function(call: Node) -> bool:
    return any(one.type in FUNCTIONS for one in arguments_of(call)[1:])


def _is_made(call: Node, given: Sequence[Node], modifiers: Sequence[str]) -> bool:
    """Return whether a call makes a test: it has a title, and a function or a reason for none."""
    if not given or given[0].type in {"array", "spread_element"} or field(call, "arguments") is None:
        return False
    if call.type != "call_expression" or text_of(field(call, "function", "property")) in {*TABLES, "extend"}:
        return False
    if text_of(field(call, "function", "property")) in {"skipIf", "runIf"}:
        return False
    is_alone = len(given) == 1
    return not is_alone or given[0].type in {*FUNCTIONS, "string", "template_string"} or "todo" in modifiers


def _statement_of(call: Node) -> Node:
    """Return the statement that only consists of a call, or the call."""
    around = call.parent
    while around is not None and around.type in {"await_expression", "unary_expression"}:
        around = around.parent
    return around if around is not None and around.type == "expression_statement" else call


def title_of(node: Node) -> str:
    """Return a title as the framework reports it, with `${...}` for parts that are not literals."""
    value = string_value(node)
    if value is not None:
        return value
    if node.type == "template_string":
        return "".join(map(_part_of_title, node.children[1:-1]))
    if node.type == "binary_expression" and text_of(field(node, "operator")) == "+":
        return "".join(title_of(one) for one in (node.named_children[0], node.named_children[-1]))
    if node.type in FUNCTIONS:
        return text_of(field(node, "name")) or "<anonymous>"
    owner = field(node, "object") if text_of(field(node, "property")) == "name" else node
    if owner is not None and owner.type == "identifier" and not _is_bound_around(owner):
        return text_of(owner)  # a function or a class
    return _substitution(text_of(node))


def _part_of_title(node: Node) -> str:
    if node.type == "template_substitution":
        return _substitution(text_of(node)[2:-1])
    return text_of(node).removeprefix("\\") if node.type == "escape_sequence" else text_of(node)


def _substitution(text: str) -> str:
    return f"${{{' '.join(text.replace('{', '').replace('}', '').split())}}}"


def _is_bound_around(name: Node) -> bool:
    """Return whether a name is that of a loop or a parameter around it, and so not of a function or class."""
    around = name.parent
    while around is not None:
        bound = [field(around, "left")] if around.type == "for_in_statement" else []
        if around.type in FUNCTIONS or around.type == "function_declaration":
            bound = [field(around, "parameters"), field(around, "parameter")]
        if any(text_of(one) == text_of(name) for each in bound if each for one in walk(each)):
            return True
        around = around.parent
    return False
