"""Add the tests of a module to a Go test file; everything that is there stays as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from testsmith.languages.go.source.declarations import Declaration, declarations, nameless, package_name
from testsmith.languages.go.source.imports import GoImport, imports_in
from testsmith.languages.go.source.parsing import parse, tokens
from testsmith.languages.go.test_files.imports import names_outside_imports, with_imports
from testsmith.languages.go.test_files.renaming import declared_names, free_name, renamed, stem_of
from testsmith.languages.go.test_files.test_modules import (
    is_test,
    span_of,
    test_functions,
    tests_in,
    without_tests,
)
from testsmith.languages.syntax_tree import ParsedText, text_of, walk
from testsmith.languages.tests import CannotPlace
from testsmith.model import TestPlace

_ACT_ON_THE_PACKAGE = frozenset({"TestMain", "init"})


def place(
    existing: str | None, code: str, instead_of: Collection[str] = (), at: TestPlace | None = None
) -> str:
    """Return a test file's text with the tests of a module added; see `TestFiles.place`.

    Tests go below the test that `at` names, or below the last one, together with what they share.

    Raises:
        CannotParse: One of the texts is not valid Go.
        CannotPlace: They are in different packages, or the module acts on the whole package.
    """
    if existing is None or not existing.strip():
        return code
    after = _before_first(existing, instead_of) or ("" if at is None else at.after)
    text = without_tests(existing, instead_of) if instead_of else existing
    file, module = parse(text), parse(code)
    if package_name(file) != package_name(module):
        raise CannotPlace(f"its test file is in package {package_name(file)}")
    if any(one.name in _ACT_ON_THE_PACKAGE for one in declarations(module)):
        raise CannotPlace("it changes how all tests of the package are run")
    module = _with_names_of(file, module)
    module = _with_free_names(file, module)
    added = _new_declarations(file, module)
    if not any(map(is_test, added)):
        return text
    body = b"\n\n".join(module.data[slice(*span_of(one))].strip(b"\n") for one in _unique_spans(added))
    position = _position(file, after)
    head, tail = file.data[:position].rstrip(b"\n"), file.data[position:].lstrip(b"\n")
    data = head + b"\n\n" + body + b"\n" + (b"\n" + tail if tail else b"")
    needed = names_outside_imports(parse(_as_file(module, body)))
    own = {one.path for one, _ in imports_in(file)}
    imports = [one for one, _ in imports_in(module) if one.path not in own and _is_needed(one, needed)]
    return with_imports(data.decode(), imports)


def _as_file(module: ParsedText, body: bytes) -> str:
    return f"package {package_name(module)}\n\n{body.decode()}\n"


def _is_needed(one: GoImport, names: Collection[str]) -> bool:
    return one.alias in {"_", "."} or one.name in names or not one.alias


def _before_first(text: str, names: Collection[str]) -> str:
    """Return the test above the first of some tests; empty if there is none."""
    found = test_functions(text) if names else ()
    first = next((at for at, name in enumerate(found) if name in names), 0)
    return found[first - 1] if first else ""


def _position(file: ParsedText, after: str) -> int:
    """Return the byte offset below a test, with what only it uses, or below the last test."""
    tests = tests_in(file)
    chosen = next((one for one in tests if one.name == after), tests[-1] if tests and not after else None)
    return len(file.data) if chosen is None else span_of(chosen)[1]


def _unique_spans(found: Sequence[Declaration]) -> list[Declaration]:
    return list({span_of(one): one for one in found}.values())


def _with_names_of(file: ParsedText, module: ParsedText) -> ParsedText:
    """Return a module that calls imported packages as a file does that imports them, too.

    Raises:
        CannotPlace: A name means different packages in both.
    """
    own = {one.path: one for one, _ in imports_in(file)}
    names: dict[str, str] = {}
    for one, _ in imports_in(module):
        theirs = own.get(one.path)
        if theirs is not None and theirs.name != one.name:
            if theirs.alias in {"_", "."} or one.alias in {"_", "."}:
                raise CannotPlace(f"its test file imports {one.path} in another way")
            names[one.name] = theirs.name
        elif theirs is None and any(each.name == one.name for each in own.values()):
            raise CannotPlace(f"its test file imports another package as {one.name}")
    return parse(_with_packages_renamed(module, names)) if names else module


def _with_packages_renamed(module: ParsedText, names: Mapping[str, str]) -> str:
    data = module.data
    specs = [spec for _, spec in imports_in(module)]
    for node in reversed(list(walk(module.root, {"comment", "import_declaration"}))):
        parent = node.parent
        is_package = parent is not None and parent.type in {"selector_expression", "qualified_type"}
        if is_package and node.type in {"identifier", "package_identifier"} and text_of(node) in names:
            data = data[: node.start_byte] + names[text_of(node)].encode() + data[node.end_byte :]
    for (one, _), spec in zip(reversed(imports_in(module)), reversed(specs), strict=True):
        if one.name in names:
            changed = GoImport(one.path, names[one.name])
            data = data[: spec.start_byte] + changed.spec.encode() + data[spec.end_byte :]
    return data.decode()


def _with_free_names(file: ParsedText, module: ParsedText) -> ParsedText:
    """Return a module whose new declarations have names that the file does not have.

    A declaration that the file has under a name with a number gets that name.
    """
    there = _meanings(file)
    taken = declared_names(file)
    numbered = {(stem_of(one.name), nameless(one)): one.name for one in declarations(file)}
    own = declared_names(module) | {text_of(one) for one in walk(module.root) if one.type == "identifier"}
    names = {}
    for one in declarations(module):
        if one.name in taken and there[one.name] != tokens(one.node) and one.name not in names:
            known = numbered.get((stem_of(one.name), nameless(one)))
            names[one.name] = known or free_name(one.name, taken, own)
            own.add(names[one.name])
    return parse(renamed(module, names)) if names else module


def _meanings(file: ParsedText) -> dict[str, list[str]]:
    return {one.name: tokens(one.node) for one in declarations(file)}


def _new_declarations(file: ParsedText, module: ParsedText) -> list[Declaration]:
    """Return what a module declares and a file does not: no test that is there under another name."""
    there = _meanings(file)
    bodies = {tuple(tokens(one.node)[2:]) for one in tests_in(file)}
    return [
        one
        for one in declarations(module)
        if there.get(one.name) != tokens(one.node)
        and not (is_test(one) and tuple(tokens(one.node)[2:]) in bodies)
    ]
