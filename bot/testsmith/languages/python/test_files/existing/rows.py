"""Add the cases of a test module to the tables of tests that check the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import SequenceMatcher

from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import lines_of, parse_untrusted
from testsmith.languages.python.test_files.test_modules import keep_tests

_ALIKE = 0.5
"""Share of equal text from which a row goes below another instead of at the end."""

_Values = Mapping[str, ast.expr]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A test that is parametrized by one literal table, in its only decorator, or that loops over one.

    Attributes:
        names: Names of the columns.
        table: The rows.
        body: What the test does with each row.
    """

    names: tuple[str, ...]
    table: ast.List | ast.Tuple
    body: Sequence[ast.stmt]

    @classmethod
    def of(cls, test: Function) -> _Table | None:
        """Return the table of a test; None if it has none, or more than that."""
        parameters = [each.arg for each in test.args.args if each.arg != "self"]
        match test.decorator_list:
            case [ast.Call(args=[head, ast.List() | ast.Tuple() as table]) as call] if (
                last_name(call) == "parametrize"
                and sorted(parameters) == sorted(_columns(head))
                and all(map(_names_any_row, call.keywords))
            ):
                found = cls(names=_columns(head), table=table, body=_said(test))
            case [] if not parameters:
                looping = cls._of_loop(_said(test))
                if looping is None:
                    return None
                found = looping
            case _:
                return None
        return found if found.table.elts and all(map(found.values, found.table.elts)) else None

    @classmethod
    def _of_loop(cls, body: Sequence[ast.stmt]) -> _Table | None:
        """Return the table of a loop that is all of a body; with `subTest`, of what is inside of it."""
        match body:
            case [ast.For(target=target, iter=ast.List() | ast.Tuple() as table, body=inner, orelse=[])]:
                match inner:
                    case [ast.With(items=[ast.withitem(context_expr=ast.Call() as call)], body=checks)] if (
                        last_name(call) == "subTest"
                    ):
                        inner = checks
                names = [target] if isinstance(target, ast.Name) else getattr(target, "elts", [])
                columns = tuple(each.id for each in names if isinstance(each, ast.Name))
                return cls(names=columns, table=table, body=inner) if len(columns) == len(names) else None
        return None

    def values(self, row: ast.expr) -> _Values:
        """Return the cells of a row by column; none if they cannot be told apart."""
        cells = row.args if isinstance(row, ast.Call) and last_name(row) == "param" else [row]
        if len(self.names) > 1 and isinstance(row, ast.Tuple | ast.List):
            cells = row.elts
        is_marked = isinstance(row, ast.Call) and any(each.arg != "id" for each in row.keywords)
        fits = len(cells) == len(self.names) and not is_marked
        return dict(zip(self.names, cells, strict=True)) if fits else {}

    def packed(self) -> Mapping[str, type[ast.expr]]:
        """Return the columns, each with the type of node that all of its cells have; `ast.expr` for none."""
        rows = [self.values(row) for row in self.table.elts]
        kinds = {name: {type(row[name]) for row in rows} for name in self.names}
        return {name: found.pop() if len(found) == 1 else ast.expr for name, found in kinds.items()}


def _names_any_row(keyword: ast.keyword) -> bool:
    """Return whether a keyword is a function that names each row, so that a new one needs no name."""
    match keyword:
        case ast.keyword(arg="ids", value=ast.Lambda() | ast.Name(id="str" | "repr")):
            return True
    return False


def _columns(head: ast.expr) -> tuple[str, ...]:
    match head:
        case ast.Constant(value=str(names)):
            return tuple(name.strip() for name in names.split(",") if name.strip())
        case ast.Tuple(elts=names) | ast.List(elts=names):
            return tuple(str(each.value) for each in names if isinstance(each, ast.Constant))
    return ()


def with_rows(text: str, code: str) -> tuple[str, str]:
    """Return a test file with cases of a module as rows of its tables, and the module without these tests.

    A test goes if each of its cases is a row of one table, or is a test of the file already. Rows that are
    there are not added again.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    there = dict(functions_of(parse_untrusted(text)))
    tables = [table for test in there.values() if (table := _Table.of(test)) is not None]
    plain = {_meaning(test.body) for test in there.values() if not test.decorator_list}
    tests = dict(functions_of(parse_untrusted(code)))
    kept, added = list[str](), dict[int, list[str]]()
    for name, test in tests.items():
        cases = list(_cases(test))
        new = [case for case in cases if _meaning(case) not in plain]
        if cases and not new:
            continue
        number, rows = next(_fitting(new, tables, code), (-1, [])) if cases else (-1, [])
        if number < 0:
            kept.append(name)
        else:
            added.setdefault(number, []).extend(rows)
    changed = sorted(added, key=lambda number: tables[number].table.lineno, reverse=True)
    for number in changed:
        text = _extended(text, tables[number], list(dict.fromkeys(added[number])))
    return text, keep_tests(code, kept) if len(kept) < len(tests) else code


def _cases(test: Function) -> Iterator[list[ast.stmt]]:
    """Yield the body of a test for each of its rows, without its docstring; none if it is unknown."""
    table = _Table.of(test)
    parameters = [each.arg for each in test.args.args if each.arg != "self"]
    if table is not None:
        for row in table.table.elts:
            values = _RowValues(table.values(row))
            yield [values.visit(each) for each in deepcopy(list(table.body))]
    elif not test.decorator_list and not parameters:
        yield _said(test)


def _said(test: Function) -> list[ast.stmt]:
    return test.body[ast.get_docstring(test) is not None :]


class _RowValues(ast.NodeTransformer):
    """Puts the cells of a row in the place of the parameters."""

    def __init__(self, values: _Values) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._values.get(node.id, node)


def _meaning(body: Sequence[ast.stmt]) -> str:
    return "\n".join(map(ast.dump, body))


def _fitting(
    cases: Sequence[Sequence[ast.stmt]], tables: Sequence[_Table], code: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the tables that have the form of all cases, each with the rows that it lacks."""
    for number, table in enumerate(tables):
        known = {_row_key(table, table.values(row)) for row in table.table.elts}
        found = [_unified(table.body, case, table.packed()) for case in cases]
        rows = [row for row in found if row is not None]
        if len(rows) == len(cases):
            new = [row for row in rows if _row_key(table, row) not in known]
            yield number, [_row_text(table, row, code) for row in new]


def _row_key(table: _Table, values: _Values) -> str:
    return "\n".join(ast.dump(values[name]) for name in table.names)


def _row_text(table: _Table, values: _Values, code: str) -> str:
    cells = [_text_of(values[name], code) for name in table.names]
    if len(cells) == 1:
        return cells[0]
    is_list = all(isinstance(row, ast.List) for row in table.table.elts)
    return f"[{', '.join(cells)}]" if is_list else f"({', '.join(cells)})"


def _text_of(cell: ast.expr, code: str) -> str:
    if isinstance(cell, ast.List | ast.Tuple) and not hasattr(cell, "lineno"):  # packed here
        texts = [_text_of(each, code) for each in cell.elts]
        joined = ", ".join(texts)
        comma = "," if len(texts) == 1 else ""
        return f"[{joined}]" if isinstance(cell, ast.List) else f"({joined}{comma})"
    return ast.get_source_segment(code, cell) or ast.unparse(cell)


_Columns = Mapping[str, type[ast.expr]]


def _unified(pattern: Sequence[ast.stmt], case: Sequence[ast.stmt], names: _Columns) -> _Values | None:
    """Return the values with which a body with parameters is that of a case; None if there are none."""
    found: dict[str, ast.expr] = {}
    is_same = len(pattern) == len(case) and all(
        _matches(one, other, names, found) for one, other in zip(pattern, case, strict=True)
    )
    return found if is_same and found.keys() == set(names) else None


def _matches(pattern: object, case: object, names: _Columns, found: dict[str, ast.expr]) -> bool:
    if isinstance(pattern, ast.Name) and pattern.id in names and isinstance(case, ast.expr):
        return ast.dump(found.setdefault(pattern.id, case)) == ast.dump(case)
    if isinstance(pattern, list) and isinstance(case, list):
        pattern, case = _unpacked(pattern, case, names)
        pairs = zip(pattern, case, strict=False)
        return len(pattern) == len(case) and all(_matches(one, other, names, found) for one, other in pairs)
    if not isinstance(pattern, ast.AST) or not isinstance(case, ast.AST):
        return pattern == case and type(pattern) is type(case)
    return type(pattern) is type(case) and all(
        _matches(getattr(pattern, field, None), getattr(case, field, None), names, found)
        for field in pattern._fields
    )


def _unpacked(
    pattern: list[object], case: list[object], names: _Columns
) -> tuple[list[object], list[object]]:
    """Return arguments with those that a call unpacks from a column, such as `*args`, as one cell."""
    match pattern:
        case [*before, ast.Starred(value=ast.Name(id=name) as column)] if names.get(name) in _PACKED:
            given = [each for each in case[len(before) :] if isinstance(each, ast.expr)]
            if not any(isinstance(each, ast.Starred) for each in given):
                cell = _PACKED[names[name]](elts=given, ctx=ast.Load())
                return [*before, column], [*case[: len(before)], cell]
    return pattern, case


_PACKED: Mapping[type[ast.expr], type[ast.List | ast.Tuple]] = {ast.List: ast.List, ast.Tuple: ast.Tuple}


def _extended(text: str, table: _Table, rows: Sequence[str]) -> str:
    """Return the text with each row after the one that is most like it, or else after the last."""
    if not rows:
        return text
    lines, present = lines_of(text), table.table.elts
    last = present[-1]
    index, column = (last.end_lineno or last.lineno) - 1, last.end_col_offset or 0
    line = lines[index].encode()
    before, behind = line[:column].decode(), line[column:].decode()
    if (table.table.end_lineno or 0) - 1 == index:  # the bracket closes on the line of the last row
        lines[index] = f"{before}, {', '.join(rows)}{behind}"
        return "".join(lines)
    first = lines[last.lineno - 1]
    indent = first[: len(first) - len(first.lstrip())]
    newline = "\r\n" if line.endswith(b"\r\n") else "\n"
    comma = "" if behind.lstrip().startswith(",") else ","
    lines[index] = f"{before}{comma}{behind}"
    added: dict[int, list[str]] = {}
    for row in rows:
        added.setdefault(_line_below_nearest(row, present), []).append(f"{indent}{row},{newline}")
    for place in sorted(added, reverse=True):
        lines[place:place] = added[place]
    return "".join(lines)


def _line_below_nearest(row: str, present: Sequence[ast.expr]) -> int:
    """Return the number of lines before the place of a new row."""
    written = ast.unparse(parse_untrusted(row))
    likeness = [SequenceMatcher(None, ast.unparse(each), written).ratio() for each in present]
    nearest = max(range(len(present)), key=lambda number: (likeness[number], number))
    one, below = present[nearest], present[nearest + 1 : nearest + 2]
    end = one.end_lineno or one.lineno
    if likeness[nearest] < _ALIKE or any(each.lineno <= end for each in below):
        return present[-1].end_lineno or present[-1].lineno
    return end
