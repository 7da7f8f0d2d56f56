"""How a test file imports a member: by which name, from which path, and with which kind of import."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from testsmith.languages.syntax_tree import text_of
from testsmith.languages.typescript.source.declarations import DEFAULT
from testsmith.languages.typescript.source.packages import (
    ENDINGS,
    TYPED_ENDINGS,
    DeclarationKey,
    Modules,
    TypeScriptFile,
)
from testsmith.model import Member

_ONLY_REQUIRED = frozenset({".cjs", ".cts"})
_ONLY_IMPORTED = frozenset({".mjs", ".mts", ".ts", ".tsx"})
_FOR_ITSELF = "its own"
"""The ending of the file itself, as a habit."""

_MOST_NEAR = 10


def import_line(
    modules: Modules, member: Member, test_path: str, near: Sequence[str], *, needs_endings: bool
) -> str:
    """Return the statement by which a test file imports a member, or the class that contains it.

    Args:
        modules: The modules of the tree.
        member: The member.
        test_path: The test file, which may not exist.
        near: Other test files, nearest first, whose habits count if it does not exist.
        needs_endings: Whether a path in an import needs its ending, as in Node without a bundler.
    """
    own = modules.file(member.path)
    root = member.name.partition(".")[0]
    exported = [] if own is None else [name for name, local in own.outline.exports.items() if local == root]
    name = root if root in exported or not exported else exported[0]
    key = DeclarationKey(member.path, root)
    there = modules.file(test_path)
    if there is not None and (known := _known(modules, there, key, name)):
        return known
    others = [modules.file(path) for path in near[:_MOST_NEAR]]
    files = [one for one in (there, *others) if one is not None]
    is_required = _is_required(test_path, files, own)
    door, source = _door(modules, files, key, name, test_path)
    if not source:
        habits = Counter(_endings(one for one in (there, *others, own) if one is not None))
        usual = _FOR_ITSELF if needs_endings and not is_required else ""
        habit = habits.most_common(1)[0][0] if habits else usual
        source = _source(door, test_path, habit)
    names = f"{{ {name} }}"
    if name == DEFAULT:
        names = _local_name(member.path) if root == DEFAULT else root
    return f'const {names} = require("{source}");' if is_required else f'import {names} from "{source}";'


def _known(modules: Modules, there: TypeScriptFile, key: DeclarationKey, name: str) -> str:
    """Return how a test file gets at a declaration already, if by another name; empty if it does not."""
    for binding in there.imports.values() if name not in there.imports else ():
        target = modules.resolved(binding.source, there.path)
        statement = " ".join(text_of(binding.statement).split())
        if binding.imported in {"*", DEFAULT} and modules.exported(target, name) == key and name != DEFAULT:
            if binding.imported == "*" or modules.exported(target, DEFAULT) is None:
                return f"{statement} (the test file has it: `{binding.local}.{name}`)"
        elif binding.local not in {name, DEFAULT} and modules.exported(target, binding.imported) == key:
            return f"{statement} (the test file has it: `{binding.local}`)"
    return ""


def _is_required(test_path: str, files: Sequence[TypeScriptFile], own: TypeScriptFile | None) -> bool:
    """Return whether a test file imports by `require`: by its ending, or as others do."""
    ending = posixpath.splitext(test_path)[1]
    if ending in _ONLY_REQUIRED or ending in _ONLY_IMPORTED:
        return ending in _ONLY_REQUIRED
    for file in files:
        if file.imports or file.is_common_js:
            return file.is_common_js
    return own is not None and own.is_common_js


def _door(
    modules: Modules, files: Sequence[TypeScriptFile], key: DeclarationKey, name: str, test_path: str
) -> tuple[str, str]:
    """Return the module that tests import a declaration from, and how a file next to the test file names it.

    That is the declaration's own module, unless the nearest test that may import it uses another one.
    """
    folder = posixpath.dirname(test_path)
    for file in files:
        for source in dict.fromkeys(one.source for one in file.imports.values()):
            target = modules.resolved(source, file.path)
            if target is not None and (target == key.path or modules.exported(target, name) == key):
                is_everywhere = not source.startswith(".")
                return target, source if is_everywhere or posixpath.dirname(file.path) == folder else ""
    return key.path, ""


def _source(path: str, test_path: str, habit: str) -> str:
    """Return the relative path of a module from a test file, with an ending by the habit of the project."""
    relative = posixpath.relpath(path, posixpath.dirname(test_path) or ".")
    relative = relative if relative.startswith("..") else f"./{relative}"
    stem, ending = posixpath.splitext(relative)
    if not habit:
        return stem.removesuffix("/index") if stem != "./index" else "."
    is_typed = ending in TYPED_ENDINGS
    return f"{stem}{habit}" if is_typed and habit in {".js", ".mjs", ".cjs"} else relative


def _endings(files: Iterable[TypeScriptFile]) -> Iterator[str]:
    for file in files:
        for one in file.imports.values():
            if one.source.startswith("."):
                ending = posixpath.splitext(one.source)[1]
                yield ending if ending in ENDINGS else ""


def _local_name(path: str) -> str:
    """Return a name for what a module exports without one: its file's, or its folder's, in camel case."""
    stem = posixpath.splitext(posixpath.basename(path))[0]
    stem = posixpath.basename(posixpath.dirname(path)) or "main" if stem == "index" else stem
    first, *others = re.findall(r"[A-Za-z0-9]+", stem) or ["main"]
    return "".join((first[:1].lower() + first[1:], *(one.title() for one in others)))
