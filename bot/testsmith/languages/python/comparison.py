"""Which definitions differ in meaning between two states of a file, and which only moved."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.definitions import Definition, Function, definitions
from testsmith.languages.python.normalise import meaning, meaning_of_source
from testsmith.languages.python.syntax import SourceFile, Span, comments, span_of
from testsmith.model import Change, MemberKind

_SKIP_MARK = re.compile(r"(?:^|\s)#+\s*testsmith:\s*skip\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A definition of a file without its syntax tree.

    Attributes:
        name: The dotted name inside the file.
        kind: What it is; None for a module constant.
        is_async: See `Member.is_async`.
        spans: The lines of its parts.
        source: Its text, at the left margin.
        is_marked: Whether a comment asks to skip it or a class around it.
    """

    name: str
    kind: MemberKind | None
    is_async: bool
    spans: tuple[Span, ...]
    source: str
    is_marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A definition of head that base lacks, or has with another meaning."""

    found: Found
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two states of one file.

    Attributes:
        differences: In the order of head.
        gone: Text of the definitions that only base has, by dotted name.
        classes_with_methods: Names of the classes of head that have a public method or property.
    """

    differences: tuple[Difference, ...] = ()
    gone: Mapping[str, str]
    classes_with_methods: frozenset[str] = frozenset()

    @property
    def added_classes(self) -> frozenset[str]:
        """Names of the classes that only head has."""
        return frozenset(
            each.found.name
            for each in self.differences
            if each.change is Change.ADDED and each.found.kind is MemberKind.CLASS
        )


class Definitions:
    """The definitions of one file, each cut out of its text when it is asked for."""

    def __init__(self, source: SourceFile | None) -> None:
        self.by_name: dict[str, Definition] = definitions(source.tree) if source is not None else {}
        self._lines = source.text.split("\n") if source is not None else []
        self._marks = _marks(source.text) if source is not None else frozenset()
        self._own_line_marks = {
            line for line in self._marks if self._lines[line - 1].lstrip().startswith("#")
        }

    def source(self, name: str) -> str:
        """Return a definition's text."""
        return self.by_name[name].source(self._lines)

    def found(self, name: str) -> Found:
        """Return a definition without its syntax tree."""
        definition = self.by_name[name]
        return Found(
            name=name,
            kind=definition.kind,
            is_async=definition.is_async,
            spans=definition.spans,
            source=self.source(name),
            is_marked=any(self._is_marked(self.by_name[each]) for each in (name, *_around(name))),
        )

    def _is_marked(self, definition: Definition) -> bool:
        return bool(self._marks) and any(self._is_part_marked(part.statement) for part in definition.parts)

    def _is_part_marked(self, node: ast.stmt) -> bool:
        """Tell if a mark stands in the comment above a definition, on its head, or where its body starts.

        A line of its own above a class's first method speaks of that method.
        """
        first = span_of(node).first
        above, head = self._own_line_marks.intersection(self._comment_above(first)), self._marks
        begin = _beginning(node)
        end = begin.lineno + 1
        if isinstance(begin, Function | ast.ClassDef):
            end, head = span_of(begin).first, self._marks - self._own_line_marks
        return bool(above) or not head.isdisjoint(range(first, end))

    def _comment_above(self, line: int) -> Iterator[int]:
        """Yield the lines of the comment that ends just above a line."""
        while line > 1 and self._lines[line - 2].lstrip().startswith("#"):
            line -= 1
            yield line


def _beginning(node: ast.stmt) -> ast.stmt:
    """Return the first statement of a body after its docstring; the statement itself where it has no body."""
    body: Sequence[ast.stmt] = getattr(node, "body", ()) or (node,)
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), after, *_]:
            return after
    return body[0]


def compare(base: SourceFile | None, head: SourceFile | None) -> Comparison:
    """Return what differs between two states of a file; None is a file that is not there or not readable."""
    before, after = Definitions(base), Definitions(head)
    changes = {name: _change(name, before, after) for name in after.by_name}
    return Comparison(
        differences=tuple(
            Difference(found=after.found(name), change=change)
            for name, change in changes.items()
            if change is not None
        ),
        gone={name: before.source(name) for name in before.by_name if name not in after.by_name},
        classes_with_methods=frozenset(_classes_with_methods(after.by_name)),
    )


def _change(name: str, before: Definitions, after: Definitions) -> Change | None:
    old, new = before.by_name.get(name), after.by_name[name]
    if old is None or (new.kind is MemberKind.CLASS) != (old.kind is MemberKind.CLASS):
        return Change.ADDED
    if not any(part.guards for part in (*old.parts, *new.parts)) and before.source(name) == after.source(
        name
    ):
        return None
    return Change.CHANGED if meaning(old) != meaning(new) else None


def _classes_with_methods(found: Mapping[str, Definition]) -> Iterable[str]:
    for name, definition in found.items():
        around, _, plain = name.rpartition(".")
        if around and definition.kind is not MemberKind.CLASS and not plain.startswith("_"):
            yield around


def _around(name: str) -> Iterable[str]:
    """Yield the dotted names of the classes around a definition."""
    while name := name.rpartition(".")[0]:
        yield name


def _marks(text: str) -> frozenset[int]:
    """Return the lines whose comment asks to skip a definition."""
    if _SKIP_MARK.search(text) is None:
        return frozenset()
    return frozenset(line for line, comment in comments(text).items() if _SKIP_MARK.search(comment))


def whole_meaning(source: str) -> str:
    """Return what a definition's text means, all that a class holds included."""
    try:
        return meaning_of_source(source)
    except (CannotParse, RecursionError):
        return source
