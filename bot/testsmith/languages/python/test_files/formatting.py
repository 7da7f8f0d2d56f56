"""Format test files according to the project's settings and fix violations of its linter.

Uses the project's ruff settings if it has any, otherwise ruff's defaults. Only fixes that ruff or the project
considers safe are applied, so that tests keep their behavior.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from testsmith.languages.python.source.parsing import (
    lines_of,
    parse_untrusted,
    refuse_costly_patterns,
    span_of,
)
from testsmith.languages.python.test_files.ruff import (
    Complaint,
    Ruff,
    RuffFailed,
    isolated,
    read_settings,
    ruff_program,
    settings_copy,
)
from testsmith.languages.python.test_files.style import are_annotated, lowest_python, refuse_newer_syntax
from testsmith.languages.python.test_files.test_modules import test_functions
from testsmith.languages.python.test_files.test_paths import is_test_module
from testsmith.languages.source import CannotParse, SourceTree

_BUILTINS = (bool, int, float, str, bytes)

_MOST_JOINED = 3
"""Maximum number of types in a union; longer ones are too hard to read."""

_CLASSES = frozenset(
    {
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "pathlib.Path",
        "pathlib.PurePosixPath",
        "uuid.UUID",
    }
)
"""Standard library classes whose calls return an instance of exactly that class."""


def with_argument_types(code: str) -> str:
    """Return a test module with type annotations for unannotated parametrized arguments.

    A type is inferred if every value is a constant of a built-in type or a call of a standard library class.
    Several types are joined with `|` if the module postpones annotations, so that older Python versions can
    read it. In all other cases the type is `object`.

    Raises:
        CannotParse: `code` is not valid Python.
    """
    lines = code.splitlines(keepends=True)
    module = parse_untrusted(code)
    scope = _scope_of(module)
    places = [place for node in ast.walk(module) for place in _missing(node, scope)]
    for row, column, name in sorted(places, reverse=True):
        line = lines[row - 1].encode()
        lines[row - 1] = (line[:column] + f": {name}".encode() + line[column:]).decode()
    return "".join(lines)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a module says about names in its rows.

    Attributes:
        imported: Import targets of its names.
        joins: Whether types may be joined with `|`.
    """

    imported: Mapping[str, str]
    joins: bool


def _scope_of(module: ast.Module) -> _Scope:
    imported: dict[str, str] = {}
    joins = False
    for node in module.body:
        match node:
            case ast.ImportFrom(module="__future__", names=names):
                joins = joins or any(alias.name == "annotations" for alias in names)
            case ast.ImportFrom(module=str(origin), names=names, level=0):
                imported |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in names}
            case ast.Import(names=names):
                imported |= {alias.asname or alias.name: alias.name for alias in names}
            case _:
                continue
    return _Scope(imported, joins)


def _missing(node: ast.AST, scope: _Scope) -> Iterator[tuple[int, int, str]]:
    """Yield the row, the column in bytes, and the type of each missing annotation."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    types = {name: kind for mark in node.decorator_list for name, kind in _row_types(mark, scope).items()}
    for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        place = (argument.end_lineno, argument.end_col_offset)
        if argument.annotation is None and argument.arg in types and None not in place:
            yield place[0] or 0, place[1] or 0, types[argument.arg]


def _row_types(mark: ast.expr, scope: _Scope) -> Mapping[str, str]:
    """Return the type of each argument of a `pytest.mark.parametrize`; empty for other decorators."""
    match mark:
        case ast.Call(func=ast.Attribute(attr="parametrize"), args=[names, ast.List(elts=rows), *_]):
            arguments = _names(names)
            values = [_values(row, len(arguments)) for row in rows]
            return {
                name: _common(column, scope)
                for name, column in zip(arguments, zip(*values, strict=False), strict=False)
            }
        case _:
            return {}


def _names(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(names)):
            return [name.strip() for name in names.split(",")]
        case ast.Tuple(elts=names) | ast.List(elts=names):
            return [
                name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str)
            ]
        case _:
            return []


def _values(row: ast.expr, count: int) -> Sequence[ast.expr]:
    """Return the values of a row; empty for an unexpected shape, which leaves all arguments untyped."""
    match row:
        case ast.Call(func=ast.Attribute(attr="param"), args=values):
            return values
        case ast.Tuple(elts=values) if count > 1:
            return values
        case _:
            return [row] if count == 1 else []


def _common(values: Sequence[ast.expr], scope: _Scope) -> str:
    kinds = list(dict.fromkeys(_kind(value, scope) for value in values))
    if "object" in kinds or len(kinds) > (_MOST_JOINED if scope.joins else 1):
        return "object"
    return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))


def _kind(value: ast.expr, scope: _Scope) -> str:
    match value:
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return type(number).__name__
        case ast.UnaryOp(op=ast.USub(), operand=ast.Call() as call):
            return _kind(call, scope)
        case ast.Constant(value=constant) if constant is None or type(constant) in _BUILTINS:
            return "None" if constant is None else type(constant).__name__
        case ast.JoinedStr():
            return "str"
        case ast.Call(func=ast.Name() | ast.Attribute() as called) if _stands_for(called, scope) in _CLASSES:
            return ast.unparse(called)
        case _:
            return "object"


def _stands_for(called: ast.expr, scope: _Scope) -> str:
    match called:
        case ast.Name(id=name):
            return scope.imported.get(name, "")
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return f"{scope.imported.get(name, '')}.{attribute}"
        case _:
            return ""


_MISSING_RETURN_TYPES = frozenset({"ANN201", "ANN202"})
_ROUNDS = 3
_NEIGHBOURS = 3
_NOQA = re.compile(r"\s*# noqa: (?P<rules>[A-Z0-9, ]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuffFormatter:
    """Formatter that uses ruff.

    Attributes:
        seconds: Time limit of a ruff call.
        program: Path of ruff, resolved when the formatter is created, before any thread starts.
    """

    seconds: float = 20.0
    program: str = field(default_factory=ruff_program)

    def format(self, code: str, test_path: str, tree: SourceTree) -> str:
        """See `TestFiles.format`. If ruff fails, the code is returned unchanged."""
        refuse_costly_patterns(code)
        tests = test_functions(code)
        version = _lowest_python(tree, test_path)
        if version is not None:
            refuse_newer_syntax(code, version)
        annotate = are_annotated(_neighbours(tree, test_path))
        with self._ruffs(tree, test_path, code, version) as (*own, plain):
            for ruff in (*own, plain):
                try:
                    text = _formatted(ruff, plain, code, annotate=annotate)
                except RuffFailed:
                    continue
                return text if test_functions(text) == tests else code
        return code

    def finish(self, text: str, existing: str | None, test_path: str, tree: SourceTree) -> str:
        """See `TestFiles.finish`. If ruff fails, the text is returned unchanged."""
        if text == existing:
            return text
        version = _lowest_python(tree, test_path)
        with self._ruffs(tree, test_path, text, version) as (*own, plain):
            for ruff in (*own, plain):
                try:
                    finished = _with_sorted_imports(ruff, text, existing)
                    return finished if ruff is plain else _silenced(ruff, finished, existing)
                except RuffFailed:
                    continue
        return text

    @contextmanager
    def _ruffs(
        self, tree: SourceTree, test_path: str, code: str, version: tuple[int, int] | None
    ) -> Iterator[tuple[Ruff, ...]]:
        """Yield ruff with the project's own settings, if any, and with ruff's defaults."""
        with settings_copy(tree, test_path, code) as copy:
            plain = Ruff(
                program=self.program,
                folder=copy.folder,
                path=test_path,
                options=isolated(version),
                seconds=self.seconds,
            )
            yield (replace(plain, options=()), plain) if copy.has_settings else (plain,)


def _formatted(ruff: Ruff, plain: Ruff, code: str, *, annotate: bool) -> str:
    mended = ruff.mended(code, "--extend-select", "I,F401")
    complaints = ruff.complaints(mended)
    _refuse_syntax(complaints)
    if annotate or any(complaint.rule in _MISSING_RETURN_TYPES for complaint in complaints):
        typed = with_argument_types(plain.annotated(mended))
        mended = ruff.mended(typed, "--extend-select", "I,F401")
    return ruff.formatted(mended)


def _refuse_syntax(complaints: Sequence[Complaint]) -> None:
    for complaint in complaints:
        if not complaint.rule:
            raise CannotParse(f"line {complaint.row}: {complaint.message}")


def _with_sorted_imports(ruff: Ruff, text: str, existing: str | None) -> str:
    """Return the text with sorted imports if those of the existing file were sorted."""
    if existing is not None and ruff.complaints(existing, "--select", "I001"):
        return text
    result = ruff.mended(text, "--select", "I001")
    before, after = (Counter(_statements(each, imports=False)) for each in (text, result))
    return result if before == after else text


def _silenced(ruff: Ruff, text: str, existing: str | None) -> str:
    """Return the text with `noqa` comments for violations in the added lines.

    Runs in rounds because a comment may cause new violations.
    """
    for _ in range(_ROUNDS):
        own = _added_rows(text, existing)
        complaints = [each for each in ruff.complaints(text) if each.rule and each.row in own]
        if not complaints:
            return text
        silenced = _with_noqa(text, complaints)
        if ast.dump(parse_untrusted(silenced)) != ast.dump(parse_untrusted(text)):
            return text
        text = silenced
    return text


def _with_noqa(text: str, complaints: Sequence[Complaint]) -> str:
    lines = lines_of(text)
    rules: dict[int, list[str]] = {}
    for complaint in complaints:
        rules.setdefault(complaint.row, []).append(complaint.rule)
    for row, found in rules.items():
        lines[row - 1] = _line_with_noqa(lines[row - 1], found)
    return "".join(lines)


def _line_with_noqa(line: str, rules: Sequence[str]) -> str:
    content = line.rstrip("\r\n")
    end = line[len(content) :]
    present = _NOQA.search(content)
    named = present["rules"].replace(",", " ").split() if present else []
    code = content[: present.start()] if present else content.rstrip()
    return f"{code}  # noqa: {', '.join(sorted({*named, *rules}))}{end}"


def _added_rows(text: str, existing: str | None) -> frozenset[int]:
    """Return the lines of statements that are not in the existing text, or all lines if there is none."""
    if existing is None:
        return frozenset(range(1, len(lines_of(text)) + 1))
    there = Counter(_statements(existing))
    rows: set[int] = set()
    for statement, span in zip(parse_untrusted(text).body, _statements(text), strict=True):
        if there[span] > 0:
            there[span] -= 1
        else:
            rows.update(span_of(statement).lines())
    return frozenset(rows)


def _statements(text: str, *, imports: bool = True) -> Iterator[str]:
    """Yield the text of each top-level statement as whole lines."""
    lines = lines_of(text)
    for statement in parse_untrusted(text).body:
        if imports or not isinstance(statement, ast.Import | ast.ImportFrom):
            span = span_of(statement)
            yield "".join(lines[span.first - 1 : span.last]).rstrip("\r\n")


def _lowest_python(tree: SourceTree, test_path: str) -> tuple[int, int] | None:
    """Return the oldest Python version supported by the nearest project around a path."""
    for parent in PurePosixPath(test_path).parents:
        pyproject, setup_cfg = (_read(tree, str(parent / name)) for name in ("pyproject.toml", "setup.cfg"))
        version = lowest_python(pyproject, setup_cfg)
        if version is not None:
            return version
    return None


def _neighbours(tree: SourceTree, test_path: str) -> Sequence[str]:
    """Return the text of the test file itself or of some of the nearest ones."""
    own = _read(tree, test_path)
    if own is not None:
        return [own]
    by_folder: dict[str, list[str]] = {}
    for path in tree.paths():
        if is_test_module(PurePosixPath(path).name):
            by_folder.setdefault(str(PurePosixPath(path).parent), []).append(path)
    for parent in PurePosixPath(test_path).parents:
        named = by_folder.get(str(parent), [])[:_NEIGHBOURS]
        texts = [text for path in named if (text := _read(tree, path)) is not None]
        if texts:
            return texts
    return []


def _read(tree: SourceTree, path: str) -> str | None:
    """Return a regular file's text, or None if it cannot be read."""
    content = read_settings(tree, path)
    try:
        return None if content is None else content.decode("utf-8-sig")
    except UnicodeError:
        return None
