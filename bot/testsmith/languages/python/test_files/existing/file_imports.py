"""Let the tests that were added to a file use the imports that it has, and add others as it writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testsmith.languages.python.source.parsing import lines_of, parse_untrusted

_Import = ast.Import | ast.ImportFrom
_MOST_STEPS = 40
_LINE_LENGTHS = (79, 88)
"""Limits of a line: that of PEP 8, and that of black and ruff if the file has longer lines."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A name that a statement imports.

    Attributes:
        module: The module, with dots if relative.
        name: What is imported from it; empty for the module itself.
        local: Name that it gets in the file.
        statement: The statement.
    """

    module: str
    name: str
    local: str
    statement: _Import

    @property
    def key(self) -> tuple[str, str, str]:
        """Module, name and local name."""
        return self.module, self.name, self.local

    @property
    def full_name(self) -> str:
        """The imported module, or what is imported from one, as a dotted name."""
        return f"{self.module}.{self.name}" if self.name else self.module

    def is_also(self, other: Bound) -> bool:
        """Return whether another import may be a relative one of the same thing."""
        return self.name == other.name and is_relative_form(other.module, self.module)


def is_relative_form(relative: str, module: str) -> bool:
    """Return whether a relative import, such as `.utils`, may be one of an absolute module."""
    below = relative.lstrip(".")
    return relative.startswith(".") and (not below or f".{module}".endswith(f".{below}"))


def imports_of(tree: ast.Module) -> Iterator[Bound]:
    """Yield the imports of the top level of a test file."""
    yield from imports_in(tree.body)


def imports_in(body: Sequence[ast.stmt]) -> Iterator[Bound]:
    """Yield what the imports among statements bind, without those in blocks."""
    for statement in body:
        if isinstance(statement, ast.ImportFrom):
            module = f"{'.' * statement.level}{statement.module or ''}"
            for alias in statement.names:
                yield Bound(module, alias.name, alias.asname or alias.name, statement)
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                yield Bound(alias.name, "", alias.asname or alias.name, statement)


def with_own_imports(text: str, existing: str) -> str:
    """Return a test file whose added tests use its own imports.

    Of what the file imports from a module, or of the module that it imports, no other import is needed. Other
    names join the file's import from the same module.

    Args:
        text: The file with added tests.
        existing: The file without them.

    Raises:
        CannotParse: One of the texts is not valid Python.
    """
    known = list(imports_of(parse_untrusted(existing)))
    for _ in range(_MOST_STEPS):
        tree = parse_untrusted(text)
        new = [each for each in imports_of(tree) if each.key not in {one.key for one in known}]
        steps = (_step(text, tree, each, known) for each in new)
        changed = next((step for step in steps if step is not None), None)
        if changed is None:
            break
        text = changed
    return text


def _step(text: str, tree: ast.Module, new: Bound, known: Sequence[Bound]) -> str | None:
    """Return the text without an added import that the file does not need; None if it needs it."""
    siblings = [one for one in known if one.module == new.module and one.name]
    whole = [f"{one.local}.{new.name}" for one in known if one.full_name == new.module]
    if whole and re.search(rf"\b{re.escape(whole[0])}\b", text):  # the file has a style for it
        siblings = []
    if not new.name:
        spelled = _as_names(tree, new, siblings)
    elif siblings:
        return _joined(text, tree, new, siblings[-1])
    else:
        spelled = _as_attributes(tree, new, known)
    if not spelled:
        return None
    return _without_import(_with_spellings(text, spelled), new)


_Spellings = list[tuple[ast.expr, str]]


def _as_names(tree: ast.Module, new: Bound, siblings: Sequence[Bound]) -> _Spellings:
    """Return a spelling for each use of a module, if the file imports all that is used of it."""
    locals_by_name = {one.name: one.local for one in siblings}
    used = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == new.local
    ]
    names = {locals_by_name.get(node.attr, "") for node in used}
    is_whole = len(used) == len(_uses(tree, new.local)) and "" not in names
    if not is_whole or any(_is_hidden(tree, name) for name in (new.local, *names)):
        return []
    return [(node, locals_by_name[node.attr]) for node in used]


def _as_attributes(tree: ast.Module, new: Bound, known: Sequence[Bound]) -> _Spellings:
    """Return a spelling for each use of a name, as an attribute of its module if the file imports that."""
    modules = [one.local for one in known if one.full_name == new.module]
    if not modules or any(_is_hidden(tree, name.partition(".")[0]) for name in (new.local, modules[0])):
        return []
    return [(node, f"{modules[0]}.{new.name}") for node in _uses(tree, new.local)]


def _uses(tree: ast.Module, local: str) -> list[ast.Name]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == local]


def _is_hidden(tree: ast.Module, local: str) -> bool:
    """Return whether a name is bound anywhere else than by an import of the top level."""
    top = {id(statement) for statement in tree.body}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name) if name == local:
                return True
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if name == local:
                    return True
            case ast.Import(names=names) | ast.ImportFrom(names=names) if id(node) not in top:
                if any((alias.asname or alias.name.partition(".")[0]) == local for alias in names):
                    return True
            case ast.JoinedStr():
                if any(isinstance(each, ast.Name) and each.id == local for each in ast.walk(node)):
                    return True  # positions inside of it are not reliable before Python 3.12
    return False


def _with_spellings(text: str, spelled: _Spellings) -> str:
    lines = lines_of(text)
    for node, name in sorted(spelled, key=lambda each: (each[0].lineno, each[0].col_offset), reverse=True):
        line = lines[node.lineno - 1].encode()
        if node.end_lineno == node.lineno:
            line = line[: node.col_offset] + name.encode() + line[node.end_col_offset :]
            lines[node.lineno - 1] = line.decode()
    return "".join(lines)


def _without_import(text: str, new: Bound) -> str:
    """Return the text without one name of an import, or without the statement and a blank line next to it."""
    lines = lines_of(text)
    statement = next(each.statement for each in imports_of(parse_untrusted(text)) if each.key == new.key)
    first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
    kept = [alias for alias in statement.names if (alias.asname or alias.name) != new.local]
    if kept:
        statement.names = kept
        lines[first:last] = [ast.unparse(statement) + _line_end(lines[last - 1])]
        return "".join(lines)
    is_alone = first and not lines[first - 1].strip() and last < len(lines) and not lines[last].strip()
    lines[first - bool(is_alone) : last] = []
    return "".join(lines)


def _line_end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]


def _joined(text: str, tree: ast.Module, new: Bound, sibling: Bound) -> str | None:
    """Return the text with a name in the file's import from its module; None if it is there."""
    if any(each.key == sibling.key and each.statement is new.statement for each in imports_of(tree)):
        return None
    text = _without_import(text, new)
    statement = next(each.statement for each in imports_of(parse_untrusted(text)) if each.key == sibling.key)
    if not isinstance(statement, ast.ImportFrom) or statement.names[0].name == "*":
        return None
    names = [_written(alias) for alias in statement.names]
    added = f"{new.name} as {new.local}" if new.local != new.name else new.name
    orders = (str, str.lower)
    position = next(
        (sorted([*names, added], key=key).index(added) for key in orders if names == sorted(names, key=key)),
        len(names),
    )
    lines = lines_of(text)
    first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
    is_spread = last - first > 1 and statement.names[0].lineno > statement.lineno
    if is_spread:
        below = statement.names[position].lineno if position < len(names) else last
        lines[below - 1 : below - 1] = _spread_line(lines, statement, added)
        if position == len(names):
            _end_with_comma(lines, statement.names[-1])
        return "".join(lines)
    if last - first > 1 and "(" in lines[first]:
        return _with_aligned(text, statement, position, added)
    names.insert(position, added)
    head = f"from {'.' * statement.level}{statement.module or ''} import "
    end = _line_end(lines[last - 1])
    whole = head + ", ".join(names)
    is_long = max(map(len, (line.rstrip() for line in lines))) > _LINE_LENGTHS[0]
    if len(whole) > _LINE_LENGTHS[is_long]:
        whole = end.join([f"{head}(", *(f"    {name}," for name in names), ")"])
    lines[first:last] = [whole + end]
    return "".join(lines)


def _with_aligned(text: str, statement: ast.ImportFrom, position: int, added: str) -> str:
    """Return the text with a name, on its own line, in an import whose first name is next to the module."""
    lines = lines_of(text)
    names = statement.names
    beside = names[max(position - 1, 0)]
    indent = _line_end(lines[statement.lineno - 1]) + " " * names[0].col_offset
    row, column, piece = (
        (beside.end_lineno, beside.end_col_offset, f",{indent}{added}")
        if position
        else (beside.lineno, beside.col_offset, f"{added},{indent}")
    )
    line = lines[(row or beside.lineno) - 1].encode()
    whole = line[:column] + piece.encode() + line[column:]
    lines[(row or beside.lineno) - 1] = whole.decode()
    return "".join(lines)


def _spread_line(lines: Sequence[str], statement: ast.ImportFrom, added: str) -> list[str]:
    like = lines[statement.names[0].lineno - 1]
    return [f"{like[: len(like) - len(like.lstrip())]}{added},{_line_end(like)}"]


def _end_with_comma(lines: list[str], last: ast.alias) -> None:
    index, column = (last.end_lineno or last.lineno) - 1, last.end_col_offset or 0
    line = lines[index]
    if not line[column:].lstrip().startswith(","):
        lines[index] = f"{line[:column]},{line[column:]}"


def _written(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name
