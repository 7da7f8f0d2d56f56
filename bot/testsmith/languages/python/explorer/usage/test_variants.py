"""Variants of the project's tests: a test, or a row of its table, with one input as the change suggests."""

from __future__ import annotations

import ast
import re
import textwrap
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeGuard

from testsmith.languages.python.explorer.render.expressions import quoted
from testsmith.languages.python.explorer.usage.change_words import ChangeWords
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.edits import Piece, Text
from testsmith.languages.python.judge.test_reading.situations import Rows, Shared, is_literal
from testsmith.languages.python.source.definitions import last_name
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

MOST_VARIANTS = 120
"""Maximum number of variants that are tried in one file."""

_MOST_LINES = 30
_MOST_WORDS = 4
_MANY_ASSERTIONS = 3
_FEWEST_ALIKE = 2
_FEWEST_WORDS = 2
_FIRST_ROWS = 4
_LONGEST_INSIDE = 12
_EXPECTED = re.compile(r"expect|result|want|output|reason|message|error|^out$|^res$|^id$")
_BELOW_PATH, _BELOW_TEXT = '{} / "missing"', 'os.path.join({}, "missing")'

_Test = ast.FunctionDef | ast.AsyncFunctionDef


class OtherInput(NamedTuple):
    """Another input in a test.

    Attributes:
        pieces: What is replaced in its file.
        words: What is different, as part of a name: `with_a_trailing_dot`.
        rank: How far the input is from the change: 0 for one that the change names.
    """

    pieces: tuple[Piece, ...]
    words: str
    rank: int


class Variant(NamedTuple):
    """A test of the project with one input changed.

    Attributes:
        test: The test.
        row: The row of its table that is changed; None if the test itself is.
        change: The other input.
    """

    test: str
    row: int | None
    change: OtherInput


@dataclass(frozen=True)
class VariedFile:
    """A test file of the project whose tests are varied.

    Attributes:
        text: Its text.
        member: The member that is tested.
        words: The literals of the change.
    """

    text: str
    member: Member
    words: ChangeWords

    @cached_property
    def _tree(self) -> ast.Module:
        return parse_untrusted(self.text)

    @cached_property
    def _source(self) -> Text:
        return Text(self.text)

    @cached_property
    def _shared(self) -> Shared:
        return Shared.of(self._tree)

    @cached_property
    def tests(self) -> dict[str, _Test]:
        """The tests by name, as in `TestFiles.test_functions`."""
        return dict(functions_of(self._tree))

    def rows(self, name: str) -> Rows | None:
        """Return the table of a test."""
        return self._shared.rows_of(name, self.tests[name])

    def length(self, name: str) -> int:
        """Return the number of lines of a test."""
        test = self.tests[name]
        return (test.end_lineno or test.lineno) - test.lineno + 1

    def variants(self, tests: Sequence[str]) -> list[Variant]:
        """Return variants of tests, nearest to the change first.

        Args:
            tests: The tests, most telling first.
        """
        inputs = _Inputs(self._source, self._tree, self.member, self.words)
        found = [each for name in tests for each in self._variants_of(name, inputs)]
        made: dict[str, Variant] = {}
        for each in sorted(found, key=lambda variant: variant.change.rank):
            text = textwrap.dedent(self._copy(each, "test_variant"))
            if _parses(text):
                made.setdefault(text, each)
        return list(made.values())[:MOST_VARIANTS]

    def _variants_of(self, name: str, inputs: _Inputs) -> Iterator[Variant]:
        test, rows = self.tests[name], self.rows(name)
        if rows is not None or not any(map(_is_table, test.decorator_list)):
            for change in inputs.changes(test.body, _expectations(test)):
                yield Variant(name, None, change)
        for row, element in enumerate(() if rows is None else rows.elements):
            values = {} if rows is None else rows.values[row]
            expected = {
                id(node) for key, value in values.items() for node in ast.walk(value) if _EXPECTED.search(key)
            }
            for change in inputs.changes([ast.Expr(element)], expected):
                later = row >= _FIRST_ROWS
                yield Variant(name, row, change._replace(rank=change.rank + later))

    def with_variants(self, variants: Sequence[Variant], names: Sequence[str]) -> str:
        """Return the file with variants as tests of their own, each after its test.

        Args:
            variants: The variants.
            names: Their names, without that of a class.
        """
        joined: dict[str, str] = {}
        for each, name in zip(variants, names, strict=True):
            gap = _gap(each.test)
            joined[each.test] = f"{joined.get(each.test, '')}{gap}{self._copy(each, name)}"
        ends = {name: self._source.place(self.tests[name])[1] for name in joined}
        return self._source.with_pieces((ends[name], ends[name], text) for name, text in joined.items())

    def _copy(self, variant: Variant, name: str) -> str:
        """Return the text of a variant: with a table of one row, or without a table and a docstring."""
        test, rows = self.tests[variant.test], self.rows(variant.test)
        pieces = list(variant.change.pieces)
        if rows is not None and variant.row is not None:
            pieces = [self._one_row(rows.elements, variant.row, pieces)]
            if rows.labels:
                pieces.append(self._one_row(rows.labels, variant.row, ()))
        elif rows is not None and not self._of_class(variant.test, rows):
            pieces += self._inlined(test, rows)
        if _has_docstring(test):
            pieces.append((*self._lines(test.body[0]), ""))
        start, end = self._span(test)
        inside = [(at - start, to - start, piece) for at, to, piece in pieces if start <= at and to <= end]
        copied = Text(self._source.between(start, end)).with_pieces(inside)
        return re.sub(rf"\bdef {re.escape(test.name)}\b", f"def {name}", copied, count=1)

    def _of_class(self, name: str, rows: Rows) -> bool:
        """Return whether the first row of a table has names of a test's class, which its body cannot use."""
        owners = [node for node in self._tree.body if isinstance(node, ast.ClassDef)]
        inside = [node for each in owners if each.name == name.partition("::")[0] for node in each.body]
        bound = {node.id for each in inside for node in ast.walk(each) if _is_bound(node)}
        used = (node for value in rows.values[0].values() for node in ast.walk(value))
        return any(isinstance(node, ast.Name) and node.id in bound for node in used)

    def _one_row(self, elements: Sequence[ast.expr], row: int, pieces: Iterable[Piece]) -> Piece:
        """Return the replacement of all rows by one of them, in which something is replaced."""
        places = list(map(self._source.place, elements))
        start = places[row][0]
        moved = [(at - start, to - start, piece) for at, to, piece in pieces]
        return places[0][0], places[-1][1], Text(self._source.of(elements[row])).with_pieces(moved)

    def _inlined(self, test: _Test, rows: Rows) -> Iterator[Piece]:
        """Yield the replacements that put the values of a table's first row into a test."""
        values = rows.values[0]
        for decorator in filter(_is_table, test.decorator_list):
            yield (*self._lines(decorator), "")
        arguments = test.args.args
        if arguments:
            start, end = self._source.place(arguments[0])[0], self._source.place(arguments[-1])[1]
            yield start, end, ", ".join(self._source.of(each) for each in arguments if each.arg not in values)
        for node in (node for statement in test.body for node in ast.walk(statement)):
            if isinstance(node, ast.Name) and node.id in values:
                yield (*self._source.place(node), self._source.of(values[node.id]))

    def _lines(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return self._source.line_start(node.lineno), self._source.line_start((node.end_lineno or 0) + 1)

    def _span(self, test: _Test) -> tuple[int, int]:
        first = min([test.lineno, *(each.lineno for each in test.decorator_list)])
        return self._source.line_start(first), self._source.place(test)[1]

    def text_of(self, name: str) -> str:
        """Return the text of a test, with its decorators."""
        return self._source.between(*self._span(self.tests[name]))

    def text_of_row(self, name: str) -> str:
        """Return the text of the first row of a test's table."""
        rows = self.rows(name)
        return "" if rows is None else self._source.of(rows.elements[0])

    def with_text_after(self, name: str, text: str) -> str:
        """Return the file with another test after a test."""
        end = self._source.place(self.tests[name])[1]
        return self._source.with_pieces([(end, end, _gap(name) + text)])

    def with_row(self, name: str, row: int, text: str) -> str:
        """Return the file with another row after a row of a test's table."""
        rows = self.rows(name)
        if rows is None:
            return self.text
        element = rows.elements[row]
        before, end = self._source.before(element), self._source.place(element)[1]
        return self._source.with_pieces([(end, end, (", " if before.strip() else f",\n{before}") + text)])

    def stem(self, name: str) -> str:
        """Return the words that a test's name shares with those of two other tests; its name if too few."""
        plain = name.rpartition("::")[2]
        words = plain.split("_")
        others = {each.rpartition("::")[2] for each in self.tests} - {plain}
        for count in range(len(words) - 1, _FEWEST_WORDS, -1):
            start = "_".join(words[:count])
            if sum(other.startswith(f"{start}_") for other in others) >= _FEWEST_ALIKE:
                return start
        return plain

    def without_other_assertions(self, name: str, line: str) -> str:
        """Return the file in which a test has only the assertion on one line, and those after it.

        Args:
            name: The test.
            line: The source of a statement, on one line.
        """
        checks = [node for node in ast.walk(self.tests[name]) if isinstance(node, ast.stmt) and _checks(node)]
        checks.sort(key=lambda node: node.lineno)
        lines = [" ".join(self._source.of(node).split()) for node in checks]
        before = checks[: lines.index(line)] if line in lines else []
        if len(before) < _MANY_ASSERTIONS:
            return self.text
        return self._source.with_pieces((*self._lines(node), "") for node in before)


@dataclass(frozen=True)
class _Inputs:
    """Finds other inputs for statements of a test file."""

    source: Text
    tree: ast.Module
    member: Member
    words: ChangeWords

    def changes(self, body: Sequence[ast.stmt], kept: Collection[int]) -> Iterator[OtherInput]:
        """Yield what can be replaced in some statements.

        Args:
            body: The statements.
            kept: The ids of nodes in them that are kept, because they are what the test expects.
        """
        nodes = [node for statement in body for node in ast.walk(statement) if id(node) not in kept]
        texts: dict[str, list[ast.Constant]] = {}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.setdefault(self.source.of(node), []).append(node)
            yield from self._of_node(node)
            if "raise" in self.words.added:
                yield from self._to_be_refused(node)
        for alike in texts.values():
            for new, words, rank in self._texts(alike[0], str(alike[0].value)):
                yield OtherInput(tuple(self._piece(node, new) for node in alike), words, rank)

    def _of_node(self, node: ast.AST) -> Iterator[OtherInput]:
        match node:
            case ast.Constant(value=int() as value) if not isinstance(value, bool):
                for number in {*self.words.numbers, *(each + 1 for each in self.words.numbers)}:
                    yield OtherInput((self._piece(node, repr(number)),), f"with_{number}", 2)
            case ast.Dict():
                yield from self._without_keys(node)
            case ast.List(elts=[_, *_]):
                yield OtherInput((self._piece(node, "[]"),), "with_an_empty_list", 2)
            case ast.Call() if last_name(node.func) in self._names:
                yield from self._with_parameters(node)
            case ast.Assign(value=ast.Name(id=name) as value) if self.words.touches_files:
                if name in self._folders:
                    piece = self._piece(value, self._folders[name].format(name))
                    yield OtherInput((piece,), "in_a_missing_folder", 1)

    def _to_be_refused(self, node: ast.AST) -> Iterator[OtherInput]:
        """Yield other inputs that may be invalid."""
        match node:
            case ast.Constant(value=int() as value) if not isinstance(value, bool) and value > 0:
                yield OtherInput((self._piece(node, repr(-value)),), "with_a_negative_number", 1)
            case ast.Constant(value=str() as text) if text.isdecimal():
                yield OtherInput((self._piece(node, quoted(f"-{text}")),), "with_a_negative_number", 1)
            case ast.Constant(value=bytes() as data) if data.isdigit():
                yield OtherInput((self._piece(node, repr(b"-" + data)),), "with_a_negative_number", 1)
            case ast.Constant(value=bytes() as data) if data:
                yield OtherInput((self._piece(node, repr(data[:-1])),), "without_the_last_byte", 1)

    def _piece(self, node: ast.expr, text: str) -> Piece:
        return (*self.source.place(node), text)

    @cached_property
    def _names(self) -> set[str]:
        """The names by which the member is called."""
        plain = self.member.plain_name
        return {self.member.name.partition(".")[0]} if plain == "__init__" else {plain}

    @cached_property
    def _folders(self) -> dict[str, str]:
        """How a folder that does not exist is written below one that a test has, by name."""
        found = {"tmp_path": _BELOW_PATH}
        if any(isinstance(node, ast.Import) and node.names[0].name == "os" for node in self.tree.body):
            found["tmpdir"] = _BELOW_TEXT
            for node in ast.walk(self.tree):
                match node:
                    case ast.withitem(context_expr=ast.Call(func=made), optional_vars=ast.Name(id=name)):
                        if last_name(made) == "TemporaryDirectory":
                            found[name] = _BELOW_TEXT
        return found

    def _with_parameters(self, call: ast.Call) -> Iterator[OtherInput]:
        """Yield a call with a renamed parameter, or with a new one."""
        given = {each.arg for each in call.keywords}
        end = self.source.place(call)[1] - 1
        mark = ", " if call.args or call.keywords else ""
        for name in (each for each in self.words.parameters if each not in given):
            for each in call.keywords:
                if each.arg is not None and each.arg in self.words.lost:
                    start = self.source.place(each.value)[0] - len(f"{each.arg}=")
                    yield OtherInput(((start, start + len(each.arg), name),), f"with_{name}", 0)
            if not self.source.of(call).endswith(("\n)", ",)")):
                for value in ("True", "False"):
                    yield OtherInput(((end, end, f"{mark}{name}={value}"),), f"with_{name}", 0)

    def _without_keys(self, node: ast.Dict) -> Iterator[OtherInput]:
        """Yield a dict without one of its keys."""
        for at, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                continue
            start, end = self.source.place(key)[0], self.source.place(value)[1]
            after = node.keys[at + 1] if at + 1 < len(node.keys) else None
            if after is not None:
                end = self.source.place(after)[0]
            elif at:
                start = self.source.place(node.values[at - 1])[1]
            whole = self._piece(node, "{}")
            rank = 0 if key.value in self.words.known else 4
            yield OtherInput(
                (whole if len(node.keys) == 1 else (start, end, ""),), f"without_{_slug(key.value)}", rank
            )

    def _texts(self, node: ast.Constant, text: str) -> Iterator[tuple[str, str, int]]:
        """Yield other texts as source, what is different, and how far it is from the change."""
        source = self.source.of(node)
        if source[-1:] not in {'"', "'"} or not text:
            return
        if "\n" in source or source[:1] not in {'"', "'"}:
            yield from self._with_words_replaced(source)
            return
        for new in self.words.new:
            words = f"with_{_slug(new)}"
            inside = [old for old in self.words.telling if old in text]
            if text in self.words.known:
                yield quoted(new), words, 0
            elif inside:
                yield quoted(text.replace(max(inside, key=len), new, 1)), words, 0
            elif _is_like(text, new):
                yield quoted(new), words, 1
            if len(new) <= _LONGEST_INSIDE:
                yield from ((quoted(held), words, 2) for held in _holding(text, new))
        if text.endswith("\n"):
            for line in (line for line in self._lines if line not in text):
                yield quoted(f"{text}{line}\n"), f"with_{_slug(line)}", 1 if self._nearness(line) else 3

    def _with_words_replaced(self, source: str) -> Iterator[tuple[str, str, int]]:
        for old in (old for old in self.words.telling if old in source):
            for new in (new for new in self.words.new if "\n" not in new):
                yield source.replace(old, new, 1), f"with_{_slug(new)}", 0

    @cached_property
    def _lines(self) -> list[str]:
        """The lines that are written in the file's texts, those that the authors speak of first."""
        constants = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant))
        texts = [value for value in constants if isinstance(value, str) and value.endswith("\n")]
        lines = dict.fromkeys(line for text in texts for line in text.splitlines() if line.strip())
        return sorted(lines, key=self._nearness, reverse=True)[:_MOST_LINES]

    def _nearness(self, line: str) -> int:
        return sum(word in self.words.said for word in re.findall(r"\w{4,}", line.lower()))


def _is_bound(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _parses(text: str) -> bool:
    try:
        parse_untrusted(text)
    except CannotParse:
        return False
    return True


def _gap(name: str) -> str:
    return "\n\n" if "::" in name else "\n\n\n"


def _is_table(decorator: ast.expr) -> bool:
    return "parametrize" in ast.unparse(decorator)


def _has_docstring(test: _Test) -> bool:
    return ast.get_docstring(test, clean=False) is not None and len(test.body) > 1


def _checks(node: ast.stmt) -> bool:
    match node:
        case ast.Assert():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr))):
            return attr.startswith("assert")
    return False


def _is_like(text: str, new: str) -> bool:
    """Return whether two texts are of one kind: both words, and both starting with one, or neither."""
    return (text.isalnum(), text[:1].isalnum()) == (new.isalnum(), new[:1].isalnum())


def _holding(text: str, new: str) -> Iterator[str]:
    """Yield a text with another one: a mark between two of its last number, inside of words, or around it."""
    if not any(map(str.isalnum, new)):
        items = [*re.finditer(r"\d+", text)] or [*re.finditer(r"\w+", text)]
        for item in items[-1:]:
            yield f"{text[: item.end()]}{new}{text[item.start() :]}"
    inside = [each.start() for each in re.finditer(r"(?<=\d)(?=\d)|(?<=[^\W\d])(?=[^\W\d])", text)]
    for at in dict.fromkeys((*inside[:1], *inside[-1:])):
        yield text[:at] + new + text[at:]
    yield text + new
    yield new + text


def _slug(text: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", text)[:_MOST_WORDS]
    return "_".join(words or unicodedata.name(text[:1], "other text").split()).lower()


def _expectations(test: _Test) -> set[int]:
    """Return the ids of the nodes of what a test expects, and of texts that are not inputs."""
    found: list[ast.AST] = []
    for node in ast.walk(test):
        match node:
            case ast.Assert(test=ast.Compare(left=left, comparators=others)):
                found += [each for each in (left, *others) if is_literal(each)]
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr), args=args)) if "assert" in attr:
                found += [each for each in args if is_literal(each)]
            case ast.Call(func=function) if last_name(function) in {"raises", "warns"}:
                found.append(node)
            case ast.JoinedStr() | ast.Expr(value=ast.Constant()):
                found.append(node)
    return {id(inner) for each in found for inner in ast.walk(each)}
