"""Modules of real projects that tests are measured on, and the mutants of a whole module."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testsmith.languages.mutants import Mutant
from testsmith.languages.python.mutation.mutants import mutants_of
from testsmith.languages.python.source.parsing import span_of
from testsmith.model import Change, Member, MemberKind

MOST_MUTANTS = 150
"""Of a module with more, so many are drawn, the same for every tool."""

_ALL = 10_000
_EVERY_OPERATOR = 100
_SEED = 5

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What is mutated, and by which tests.

    Attributes:
        requirement: The project.
        path: The module's file in the project.
        tests: The test file.
    """

    requirement: str
    path: str
    tests: str

    @property
    def name(self) -> str:
        """The module's dotted name."""
        return self.path.removeprefix("src/").removesuffix(".py").replace("/", ".")


def _module(requirement: str, path: str, tests: str) -> Module:
    return Module(requirement=requirement, path=path, tests=tests)


_HUMANIZE, _ITSDANGEROUS, _BOLTONS = "humanize==4.17.0", "itsdangerous==2.2.0", "boltons==26.2.0"
_DOTENV = "python-dotenv==1.2.4"

FILESIZE = _module(_HUMANIZE, "src/humanize/filesize.py", "tests/test_filesize.py")
ENCODING = _module(_ITSDANGEROUS, "src/itsdangerous/encoding.py", "tests/test_itsdangerous/test_encoding.py")
MODULES = (
    FILESIZE,
    _module(_HUMANIZE, "src/humanize/number.py", "tests/test_number.py"),
    _module(_HUMANIZE, "src/humanize/time.py", "tests/test_time.py"),
    ENCODING,
    _module(_ITSDANGEROUS, "src/itsdangerous/signer.py", "tests/test_itsdangerous/test_signer.py"),
    _module(_ITSDANGEROUS, "src/itsdangerous/timed.py", "tests/test_itsdangerous/test_timed.py"),
    _module(_BOLTONS, "boltons/strutils.py", "tests/test_strutils.py"),
    _module(_BOLTONS, "boltons/dictutils.py", "tests/test_dictutils.py"),
    _module(_BOLTONS, "boltons/timeutils.py", "tests/test_timeutils.py"),
    _module(_DOTENV, "src/dotenv/parser.py", "tests/test_parser.py"),
    _module(_DOTENV, "src/dotenv/variables.py", "tests/test_variables.py"),
    _module(_DOTENV, "src/dotenv/main.py", "tests/test_main.py"),
)


def whole(module: Module, source: str) -> Member:
    """Return a module as if it were one member, so that all of it is traced."""
    return _member(module, module.name, 1, source.count("\n") + 1)


def mutants_of_module(module: Module, source: str) -> tuple[Mutant, ...]:
    """Return the mutants of all functions and classes of a module, private ones included, or a sample.

    Args:
        module: The module.
        source: Its text.
    """
    found = [
        mutant
        for definition in _definitions(ast.parse(source).body)
        for mutant in mutants_of(source, _defined(module, definition), _ALL, _EVERY_OPERATOR)
    ]
    found.sort(key=lambda mutant: (mutant.edit.start, mutant.edit.end, mutant.edit.text))
    if len(found) <= MOST_MUTANTS:
        return tuple(found)
    drawn = random.Random(_SEED).sample(range(len(found)), MOST_MUTANTS)  # noqa: S311 - a sample, no secret
    return tuple(found[number] for number in sorted(drawn))


def function_spans(source: str) -> dict[int, int]:
    """Return the last line of each function of a module, by its first one, decorators included."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, _Definition))
    spans = [span_of(node) for node in functions if not isinstance(node, ast.ClassDef)]
    return {span.first: span.last for span in spans}


def _definitions(body: Sequence[ast.stmt]) -> Iterator[_Definition]:
    """Yield what is defined at the top of a module, under `if` and `try` as well."""
    for statement in body:
        if isinstance(statement, _Definition):
            yield statement
        elif isinstance(statement, ast.If | ast.Try):
            handled = [inner for handler in getattr(statement, "handlers", ()) for inner in handler.body]
            yield from _definitions([*statement.body, *handled, *statement.orelse])


def _defined(module: Module, definition: _Definition) -> Member:
    span = span_of(definition)
    return _member(module, definition.name, span.first, span.last)


def _member(module: Module, name: str, first: int, last: int) -> Member:
    return Member(
        path=module.path,
        name=name,
        language="python",
        change=Change.ADDED,
        line=first,
        end_line=last,
        kind=MemberKind.FUNCTION,
        source="",
        module=module.name,
    )
