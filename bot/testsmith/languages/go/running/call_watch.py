"""Find the calls of a test module that are not reached: each statement sets a flag.

Go counts no blocks in test files, so the flags are put into a copy of the module. That copy is only run to
find such calls; nothing else is concluded from its run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testsmith.execution.jobs import Place
from testsmith.languages.go.running.test_names import package_name, test_lines
from testsmith.languages.go.source.parsing import parse_tolerant
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import field, line_of, text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

VARIABLE = "TESTSMITH_REACHED"
"""Environment variable with the path of the file that the flags are written to."""

SUPPORT_FILE = "testsmith_reached_test.go"
_SUPPORT = """package {package}

import testsmithos "os"

var testsmithReached [{count}]byte

func testsmithWrite() {{
\ttext := make([]byte, len(testsmithReached))
\tfor i, reached := range testsmithReached {{
\t\ttext[i] = '0' + reached
\t}}
\ttestsmithos.WriteFile(testsmithos.Getenv("{variable}"), text, 0600)
}}
"""
_FLAGS = re.compile(r"[01]*")


@dataclass(frozen=True, slots=True)
class WatchedModule:
    """A copy of a test module with flags.

    Attributes:
        text: Its text.
        support: Text of another file of its package.
        calls: The places of the calls of each statement, which are not in a statement inside it.
    """

    text: str
    support: str
    calls: tuple[tuple[Place, ...], ...]

    def idle(self, written: list[str]) -> tuple[Place, ...] | None:
        """Return the calls that no process reached; None if a process wrote no flags.

        Args:
            written: What each process wrote. Untrusted text.
        """
        are_whole = all(len(one) == len(self.calls) and _FLAGS.fullmatch(one) for one in written)
        if not written or not are_whole:
            return None
        unreached = (at for at in range(len(self.calls)) if all(one[at] == "0" for one in written))
        return tuple(place for at in unreached for place in self.calls[at])


def watched(code: str) -> WatchedModule | None:
    """Return a copy of a test module with a flag at each statement; None if it cannot be parsed."""
    try:
        parsed = parse_tolerant(code)
    except CannotParse:
        return None
    statements = list(_statements(parsed.root))
    numbers = {statement.id: number for number, statement in enumerate(statements)}
    calls: list[list[Place]] = [[] for _ in statements]
    for node in walk(parsed.root):
        number = _innermost(node, numbers) if node.type == "call_expression" else None
        if number is not None:
            calls[number].append(_place(node))
    inserted = {one.start_byte: f"testsmithReached[{number}] = 1; " for number, one in enumerate(statements)}
    for node in parsed.root.named_children:
        if node.type == "function_declaration" and text_of(field(node, "name")) in test_lines(code):
            body = field(node, "body")
            if body is not None:
                inserted[body.start_byte + 1] = f" {_at_end(node)}; "
    data, last = b"", 0
    for position in sorted(inserted):
        data += parsed.data[last:position] + inserted[position].encode()
        last = position
    text = (data + parsed.data[last:]).decode("utf-8", "replace")
    support = _SUPPORT.format(package=package_name(code), count=max(1, len(statements)), variable=VARIABLE)
    return WatchedModule(text=text, support=support, calls=tuple(map(tuple, calls)))


def _statements(root: Node) -> Iterator[Node]:
    for node in walk(root):
        if node.type == "statement_list":
            yield from (child for child in node.named_children if child.type != "comment")


def _innermost(node: Node, numbers: dict[int, int]) -> int | None:
    """Return the number of the innermost statement around a node; None outside of functions."""
    around: Node | None = node
    while around is not None:
        if around.id in numbers:
            return numbers[around.id]
        around = around.parent
    return None


def _place(node: Node) -> Place:
    end = node.end_point
    return line_of(node), int(node.start_point.column), int(end.row) + 1, int(end.column)


def _at_end(function: Node) -> str:
    """Return the statement that has the flags written when a test function and its subtests have ended."""
    parameters = field(function, "parameters")
    first = next(iter(parameters.named_children), None) if parameters is not None else None
    name = text_of(field(first, "name"))
    is_usable = bool(name) and name != "_"
    return f"{name}.Cleanup(testsmithWrite)" if is_usable else "defer testsmithWrite()"
