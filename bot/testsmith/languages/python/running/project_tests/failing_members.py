"""Find the members that failing tests are about, by static analysis. Nothing is run.

What a failing test would have reached is unknown, so no claim is made about the members it names: in its own
code, in the definitions it uses from its module, in functions of other test modules and conftest files that
it uses, and in code that runs for every test. For a file that cannot be collected, the whole file counts. An
import alone does not name anything; using the imported name does. A string equal to a member's name counts,
too, because it may be a subcommand or a patch target.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from testsmith.languages.python.running.project_tests.answers import OwnTest, SuiteAnswer
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.python.test_files.test_modules import is_autouse
from testsmith.languages.source import CannotParse
from testsmith.model import Member

ReadText = Callable[[str], str | None]
"""Returns the text of a file by its path below the git root; None if it does not exist or cannot be read."""

_FOR_ALL = frozenset(
    {
        *("setup_module", "teardown_module", "setup_function", "teardown_function", "setUpModule"),
        *("tearDownModule", "pytestmark", "pytest_generate_tests"),
    }
)
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_WORD = re.compile(r"[^\W\d]\w*")

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = _Function | ast.ClassDef


@dataclass(slots=True)
class _Uses:
    """Names that some code uses.

    Attributes:
        paths: Dotted names of imported objects, including accessed attributes.
        attributes: Names of all attributes.
        names: Plain names.
        words: Strings that are a single word.
        imported: Everything the module imports, used or not; a star import ends in `*`.
    """

    paths: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    imported: frozenset[str] = frozenset()

    def name(self, member: Member, modules: Collection[str]) -> bool:
        """Return whether the member is used; `modules` are the project's top-level modules."""
        tops = {member.module.partition(".")[0], *modules}
        imported = [path for path in self.imported if path.partition(".")[0] in tops]
        stars = any(path.endswith("*") for path in imported)
        top, last = member.name.partition(".")[0], member.plain_name
        own = (path.split(".") for path in self.paths if path.partition(".")[0] in tops)
        if any(top in path[1:] for path in own) or (stars and top in self.names):
            return top == last or last.startswith("__") or last in self.attributes | self.words
        of_anything = self.words if top == last else self.attributes | self.words
        return bool(imported) and last in of_anything


class _Module:
    """A test file."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree

    @cached_property
    def bindings(self) -> Mapping[str, str]:
        """What each imported name refers to, wherever in the file it is imported."""
        imports = [node for node in ast.walk(self._tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        return {name: path for node in imports for name, path in _bound(node)}

    @cached_property
    def definitions(self) -> Mapping[str, Sequence[ast.stmt]]:
        """Statements that define each name of the module."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self._tree.body:
            for name in _defined(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def for_all(self) -> Sequence[ast.stmt]:
        """Statements that run for every test of the module."""
        return [
            statement
            for statement in self._tree.body
            if isinstance(statement, ast.Expr)
            or (isinstance(statement, _Function) and is_autouse(statement))
            or not _FOR_ALL.isdisjoint(_defined(statement))
        ]

    @property
    def whole(self) -> Sequence[ast.stmt]:
        """All statements except imports."""
        return [one for one in self._tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]

    def example(self, name: str) -> tuple[str, str] | None:
        """Return the name and the docstring of the definition that contains a doctest, by its dotted name."""
        parts = name.split(".")
        for start in range(1, len(parts)):
            found = _definition(self._tree, parts[start:])
            if found is not None:
                return ".".join(parts[start:]), ast.get_docstring(found) or ""
        return None

    def test(self, name: str) -> Sequence[ast.AST]:
        """Return the nodes that make up a test (`Class::name` for a method); empty if not found."""
        *classes, function = name.partition("[")[0].split("::")
        nodes: Sequence[ast.stmt] = self._tree.body
        around: list[ast.AST] = []
        for owner in classes:
            found = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == owner]
            if not found:
                return []
            nodes = found[-1].body
            around += [*found[-1].bases, *found[-1].decorator_list, *filter(_is_no_test, nodes)]
        own = [node for node in nodes if isinstance(node, _Function) and node.name == function]
        return [*own, *around] if own else self._inherited(function, around) if classes else []

    def _inherited(self, function: str, around: Sequence[ast.AST]) -> Sequence[ast.AST]:
        """Return the method of another class of the module from which the test may inherit it."""
        classes = [node for node in self._tree.body if isinstance(node, ast.ClassDef)]
        methods = [node for owner in classes for node in owner.body if isinstance(node, _Function)]
        own = [node for node in methods if node.name == function]
        return [*own, *around] if own else []


def _bound(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for one in node.names:
        if isinstance(node, ast.ImportFrom):
            yield one.asname or one.name, f"{node.module or ''}.{one.name}"
        elif one.asname is not None:
            yield one.asname, one.name
        else:
            top = one.name.partition(".")[0]
            yield top, top


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, _Definition):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, _Definition):
            yield node.name


def _definition(tree: ast.Module, path: Sequence[str]) -> _Definition | None:
    nodes: Sequence[ast.stmt] = tree.body
    found: _Definition | None = None
    for name in path:
        found = next((one for one in nodes if isinstance(one, _Definition) and one.name == name), None)
        if found is None:
            return None
        nodes = found.body
    return found


def _is_no_test(statement: ast.stmt) -> bool:
    return not (isinstance(statement, _Function) and statement.name.startswith("test"))


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """A test module and the modules it depends on.

    Attributes:
        module: The module itself.
        conftests: Conftest files that apply to it, nearest first.
        helpers: Test modules that it imports.
    """

    module: _Module
    conftests: Sequence[_Module]
    helpers: Sequence[_Module]


def _uses(start: Iterable[ast.AST], around: _Surroundings) -> _Uses:
    """Return what some code of a module uses, directly or through definitions around it."""
    found = _Uses(imported=frozenset(around.module.bindings.values()))
    modules = (around.module, *around.helpers, *around.conftests)
    pending: list[tuple[ast.AST, _Module]] = [(node, around.module) for node in start]
    pending += [(node, module) for module in (around.module, *around.conftests) for node in module.for_all]
    followed: set[str] = set()
    while pending:
        node, module = pending.pop()
        names = _take(found, node, module)
        for name in names - followed:
            followed.add(name)
            holders = [one for one in (module, *modules) if name in one.definitions]
            pending += [(one, holders[0]) for one in holders[0].definitions[name]] if holders else []
    return found


def _take(found: _Uses, node: ast.AST, module: _Module) -> set[str]:
    """Add what a node uses; return the names that may refer to definitions."""
    names: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            names.add(inner.id)
            found.paths.update(_path(inner, module.bindings))
        elif isinstance(inner, ast.Attribute):
            found.attributes.add(inner.attr)
            found.paths.update(_path(inner, module.bindings))
        elif isinstance(inner, ast.arg):
            names.add(inner.arg)
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            found.words.update(_WORD.findall(inner.value) if _WORD.fullmatch(inner.value) else ())
            found.paths.update([inner.value] if _DOTTED.fullmatch(inner.value) else ())
    found.names |= names
    return names | found.words


def _path(node: ast.expr, bindings: Mapping[str, str]) -> Iterator[str]:
    """Yield the dotted name of an expression that starts with an imported name."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id in bindings:
        yield ".".join([bindings[node.id], *reversed(attributes)])


def _places(path: str, folders: Sequence[str]) -> Iterator[str]:
    """Yield possible paths of the module in a dotted name, for a file in these folders."""
    parts = path.strip(".").split(".")[:-1]
    if parts:
        yield "/".join(parts) + ".py"
        yield "/".join([*folders, *parts]) + ".py"


def _is_of_tests(path: str) -> bool:
    return "test" in path.lower()


class FailingMembers:
    """Finds the members that tests name.

    Args:
        members: Members to look for.
        modules: The project's top-level modules.
        read: Reads files of head.
    """

    def __init__(self, members: Sequence[Member], modules: Collection[str], read: ReadText) -> None:
        self._members = members
        self._modules = modules
        self._read = lru_cache(maxsize=None)(read)
        self._module = lru_cache(maxsize=None)(self._parsed)

    def by_failures(self, answer: SuiteAnswer) -> dict[str, set[str]]:
        """Return the ids of members that failing tests name, each with the ids of those tests.

        A test file that cannot be loaded has the id `FILE::`.
        """
        tests: dict[tuple[str, str], list[OwnTest]] = {}
        for test in answer.failed:
            tests.setdefault((test.file, test.name), []).append(test)
        found: dict[str, set[str]] = {}
        for cases in tests.values():
            for member in self._by_test(cases[0]):
                found.setdefault(member, set()).update(case.id for case in cases)
        for file in answer.broken:
            for member in self._by_file(file):
                found.setdefault(member, set()).add(f"{file}::")
        return found

    def in_text(self, file: str) -> frozenset[str]:
        """Return the ids of members whose name, and that of their class, occur anywhere in a file."""
        return self._in_words(self._read(file) or "")

    def _in_words(self, text: str) -> frozenset[str]:
        words = set(_WORD.findall(text))
        return frozenset(one.id for one in self._members if words.issuperset(one.name.split(".")))

    def _by_test(self, test: OwnTest) -> frozenset[str]:
        module = self._module(test.file)
        start = [] if module is None else module.test(test.name)
        example = None if module is None or start else module.example(test.name)
        if example is not None:
            place = (test.file, example[0])
            own = frozenset(one.id for one in self._members if (one.path, one.name) == place)
            return own | self._in_words(example[1])
        if module is None or not start:
            return self.in_text(test.file)
        return self._named(_uses(start, self._around(test.file, module)))

    def _by_file(self, file: str) -> frozenset[str]:
        if self._read(file) is None:  # a folder, whose content is unknown
            return frozenset(member.id for member in self._members)
        module = self._module(file)
        if module is None:
            return self.in_text(file)
        return self._named(_uses(module.whole, self._around(file, module)))

    def _named(self, uses: _Uses) -> frozenset[str]:
        return frozenset(one.id for one in self._members if uses.name(one, self._modules))

    def _around(self, file: str, module: _Module) -> _Surroundings:
        folders = file.split("/")[:-1]
        above = ["/".join([*folders[:depth], "conftest.py"]) for depth in range(len(folders), -1, -1)]
        helpers = {path for bound in module.bindings.values() for path in _places(bound, folders)}
        return _Surroundings(
            module=module,
            conftests=self._modules_at(path for path in above if path != file),
            helpers=self._modules_at(sorted(path for path in helpers if _is_of_tests(path))),
        )

    def _modules_at(self, paths: Iterable[str]) -> list[_Module]:
        return [module for path in paths if (module := self._module(path)) is not None]

    def _parsed(self, file: str) -> _Module | None:
        text = self._read(file) if file.endswith(".py") else None
        try:
            return None if text is None else _Module(parse_untrusted(text))
        except CannotParse:
            return None
