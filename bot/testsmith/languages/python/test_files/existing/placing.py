"""Write the tests of a module as those around a place in a test file are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import parse_concrete, parse_untrusted
from testsmith.languages.python.test_files.cutting import (
    bindings,
    dotted,
    is_suite_class,
    is_test,
)
from testsmith.languages.python.test_files.renaming import rename
from testsmith.languages.python.test_files.test_modules import is_of_unittest
from testsmith.model import TestPlace

_SPELLED = "_testsmith_spelled"
"""Stands for a dotted name, which `rename` cannot write."""

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A class of tests in a file.

    Attributes:
        node: Its syntax tree.
        index: Its position among the statements of the file.
    """

    node: ast.ClassDef
    index: int

    @classmethod
    def at(cls, text: str, name: str) -> Suite | None:
        """Return the class of this name, or None if there is none on the top level."""
        for index, node in enumerate(parse_untrusted(text).body):
            if isinstance(node, ast.ClassDef) and name == node.name:
                return cls(node=node, index=index)
        return None

    def line_after(self, test: str) -> int:
        """Return the last line of a method, as `Class::name`, or of the class if it has no such method."""
        ends = (each.end_lineno for each in self.node.body if f"{self.node.name}::{_name(each)}" == test)
        return next(ends, None) or self.node.end_lineno or self.node.lineno

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases, as they are written."""
        return tuple(map(ast.unparse, self.node.bases))

    @property
    def is_test_case(self) -> bool:
        """Whether its methods use the assertions of `unittest`."""
        return is_of_unittest(self.node.name, self.bases)

    @property
    def names(self) -> frozenset[str]:
        """Names that its body binds."""
        return frozenset(filter(None, map(_name, self.node.body)))


def _name(statement: ast.stmt) -> str:
    return statement.name if isinstance(statement, Function | ast.ClassDef) else ""


def position_after(text: str, place: TestPlace) -> int | None:
    """Return the number of statements up to the one after which a place is; None for the end of the file."""
    name = (place.after or place.suite).partition("::")[0]
    found = (
        index for index, each in enumerate(parse_untrusted(text).body, 1) if name and _name(each) == name
    )
    return next(found, None)


def respelled(code: str, place: TestPlace, text: str) -> str:
    """Return a test module that names the member as the file does, by the same import.

    Args:
        code: The module.
        place: Where it goes.
        text: Text of the file.
    """
    root, name = place.spelling.partition(".")[0], place.spelling.rpartition(".")[2]
    theirs = _import_of(root, text) if root else None
    module = parse_concrete(code)
    local = next((local for each in module.body for local in _imported_as(each, name)), "")
    names = {each for part in module.body for binding in bindings(part) or () for each in binding.names}
    if theirs is None or not local or (root != local and root in names):
        return code
    module = rename(module, {local: _SPELLED})
    body = [kept for each in module.body if (kept := _without_import(each, _SPELLED)) is not None]
    at = next(index for index, each in enumerate(module.body) if _SPELLED in _imported_as(each, name))
    body.insert(at, cst.parse_statement(theirs))
    return module.with_changes(body=body).code.replace(_SPELLED, place.spelling)


def _import_of(name: str, text: str) -> str | None:
    """Return the statement by which a file imports a name, without the others that it imports with it."""
    for statement in parse_untrusted(text).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name.partition(".")[0]) == name:
                    statement.names = [alias]
                    return ast.unparse(statement)
    return None


def _imported_as(statement: _Statement, name: str) -> Iterator[str]:
    """Yield the local names under which a statement imports a name from a module."""
    if isinstance(statement, cst.SimpleStatementLine):
        for part in statement.body:
            if isinstance(part, cst.ImportFrom) and not isinstance(part.names, cst.ImportStar):
                yield from (_local(alias) for alias in part.names if dotted(alias.name) == name)


def _local(alias: cst.ImportAlias) -> str:
    return dotted(alias.name) if alias.asname is None else dotted(alias.asname.name)


def _without_import(statement: _Statement, local: str) -> _Statement | None:
    """Return an import statement without the one that binds a local name; None if nothing is left of it."""
    part = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    if not isinstance(part, cst.ImportFrom) or isinstance(part.names, cst.ImportStar):
        return statement
    kept = [each for each in part.names if _local(each) != local]
    if len(kept) == len(part.names):
        return statement
    if not kept:
        return None
    kept[-1] = kept[-1].with_changes(comma=part.names[-1].comma)
    return statement.with_changes(body=[part.with_changes(names=kept)])


def in_new_suite(code: str, name: str, like: Suite) -> str:
    """Return a test module with its tests in one class of this name, with the bases of another."""
    module = parse_concrete(code)
    tests = [each for each in module.body if _has_form(each, like)]
    if not tests:
        return code
    first, at = tests[0], module.body.index(tests[0])
    suite = cst.ClassDef(
        name=cst.Name(name),
        bases=[cst.Arg(cst.parse_expression(base)) for base in like.bases],
        body=cst.IndentedBlock(body=_spaced([method for each in tests for method in _methods(each)])),
        leading_lines=_comments(first) if isinstance(first, cst.ClassDef) else (),
    )
    body = [each for each in module.body if each not in tests]
    return module.with_changes(body=[*body[:at], suite, *body[at:]]).code


def methods_for(
    statements: Sequence[_Statement], suite: Suite
) -> tuple[list[_Statement], list[cst.FunctionDef]]:
    """Return the statements that cannot be methods of a class, and the methods, renamed if they collide.

    Methods that the class has already, under any name, are left out. The methods of a class can be methods of
    another if that has everything else of it, such as its `setUp`.
    """
    others = [each for each in statements if not _has_form(each, suite)]
    there = {_nameless(each) for each in suite.node.body if isinstance(each, Function)}
    taken, methods = set(suite.names), list[cst.FunctionDef]()
    for statement in (each for each in statements if _has_form(each, suite)):
        above = _comments(statement) if isinstance(statement, cst.ClassDef) else []
        for each in _methods(statement):
            method = each.with_changes(leading_lines=[*above, *_comments(each)])
            parsed = parse_untrusted(cst.Module(body=[method]).code).body[0]
            if isinstance(parsed, Function) and _nameless(parsed) in there:
                continue
            name, number = method.name.value, 2
            while name in taken:
                name, number = f"{method.name.value}_{number}", number + 1
            taken.add(name)
            methods.append(method.with_changes(name=cst.Name(name)))
    return others, methods


def as_class(methods: Sequence[cst.FunctionDef]) -> cst.ClassDef:
    """Return a class with these methods, with a blank line between them."""
    return cst.ClassDef(name=cst.Name("TestMethods"), body=cst.IndentedBlock(body=_spaced(methods)))


def _spaced(methods: Sequence[cst.FunctionDef]) -> list[cst.FunctionDef]:
    return [
        each.with_changes(leading_lines=[*[cst.EmptyLine(indent=False)][: number > 0], *_comments(each)])
        for number, each in enumerate(methods)
    ]


def _comments(node: cst.FunctionDef | cst.ClassDef) -> list[cst.EmptyLine]:
    return [line for line in node.leading_lines if line.comment is not None]


def _has_form(statement: _Statement, suite: Suite) -> bool:
    """Return whether the tests of a top-level statement can be methods of a class."""
    if isinstance(statement, cst.FunctionDef):
        return is_test(statement) and not suite.is_test_case
    if not isinstance(statement, cst.ClassDef) or not is_suite_class(statement) or statement.decorators:
        return False
    others = [
        each for each in statement.body.body if not (isinstance(each, cst.FunctionDef) and is_test(each))
    ]
    there = {ast.dump(each) for each in suite.node.body} if others else set[str]()
    is_plain = all(isinstance(each, _Statement) and _dumps(each) <= there for each in others)
    is_test_case = is_of_unittest(statement.name.value, [dotted(base.value) for base in statement.bases])
    return is_plain and is_test_case == suite.is_test_case


def _dumps(line: _Statement) -> set[str]:
    """Return the syntax trees of the statements on a line of a class, as texts."""
    return set(map(ast.dump, parse_untrusted(cst.Module(body=[line]).code).body))


def _methods(statement: _Statement) -> Iterator[cst.FunctionDef]:
    """Yield a test function as a method, or the methods of a class."""
    if isinstance(statement, cst.FunctionDef):
        first, params = cst.Param(cst.Name("self")), statement.params
        yield statement.with_changes(params=params.with_changes(params=[first, *params.params]))
    elif isinstance(statement, cst.ClassDef):
        yield from (each for each in statement.body.body if isinstance(each, cst.FunctionDef))


def _nameless(function: Function) -> str:
    """Return what a method does, without its name."""
    parts = (function.args, *function.decorator_list, *function.body)
    return "\n".join(map(ast.dump, parts))
