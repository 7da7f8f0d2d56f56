"""Put flags into a source file, to note which of its statements are reached, and read what was noted.

The text is changed before any framework or compiler reads it, so that nothing depends on how it is loaded,
and lines stay where they are. Statements have a flag, and expressions that may not be evaluated: bodies of
arrow functions, fields, operands of `&&` and `?:` on lines of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from testsmith.decode import Malformed, decode
from testsmith.execution.jobs import Place
from testsmith.languages.syntax_tree import ParsedText, end_line_of, line_of, text_of, walk
from testsmith.languages.syntax_tree import field as field_of
from testsmith.languages.typescript.source.parsing import parse_tolerant

if TYPE_CHECKING:
    from tree_sitter import Node

_FLAG = "globalThis.process.testsmith.at"
_BLOCKS = frozenset({"program", "statement_block", "switch_case", "switch_default", "class_static_block"})
_NOT_RUN = frozenset(
    {
        *("comment", "empty_statement", "import_statement", "function_declaration", "function_signature"),
        *("generator_function_declaration", "interface_declaration", "type_alias_declaration"),
        *(
            "ambient_declaration",
            "class_declaration",
            "abstract_class_declaration",
            "import_alias",
            "hash_bang_line",
        ),
    }
)
_BODIES = {
    "if_statement": "consequence",
    **dict.fromkeys(("for_statement", "for_in_statement", "while_statement", "do_statement"), "body"),
}
_VALUES = {"arrow_function": "body", "public_field_definition": "value", "field_definition": "value"}
_NOT_WRAPPED = frozenset(
    {"statement_block", "arrow_function", "function_expression", "generator_function", "class"}
)
"""Values that have flags inside, or take their name from what they are assigned to."""

_EVALUATED_LATER = frozenset({"&&", "||", "??"})
_CALLS = frozenset({"call_expression", "new_expression"})
_NO_CODE = re.compile(r"[\s(){}\[\],;]*(?:else)?[\s(){}\[\],;]*(?://.*)?")
_MOST_TRACE = 500_000
_FLAG_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Flag:
    """A place that notes that it was reached.

    Attributes:
        lines: The lines that run if it is reached.
        calls: The places of its calls, which are in no other flag inside it.
    """

    lines: frozenset[int]
    calls: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class FlaggedText:
    """A text with flags.

    Attributes:
        text: The text.
        first: Number of the first flag.
        flags: The flags.
    """

    text: str
    first: int
    flags: tuple[Flag, ...]

    def lines(self, reached: frozenset[int]) -> frozenset[int]:
        """Return the lines of the reached flags."""
        return frozenset[int]().union(*(self.flags[at].lines for at in self._own(reached)))

    def idle(self, reached: frozenset[int]) -> tuple[Place, ...]:
        """Return the calls of the flags that were not reached."""
        own = set(self._own(reached))
        return tuple(place for at, flag in enumerate(self.flags) if at not in own for place in flag.calls)

    def _own(self, reached: frozenset[int]) -> Iterator[int]:
        numbers = range(self.first, self.first + len(self.flags))
        return (number - self.first for number in reached.intersection(numbers))


@dataclass(frozen=True, slots=True)
class _Spot:
    """A node that gets a flag, and how it is inserted: before it, around it as a block, or as an operand."""

    node: Node
    before: str
    after: str = ""


def flagged(text: str, path: str, first: int = 0, within: Sequence[range] = ()) -> FlaggedText:
    """Return a text with flags.

    Args:
        text: The text.
        path: Its file; the suffix decides how it is parsed.
        first: Number of the first flag.
        within: Lines in which a statement that gets a flag begins; all lines if empty.

    Raises:
        CannotParse: The text is too long or takes too long to parse.
    """
    file = parse_tolerant(text, path)
    spots = [one for one in _spots(file) if not within or any(line_of(one.node) in lines for lines in within)]
    owners = {one.node.id: number for number, one in enumerate(spots)}
    own = [set(_span(one.node)) for one in spots]
    calls: list[list[Place]] = [[] for _ in spots]
    for one in spots:
        around = _owner(one.node.parent, owners)
        if around is not None:  # it does the same for those around it
            own[around] -= {*_span(one.node)} - {line_of(spots[around].node)}
    for node in walk(file.root):
        owner = _owner(node, owners) if node.type in _CALLS else None
        if owner is not None:
            calls[owner].append(_place(node))
    lines = text.split("\n")
    flags = tuple(
        Flag(frozenset(line for line in found if not _NO_CODE.fullmatch(lines[line - 1])), tuple(called))
        for found, called in zip(own, calls, strict=True)
    )
    return FlaggedText(_inserted(file, spots, first), first, flags)


def _span(node: Node) -> range:
    return range(line_of(node), end_line_of(node) + 1)


def _place(node: Node) -> Place:
    end = node.end_point
    return line_of(node), int(node.start_point.column), int(end.row) + 1, int(end.column)


def _inserted(file: ParsedText, spots: Sequence[_Spot], first: int) -> str:
    """Return a text with flags; of those at one position, outer ones begin first and end last."""
    pieces: list[tuple[int, int, int, str]] = []
    for number, one in enumerate(spots):
        node, size = one.node, one.node.end_byte - one.node.start_byte
        pieces.append((node.start_byte, 1, -size, one.before.format(flag=f"{_FLAG}({first + number})")))
        if one.after:
            pieces.append((node.end_byte, 0, size, one.after))
    data, last = bytearray(), 0
    for position, _, _, inserted in sorted(pieces):
        data += file.data[last:position] + inserted.encode()
        last = position
    return (data + file.data[last:]).decode("utf-8", "replace")


def _spots(file: ParsedText) -> Iterator[_Spot]:
    for node in walk(file.root, {"ambient_declaration", "ERROR"}):
        if node.type in _BLOCKS:
            yield from (_Spot(one, "{flag}; ") for one in _statements(node))
        elif node.type == "else_clause":
            yield from _single(next(iter(node.named_children), None))
        elif node.type in _BODIES:
            yield from _single(field_of(node, _BODIES[node.type]))
        elif node.type in _VALUES:
            value = field_of(node, _VALUES[node.type])
            if value is not None and value.type not in _NOT_WRAPPED:
                yield _operand(value)
        else:
            yield from _on_own_lines(node)


def _on_own_lines(node: Node) -> Iterator[_Spot]:
    """Yield the operands of an expression that may not be evaluated and begin on a line of their own."""
    if node.type == "ternary_expression":
        before = field_of(node, "condition")
        operands = [field_of(node, "consequence"), field_of(node, "alternative")]
    elif node.type == "binary_expression" and text_of(field_of(node, "operator")) in _EVALUATED_LATER:
        before, operands = field_of(node, "left"), [field_of(node, "right")]
    else:
        return
    for one in operands:
        if before is not None and one is not None and line_of(one) > end_line_of(before):
            yield _operand(one)


def _statements(block: Node) -> Iterator[Node]:
    """Yield the statements of a block that are run, without directives such as `"use strict"`."""
    value = field_of(block, "value") if block.type == "switch_case" else None
    is_start = True
    for child in block.named_children:
        if value is not None and child.id == value.id:
            continue
        inner = field_of(child, "declaration") if child.type == "export_statement" else child
        is_directive = (
            is_start
            and child.type == "expression_statement"
            and len(child.named_children) == 1
            and child.named_children[0].type == "string"
        )
        is_start = is_start and (is_directive or child.type == "comment")
        kind = "" if inner is None or is_directive else inner.type
        if kind not in _NOT_RUN and kind.endswith(("_statement", "_declaration")):
            yield child


def _single(body: Node | None) -> Iterator[_Spot]:
    if body is not None and body.type not in {"statement_block", "comment", "empty_statement"}:
        yield _Spot(body, "{{ {flag}; ", " }")


def _operand(node: Node) -> _Spot:
    return _Spot(node, "({flag}, ", ")")


def _owner(node: Node | None, owners: Mapping[int, int]) -> int | None:
    """Return the number of the innermost flag around a node, or of itself; None if there is none."""
    while node is not None:
        if node.id in owners:
            return owners[node.id]
        node = node.parent
    return None


@dataclass(slots=True)
class Trace:
    """What the processes of a run noted.

    Attributes:
        loaded: Flags that were reached before the first test of a process.
        tests: Flags that each test reached, by its file and title.
    """

    loaded: frozenset[int] = frozenset()
    tests: dict[tuple[str, str], frozenset[int]] = field(default_factory=dict)

    @property
    def everything(self) -> frozenset[int]:
        """All flags that were reached."""
        return self.loaded.union(*self.tests.values())


def read_trace(text: str | None) -> Trace:
    """Return what was noted. Lines that cannot be read are left out."""
    loaded, tests = set[int](), dict[tuple[str, str], set[int]]()
    current: dict[str, set[int]] = {}
    for line in (text or "").splitlines()[:_MOST_TRACE]:
        process, _, words = line.partition(" ")
        if _FLAG_NUMBER.fullmatch(words):
            current.get(process, loaded).add(int(words))
        elif (begun := _begun(words)) is not None:
            current[process] = tests.setdefault(begun, set())
    return Trace(frozenset(loaded), {test: frozenset(found) for test, found in tests.items()})


def _begun(words: str) -> tuple[str, str] | None:
    try:
        return decode(tuple[str, str], words)
    except Malformed:
        return None
