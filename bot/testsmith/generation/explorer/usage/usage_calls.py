"""Calls of a member that a project makes somewhere, as source text."""

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

from testsmith.generation.explorer.render.expressions import Expression, unique
from testsmith.languages.driver import CannotParse
from testsmith.languages.python.definitions import Function
from testsmith.languages.python.parsing import decode, parse_untrusted
from testsmith.languages.python.test_files.test_paths import is_test


class Where(IntEnum):
    """Where a call stands, the most telling first."""

    DOCUMENTATION = 0
    TESTS = 1
    CODE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedArgument:
    """One argument of a call.

    Attributes:
        name: What it is given by; empty if that is its place.
        value: What is given; None if that cannot be told from the text.
    """

    name: str = ""
    value: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCall:
    """One call.

    Attributes:
        arguments: Its arguments, those by place first.
        receiver: What makes the object that it is made on; None if there is none, or none is known.
        where: Where it stands.
        fails: Whether an exception is expected of it.
    """

    arguments: tuple[UsedArgument, ...]
    receiver: Expression | None = None
    where: Where = Where.TESTS
    fails: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all of its arguments are known."""
        return all(argument.value is not None for argument in self.arguments)

    def given(self, at: int, name: str) -> Expression | None:
        """Return what a parameter is given; None if it is not given, or that is not known.

        Args:
            at: The parameter's place; -1 for none.
            name: Its name.
        """
        for place, argument in enumerate(self.arguments):
            if argument.name == name or (not argument.name and place == at):
                return argument.value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberUsage:
    """How a project uses one member.

    Attributes:
        calls: Its calls, the most telling first.
        objects: What makes the objects of its class, or of the class that it is, the most frequent first.
        others: Calls of the other methods of its class, by name.
    """

    calls: Sequence[UsedCall] = ()
    objects: Sequence[Expression] = ()
    others: Mapping[str, Sequence[UsedCall]] = field(default_factory=dict)

    def values(self, at: int, name: str) -> list[Expression]:
        """Return what a parameter of the member is given, each value once."""
        found = (call.given(at, name) for call in self.calls)
        return unique(value for value in found if value is not None)


# The texts of a project in which its members may be called, as syntax trees that are safe to walk.
#
# They are untrusted: none is run, none is read through a link, and what is too large, nested too deep or
# in no encoding is as if it were not there.

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
    """One text.

    Attributes:
        tree: Its syntax tree.
        where: Where it stands.
        documents: What it is a docstring of: a plain name, `""` for none or the module's.
        is_own: Whether it is a docstring, in which the names of its module hold.
    """

    tree: ast.Module
    where: Where
    documents: str = ""
    is_own: bool = False


@dataclass(frozen=True)
class ProjectFile:
    """One file that may hold calls.

    Attributes:
        path: Its path relative to the project's root.
        text: Its text.
    """

    path: str
    text: str

    @cached_property
    def where(self) -> Where:
        """Where its calls stand."""
        if not self.path.endswith(".py"):
            return Where.DOCUMENTATION
        return Where.TESTS if is_test(self.path) else Where.CODE

    def snippets(self) -> Iterator[Snippet]:
        """Yield its texts: a module's own, then those of its docstrings; of a document, its examples."""
        if not self.path.endswith(".py"):
            yield from _snippet(_examples(self.text), Snippet(tree=_NOTHING, where=self.where))
            return
        for module in _snippet(self.text, Snippet(tree=_NOTHING, where=self.where)):
            yield module
            if self.where is Where.CODE and ">>>" in self.text:
                yield from _documented(module.tree)


def read_files(root: Path) -> list[ProjectFile]:
    """Read the files of a project that may hold calls, documents and tests first, within limits."""
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
    """Return what is read first: documents of the root, tests, what lies near the root."""
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
    """Yield the examples of the docstrings of a module."""
    waiting: list[ast.Module | ast.ClassDef | Function] = [tree]
    for node in waiting:
        waiting += [inner for inner in node.body if isinstance(inner, ast.ClassDef | Function)]
        text = ast.get_docstring(node) or ""
        name = "" if isinstance(node, ast.Module) else node.name
        empty = Snippet(tree=_NOTHING, where=Where.DOCUMENTATION, documents=name, is_own=True)
        if ">>>" in text:
            yield from _snippet(_prompted(text), empty)


def _examples(text: str) -> str:
    """Return the examples of a document as one text; what is not valid Python for itself is left out."""
    blocks = [match["code"] for pattern in (_FENCE, _DIRECTIVE) for match in pattern.finditer(text)]
    plain = [textwrap.dedent(block) for block in blocks if ">>>" not in block]
    parsed = [block for block in plain if _is_python(block)]
    return "\n".join((*parsed, _prompted(text)))


def _prompted(text: str) -> str:
    """Return what stands behind the prompts of a text."""
    sources = [source for part in _BLANK.split(text) if ">>>" in part for source in _behind_prompts(part)]
    return "\n".join(filter(_is_python, sources))


def _behind_prompts(text: str) -> list[str]:
    try:
        return [example.source for example in doctest.DocTestParser().get_examples(text + "\n")]
    except ValueError:  # prompts without a blank, lines that do not belong together
        return []


def _is_python(text: str) -> bool:
    try:
        return bool(parse_untrusted(text).body)
    except CannotParse:
        return False
