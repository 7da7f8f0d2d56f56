"""Rename declarations of a Go test module, so that it can be compiled together with other files."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from testsmith.languages.go.source.declarations import DeclarationKind, declarations, package_name
from testsmith.languages.go.source.packages import Packages
from testsmith.languages.go.source.parsing import parse
from testsmith.languages.go.test_files.test_paths import package_of_tests
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.syntax_tree import ParsedText, text_of, walk
from testsmith.languages.tests import UnformattedModule

if TYPE_CHECKING:
    from tree_sitter import Node

_NAMING = frozenset({"identifier", "type_identifier"})


def apart(modules: Sequence[UnformattedModule], tree: SourceTree) -> list[str | CannotParse]:
    """Return test modules in the package of their test file, whose names nothing else in it declares.

    Names are unique in a package: those of its files, its test files, and the other modules.
    """
    packages = Packages(tree)
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    results: list[str | CannotParse] = []
    for module in modules:
        folder = posixpath.dirname(module.test_path)
        package = package_of_tests(packages, folder, module.test_path)
        try:
            names = {file.package for file in packages.sources(folder)}
            others = (
                () if packages.has_file(module.test_path) else (*names, *(f"{one}_test" for one in names))
            )
            code = in_package(module.code, package, others)
            own = package_name(parse(code))
            known = taken[folder, own]
            if not known:
                known |= names_of_package(packages, folder, own)
            code = renamed_apart(code, known)
            known |= declared_names(parse(code))
            results.append(code)
        except CannotParse as error:
            results.append(error)
    return results


def in_package(code: str, package: str, others: Collection[str] = ()) -> str:
    """Return a module whose package clause names a package, or one of the others if it does so already."""
    file = parse(code)
    clause = next((one for one in file.root.children if one.type == "package_clause"), None)
    if clause is None:
        return f"package {package}\n\n{code}"
    if package_name(file) in {package, *others}:
        return code
    head, tail = file.between(0, clause.start_byte), file.between(clause.end_byte, len(file.data))
    return f"{head}package {package}{tail}"


def names_of_package(packages: Packages, folder: str, package: str) -> set[str]:
    """Return the names that the files and tests of a package declare."""
    files = (*packages.sources(folder), *packages.tests(folder))
    return {name for file in files if file.package == package for name in declared_names(file.file)}


def declared_names(file: ParsedText) -> set[str]:
    """Return the names that a file declares in its package, without methods, `init` and `_`."""
    found = (one.name for one in declarations(file) if one.kind is not DeclarationKind.METHOD)
    return {name for name in found if name not in {"init", "_"}}


def renamed_apart(code: str, taken: Collection[str]) -> str:
    """Return a module whose declarations have none of the taken names; others get a number.

    Raises:
        CannotParse: `code` is not valid Go.
    """
    file = parse(code)
    there = declared_names(file) | {text_of(one) for one in walk(file.root) if one.type in _NAMING}
    names = {}
    for one in sorted(declared_names(file) & set(taken)):
        names[one] = free_name(one, taken, there)
        there.add(names[one])
    return renamed(file, names) if names else code


def free_name(name: str, *taken: Container[str]) -> str:
    """Return a name with the lowest number from 2 that makes it free."""
    forms = (f"{stem_of(name)}{number}" for number in count(2))
    return next(form for form in forms if not any(form in names for names in taken))


def stem_of(name: str) -> str:
    """Return a name without the number at its end."""
    return re.sub(r"\d+$", "", name) or name


def renamed(file: ParsedText, names: Mapping[str, str]) -> str:
    """Return a file's text with identifiers renamed, but for fields and keys of composite literals."""
    data = file.data
    for node in sorted(_uses(file.root, names), key=lambda one: one.start_byte, reverse=True):
        data = data[: node.start_byte] + names[text_of(node)].encode() + data[node.end_byte :]
    return data.decode("utf-8", "replace")


def _uses(root: Node, names: Container[str]) -> Iterator[Node]:
    for node in walk(root, {"comment"}):
        if node.type in _NAMING and text_of(node) in names and not _is_key(node):
            yield node


def _is_key(node: Node) -> bool:
    """Return whether a name is the key in a composite literal, which mostly is a field."""
    element = node.parent
    keyed = None if element is None or element.type != "literal_element" else element.parent
    if keyed is None or keyed.type != "keyed_element" or element is None:
        return False
    key = keyed.child_by_field_name("key")
    return key is not None and key.id == element.id
