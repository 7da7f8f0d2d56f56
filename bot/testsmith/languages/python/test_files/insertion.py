"""Insert lines into a test file, imports after its imports and definitions after its definitions."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

import libcst as cst

from testsmith.languages.python.source.definitions import Function, is_type_checking, last_name
from testsmith.languages.python.source.parsing import lines_of, parse_untrusted, span_of
from testsmith.languages.python.test_files.cutting import (
    bindings,
    branch_statements,
    dotted,
    has_tests,
    imported_name,
    used_names,
    without_unused,
)
from testsmith.languages.python.test_files.equivalence import Bindings, Condition
from testsmith.languages.python.test_files.existing.placing import Suite, as_class, methods_for

_BLANKS_BETWEEN_DEFINITIONS = (1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Whole lines to insert into a file, indented by four spaces and ending in newlines.

    Attributes:
        imports: Import lines; may be empty.
        definitions: Everything else, but for methods; may be empty.
        methods: Methods of an existing class, indented as they are there; may be empty.
    """

    imports: str
    definitions: str
    methods: str = ""


def inserted(text: str, parts: Parts, after: int | None = None, methods_after: int = 0) -> str:
    """Return a file's text with the parts inserted, using the file's own line ends and indentation.

    No existing line changes, except that a missing final newline is added.

    Args:
        text: Text of the file.
        parts: Parts to insert.
        after: Number of statements before the definitions, or None for the end of the file.
        methods_after: Number of lines before the methods.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    lines = lines_of(text)
    body = parse_untrusted(text).body
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    first, last = _place_of_imports(body, lines), _place_of_definitions(body, lines)
    if after and after < len(body):
        last = min(last, max(first, _end_of_line(body, body[after - 1].end_lineno or 0)))
    methods = ["\n", *lines_of(parts.methods)] if parts.methods else []
    added = [
        (methods_after, methods),
        (last, _definition_lines(parts, body, lines, last) if parts.definitions else []),
        *_placed_imports(parts.imports, body, lines, first),
    ]
    for place, new in sorted(added, key=lambda each: each[0], reverse=True):
        lines[place:place] = [line.replace("\n", newline) for line in new]
    return "".join(lines)


def indentation(text: str) -> str:
    """Return the indentation that a file uses; four spaces if it has none.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    lines = lines_of(text)
    for statement in parse_untrusted(text).body:
        if isinstance(statement, Function | ast.ClassDef) and statement.body[0].lineno > statement.lineno:
            inner = statement.body[0]
            return lines[inner.lineno - 1][: inner.col_offset]
    return "    "


def _place_of_imports(body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    """Return the number of lines before the position where imports are added."""
    if not body:
        return len(lines)
    before = _before_definitions(body)
    plain = [each for each in before if isinstance(each, ast.Import | ast.ImportFrom)]
    conditional = [each for each in before if isinstance(each, ast.If | ast.Try) and _imports(each)]
    docstring = [each for each in body[:1] if _is_docstring(each)]
    ends = [each.end_lineno or 0 for each in (plain or conditional or docstring)]
    return _end_of_line(body, max(ends)) if ends else _above(body[0], lines)


def _placed_imports(
    imports: str, body: Sequence[ast.stmt], lines: Sequence[str], end: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the added imports with their places: among those of the same kind, if there are any.

    They are put where they belong by name if those are sorted by name, otherwise after the last of them.
    Those for type checkers go into the block that the file has for them.
    """
    plain = [each for each in _before_definitions(body) if isinstance(each, ast.Import | ast.ImportFrom)]
    if not plain:
        yield end, _import_lines(imports, body, lines, end)
        return
    found: dict[int, list[str]] = {}
    own = lines_of(imports) if imports else []
    blocks = {ast.unparse(each.test): each for each in _before_definitions(body) if _is_for_types(each)}
    for statement in parse_untrusted(imports).body:
        if _is_for_types(statement) and (block := blocks.get(ast.unparse(statement.test))) is not None:
            inner = own[span_of(statement.body[0]).first - 1 : span_of(statement.body[-1]).last]
            found.setdefault(block.end_lineno or 0, []).extend(inner)
            continue
        kinds = ([each for each in plain if kind in _kinds(each)] for kind in _kinds(statement))
        same_kind = next(filter(None, kinds), [])
        place = _end_of_line(body, _line_before(statement, same_kind)) if same_kind else end
        span = span_of(statement)
        found.setdefault(place, []).extend(own[span.first - 1 : span.last])
    for place, new in found.items():
        yield place, _import_lines("".join(new), body, lines, place)


def _is_for_types(statement: ast.stmt) -> TypeGuard[ast.If]:
    """Return whether a statement is a block of lines that only type checkers read."""
    if not isinstance(statement, ast.If) or statement.orelse or not is_type_checking(statement.test):
        return False
    return statement.body[0].lineno > statement.lineno


def _line_before(statement: ast.stmt, same_kind: Sequence[ast.stmt]) -> int:
    """Return the line after which an import is added to those of the same kind, of which there is one."""
    same_form = [each for each in same_kind if type(each) is type(statement)]
    names = [_imported_module(each) for each in same_form]
    before = [each for each in same_form if _imported_module(each) <= _imported_module(statement)]
    if len(names) > 1 and names == sorted(names):
        return (before[-1].end_lineno or 0) if before else span_of(same_form[0]).first - 1
    return same_kind[-1].end_lineno or 0


def _imported_module(statement: ast.stmt) -> str:
    match statement:
        case ast.ImportFrom(module=module, level=level):
            return "." * level + (module or "").lower()
        case ast.Import(names=[alias, *_]):
            return alias.name.lower()
        case _:
            return ""


def _kinds(statement: ast.stmt) -> list[str]:
    """Return the package that a statement imports from, and its kind if it is the standard library."""
    match statement:
        case ast.ImportFrom(module=module, level=level):
            name = "." if level else str(module).partition(".")[0]
        case ast.Import(names=[alias, *_]):
            name = alias.name.partition(".")[0]
        case _:
            return []
    return [name, "standard library"] if name in sys.stdlib_module_names else [name]


def _before_definitions(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    stop = next((i for i, each in enumerate(body) if isinstance(each, Function | ast.ClassDef)), len(body))
    return body[:stop]


def _imports(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(statement))


def _is_docstring(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _end_of_line(body: Sequence[ast.stmt], line: int) -> int:
    """Return the last line of the statements that share a line by semicolons."""
    for statement in body:
        if statement.lineno <= line:
            line = max(line, statement.end_lineno or 0)
    return line


def _above(statement: ast.stmt, lines: Sequence[str]) -> int:
    """Return the number of lines above a statement and its comments."""
    start = span_of(statement).first - 1
    above = start
    while above and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    return above or start


def _place_of_definitions(body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    """Return the number of lines before the end of the file or a final `if __name__ == ...`."""
    last = body[-1] if body else None
    test = last.test if isinstance(last, ast.If) else None
    if last is not None and isinstance(test, ast.Compare) and last_name(test.left) == "__name__":
        return _above(last, lines)
    return len(lines)


def _import_lines(imports: str, body: Sequence[ast.stmt], lines: Sequence[str], place: int) -> list[str]:
    added = lines_of(imports) if imports else []
    if any(map(_imports, _before_definitions(body))):
        return [line for line in added if line.strip()]
    if not added or not body:
        return added
    follows_text = place and lines[place - 1].strip()
    precedes_text = place < len(lines) and lines[place].strip()
    return [*["\n"] * bool(follows_text), *added, *["\n"] * bool(precedes_text)]


def _blanks_between(body: Sequence[ast.stmt], lines: Sequence[str]) -> int:
    """Return how many blank lines most definitions of a file have above them: one or two."""
    ends = [span_of(each).first - 1 for each in body[1:] if isinstance(each, Function | ast.ClassDef)]
    above = [next((i for i, line in enumerate(reversed(lines[:end])) if line.strip()), 0) for end in ends]
    one, two = _BLANKS_BETWEEN_DEFINITIONS
    return one if above.count(one) > max(1, len(above) // 2) else two


def _definition_lines(parts: Parts, body: Sequence[ast.stmt], lines: Sequence[str], place: int) -> list[str]:
    before, blanks = lines[:place], _blanks_between(body, lines)
    present = next((i for i, line in enumerate(reversed(before)) if line.strip()), len(before))
    gap = ["\n"] * max(0, blanks - present) if present < len(before) else []
    behind = lines[place:]
    follows = next((i for i, line in enumerate(behind) if line.strip()), len(behind))
    after = ["\n"] * max(0, blanks - follows) if follows < len(behind) else []
    return [*gap, *lines_of(parts.definitions), *after]


_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def parts_of(
    module: cst.Module,
    *,
    without: frozenset[str],
    bindings: Bindings,
    indent: str,
    suite: Suite | None = None,
) -> Parts:
    """Return the import lines and definitions of a module that should be inserted into a file.

    The module's docstring, a final `if __name__ == "__main__"` and anything unnecessary are left out.

    Args:
        module: The module, with names already changed for the file.
        without: Names of definitions that the file already contains.
        bindings: Bindings of the file.
        indent: Indentation that the file uses.
        suite: Class of the file that gets the tests as methods, if they can be methods of it.
    """
    if _postpones_annotations(module) and "annotations" not in bindings:
        quoting = _QuotedAnnotations(_conditional_names(module))
        module = cst.ensure_type(module.visit(quoting), cst.Module)
    kept = (each for each in module.body if not (_is_left_out(each) or _binds_only(each, without)))
    wanted = [new for each in kept if (new := _without_known_types(each, bindings)) is not None]
    methods: list[cst.FunctionDef] = []
    if suite is not None:
        wanted, methods = methods_for(wanted, suite)
        wanted += [as_class(methods)] if methods else []
    body = without_unused(module.with_changes(body=wanted)).body
    imports = [new for each in body if _is_import(each) and (new := _missing(each, bindings)) is not None]
    definitions = [each for each in body if not _is_import(each)]
    parts = Parts(imports=_text(module, imports, indent), definitions=_text(module, definitions, indent))
    if suite is None or not methods:
        return parts
    return replace(
        parts,
        definitions=_text(module, definitions[:-1], indent),
        methods=_text(module, definitions[-1:], indent).partition("\n")[2],
    )


def _text(module: cst.Module, body: Sequence[_Statement], indent: str) -> str:
    """Return the statements as whole lines; comments at the module's end belong to its definitions."""
    if not body:
        return ""
    footer = module.footer if has_tests(body[-1]) else ()
    part = module.with_changes(body=body, header=(), footer=footer, default_indent=indent)
    return part.code.strip("\n") + "\n"


def _is_left_out(statement: _Statement) -> bool:
    if isinstance(statement, cst.If):
        return isinstance(statement.test, cst.Comparison) and dotted(statement.test.left) == "__name__"
    return isinstance(statement, cst.SimpleStatementLine) and all(
        (isinstance(part, cst.Expr) and isinstance(part.value, cst.SimpleString | cst.ConcatenatedString))
        or (isinstance(part, cst.ImportFrom) and dotted(part.module) == "__future__")
        for part in statement.body
    )


def _binds_only(statement: _Statement, names: frozenset[str]) -> bool:
    found = bindings(statement)
    return bool(found) and all(names.intersection(binding.names) for binding in found or ())


def _is_import(statement: cst.CSTNode) -> bool:
    """Return whether a statement belongs to the imports of a file."""
    if isinstance(statement, cst.SimpleStatementLine):
        return any(isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body)
    if isinstance(statement, cst.FunctionDef | cst.ClassDef) or has_tests(statement):
        return False
    return any(_is_import(inner) for inner in branch_statements(statement))


def _without_known_types(statement: _Statement, bindings: Bindings) -> _Statement | None:
    """Return an `if TYPE_CHECKING` without names that the file imports under any condition; None if empty."""
    if (
        not isinstance(statement, cst.If)
        or dotted(statement.test).rpartition(".")[2] != "TYPE_CHECKING"
        or statement.orelse is not None
        or not isinstance(statement.body, cst.IndentedBlock)
    ):
        return statement
    own = (each for each in statement.body.body if isinstance(each, _Statement))
    left = [new for each in own if (new := _missing(each, bindings, is_type=True)) is not None]
    return statement.with_deep_changes(statement.body, body=left) if left else None


def _missing(statement: _Statement, bindings: Bindings, *, is_type: bool = False) -> _Statement | None:
    """Return an import without names that the file already imports, or None if nothing remains."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return statement
    parts = [new for part in statement.body if (new := _missing_names(part, bindings, is_type)) is not None]
    if not parts:
        return None
    parts[-1] = parts[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    return statement.with_changes(body=parts)


def _missing_names(
    part: cst.BaseSmallStatement, bindings: Bindings, is_type: bool
) -> cst.BaseSmallStatement | None:
    if not isinstance(part, cst.Import | cst.ImportFrom) or isinstance(part.names, cst.ImportStar):
        return part
    names = [alias for alias in part.names if not _is_there(part, alias, bindings, is_type)]
    if not names:
        return None
    names[-1] = names[-1].with_changes(comma=part.names[-1].comma)
    return part.with_changes(names=names)


def _is_there(
    part: cst.Import | cst.ImportFrom, alias: cst.ImportAlias, bindings: Bindings, is_type: bool
) -> bool:
    """Return whether the file runs this exact import so that its tests can rely on it.

    It runs it unconditionally, or under any condition if only type checkers need it.
    """
    if isinstance(part, cst.ImportFrom):
        name, wanted = imported_name(alias, from_module=True), f"{_origin(part)}:{dotted(alias.name)}"
    else:
        name, wanted = imported_name(alias, from_module=False), f"{dotted(alias.name)}:"
    return any(
        wanted in place.runs and (is_type or place.condition is not Condition.OTHER)
        for place in bindings.get(name, ())
    )


def _origin(part: cst.ImportFrom) -> str:
    return "." * len(part.relative) + dotted(part.module)


def _postpones_annotations(module: cst.Module) -> bool:
    return any(
        isinstance(part, cst.ImportFrom) and dotted(part.module) == "__future__"
        for statement in module.body
        if isinstance(statement, cst.SimpleStatementLine)
        for part in statement.body
    )


def _conditional_names(module: cst.Module) -> frozenset[str]:
    found = (bindings(each) or () for each in module.body if isinstance(each, cst.If | cst.Try))
    return frozenset(name for each in found for binding in each for name in binding.names)


class _QuotedAnnotations(cst.CSTTransformer):
    """Quotes annotations that may fail when evaluated, as `from __future__ import annotations` allowed.

    The import itself is not added because it would also affect existing annotations.
    """

    def __init__(self, conditional_names: frozenset[str]) -> None:
        super().__init__()
        self._conditional_names = conditional_names

    def on_leave(
        self,
        original_node: cst.CSTNodeT,
        updated_node: cst.CSTNodeT,
    ) -> cst.CSTNodeT | cst.RemovalSentinel:
        if isinstance(original_node, cst.Annotation) and self._must_be_quoted(original_node.annotation):
            text = cst.Module(body=()).code_for_node(original_node.annotation)
            quoted = cst.SimpleString(repr(" ".join(text.split())))
            return updated_node.with_changes(annotation=quoted)
        return updated_node

    def _must_be_quoted(self, annotation: cst.BaseExpression) -> bool:
        if isinstance(annotation, cst.SimpleString):
            return False
        joined = isinstance(annotation, cst.BinaryOperation)
        return joined or bool(self._conditional_names & used_names(annotation))
