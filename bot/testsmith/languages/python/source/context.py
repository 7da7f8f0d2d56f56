"""Build generation requests: test file, existing tests, and what each member uses.

Of what it uses the signatures are shown, and the bodies of short functions that changed lines call.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from importlib.resources import files
from itertools import chain, groupby, islice
from pathlib import PurePosixPath

from testsmith.languages.conventions import Conventions
from testsmith.languages.python.source.comparison import normalized_source
from testsmith.languages.python.source.definitions import (
    Definition,
    Function,
    last_name,
    statements,
)
from testsmith.languages.python.source.package import is_dunder
from testsmith.languages.python.source.parsing import decode
from testsmith.languages.python.source.project_names import ProjectNames, SourceNames
from testsmith.languages.python.source.references import (
    Reference,
    Via,
    bases,
    is_private,
    references,
)
from testsmith.languages.python.test_files.existing.conftest_fixtures import fixture_modules
from testsmith.languages.python.test_files.existing.entry_points import entry_points
from testsmith.languages.python.test_files.existing.excerpts import (
    MOST_TESTS,
    fixtures_to_show,
    imported_helpers,
    lines_to_show,
    most_alike,
    names_in,
    nearest_tests,
)
from testsmith.languages.python.test_files.existing.member_tests import MemberTests, keys_of
from testsmith.languages.python.test_files.existing.places import Places
from testsmith.languages.python.test_files.style import UNITTEST, framework_of, sample
from testsmith.languages.python.test_files.test_paths import TestPaths
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import (
    Change,
    Context,
    ExistingTest,
    Member,
    MemberKind,
    Request,
    TestFileChoice,
    TestPlace,
)

_MOST_CHARACTERS = 300
_MOST_LINES = 40
_MOST_FIELDS = 12
_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_ACCESSORS = frozenset({"setter", "deleter"})
_LEFT_OUT = "..."


def signature(
    definition: Definition, *, methods: Collection[str] | None = None, elsewhere: Collection[str] = ()
) -> str:
    """Return a definition's signature, dedented and without blank lines.

    For a class this is its head, fields, constructor and methods; for a constant its assignment, truncated if
    long.

    Args:
        definition: The definition.
        methods: For a class, the methods to include in addition to the constructor (which then includes the
            fields it sets); `...` marks what is left out. None includes all public methods, as a user of the
            class sees them.
        elsewhere: Methods whose code is shown elsewhere. Of a constructor among them, no fields are included.
    """
    statement = definition.parts[-1].statement
    if isinstance(statement, ast.ClassDef):
        return "\n".join(_cut_lines(list(_class_lines(statement, methods, elsewhere))))
    if isinstance(statement, Function):
        return "\n".join(_function_lines(statement))
    return "\n".join(_shortened(ast.unparse(part.statement)) for part in definition.parts[:3])


def _class_lines(
    node: ast.ClassDef, methods: Collection[str] | None, elsewhere: Collection[str]
) -> Iterator[str]:
    bases = ", ".join(map(ast.unparse, (*node.bases, *node.keywords)))
    yield from _decorators(node)
    yield f"class {node.name}({bases}):" if bases else f"class {node.name}:"
    body = [*_documentation(node), *_member_lines(node, methods, elsewhere)]
    yield from (f"    {line}" for line in body or [_LEFT_OUT])


def _member_lines(
    node: ast.ClassDef, methods: Collection[str] | None, elsewhere: Collection[str]
) -> Iterator[str]:
    inner = [placed.statement for placed in statements(node.body)]
    for statement in inner:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            yield _shortened(ast.unparse(statement))
    functions = [statement for statement in inner if isinstance(statement, Function)]
    for is_shown, run in groupby(functions, key=partial(_is_shown, methods=methods)):
        if not is_shown:
            yield from () if methods is None else (_LEFT_OUT,)
            continue
        for function in run:
            with_fields = methods is not None and function.name not in elsewhere
            yield from _function_lines(function, with_fields=with_fields)


def _is_shown(node: Function, methods: Collection[str] | None) -> bool:
    if node.name == "__init__":
        return True
    if any(last_name(decorator) in _ACCESSORS for decorator in node.decorator_list):
        return False
    return not is_private(node.name) if methods is None else node.name in methods


def _function_lines(node: Function, *, with_fields: bool = False) -> Iterator[str]:
    yield from _decorators(node)
    prefix = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    head = f"{prefix} {node.name}({_shortened(ast.unparse(node.args))}){returns}:"
    body = [*_documentation(node), *(_fields(node) if with_fields else ())]
    yield head if body else f"{head} ..."
    yield from (f"    {line}" for line in body)


def _fields(node: Function) -> Sequence[str]:
    """Return the assignments in a constructor that set fields, with a mark for what is left out."""
    if node.name != "__init__":
        return ()
    code = node.body[ast.get_docstring(node) is not None :]
    fields = [each for each in code if isinstance(_first_target(each), ast.Attribute)][:_MOST_FIELDS]
    if not fields:
        return ()
    lines = (_shortened(ast.unparse(each)) if each in fields else _LEFT_OUT for each in code)
    return [line for line, _ in groupby(lines)]


def _first_target(statement: ast.stmt) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[target, *_]) | ast.AnnAssign(target=target):
            return target
    return None


def _decorators(node: Function | ast.ClassDef) -> Iterator[str]:
    return (f"@{_shortened(ast.unparse(decorator))}" for decorator in node.decorator_list)


def _documentation(node: Function | ast.ClassDef) -> Sequence[str]:
    text = (ast.get_docstring(node) or "").strip()
    first_line = text.partition("\n")[0].strip()
    return [f'"""{_shortened(first_line)}"""'] if first_line else []


def _shortened(text: str) -> str:
    """Return a text on one line, truncated if long."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} ..."


def _cut_lines(lines: Sequence[str]) -> Sequence[str]:
    return lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], "    ..."]


_FILES_KEPT = 64
_MOST_FILES = 40
"""Maximum number of test files among which one is chosen."""

_MOST_ALIKE = 2
"""Maximum number of tests shown of a file that has none near the member."""

_MOST_BLOCKS = 30
_MOST_BODIES = 4
_MOST_LINES_OF_A_BODY = 25
_CALLED = re.compile(r"(\w+)\(")


def requests(tree: SourceTree, members: Sequence[Member], project: str, intent: str) -> Iterator[Request]:
    """Yield one request per member, in order; see `SourceReader.requests`."""
    context = _Context(tree, members, project, intent)
    return map(context.request, members)


class _Context:
    """What requests show of a project."""

    def __init__(self, tree: SourceTree, members: Sequence[Member], project: str, intent: str) -> None:
        names = ProjectNames(tree, project)
        self._tree = tree
        self._intent = intent
        self._test_paths = TestPaths(tree, project)
        self._conventions = Conventions(tree)
        self._used = _Signatures(names, members)
        self._tests = MemberTests(tree, members, names)
        self._existing = {member.id: self._tests.of(member) for member in members}
        uncalled = [one for one in members if not any(test.calls for test in self._existing[one.id])]
        homes = [(one, self._test_paths.of(one.path)) for one in uncalled]
        edited = {one.id for one in members if one.change is not Change.AFFECTED}
        self._entries = entry_points(self._tests, homes, edited, intent)
        reaching = {test.path for entry in self._entries.values() for test in entry.tests}
        if not reaching <= self._tests.by_file.keys():
            doors = [entry.member for entry in self._entries.values()]
            self._tests = MemberTests(tree, [*members, *doors], names, self._tests)
        self._places = Places(self._tests, names, intent)
        self._framework = framework_of(tree, project)
        self._sample = lru_cache(maxsize=None)(lambda path: sample(tree.read(path) or b""))
        self._text = lru_cache(maxsize=_FILES_KEPT)(lambda path: _text(tree.read(path)))
        self._digest = lru_cache(maxsize=None)(lambda path: _digest(self._text(path)))
        self._fixtures = lru_cache(maxsize=None)(lambda path: tuple(fixture_modules(path, tree)))

    def request(self, member: Member) -> Request:
        """Return the request for a member's tests in the most likely file."""
        named, entry = self._test_paths.of(member.path), self._entries.get(member.id)
        found = self._places.of(member, named, () if entry is None else entry.tests)
        files = self._choice(member, found.others, named) if found.others else None
        path = named if found.place is None else found.place.path
        return replace(self._in_file(member, path, found.place), files=files)

    def _choice(self, member: Member, paths: Sequence[str], named: str) -> TestFileChoice:
        paths, new = tuple(paths[:_MOST_FILES]), "" if self._tree.read(named) is not None else named
        return TestFileChoice(
            paths=(*paths, new) if new else paths,
            new=new,
            digest=_digest("\n".join(map(self._digest, paths))),
            tests=partial(self._tests_of_file, member),
            request=partial(self._in_chosen_file, member),
        )

    def _tests_of_file(self, member: Member, path: str) -> tuple[Sequence[str], int, int]:
        direct, of_module = self._tests.direct(member), self._tests.of_module(member)
        calling = [each for each in self._tests.by_file[path] if each in direct]
        near = [each for each in of_module if each.file.path == path and each not in direct]
        return [test.id for test in self._alike(member, path)], len(calling), len(near)

    def _alike(self, member: Member, path: str) -> list[ExistingTest]:
        """Return a file's tests, those that call the member first, then by how like the change they are."""
        direct = self._tests.direct(member)
        keys = keys_of(member)
        tests = [each.existing(keys if each in direct else ()) for each in self._tests.by_file[path]]
        return sorted(most_alike(tests, member, self._intent), key=lambda test: not test.calls)

    def _in_chosen_file(self, member: Member, path: str) -> Request:
        """Return the request for a member's tests in one of the files that may fit."""
        named, entry = self._test_paths.of(member.path), self._entries.get(member.id)
        is_new = path == named and not self._tests.by_file.get(path)
        place = (
            None
            if is_new
            else self._places.in_file(path, member, named, () if entry is None else entry.tests)
        )
        return self._in_file(member, path, place)

    def _shown(self, member: Member, path: str, *, is_in_file: bool) -> Sequence[ExistingTest]:
        """Return the tests of a file to show: those near the member, and those with names of the intent."""
        its_tests, entry = self._existing[member.id], self._entries.get(member.id)
        shown = nearest_tests(its_tests if entry is None else entry.tests, path, member, self._intent)
        shown = shown or nearest_tests(its_tests, path, member, self._intent)
        if not is_in_file:
            return shown
        alike, lines = self._alike(member, path), {test.line for test in shown}
        names = names_in(self._intent)
        counts = {test: len(names_in(test.source) & names) for test in alike}
        said = [test for test in alike if counts[test] and test.line not in lines]
        said = sorted(said, key=lambda test: -counts[test])[: min(_MOST_ALIKE, MOST_TESTS - len(shown))]
        return [*shown, *said] or alike[:_MOST_ALIKE]

    def _in_file(self, member: Member, path: str, place: TestPlace | None) -> Request:
        its_tests, entry = self._existing[member.id], self._entries.get(member.id)
        framework = UNITTEST if place is not None and place.is_of_unittest else self._framework
        shown = self._shown(member, path, is_in_file=place is not None)
        test_lines = lines_to_show(self._text(path), shown)
        neighbor = None if test_lines else self._test_paths.neighbor(path)
        return Request(
            member=member,
            test_path=path,
            framework=framework,
            is_run_by_framework=framework == self._framework,
            rules=prompt_rules(framework),
            import_line=import_line(member),
            conventions=self._conventions.of(member.path, path),
            normalized_source=normalized_source(member.source),
            test_text=self._text(path) if test_lines else "",
            place=place,
            existing=its_tests,
            entry_points=() if entry is None else entry.calls,
            context=Context(
                signatures=self._used.of(member),
                test_lines=test_lines,
                fixtures=(
                    *fixtures_to_show(self._text(path), shown, partial(self._fixtures, path)),
                    *imported_helpers(self._text(path), shown, partial(self._test_module, path)),
                ),
                style_sample=self._sample(neighbor) if neighbor is not None else "",
            ),
        )

    def _test_module(self, path: str, imported: ast.ImportFrom) -> str:
        """Return the text of the module of the tests that a test file imports from; empty for others."""
        module = (imported.module or "").replace(".", "/")
        folders = PurePosixPath(path).parents
        starts = folders[imported.level - 1 : imported.level] if imported.level else folders
        names = (str(start / module) for start in starts if module)
        files = (f"{name}{end}" for name in names for end in (".py", "/__init__.py"))
        return next(filter(None, (self._text(file) for file in files if _is_of_tests(file))), "")


def _is_of_tests(path: str) -> bool:
    return not _TEST_FOLDERS.isdisjoint(PurePosixPath(path).parts[:-1])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(data: bytes | None) -> str:
    """Return the text of a test file, or nothing if it cannot be read."""
    try:
        return decode(data or b"")
    except CannotParse:
        return ""


@cache
def prompt_rules(framework: str) -> str:
    """Return the prompt's rules for tests of a framework."""
    return (files("testsmith.languages.python") / "rules" / f"{framework}.j2").read_text("utf-8")


def import_line(member: Member) -> str:
    """Return the statement that imports a member, its class or instance, or the module of a `__getattr__`."""
    if is_dunder(member.name) and "." not in member.name:
        return f"import {member.module}"
    if member.instance:
        module, _, name = member.instance.rpartition(".")
        return f"from {module} import {name}  # an instance of {member.name.rpartition('.')[0]}"
    return f"from {member.module} import {member.name.partition('.')[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Used:
    """A definition that a member uses; see `signature` for `methods` and `elsewhere`."""

    file: SourceNames
    name: str
    methods: frozenset[str] | None = None
    elsewhere: frozenset[str] = frozenset()

    @property
    def block(self) -> str:
        """Return its signature, preceded by its module."""
        definition = self.file.definitions[self.name]
        shown = signature(definition, methods=self.methods, elsewhere=self.elsewhere)
        return f"# {self.file.module.name}\n{shown}"

    @property
    def body(self) -> str:
        """Return its code if it is a short function, preceded by its module; otherwise nothing."""
        statement = self.file.definitions[self.name].parts[-1].statement
        if not isinstance(statement, Function):
            return ""
        code = statement.body[ast.get_docstring(statement) is not None :]
        lines = [line for each in code for line in ast.unparse(each).split("\n") if line.strip()]
        if not lines or len(lines) > _MOST_LINES_OF_A_BODY:
            return ""
        heading = [line.removesuffix(" ...") for line in _function_lines(statement)]
        return "\n".join([f"# {self.file.module.name}", *heading, *(f"    {line}" for line in lines)])


class _Signatures:
    """Second tier of the context: signatures of what members use, and bodies of what changed lines call."""

    def __init__(self, names: ProjectNames, members: Sequence[Member]) -> None:
        self._names = names
        self._members = {(member.path, member.name) for member in members}

    def of(self, member: Member) -> str:
        """Return the blocks separated by blank lines: bodies, the enclosing class, other signatures."""
        file = self._names.file(member.path)
        if file is None or member.name not in file.definitions:
            return ""
        try:
            called = ((used, used.body) for used in dict.fromkeys(self._called_by_change(member, file)))
            bodies = dict(islice((each for each in called if each[1]), _MOST_BODIES))
            signatures = (used.block for used in self._used_by(member, file) if used not in bodies)
            blocks = dict.fromkeys(chain(bodies.values(), signatures))
        except RecursionError:  # generated code may be nested thousands of levels deep; omit signatures then
            return ""
        return "\n\n".join(islice(blocks, _MOST_BLOCKS))

    def _called_by_change(self, member: Member, file: SourceNames) -> Iterator[_Used]:
        """Yield what lines that the change adds call, if the change leaves it as it was."""
        change = member.shown_change
        lines = (line for diff in (change.own, *change.private) for line in diff.split("\n"))
        added = "\n".join(line for line in lines if line.startswith("+"))
        called = set(_CALLED.findall(added))
        callers = [(file, member.name)] if change.own else []
        places = ((self._names.file(place.path), place.name) for place in member.because_places)
        callers += [(caller, name) for caller, name in places if caller is not None]
        for caller, name in callers:
            definition = caller.definitions.get(name)
            found = () if definition is None else references(definition, caller.module.package)
            for reference in _in_order(added, (each for each in found if each.names[-1] in called)):
                used = self._meant(caller, reference)
                if reference.via is Via.OWN:
                    own = f"{name.rpartition('.')[0]}.{reference.names[0]}"
                    used = _Used(file=caller, name=own) if own in caller.definitions else None
                if used is not None and (used.file, used.name) not in callers:
                    yield used

    def _used_by(self, member: Member, file: SourceNames) -> Iterator[_Used]:
        definition = file.definitions[member.name]
        found = _in_order(member.source, {*references(definition, file.module.package), *_types(definition)})
        enclosing = member.name.rpartition(".")[0]
        if enclosing in file.definitions:
            own = frozenset(each.names[0] for each in found if each.via is Via.OWN)
            yield _Used(
                file=file,
                name=enclosing,
                methods=own - {member.plain_name},
                elsewhere=frozenset(
                    {"__init__"} if (member.path, f"{enclosing}.__init__") in self._members else ()
                ),
            )
            found = [*found, *bases(file.definitions[enclosing])]
        elif member.kind is MemberKind.CLASS:
            found = [*found, *bases(definition)]
        shown = {member.name, enclosing}
        for reference in found:
            used = self._meant(file, reference)
            if used is not None and not (used.file is file and used.name in shown):
                yield used

    def _meant(self, file: SourceNames, reference: Reference) -> _Used | None:
        """Return the project definition that a reference resolves to, excluding the member's own class."""
        match reference.via:
            case Via.NAME:
                found = self._names.named(file, reference.names)
            case Via.MODULE:
                found = self._names.in_module(reference.names[0], reference.names[1:])
            case _:
                return None
        return None if found is None else _Used(file=found.file, name=found.name)


def _types(definition: Definition) -> Iterator[Reference]:
    """Yield references to the types in a definition's annotations."""
    for part in definition.parts:
        if isinstance(part.statement, Function):
            arguments = (node for node in ast.walk(part.statement.args) if isinstance(node, ast.arg))
            annotations = (part.statement.returns, *(argument.annotation for argument in arguments))
            for annotation in annotations:
                yield from _names_in(annotation)


def _names_in(annotation: ast.expr | None) -> Iterator[Reference]:
    if annotation is None:
        return
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield Reference(Via.NAME, (node.id,))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = (name for name in re.findall(r"\w+", node.value) if name.isidentifier())
            yield from (Reference(Via.NAME, (name,)) for name in names)


def _in_order(source: str, found: Iterable[Reference]) -> Sequence[Reference]:
    """Return references in the order of their first use in the source."""
    return sorted(found, key=lambda each: (source.find(each.names[-1]), each.via.value, each.names))
