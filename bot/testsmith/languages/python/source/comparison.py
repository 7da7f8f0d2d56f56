"""Compare the definitions of two revisions of a file by meaning.

`meaning` ignores what does not change what a definition does: docstrings, annotations, comments, formatting,
overloads, `pass` and type-checking blocks. `normalized_source` ignores only comments, formatting and
position; it is used in cache keys of prompts that include docstrings and annotations.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from testsmith.languages.python.source.definitions import (
    TYPING_DECORATORS,
    Definition,
    Function,
    Placed,
    definitions,
    is_overload,
    is_type_checking,
    last_name,
    statements,
)
from testsmith.languages.python.source.parsing import LineSpan, SourceFile, bodies, comments, parse, span_of
from testsmith.languages.source import CannotParse
from testsmith.model import Change, MemberKind

# Meaning of a definition, as comparable text.

_MEANINGLESS_FIELDS = frozenset(
    {"annotation", "ctx", "kind", "returns", "simple", "type_comment", "type_ignores", "type_params"}
)
"""AST fields that contain annotations or parser metadata."""

_FIELDS = MappingProxyType(
    {
        kind: tuple(field for field in kind._fields if field not in _MEANINGLESS_FIELDS)
        for kind in vars(ast).values()
        if isinstance(kind, type) and issubclass(kind, ast.AST)
    }
)

_SUITES = frozenset({"body", "orelse", "finalbody"})


def meaning(definition: Definition) -> str:
    """Return the meaning of a definition; for a class, without its methods and nested classes."""
    if definition.kind is MemberKind.CLASS:
        return _written([_class_head(part) for part in definition.parts])
    return _written([(part.guards, list(_suite([part.statement]))) for part in definition.parts])


def meaning_of_tree(tree: ast.Module) -> str:
    """Return the meaning of a module; classes include their methods and nested classes."""
    return _written(tree)


def normalized_source(source: str) -> str:
    """Return a member's source dedented, without comments and in a canonical format.

    Annotations and docstrings (with normalized indentation) are kept. Text that is not valid Python is
    returned unchanged.
    """
    try:
        tree = parse(source)
        _even_out_docstrings(tree)
        return ast.unparse(tree)
    except (CannotParse, RecursionError):
        return source


def _even_out_docstrings(tree: ast.Module) -> None:
    found = list(tree.body)
    for statement in found:
        if isinstance(statement, Function | ast.ClassDef):
            match statement.body[0]:
                case ast.Expr(value=ast.Constant(value=str(text)) as docstring):
                    docstring.value = inspect.cleandoc(text)
        found += chain.from_iterable(bodies(statement))


def _class_head(part: Placed) -> object:
    """Return the bases, decorators and class-level statements of a class, without an explicit `object`."""
    node = part.statement
    if not isinstance(node, ast.ClassDef):
        return part.guards, node
    own = [
        (inner.guards, list(_suite([inner.statement], in_class=True)))
        for inner in statements(node.body)
        if not isinstance(inner.statement, Function | ast.ClassDef) and not _is_note(inner.statement)
    ]
    bases = [base for base in node.bases if not (isinstance(base, ast.Name) and base.id == "object")]
    return part.guards, _decorators(node), bases, node.keywords, own


def _written(thing: object) -> str:
    parts: list[str] = []
    _write(thing, parts)
    return " ".join(parts)


def _write(thing: object, parts: list[str]) -> None:
    """Append an unambiguous text form of a node or of a field's value."""
    if isinstance(thing, ast.AST):
        parts.append(f"({type(thing).__name__}")
        for field in _FIELDS[type(thing)]:
            _write(_value(thing, field), parts)
        parts.append(")")
    elif isinstance(thing, list | tuple):
        parts.append("[")
        for each in thing:
            _write(each, parts)
        parts.append("]")
    else:
        parts.append(repr(thing))


def _value(node: ast.AST, field: str) -> object:
    """Return the value of a field without irrelevant details."""
    value: object = getattr(node, field, None)
    if field in _SUITES and isinstance(value, list):
        return list(_suite(value, in_class=isinstance(node, ast.ClassDef)))
    if field == "decorator_list" and isinstance(node, Function | ast.ClassDef):
        return _decorators(node)
    return value


def _decorators(node: Function | ast.ClassDef) -> list[ast.expr]:
    return [each for each in node.decorator_list if last_name(each) not in TYPING_DECORATORS]


def _suite(body: Sequence[ast.stmt], *, in_class: bool = False) -> Iterator[object]:
    """Yield the statements that have an effect; bare annotations have one only in a class."""
    for statement in body:
        match statement:
            case ast.If(test=test) if is_type_checking(test):
                yield from _suite(statement.orelse, in_class=in_class)
            case ast.AnnAssign(target=target, value=value) if in_class:
                yield ("field", target, value)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    yield ast.Assign(targets=[target], value=value)
            case _ if not _is_note(statement) and not is_overload(statement):
                yield statement


def _is_note(statement: ast.stmt) -> bool:
    """Return whether a statement has no effect: a docstring, `...` or `pass`."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


_SKIP_MARK = re.compile(r"(?:^|\s)#+\s*testsmith:\s*skip\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDefinition:
    """A definition of a file, without its syntax tree.

    Attributes:
        name: Dotted name inside the file.
        kind: Kind of member, or None for a module constant.
        is_async: See `Member.is_async`.
        spans: Lines of its parts.
        source: Dedented source text.
        is_marked: Whether a comment asks to skip it or an enclosing class.
        is_stub: Whether it is a protocol, or a method of one, that only declares what others do.
        is_bare: Whether it is a class that only has a name and bases, for example of an exception.
    """

    name: str
    kind: MemberKind | None
    is_async: bool
    spans: tuple[LineSpan, ...]
    source: str
    is_marked: bool
    is_stub: bool
    is_bare: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A definition of head that is missing on base or has a different meaning there.

    Attributes:
        found: The definition on head.
        change: Whether it was added or changed.
        base: Its dedented source on base; empty if it was added.
    """

    found: FoundDefinition
    change: Change
    base: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Differences between two states of a file.

    Attributes:
        differences: New and changed definitions, in the order of head.
        gone: Source text of definitions that exist only on base, by dotted name.
        classes_with_methods: Names of the classes of head that have a public method or property.
        is_added: Whether base has no file that can be read.
    """

    differences: tuple[Difference, ...] = ()
    gone: Mapping[str, str]
    classes_with_methods: frozenset[str] = frozenset()
    is_added: bool = False

    @property
    def added_classes(self) -> frozenset[str]:
        """Names of the classes that exist only on head."""
        return frozenset(
            each.found.name
            for each in self.differences
            if each.change is Change.ADDED and each.found.kind is MemberKind.CLASS
        )


class Definitions:
    """Definitions of one file; source text is extracted on demand."""

    def __init__(self, source: SourceFile | None) -> None:
        self.by_name: dict[str, Definition] = definitions(source.tree) if source is not None else {}
        self._lines = source.text.split("\n") if source is not None else []
        self._marks = _marks(source.text) if source is not None else frozenset()
        self._own_line_marks = {
            line for line in self._marks if self._lines[line - 1].lstrip().startswith("#")
        }

    def source(self, name: str) -> str:
        """Return a definition's source text."""
        return self.by_name[name].source(self._lines)

    def found(self, name: str) -> FoundDefinition:
        """Return a definition without its syntax tree."""
        definition = self.by_name[name]
        return FoundDefinition(
            name=name,
            kind=definition.kind,
            is_async=definition.is_async,
            spans=definition.spans,
            source=self.source(name),
            is_marked=any(self._is_marked(self.by_name[each]) for each in (name, *_around(name))),
            is_stub=self._is_stub(name),
            is_bare=all(_is_bare_class(part.statement) for part in definition.parts),
        )

    def _is_stub(self, name: str) -> bool:
        definition = self.by_name[name]
        if definition.kind is MemberKind.CLASS:
            return all(_is_bare_protocol(part.statement) for part in definition.parts)
        around = self.by_name.get(name.rpartition(".")[0])
        return (
            around is not None
            and all(_is_protocol(part.statement) for part in around.parts)
            and all(_is_declaration(part.statement) for part in definition.parts)
        )

    def _is_marked(self, definition: Definition) -> bool:
        return bool(self._marks) and any(self._is_part_marked(part.statement) for part in definition.parts)

    def _is_part_marked(self, node: ast.stmt) -> bool:
        """Return whether a skip comment is above a definition, on its head or where its body starts.

        A comment on its own line above a class's first method applies to that method.
        """
        first = span_of(node).first
        above, head = self._own_line_marks.intersection(self._comment_above(first)), self._marks
        begin = _beginning(node)
        end = begin.lineno + 1
        if isinstance(begin, Function | ast.ClassDef):
            end, head = span_of(begin).first, self._marks - self._own_line_marks
        return bool(above) or not head.isdisjoint(range(first, end))

    def _comment_above(self, line: int) -> Iterator[int]:
        """Yield the lines of the comment that ends directly above a line."""
        while line > 1 and self._lines[line - 2].lstrip().startswith("#"):
            line -= 1
            yield line


def _is_protocol(node: ast.stmt) -> bool:
    """Return whether a class is a `typing.Protocol`, which must be among its own bases."""
    bases = node.bases if isinstance(node, ast.ClassDef) else ()
    heads = (base.value if isinstance(base, ast.Subscript) else base for base in bases)
    return any(last_name(head) == "Protocol" for head in heads)


def _is_bare_protocol(node: ast.stmt) -> bool:
    """Return whether a protocol does nothing itself, not even for `isinstance`."""
    return (
        isinstance(node, ast.ClassDef)
        and _is_protocol(node)
        and not node.decorator_list
        and all(map(_is_declaration, node.body))
    )


def _is_bare_class(node: ast.stmt) -> bool:
    """Return whether a class has no code or data of its own, and nothing is done with it."""
    return (
        isinstance(node, ast.ClassDef)
        and not node.decorator_list
        and not node.keywords
        and all(map(_is_note, node.body))
    )


def _is_declaration(node: ast.stmt) -> bool:
    """Return whether a statement of a protocol has no effect: a note, an annotation or an empty method."""
    if isinstance(node, Function):
        return all(map(_is_note, node.body))
    return _is_note(node) or (isinstance(node, ast.AnnAssign) and node.value is None)


def _beginning(node: ast.stmt) -> ast.stmt:
    """Return the first statement of a body after the docstring, or the statement itself if it has no body."""
    body: Sequence[ast.stmt] = getattr(node, "body", ()) or (node,)
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), after, *_]:
            return after
    return body[0]


def compare(base: SourceFile | None, head: SourceFile | None) -> Comparison:
    """Return the differences between two states of a file; None means a missing or unreadable file."""
    before, after = Definitions(base), Definitions(head)
    changes = {name: _change(name, before, after) for name in after.by_name}
    return Comparison(
        differences=tuple(
            Difference(
                found=after.found(name),
                change=change,
                base=before.source(name) if change is Change.CHANGED else "",
            )
            for name, change in changes.items()
            if change is not None
        ),
        gone={name: before.source(name) for name in before.by_name if name not in after.by_name},
        classes_with_methods=frozenset(_classes_with_methods(after.by_name)),
        is_added=base is None,
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
    """Yield the dotted names of the enclosing classes."""
    while name := name.rpartition(".")[0]:
        yield name


def _marks(text: str) -> frozenset[int]:
    """Return the lines that contain a comment asking to skip a definition."""
    if _SKIP_MARK.search(text) is None:
        return frozenset()
    return frozenset(line for line, comment in comments(text).items() if _SKIP_MARK.search(comment))


def whole_meaning(source: str) -> str:
    """Return the meaning of a definition's source, including everything in a class."""
    try:
        return meaning_of_tree(parse(source))
    except (CannotParse, RecursionError):
        return source


def nameless_meaning(source: str) -> str:
    """Return the meaning of a function's source without its name and the names of its parameters."""
    try:
        tree = parse(source)
        for function in tree.body:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                _number_parameters(function)
        return _written(tree)
    except (CannotParse, RecursionError):
        return source


def _number_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    numbers = {argument.arg: f"_{number}" for number, argument in enumerate(arguments)}
    function.name = "_"
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name):
                node.arg = numbers.get(name, name)
            case ast.Name(id=name):
                node.id = numbers.get(name, name)
