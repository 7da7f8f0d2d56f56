"""Format test files according to the project's settings and fix violations of its linter.

Uses the project's ruff settings if it has any, otherwise ruff's defaults. Only fixes that ruff or the project
considers safe are applied, so that tests keep their behavior.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import PurePosixPath
from typing import TypeAlias

from testsmith.languages.python.source.parsing import (
    lines_of,
    parse_untrusted,
    refuse_costly_patterns,
    span_of,
)
from testsmith.languages.python.test_files.existing.file_imports import with_own_imports
from testsmith.languages.python.test_files.ruff import (
    Complaint,
    Ruff,
    RuffFailed,
    RuffSettings,
    isolated,
    read_settings,
    ruff_program,
    ruff_settings,
    settings_copy,
    with_layout,
)
from testsmith.languages.python.test_files.style import (
    LineLayout,
    added_lines,
    are_annotated,
    black_layout,
    have_bare_arguments,
    lowest_python,
    refuse_newer_syntax,
    with_own_quotes,
    with_own_table_names,
)
from testsmith.languages.python.test_files.test_modules import test_functions
from testsmith.languages.python.test_files.test_paths import TestFileNames
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import UnfinishedFile, UnformattedModule
from testsmith.patches import is_formatted

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


_Version: TypeAlias = tuple[int, int]

_MISSING_RETURN_TYPES = frozenset({"ANN201", "ANN202"})
_SORTED_IMPORTS = ("--extend-select", "I,F401")
_RULES_OF_IMPORTS = frozenset({"I001", "F401"})
_NO_COPYRIGHT = "CPY001"
_ROUNDS = 3
_NEIGHBORS = 3
_NARROW = 79
_ENOUGH_LINES = 60
"""Length of a file whose longest line says what its limit is."""
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
        """See `TestFiles.format`."""
        (result,) = self.format_all([UnformattedModule(code, test_path)], tree)
        if isinstance(result, CannotParse):
            raise result
        return result

    def format_all(self, modules: Sequence[UnformattedModule], tree: SourceTree) -> list[str | CannotParse]:
        """See `TestFiles.format_all`. If ruff fails on a module, its code is returned unchanged."""
        style = _Style(tree)
        results: dict[int, str | CannotParse] = {}
        groups: dict[tuple[RuffSettings | None, _Version | None, LineLayout | None], list[int]] = {}
        for number, module in enumerate(modules):
            folder = str(PurePosixPath(module.test_path).parent)
            version = style.lowest_python(folder)
            try:
                _refuse_unreadable(module.code, version)
                settings = style.settings(folder)
                layout = style.layout(module.test_path, has_ruff_settings=settings is not None)
                groups.setdefault((settings, version, layout), []).append(number)
            except CannotParse as error:
                results[number] = error
        for (settings, version, layout), numbers in groups.items():
            group = [modules[number] for number in numbers]
            with self._ruffs(tree, settings, group, version, layout) as ruffs:
                for batch in _with_distinct_paths(modules, numbers):
                    files = {path: modules[number] for path, number in batch.items()}
                    texts = _formatted(ruffs, files, style)
                    results |= {number: texts[path] for path, number in batch.items()}
        return [results[number] for number in range(len(modules))]

    def finish(self, text: str, existing: str | None, test_path: str, tree: SourceTree) -> str:
        """See `TestFiles.finish`."""
        [finished] = self.finish_all([UnfinishedFile(text, existing, test_path)], tree)
        return finished

    def finish_all(self, files: Sequence[UnfinishedFile], tree: SourceTree) -> list[str]:
        """See `TestFiles.finish_all`. If ruff fails, a text is returned without what ruff would change."""
        style = _Style(tree)
        files = [_with_own_form(file) for file in files]
        results = [file.text for file in files]
        groups: dict[tuple[RuffSettings | None, _Version | None], list[int]] = {}
        for number, file in enumerate(files):
            if file.text != file.existing:
                folder = str(PurePosixPath(file.test_path).parent)
                groups.setdefault((style.settings(folder), style.lowest_python(folder)), []).append(number)
        modules = [UnformattedModule(file.text, file.test_path) for file in files]
        for (settings, version), numbers in groups.items():
            group = [modules[number] for number in numbers]
            with self._ruffs(tree, settings, group, version) as ruffs:
                for batch in _with_distinct_paths(modules, numbers):
                    texts = _finished(ruffs, {path: files[number] for path, number in batch.items()})
                    for path, number in batch.items():
                        results[number] = _with_own_end(texts[path], files[number].existing or "")
        return results

    @contextmanager
    def _ruffs(
        self,
        tree: SourceTree,
        settings: RuffSettings | None,
        modules: Sequence[UnformattedModule],
        version: _Version | None,
        layout: LineLayout | None = None,
    ) -> Iterator[tuple[Ruff, ...]]:
        """Yield ruff with the project's settings, if any, and with its defaults; both with a given layout."""
        files = [(module.test_path, module.code) for module in modules]
        with settings_copy(tree, settings, files) as folder:
            options = isolated(version, layout)
            plain = Ruff(program=self.program, folder=folder, options=options, seconds=self.seconds)
            yield (plain,) if settings is None else (replace(plain, options=with_layout(layout)), plain)


class _Style:
    """What the files of a tree say about the style of its tests, each read once."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self.settings = cache(partial(ruff_settings, tree))
        self.lowest_python = cache(partial(_lowest_python, tree))
        self.is_annotated = cache(self._is_annotated)
        self._black_layout = cache(self._read_black_layout)
        self._are_neighbors_annotated = cache(lambda folder: are_annotated(self._neighbors(folder)))

    def text(self, test_path: str) -> str:
        """Return the text of a test file; empty if it is new."""
        return _read(self._tree, test_path) or ""

    def layout(self, test_path: str, *, has_ruff_settings: bool) -> LineLayout | None:
        """Return black's, or the limit of PEP 8 if the test file keeps it; None if ruff's settings say it.

        Args:
            test_path: The test file.
            has_ruff_settings: Whether ruff is set up. If black formats, this is only for ruff's rules.
        """
        settings = self._black_layout(str(PurePosixPath(test_path).parent))
        if settings is not None or has_ruff_settings:
            return settings
        lines = self.text(test_path).splitlines()
        is_narrow = max(map(len, lines), default=0) <= _NARROW
        return LineLayout(_NARROW) if is_narrow and len(lines) >= _ENOUGH_LINES else None

    def _read_black_layout(self, folder: str) -> LineLayout | None:
        for parent in _upwards(folder):
            pyproject, hooks = (
                _read(self._tree, str(PurePosixPath(parent) / name))
                for name in ("pyproject.toml", ".pre-commit-config.yaml")
            )
            settings = black_layout(pyproject, hooks)
            if settings is not None:
                return settings
        return None

    def _is_annotated(self, test_path: str) -> bool:
        """Return whether the tests of a file, or of the nearest ones if it is new, are annotated."""
        own = _read(self._tree, test_path)
        if own is not None:
            return are_annotated([own])
        return self._are_neighbors_annotated(str(PurePosixPath(test_path).parent))

    def has_bare_arguments(self, test_path: str) -> bool:
        """Return whether a test of a file, or of the nearest ones if it is new, has untyped arguments."""
        own = _read(self._tree, test_path)
        return have_bare_arguments(
            self._neighbors(str(PurePosixPath(test_path).parent)) if own is None else [own]
        )

    def _neighbors(self, folder: str) -> Sequence[str]:
        """Return the texts of some of the test files that are nearest to a folder."""
        for parent in _upwards(folder):
            named = self._test_files.get(parent, [])[:_NEIGHBORS]
            texts = [text for path in named if (text := _read(self._tree, path)) is not None]
            if texts:
                return texts
        return []

    @cached_property
    def _test_files(self) -> Mapping[str, Sequence[str]]:
        """The test modules in each folder."""
        found: dict[str, list[str]] = {}
        names = TestFileNames.of(self._tree)
        for path in self._tree.paths():
            if names.is_test_module(path):
                found.setdefault(str(PurePosixPath(path).parent), []).append(path)
        return found


def _refuse_unreadable(code: str, version: _Version | None) -> None:
    refuse_costly_patterns(code)
    test_functions(code)
    if version is not None:
        refuse_newer_syntax(code, version)


def _with_distinct_paths(
    modules: Sequence[UnformattedModule], numbers: Iterable[int]
) -> Sequence[Mapping[str, int]]:
    """Split modules so that those for the same test file are apart; each part maps paths to numbers."""
    parts: list[dict[str, int]] = []
    seen: Counter[str] = Counter()
    for number in numbers:
        path = modules[number].test_path
        if seen[path] == len(parts):
            parts.append({})
        parts[seen[path]][path] = number
        seen[path] += 1
    return parts


def _formatted(
    ruffs: Sequence[Ruff], files: Mapping[str, UnformattedModule], style: _Style
) -> Mapping[str, str | CannotParse]:
    """Return files formatted by the first ruff that does not fail, or unchanged if all fail."""
    for ruff in ruffs:
        try:
            texts = _formatted_by(ruff, ruffs[-1], files, style)
        except RuffFailed:
            if len(files) > 1:  # one file may have made it fail
                return {path: _formatted(ruffs, {path: one}, style)[path] for path, one in files.items()}
            continue
        return {path: _checked(texts[path], one.code) for path, one in files.items()}
    return {path: one.code for path, one in files.items()}


def _formatted_by(
    ruff: Ruff, plain: Ruff, files: Mapping[str, UnformattedModule], style: _Style
) -> dict[str, str | CannotParse]:
    existing = {path: style.text(path) for path, one in files.items() if one.is_edit}
    ruff.write(existing)
    ignored = {path: _rules(found) for path, found in ruff.complaints(existing).items()}
    ruff.format(existing)
    others = {path for path, text in ruff.read(existing).items() if not is_formatted(existing[path], text)}
    ruff.write({path: one.code for path, one in files.items()})
    _fix(ruff, files, ignored)
    complaints = ruff.complaints(files)
    refused = {
        path: CannotParse(f"line {complaint.row}: {complaint.message}")
        for path, found in complaints.items()
        for complaint in reversed(found)
        if not complaint.rule
    }
    readable = [path for path in files if path not in refused]
    untyped = [
        path
        for path in readable
        if style.is_annotated(path) or any(each.rule in _MISSING_RETURN_TYPES for each in complaints[path])
    ]
    plain.annotate(untyped)
    bare = [path for path in untyped if not style.has_bare_arguments(path)]
    ruff.write({path: with_argument_types(text) for path, text in ruff.read(bare).items()})
    _fix(ruff, untyped, ignored)
    ruff.format([path for path in readable if path not in others])
    return {**refused, **ruff.read(readable)}


def _rules(complaints: Iterable[Complaint]) -> frozenset[str]:
    """Return the rules that a file violates, but for those of imports, which are enforced in any case."""
    return frozenset(each.rule for each in complaints if each.rule) - _RULES_OF_IMPORTS


def _fix(ruff: Ruff, paths: Iterable[str], ignored: Mapping[str, frozenset[str]]) -> None:
    """Apply fixes, but not of rules that the existing file violates: its helpers stay as they are."""
    by_rules: dict[frozenset[str], list[str]] = {}
    for path in paths:
        by_rules.setdefault(ignored.get(path, frozenset()), []).append(path)
    for rules, some in by_rules.items():
        ruff.fix(some, *_SORTED_IMPORTS, *(["--ignore", ",".join(sorted(rules))] if rules else []))


def _checked(text: str | CannotParse, code: str) -> str | CannotParse:
    """Return a formatted module, or its code if formatting changed which tests it has."""
    return text if isinstance(text, CannotParse) or test_functions(text) == test_functions(code) else code


def _with_own_form(file: UnfinishedFile) -> UnfinishedFile:
    """Return a file whose added lines have the imports, the quotes and the form of tables of its others."""
    if file.existing is None or file.text == file.existing:
        return file
    text = with_own_table_names(with_own_imports(file.text, file.existing), file.existing)
    return file._replace(text=with_own_quotes(text, file.existing))


def _with_own_end(text: str, existing: str) -> str:
    """Return a text without a line end at its end if the last line is the file's own and had none."""
    last = existing.rpartition("\n")[2]
    return text.rstrip("\r\n") if last.strip() and text.rstrip("\r\n").endswith(f"\n{last}") else text


def _finished(ruffs: Sequence[Ruff], files: Mapping[str, UnfinishedFile]) -> Mapping[str, str]:
    """Return files as the first ruff that does not fail finishes them, or unchanged if all fail."""
    for ruff in ruffs:
        try:
            texts = _with_sorted_imports(ruff, files)
            return texts if ruff is ruffs[-1] else _silenced(ruff, texts, files)
        except RuffFailed:
            if len(files) > 1:  # one file may have made it fail
                return {path: _finished(ruffs, {path: file})[path] for path, file in files.items()}
    return {path: file.text for path, file in files.items()}


def _with_sorted_imports(ruff: Ruff, files: Mapping[str, UnfinishedFile]) -> dict[str, str]:
    """Return the texts with sorted imports where those of the existing file were sorted."""
    texts = {path: file.text for path, file in files.items()}
    existing = {path: file.existing for path, file in files.items() if file.existing is not None}
    ruff.write(existing)
    ruff.fix(existing, "--select", "I001")  # as below: complaints would leave out what the project excludes
    unsorted = {path for path, text in ruff.read(existing).items() if text != existing[path]}
    wanted = {path: text for path, text in texts.items() if path not in unsorted}
    ruff.write(wanted)
    ruff.fix(wanted, "--select", "I001")
    for path, result in ruff.read(wanted).items():
        before, after = (Counter(_statements(each, imports=False)) for each in (texts[path], result))
        texts[path] = result if before == after else texts[path]
    return texts


def _silenced(ruff: Ruff, texts: Mapping[str, str], files: Mapping[str, UnfinishedFile]) -> dict[str, str]:
    """Return the texts with `noqa` comments for violations in the added lines.

    Rules that the file's other lines violate are left out: the project does not enforce them there. So is a
    missing copyright notice. Runs in rounds because a comment may cause new violations.
    """
    results, waiting = dict(texts), list(texts)
    for _ in range(_ROUNDS):
        ruff.write({path: results[path] for path in waiting})
        found = ruff.complaints(waiting)
        for path in list(waiting):
            text, own = results[path], added_lines(results[path], files[path].existing or "")
            ignored = {"", _NO_COPYRIGHT, *(each.rule for each in found[path] if each.row not in own)}
            complaints = [each for each in found[path] if each.rule not in ignored and each.row in own]
            silenced = _with_noqa(text, complaints)
            if silenced == text or ast.dump(parse_untrusted(silenced)) != ast.dump(parse_untrusted(text)):
                waiting.remove(path)
            else:
                results[path] = silenced
    return results


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


def _statements(text: str, *, imports: bool = True) -> Iterator[str]:
    """Yield the text of each top-level statement as whole lines."""
    lines = lines_of(text)
    for statement in parse_untrusted(text).body:
        if imports or not isinstance(statement, ast.Import | ast.ImportFrom):
            span = span_of(statement)
            yield "".join(lines[span.first - 1 : span.last]).rstrip("\r\n")


def _lowest_python(tree: SourceTree, folder: str) -> _Version | None:
    """Return the oldest Python version supported by the nearest project around a folder."""
    for parent in map(PurePosixPath, _upwards(folder)):
        pyproject, setup_cfg = (_read(tree, str(parent / name)) for name in ("pyproject.toml", "setup.cfg"))
        version = lowest_python(pyproject, setup_cfg)
        if version is not None:
            return version
    return None


def _upwards(folder: str) -> Sequence[str]:
    return [folder, *map(str, PurePosixPath(folder).parents)]


def _read(tree: SourceTree, path: str) -> str | None:
    """Return a regular file's text, or None if it cannot be read."""
    content = read_settings(tree, path)
    try:
        return None if content is None else content.decode("utf-8-sig")
    except UnicodeError:
        return None
