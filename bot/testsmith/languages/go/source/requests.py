"""Build generation requests: test file, existing tests, and the declarations that each function uses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, islice

from testsmith.languages.conventions import Conventions
from testsmith.languages.go.source.declarations import FUNCTIONS, Declaration, DeclarationKind
from testsmith.languages.go.source.packages import GoFile, Packages
from testsmith.languages.go.source.parsing import normalized
from testsmith.languages.go.source.references import PackageNames
from testsmith.languages.go.test_files.existing_tests import ExistingTests, lines_to_show, place_of, sample
from testsmith.languages.go.test_files.test_paths import package_of_tests
from testsmith.languages.source import SourceTree
from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.model import Context, ExistingTest, Member, Request

FRAMEWORK = "go test"
"""Name of the test framework: the standard library's, run by the go command."""

_NAMES = "`TestParseIgnoresTrailingDot`, not `TestParse2` and not `TestParseOfTextInASecondCase`"
_MOST_BLOCKS = 30
_MOST_LINES = 40
_MOST_CHARACTERS = 300
_MOST_CONSTRUCTORS = 3
_BLANK = re.compile(r"\n\s*\n")


def requests(tree: SourceTree, members: Sequence[Member], project: str, intent: str) -> Iterator[Request]:  # noqa: ARG001
    """Yield one request per member, in order; see `SourceReader.requests`."""
    packages = Packages(tree)
    conventions = Conventions(tree)
    signatures = _Signatures(packages)
    tests = ExistingTests(packages, signatures.package)
    for member in members:
        folder = posixpath.dirname(member.path)
        existing = tests.of(member)
        near = () if any(test.calls for test in existing) else tests.near(member)
        place = place_of(member, existing, near)
        file = packages.file(place.path)
        shown = () if file is None or file.file.root.has_error else lines_to_show(file, existing)
        package = package_of_tests(packages, folder, place.path)
        yield Request(
            member=member,
            test_path=place.path,
            framework=FRAMEWORK,
            language="Go",
            comment="//",
            rules=prompt_rules(),
            names=_NAMES,
            import_line=import_line(member, package),
            conventions=conventions.of(member.path, place.path),
            normalized_source=f"{normalized(member.source)}\n{_documentation(member.source)}",
            test_text=file.file.text if shown and file is not None else "",
            place=place if file is not None else None,
            existing=existing,
            intent=intent,
            context=Context(
                signatures="\n\n".join(
                    islice(chain(signatures.of(member), map(_block, tests.examples(member))), _MOST_BLOCKS)
                ),
                test_lines=shown,
                style_sample="" if shown else _style_sample(packages, folder, package, near),
            ),
        )


@cache
def prompt_rules() -> str:
    """Return the prompt's rules for tests in Go."""
    return (files("testsmith.languages.go") / "rules" / "go_test.j2").read_text("utf-8")


def import_line(member: Member, package: str) -> str:
    """Return how a test in a package gets at a member."""
    if package.endswith("_test"):
        return f'import "{member.module}", in a file of `package {package}`'
    return f"none: the test file says `package {package}`, as the function's own file"


def _documentation(source: str) -> str:
    return "\n".join(line.strip() for line in source.split("\n") if line.strip().startswith("//"))


def _style_sample(packages: Packages, folder: str, package: str, tests: Sequence[ExistingTest]) -> str:
    """Return one of some tests as a sample, or else one of a folder, or else of its module."""
    named = ((packages.file(test.path), test.name) for test in tests)
    near = packages.tests(folder)
    near.sort(key=lambda file: file.package != package)
    others = packages.test_folders(packages.module_root(folder))[:5]
    first = chain(near, (file for other in others for file in packages.tests(other)[:2]))
    candidates = chain(named, ((file, "") for file in first))
    return next((text for file, name in candidates if file is not None and (text := sample(file, name))), "")


class _Signatures:
    """The declarations that members use, as a reader of the code would look them up."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages
        self._names: dict[str, PackageNames] = {}

    def package(self, folder: str) -> PackageNames:
        """Return the names that the package in a folder declares."""
        if folder not in self._names:
            self._names[folder] = PackageNames(self._packages.sources(folder))
        return self._names[folder]

    def of(self, member: Member) -> Iterator[str]:
        """Yield blocks without blank lines, each below its import path: the receiver's type first."""
        folder = posixpath.dirname(member.path)
        own = self.package(folder)
        if member.name not in own.declared:
            return
        file, declaration = own.declared[member.name]
        used = [declaration.receiver, *own.used_by(member.name)]
        names = [name for name in dict.fromkeys(used) if name in own.declared and name != member.name]
        for name in names:
            yield self._shown(folder, own.declared[name][1])
            if own.declared[name][1].kind is DeclarationKind.TYPE:
                makers = (one for one in own.makers.get(name, ()) if one.name not in {*names, member.name})
                yield from (self._shown(folder, one) for one in islice(makers, _MOST_CONSTRUCTORS))
        yield from self._of_other_packages(file, declaration, folder)

    def _of_other_packages(self, file: GoFile, declaration: Declaration, folder: str) -> Iterator[str]:
        """Yield what is used of other packages of the module."""
        for node in walk(declaration.node, {"comment"}):
            if node.type in {"selector_expression", "qualified_type"}:
                package = text_of(field(node, "operand") or field(node, "package"))
                name = text_of(field(node, "field") or field(node, "name"))
                other = self._packages.folder_of(file.imports.get(package, ""), folder)
                if other is not None and name in (names := self.package(other)).declared:
                    yield self._shown(other, names.declared[name][1])

    def _shown(self, folder: str, declaration: Declaration) -> str:
        return _block(f"// {self._packages.import_path(folder)}\n{signature(declaration)}")


def _block(text: str) -> str:
    return _BLANK.sub("\n", text)


def signature(declaration: Declaration) -> str:
    """Return a declaration without bodies, below the first line of its documentation; truncated if long."""
    first = declaration.doc.split("\n")[0]
    body = field(declaration.node, "body")
    if declaration.kind in FUNCTIONS and body is not None:
        text = declaration.file.between(declaration.node.start_byte, body.start_byte).strip()
        text = " ".join(text.split())[:_MOST_CHARACTERS]
    else:
        text = declaration.source.removeprefix(declaration.doc).strip()
        lines = text.split("\n")
        text = "\n".join([*lines[:_MOST_LINES], *(["\t..."] if len(lines) > _MOST_LINES else [])])
        text = "\n".join(line[:_MOST_CHARACTERS] for line in text.split("\n"))
    return f"{first}\n{text}" if first else text
