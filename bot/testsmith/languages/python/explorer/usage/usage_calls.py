"""Calls of members found in a project, and the project's texts to search for them.

The texts are untrusted: none is executed or read through a link, and texts that are too large, nested too
deeply or not decodable are ignored.
"""

from __future__ import annotations

import ast
import doctest
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from pathlib import Path, PurePosixPath

from testsmith.languages.python.explorer.render.expressions import Expression, unique
from testsmith.languages.python.source.definitions import Function
from testsmith.languages.python.source.parsing import decode, parse_untrusted
from testsmith.languages.python.test_files.test_paths import is_test
from testsmith.languages.source import CannotParse


class Where(IntEnum):
    """Kind of text that contains a call, most informative first."""

    DOCUMENTATION = 0
    TESTS = 1
    CODE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedArgument:
    """An argument of a call.

    Attributes:
        name: Its keyword; empty for a positional argument.
        value: Its value, or None if it cannot be determined from the source.
    """

    name: str = ""
    value: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCall:
    """A call of a member.

    Attributes:
        arguments: Its arguments, positional ones first.
        receiver: Expression for its object, or None if there is none or it is unknown.
        where: Kind of text that contains it.
        fails: Whether it is expected to raise.
    """

    arguments: tuple[UsedArgument, ...]
    receiver: Expression | None = None
    where: Where = Where.TESTS
    fails: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all its arguments are known."""
        return all(argument.value is not None for argument in self.arguments)

    def given(self, at: int, name: str) -> Expression | None:
        """Return a parameter's argument, or None if it is missing or unknown.

        Args:
            at: Position of the parameter; -1 for none.
            name: Name of the parameter.
        """
        for place, argument in enumerate(self.arguments):
            if argument.name == name or (not argument.name and place == at):
                return argument.value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberUsage:
    """How a project uses one member.

    Attributes:
        calls: Its calls, most informative first.
        objects: Expressions that create objects of its class, or of itself, most frequent first.
        others: Calls of the other methods of its class, by name.
    """

    calls: Sequence[UsedCall] = ()
    objects: Sequence[Expression] = ()
    others: Mapping[str, Sequence[UsedCall]] = field(default_factory=dict)

    def values(self, at: int, name: str) -> list[Expression]:
        """Return the distinct arguments for a parameter of the member."""
        found = (call.given(at, name) for call in self.calls)
        return unique(value for value in found if value is not None)


# Texts of the project.

_MOST_FILES = 4_000
_MOST_FILE_BYTES = 400_000
_MOST_BYTES = 32 * 1024**2
_DOCUMENTS = (".md", ".rst", ".txt")
_NO_PROJECT_FOLDERS = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist", "vendor"})
_FENCE = re.compile(
    r"^(?P<indent> *)(```|~~~) *(?:python|py|pycon)\b[^\n]*\n(?P<code>.*?)^(?P=indent)\2",
    re.MULTILINE | re.DOTALL,
)
_DIRECTIVE = re.compile(
    r"^(?P<indent> *)\.\. (?:code|code-block|sourcecode):: *(?:python|py|pycon)\w* *\n"
    r"(?:(?P=indent) +:[^\n]*\n)*(?P<code>(?:[ \t]*\n|(?P=indent)[ \t]+[^\n]*\n?)+)",
    re.MULTILINE,
)

_NOTHING = ast.Module(body=[], type_ignores=[])
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A source text.

    Attributes:
        tree: Syntax tree.
        where: Kind of text.
        documents: Plain name of the definition whose docstring it is, or `""` for none or a module.
        is_own: Whether it is a docstring, which can use its module's names.
    """

    tree: ast.Module
    where: Where
    documents: str = ""
    is_own: bool = False


@dataclass(frozen=True)
class ProjectFile:
    """A file that may contain calls.

    Attributes:
        path: Path relative to the project's root.
        text: Its text.
    """

    path: str
    text: str

    @cached_property
    def where(self) -> Where:
        """Kind of text for its calls."""
        if not self.path.endswith(".py"):
            return Where.DOCUMENTATION
        return Where.TESTS if is_test(self.path) else Where.CODE

    def snippets(self) -> Iterator[Snippet]:
        """Yield its texts: a module and its docstrings, or the examples of a document."""
        if not self.path.endswith(".py"):
            yield from _snippet(_examples(self.text), Snippet(tree=_NOTHING, where=self.where))
            return
        for module in _snippet(self.text, Snippet(tree=_NOTHING, where=self.where)):
            yield module
            if self.where is Where.CODE and ">>>" in self.text:
                yield from _documented(module.tree)


def read_files(root: Path) -> list[ProjectFile]:
    """Return the files that may contain calls, documents and tests first, within limits."""
    paths = sorted(_paths(root), key=lambda path: (_rank(path), path))
    found = []
    room = _MOST_BYTES
    for path in paths[:_MOST_FILES]:
        data = _read(root / path)
        room -= len(data)
        if room < 0:
            break
        try:
            found.append(ProjectFile(path, decode(data)))
        except CannotParse:
            continue
    return found


def _rank(path: str) -> tuple[bool, bool, int]:
    """Return the sort key of a path: documents in the root, tests, then files near the root."""
    is_document = path.endswith(_DOCUMENTS)
    return not is_document or "/" in path, not is_test(path), path.count("/")


def _paths(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _NO_PROJECT_FOLDERS
        )
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        yield from (str(place / name) for name in files if _may_hold_calls(name))


def _may_hold_calls(name: str) -> bool:
    is_readme = name.lower().startswith("readme")
    return name.endswith((".py", ".md", ".rst")) or (is_readme and name.endswith(_DOCUMENTS))


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_FILE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""


def _snippet(text: str, snippet: Snippet) -> Iterator[Snippet]:
    """Yield the snippet with its parsed tree, unless the text is not valid Python or unsafe to walk."""
    try:
        yield replace(snippet, tree=parse_untrusted(text))
    except CannotParse:
        return


def _documented(tree: ast.Module) -> Iterator[Snippet]:
    """Yield the examples in a module's docstrings."""
    waiting: list[ast.Module | ast.ClassDef | Function] = [tree]
    for node in waiting:
        waiting += [inner for inner in node.body if isinstance(inner, ast.ClassDef | Function)]
        text = ast.get_docstring(node) or ""
        name = "" if isinstance(node, ast.Module) else node.name
        empty = Snippet(tree=_NOTHING, where=Where.DOCUMENTATION, documents=name, is_own=True)
        if ">>>" in text:
            yield from _snippet(_prompted(text), empty)


def _examples(text: str) -> str:
    """Return the examples of a document as one text, without those that are not valid Python on their own."""
    blocks = [match["code"] for pattern in (_FENCE, _DIRECTIVE) for match in pattern.finditer(text)]
    plain = [textwrap.dedent(block) for block in blocks if ">>>" not in block]
    parsed = [block for block in plain if _is_python(block)]
    return "\n".join((*parsed, _prompted(text)))


def _prompted(text: str) -> str:
    """Return the text after the prompts of a doctest."""
    sources = [source for part in _BLANK.split(text) if ">>>" in part for source in _behind_prompts(part)]
    return "\n".join(filter(_is_python, sources))


def _behind_prompts(text: str) -> list[str]:
    try:
        return [example.source for example in doctest.DocTestParser().get_examples(text + "\n")]
    except ValueError:  # prompts without a space, or inconsistent lines
        return []


def _is_python(text: str) -> bool:
    try:
        return bool(parse_untrusted(text).body)
    except CannotParse:
        return False
