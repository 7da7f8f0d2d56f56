"""Read what each test function of a file uses of the project, without running anything."""

from __future__ import annotations

import ast
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.package import Module, top_level
from testsmith.languages.python.source.project_names import ProjectNames, Resolved, SourceNames
from testsmith.languages.python.source.references import Imports, bases, makers
from testsmith.languages.python.test_files.test_modules import (
    SETUPS,
    inner_statements,
    is_fixture,
    is_of_unittest,
    is_suite,
    is_test_name,
)
from testsmith.languages.python.test_files.test_paths import is_test
from testsmith.model import MemberKind

_Import = ast.Import | ast.ImportFrom
_GIVING_ONE = frozenset({"Optional", "Iterator", "Generator", "Iterable"})
_MOST_BASES = 5
_MOST_NEEDED = 30
_SUPER = "super()"
_STANDARD_LIBRARY = sys.stdlib_module_names - {"test"}  # projects have a folder of this name


class DefinitionKey(NamedTuple):
    """A definition of the project; or, without a path, any method of that name of an unknown object."""

    path: str
    name: str


_NOTHING = DefinitionKey("", "")


class Use(NamedTuple):
    """A place in a test file that calls or names a definition."""

    key: DefinitionKey
    node: ast.expr


Types = MutableMapping[str, DefinitionKey]
"""Classes of the objects that names are bound to; fields of a test class as `self.name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFunction:
    """A function of a test file.

    Attributes:
        suite: Its class, outer classes first with `::`; empty for a top-level function.
        is_of_unittest: Whether its class is a `TestCase`.
        is_test: Whether pytest collects it.
        node: Its syntax tree.
        uses: What it uses itself.
        needs: Names of the functions and fixtures of the file that it uses.
    """

    suite: str
    is_of_unittest: bool
    is_test: bool
    node: Function
    uses: tuple[Use, ...]
    needs: frozenset[str]


@dataclass(slots=True, kw_only=True)
class TestFileUses:
    """What the functions of a test file use.

    Attributes:
        functions: All functions, in order; helpers and fixtures too.
        fixtures: Class of the object that each fixture gives, where it is known.
        spelling: Returns how the file names a top-level definition by its imports; empty if it cannot.
    """

    __test__ = False

    functions: list[FileFunction] = field(default_factory=list)
    fixtures: dict[str, DefinitionKey] = field(default_factory=dict)
    spelling: Callable[[DefinitionKey], str]

    def tests(self) -> Iterator[tuple[FileFunction, tuple[Use, ...]]]:
        """Yield the tests, each with its uses and those of the fixtures and helpers that it needs."""
        helpers = {each.node.name: each for each in self.functions if not each.is_test}
        for test in self.functions:
            if test.is_test:
                uses, waiting, seen = list(test.uses), [*sorted(test.needs), *SETUPS], set[str]()
                while waiting and len(seen) < _MOST_NEEDED:
                    name = waiting.pop()
                    helper = helpers.get(name)
                    if helper is not None and name not in seen and helper.suite in {"", test.suite}:
                        seen.add(name)
                        uses += helper.uses
                        waiting += sorted(helper.needs)
                yield test, tuple(uses)


def uses_in(
    tree: ast.Module, module: Module | None, names: ProjectNames, shared: Mapping[str, DefinitionKey]
) -> TestFileUses:
    """Return what the functions of a test file use.

    Args:
        tree: The parsed file.
        module: The file as a module, which relative imports start from.
        names: Resolves imports.
        shared: Classes of the objects that the fixtures of `conftest.py` files give.
    """
    package = module.package if module else ""
    imports, at_top = Imports(package), [each for each in tree.body if isinstance(each, _Import)]
    for node in ast.walk(tree):
        if isinstance(node, _Import):
            imports.enter(node)
    found = TestFileUses(fixtures=dict(shared), spelling=_Spelling(at_top, package, names).of)
    reader = _FileReader(found, _Meanings(imports, names))
    reader.enter(tree.body, ChainMap({}))
    return found


class _Spelling:
    """Finds how a file names a definition by the imports at its top."""

    def __init__(self, imports: Sequence[_Import], package: str, names: ProjectNames) -> None:
        self._imports = Imports(package)
        self._names = names
        self._bound: list[tuple[str, ...]] = []
        for each in imports:
            self._imports.enter(each)
            for alias in each.names:
                self._bound.append(tuple((alias.asname or alias.name).split(".")))

    def of(self, key: DefinitionKey) -> str:
        """Return the shortest dotted name; empty if there is none."""
        chains = [(key.name,), *self._bound, *((*bound, key.name) for bound in self._bound)]
        found = (chain for chain in chains if self._is_meant(chain, key))
        return min((".".join(chain) for chain in found), key=lambda name: (name.count("."), name), default="")

    def _is_meant(self, chain: tuple[str, ...], key: DefinitionKey) -> bool:
        found = self._names.imported(self._imports, chain)
        return found is not None and not found.rest and (found.file.module.path, found.name) == key


class _Meanings:
    """Resolves dotted names of one test file to definitions of the project."""

    def __init__(self, imports: Imports, names: ProjectNames) -> None:
        self._imports = imports
        self._names = names
        self.imported = lru_cache(maxsize=None)(self._imported)

    def _imported(self, chain: tuple[str, ...]) -> DefinitionKey | None:
        found = self._names.imported(self._imports, chain)
        if found is None:
            return None
        key = DefinitionKey(found.file.module.path, found.name)
        for name in found.rest:
            inner = self.method(self._made_from(key) or key, name)
            if inner is None:
                return key if self.kind(key) is None else None
            key = inner
        return key

    def is_of_standard_library(self, name: str) -> bool:
        """Return whether a name is bound only by imports from the standard library."""
        targets = self._imports.names.get(name, ())
        return bool(targets) and all(top_level(each.module) in _STANDARD_LIBRARY for each in targets)

    def inherited(self, node: ast.ClassDef) -> Types:
        """Return what `super()` means in the methods of a class of the test file."""
        found = (self.imported(chain) for chain in map(_chain, node.bases) if chain)
        of_project = (key for key in found if key is not None and self.kind(key) is MemberKind.CLASS)
        return {_SUPER: next(of_project, _NOTHING)}

    def _made_from(self, constant: DefinitionKey) -> DefinitionKey | None:
        """Return the class that a module constant is an instance of, if its assignment calls one."""
        file = self._names.file(constant.path)
        if file is None:
            return None
        named = (self._names.named(file, each.names) for each in makers(file.definitions[constant.name]))
        return next(filter(None, map(self._class, named)), None)

    def kind(self, key: DefinitionKey) -> MemberKind | None:
        file = self._names.file(key.path)
        return file.definitions[key.name].kind if file is not None else None

    def method(self, owner: DefinitionKey, name: str, hops: int = _MOST_BASES) -> DefinitionKey | None:
        """Return the definition of a class's attribute, which may be in a base.

        What a class of the tests overrides is that of its base, which it calls.
        """
        file = self._names.file(owner.path)
        if file is None or not hops:
            return None
        own = DefinitionKey(owner.path, f"{owner.name}.{name}")
        is_own = own.name in file.definitions
        if is_own and not is_test(owner.path):
            return own
        for base in bases(file.definitions[owner.name]):
            found = self._names.named(file, base.names)
            if found is not None and not found.rest:
                inner = self.method(DefinitionKey(found.file.module.path, found.name), name, hops - 1)
                if inner is not None:
                    return inner
        return own if is_own else None

    def made_by(self, function: DefinitionKey) -> DefinitionKey | None:
        """Return the class of the object that a call of a definition gives."""
        file, kind = self._names.file(function.path), self.kind(function)
        if file is None or kind is None:
            return None
        if kind is MemberKind.CLASS:
            return function
        owner = DefinitionKey(function.path, function.name.rpartition(".")[0])
        node = file.definitions[function.name].parts[-1].statement
        returns = node.returns if isinstance(node, Function) else None
        if returns is None:
            return owner if kind is MemberKind.CLASS_METHOD else None
        return self.annotated(returns, file, owner)

    def annotated(
        self, node: ast.expr, file: SourceNames | None, owner: DefinitionKey
    ) -> DefinitionKey | None:
        """Return the class that an annotation names, in a file of the project or (None) in the test file."""
        match node:
            case ast.Constant(value=str(text)) if text.isidentifier():
                return self.annotated(ast.Name(text), file, owner)
            case ast.BinOp(left=inner) | ast.Subscript(slice=ast.Tuple(elts=[inner, *_])):
                return self.annotated(inner, file, owner)
            case ast.Subscript(value=value, slice=inner) if last_name(value) in _GIVING_ONE:
                return self.annotated(inner, file, owner)
            case ast.Name(id="Self") | ast.Attribute(attr="Self"):
                return owner
        chain = _chain(node)
        found = self._names.named(file, chain) if file else None
        return self._class(found or (self._names.imported(self._imports, chain) if chain else None))

    def _class(self, found: Resolved | None) -> DefinitionKey | None:
        if found is None or found.rest or found.file.definitions[found.name].kind is not MemberKind.CLASS:
            return None
        return DefinitionKey(found.file.module.path, found.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    """A class of a test file."""

    name: str
    is_collected: bool
    is_of_unittest: bool


class _FileReader:
    """Walks the functions of a test file."""

    def __init__(self, found: TestFileUses, meanings: _Meanings) -> None:
        self._found = found
        self._meanings = meanings

    def enter(
        self, body: Sequence[ast.stmt], types: ChainMap[str, DefinitionKey], suite: _Suite | None = None
    ) -> None:
        """Read statements of a module or class: what sets up first, because other functions rely on it."""
        functions = [each for each in body if isinstance(each, Function)]
        functions.sort(key=lambda each: not (is_fixture(each) or each.name in SETUPS))
        others = [each for each in body if not isinstance(each, Function | ast.ClassDef)]
        own = _FunctionReader(self._meanings, types)
        for other in others:
            if inner := inner_statements(other):
                self.enter(inner, types, suite)
            else:
                own.visit(other)
        for function in functions:
            self._read(function, types, suite)
        for each in body:
            if isinstance(each, ast.ClassDef):
                bases = [last_name(base) for base in each.bases]
                inner_suite = _Suite(
                    name=f"{suite.name}::{each.name}" if suite else each.name,
                    is_collected=is_suite(each.name, bases) and (suite is None or suite.is_collected),
                    is_of_unittest=is_of_unittest(each.name, bases),
                )
                self.enter(each.body, types.new_child(dict(self._meanings.inherited(each))), inner_suite)

    def _read(self, function: Function, types: ChainMap[str, DefinitionKey], suite: _Suite | None) -> None:
        local = types.new_child()
        for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs):
            given = self._found.fixtures.get(argument.arg)
            if argument.annotation is not None:
                given = self._meanings.annotated(argument.annotation, None, _NOTHING) or given
            if given is not None:
                local[argument.arg] = given
        reader = _FunctionReader(self._meanings, local)
        for decorator in function.decorator_list:
            reader.visit(decorator)
        for statement in function.body:
            reader.visit(statement)
        if function.name in SETUPS:
            types.update({name: key for name, key in local.maps[0].items() if name.startswith("self.")})
        if is_fixture(function) and reader.given is not None:
            self._found.fixtures[function.name] = reader.given
        parameters = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
        self._found.functions.append(
            FileFunction(
                suite=suite.name if suite else "",
                is_of_unittest=suite is not None and suite.is_of_unittest,
                is_test=is_test_name(function.name)
                and not is_fixture(function)
                and (suite is None or suite.is_collected),
                node=function,
                uses=tuple(reader.uses),
                needs=frozenset(reader.names | parameters),
            )
        )


class _FunctionReader(ast.NodeVisitor):
    """Collects what the statements of one function use, and the classes of the objects it makes."""

    def __init__(self, meanings: _Meanings, types: Types) -> None:
        self._meanings = meanings
        self._types = types
        self.uses: list[Use] = []
        self.names: set[str] = set()
        self.given: DefinitionKey | None = None

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            self._bind(target, self._type(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        named = self._meanings.annotated(node.annotation, None, _NOTHING)
        self._bind(node.target, named or (self._type(node.value) if node.value else None))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer = self._types
        self._types = ChainMap(self._meanings.inherited(node), outer)
        self.generic_visit(node)
        self._types = outer

    def visit_withitem(self, node: ast.withitem) -> None:
        self.generic_visit(node)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, self._type(node.context_expr))

    def visit_With(self, node: ast.With) -> None:
        self._enter(node, "__enter__", "__exit__")

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self._enter(node, "__aenter__", "__aexit__")

    def _enter(self, node: ast.With | ast.AsyncWith, *methods: str) -> None:
        for item in node.items:
            self._operate(item.context_expr, item.context_expr, *methods)
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        self._operate(node.value, node, "__await__")
        self.generic_visit(node)

    def _operate(self, operand: ast.expr, whole: ast.expr, *methods: str) -> None:
        """Note the special methods that an operation calls on an object of a known class."""
        owner = self._type(operand)
        found = (self._meanings.method(owner, name) for name in methods) if owner is not None else ()
        self.uses += [Use(key, whole) for key in found if key is not None]

    def visit_Return(self, node: ast.Return) -> None:
        self.generic_visit(node)
        self.given = self._type(node.value) if node.value else self.given

    def visit_Yield(self, node: ast.Yield) -> None:
        self.generic_visit(node)
        self.given = self._type(node.value) if node.value else self.given

    def visit_Call(self, node: ast.Call) -> None:
        self._use(node.func, node)
        for argument in (*node.args, *node.keywords):
            self.visit(argument)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._use(node, node)

    def visit_Name(self, node: ast.Name) -> None:
        self._use(node, node)

    def _use(self, node: ast.expr, whole: ast.expr) -> None:
        """Note what a name, attribute or called expression means, and read what it is made of."""
        key = self._meaning(node)
        if key is not None:
            self.uses.append(Use(key, whole))
        match node:
            case ast.Name(id=name):
                self.names.add(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                self.names |= {name, attr}
            case ast.Attribute(value=value) if not _chain(value) or key is None or not key.path:
                self.visit(value)
            case ast.Attribute():
                pass
            case _:
                self.visit(node)

    def _meaning(self, node: ast.expr) -> DefinitionKey | None:
        """Return the definition that an expression means, or the name of an unknown object's attribute."""
        chain = _chain(node)
        if chain and ".".join(chain) not in self._types and chain[0] not in self._types:
            found = self._meanings.imported(chain)
            if found is not None or self._meanings.is_of_standard_library(chain[0]):
                return found
        if not isinstance(node, ast.Attribute):
            return None
        owner = self._type(node.value)
        found = self._meanings.method(owner, node.attr) if owner is not None else None
        return found or DefinitionKey("", node.attr)

    def _type(self, node: ast.expr) -> DefinitionKey | None:
        match node:
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self._type(value)
            case ast.Call(func=ast.Name(id="super")):
                return self._types.get(_SUPER)
            case ast.Call(func=func):
                made_by = self._meaning(func)
                return self._meanings.made_by(made_by) if made_by is not None and made_by.path else None
        return self._types.get(".".join(_chain(node)))

    def _bind(self, target: ast.expr, kind: DefinitionKey | None) -> None:
        name = ".".join(_chain(target))
        if kind is not None and name:
            self._types[name] = kind


def _chain(node: ast.expr) -> tuple[str, ...]:
    """Return the parts of a dotted name, or nothing for other expressions."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return (node.id, *names) if isinstance(node, ast.Name) else ()
