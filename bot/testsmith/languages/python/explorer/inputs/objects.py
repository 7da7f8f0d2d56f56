"""Create objects of a member's class, and find methods that fill them and methods that inspect them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from testsmith.languages.python.explorer.inputs.argument_pool import (
    Columns,
    imports_of,
    texts_of,
)
from testsmith.languages.python.explorer.inputs.parameter_values import shape_of
from testsmith.languages.python.explorer.inputs.values import constructions
from testsmith.languages.python.explorer.render.call_text import BINARY, COMPARISONS, Argument
from testsmith.languages.python.explorer.render.expressions import (
    Expression,
    Import,
    Imports,
    InputSource,
    quoted,
    unique,
)
from testsmith.languages.python.explorer.subjects import Callee, Home, Owner, Parameter, Subject
from testsmith.languages.python.explorer.trial import FILE, Trial

_MOST_OBJECTS = 5
_MOST_USED = 3
_MOST_PRIORS = 3
_MOST_PROBES = 3

_MAKING = frozenset(
    {"add", "append", "put", "push", "set", "insert", "update", "extend", "register", "load", "feed", "write"}
)
"""First words in the names of methods that add something to an object."""

_TAKING = frozenset(
    {"pop", "popleft", "popitem", "remove", "discard", "clear", "next", "read", "close", "take", "get_nowait"}
)
"""First words in the names of methods that remove something, and so do not only inspect."""

_CONTENTS = {
    "dict": ('[("a", 1), ("b", 2)]', '{"a": 1}'),
    "list": ("[3, 1, 2]", "[1, 1]"),
    "set": ("[3, 1, 2]",),
    "frozenset": ("[3, 1, 2]",),
    "tuple": ("[3, 1, 2]",),
    "str": ('"hello world"',),
    "bytes": ('b"hello"',),
    "int": ("5",),
    "float": ("2.5",),
}
"""Constructor arguments of classes derived from a built-in class."""

_LIKES = {
    "dict": ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', '{"a": 1, "c": 2}', "{}"),
    "list": ("[3, 1, 2]", "[1]", "[]"),
    "set": ("{3, 1, 2}", "set()"),
    "tuple": ("(3, 1, 2)", "()"),
    "str": ('"hello world"', '"hello"'),
}
"""Comparison operands for classes derived from a built-in class."""


class Prior(NamedTuple):
    """A call made before the one under test.

    Attributes:
        name: Name of the method.
        text: The call.
        imports: Imports it requires.
    """

    name: str
    text: str
    imports: Imports


class Objects:
    """Creates and uses objects of a member's class.

    Args:
        subject: The member.
        columns: Its candidate values.
        path: How a test refers to the class.
        imported: Import for that name.
    """

    def __init__(self, subject: Subject, columns: Columns, path: str, imported: Import) -> None:
        self._subject = subject
        self._columns = columns
        self._path = path
        self._import = imported
        self._owner: Owner = subject.owner or Owner(path=path)

    def made(self) -> list[Expression]:
        """Return objects: from the constructor, fewest arguments first, and from factories."""
        owner, needed = self._owner, frozenset({self._import})
        if owner.abstract:
            return []
        if owner.kind == "enum":
            return [Expression(f"{self._path}.{name}", needed) for name in owner.members[:_MOST_OBJECTS]]
        home = Home(module=self._import.module, path=self._path)
        typed = [replace(each, shape=shape_of(each, self._subject.hints)) for each in owner.parameters or ()]
        calls = constructions(home, typed)
        made = [replace(each, imports=(each.imports - {home.imported}) | needed) for each in calls]
        contents = _CONTENTS.get(owner.builtin, ()) if _takes_anything(owner.parameters) else ()
        filled = [Expression(f"{self._path}({text})", needed) for text in contents]
        used = [
            each for each in self._subject.usage.objects if not owner.builtin or not each.text.endswith("()")
        ]
        first = [each.at(InputSource.ORDINARY) for each in (*made[:1], *filled[:1])]
        return unique([*used[:_MOST_USED], *first, *made[1:], *filled[1:], *self._from_factories()])[
            :_MOST_OBJECTS
        ]

    def _from_factories(self) -> Iterator[Expression]:
        for factory in self._owner.factories:
            arguments = self._columns.ordinary(factory)
            if arguments is not None:
                text = f"{self._path}.{factory.name}({texts_of(arguments)})"
                yield Expression(text, imports_of(arguments) | {self._import})

    def priors(self, variable: str, *, in_loop: bool = False) -> list[Prior]:
        """Return calls of other methods that add something to an object, awaited ones only with `in_loop`."""
        awaited = self._owner.awaited if in_loop else ()
        methods = [method for method in (*self._owner.methods, *awaited) if self._brings(method)]
        methods.sort(key=lambda method: method.name.split("_")[0] not in _MAKING)
        found = []
        for method in methods:
            arguments = self._columns.ordinary(method)
            if arguments is not None:
                wait = "await " if method in self._owner.awaited else ""
                text = f"{wait}{variable}.{method.name}({texts_of(arguments)})"
                found.append(Prior(method.name, text, imports_of(arguments)))
        return found[:_MOST_PRIORS]

    def _brings(self, method: Callee) -> bool:
        if method.name == self._subject.member.plain_name or not method.parameters:
            return False
        return method.name.split("_")[0] in _MAKING or self._subject.method_gives_nothing(method.name)

    def probes(self, variable: str) -> tuple[str, ...]:
        """Return calls of methods that only inspect, using the member's argument values."""
        own = {parameter.name for parameter in self._subject.parameters}
        found = []
        for method in filter(self._looks, self._owner.methods):
            needed = {parameter.name for parameter in method.parameters or () if parameter.required}
            arguments = self._columns.ordinary(method) if needed <= own else None
            if arguments is not None and not imports_of(arguments):
                found.append(f"{variable}.{method.name}({texts_of(arguments)})")
        return tuple(found[:_MOST_PROBES])

    def _looks(self, method: Callee) -> bool:
        gives = method.returns.kind != "none" and not self._subject.method_gives_nothing(method.name)
        is_other = method.name != self._subject.member.plain_name and not method.generator
        is_other = is_other and method.name.split("_")[0] not in _TAKING
        return gives and is_other and not self._brings(method)

    def operands(self, made: Expression) -> list[Argument]:
        """Return operands to compare or combine an object with: an equal one, and similar ones."""
        name = self._subject.member.plain_name
        if name not in BINARY:
            return []
        others = [each for each in self.made() if each.text != made.text][:2]
        likes = [Expression(text) for text in _LIKES.get(self._owner.builtin, ())]
        strange = [Expression("1"), Expression("None")] if name in COMPARISONS else []
        foreign = [*likes, *strange] if _takes_anything(self._subject.parameters) else []
        return [Argument("other", each) for each in [made.at(InputSource.ORDINARY), *others, *foreign]]

    def again(self, variable: str, *, in_loop: bool = False) -> Iterator[Prior]:
        """Yield the member's own call, to be made twice; not operators, because they change nothing."""
        name = self._subject.member.plain_name
        arguments = self._columns.ordinary(self._subject.callee)
        if arguments is not None and not name.startswith("__"):
            wait = "await " if in_loop and name in {each.name for each in self._owner.awaited} else ""
            yield Prior(name, f"{wait}{variable}.{name}({texts_of(arguments)})", imports_of(arguments))


def _takes_anything(parameters: Sequence[Parameter] | None) -> bool:
    """Return whether the first parameter has no annotation that a value could violate."""
    return parameters is None or (bool(parameters) and parameters[0].shape.kind == "any")


PATH = "path"
"""Variable with the file's path."""

_MISSING = "missing.txt"
_MOST_WRITTEN = 5

_FILE_CONTENTS = ("key=value\n", "first line\nsecond line\n", "")
_FORMATS = {
    "json": ('{"name": "alice", "count": 3}\n', "[3, 1, 2]\n", "{\n"),
    "csv": ("name,count\nalice,3\nbob,4\n",),
    "toml": ('[section]\nname = "alice"\ncount = 3\n',),
    "configparser": ("[section]\nname = alice\ncount = 3\n",),
    "yaml": ("name: alice\ncounts:\n  - 3\n  - 4\n",),
    "xml": ("<items><item>apple</item></items>\n",),
}
"""File contents, by a word in the source that reads the file."""


_IN_FOLDER = (("a.txt", "one\n"), ("b.md", "two\n"))


def file_trials(trial: Trial, rows: Sequence[Sequence[Argument]], text: str) -> Iterator[Trial]:
    """Yield calls on a file in pytest's `tmp_path`, for a member that takes a file name.

    Args:
        trial: The call without arguments.
        rows: Rows of arguments, ordinary ones first.
        text: Source text of the member.
    """
    base = rows[0] if rows else ()
    if any(map(_is_folder, base)):
        yield _on_folder(trial, base)
        return
    if not any(map(_is_file, base)):
        return
    made = f'{PATH} = tmp_path / "{FILE}"'
    contents = [content for word, texts in _FORMATS.items() if word in text for content in texts]
    for content in (*contents, *_FILE_CONTENTS):
        setup = (*trial.setup, made, f"{PATH}.write_text({quoted(content)})")
        yield _given(replace(trial, setup=setup), base, PATH)
    for row in [each for each in rows if any(map(_is_file, each))][:_MOST_WRITTEN]:
        yield _given(replace(trial, setup=(*trial.setup, made)), row, PATH)
    missing = replace(trial, allowed="FileNotFoundError", only_refusals=True, about="refuses_a_missing_file")
    yield _given(missing, base, f'tmp_path / "{_MISSING}"')


_TEMPLATES = {
    f"{opening}{quoted(name)}{closing}": template
    for name in (FILE, "folder")
    for opening, closing, template in (("", "", "str({})"), ("Path(", ")", "{}"))
}
"""Ordinary file and folder names, and the path expression that replaces them."""

_WORDS_FOR_FOLDERS = frozenset({"dir", "directory", "folder", "root"})


def _is_file(argument: Argument) -> bool:
    return argument.value.text in _TEMPLATES


def _is_folder(argument: Argument) -> bool:
    words = argument.name.lower().split("_")
    return _is_file(argument) and not _WORDS_FOR_FOLDERS.isdisjoint(words)


def _on_folder(trial: Trial, base: Sequence[Argument]) -> Trial:
    """Return a call on a folder that contains two files."""
    files = tuple(f'(tmp_path / "{name}").write_text({quoted(text)})' for name, text in _IN_FOLDER)
    given = [_exchanged(each, "tmp_path") if _is_folder(each) else each for each in base]
    return _with(replace(trial, setup=(*trial.setup, *files)), given)


def _given(trial: Trial, base: Sequence[Argument], path: str) -> Trial:
    return _with(trial, [_exchanged(each, path) for each in base])


def _exchanged(argument: Argument, path: str) -> Argument:
    """Return an argument with a file or folder name replaced by a path."""
    template = _TEMPLATES.get(argument.value.text)
    return argument if template is None else replace(argument, value=Expression(template.format(path)))


def _with(trial: Trial, arguments: Sequence[Argument]) -> Trial:
    ordered = sorted(arguments, key=lambda argument: argument.by_keyword)
    return replace(trial, arguments=tuple(ordered), imports=trial.imports | imports_of(ordered))
