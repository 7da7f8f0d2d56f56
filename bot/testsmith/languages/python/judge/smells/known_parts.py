"""Find what a test module has in common with the project's own test files."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from testsmith.languages.python.judge.smells.known_checks import read_test_files
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.situations import dotted_name
from testsmith.languages.python.source.parsing import decode, parse_untrusted
from testsmith.languages.source import CannotParse, SourceTree

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_CALLS = ast.Call | ast.Import | ast.ImportFrom
_LEAST_STATEMENTS = 3
_BINDING = frozenset({"setattr", "delattr", "setitem", "delitem", "patch", "__setattr__"})
_REACHING = frozenset({"globals", "vars", "locals", "__dict__", "exec", "eval", "__import__"})
_MOCKS = frozenset(
    f"0 unittest{dot}{kind}"
    for kind in ("AsyncMock", "MagicMock", "Mock", "NonCallableMagicMock", "NonCallableMock")
    for dot in (".mock ", " mock.")
)
"""What a name is bound to that makes mocks, see `_bindings`."""

_KNOWN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.Try)


def known_nodes(tree: ast.Module, files: Iterable[ast.Module]) -> frozenset[int]:
    """Return the ids of the nodes of helpers and branches that a test file has, too, and that do the same.

    These are also the calls and imports of tests that the file has in the test of the same name.

    Args:
        tree: A test module.
        files: The project's test files that it may have them from.
    """
    found: set[int] = set()
    for file in files:
        found.update(_known_nodes(tree, file))
        found.update(_known_calls(tree, file))
    return frozenset(found)


def copied_helper(tree: ast.Module, project: SourceTree) -> tuple[str, str]:
    """Return the first helper, fixture or class of a module that a test file of the project has as well.

    Its name, decorators, annotations and docstrings may differ. Short ones do not count, because they may be
    the same by chance.

    Args:
        tree: A test module.
        project: Files of the project.

    Returns:
        The name and the path of the test file; both empty if there is none.
    """
    helpers = {
        _form(one): (one.name, {word.encode() for word in _words(one)})
        for one in _helpers(tree)
        if sum(isinstance(node, ast.stmt) for node in ast.walk(_plain(one))) > _LEAST_STATEMENTS
    }
    if not helpers:
        return "", ""
    for path, data in read_test_files(project):
        if any(all(map(data.__contains__, words)) for _, words in helpers.values()):
            with suppress(CannotParse):
                for one in _helpers(parse_untrusted(decode(data))):
                    if (form := _form(one)) in helpers:
                        return helpers[form][0], path
    return "", ""


def _helpers(tree: ast.Module) -> Iterator[_Definition]:
    """Yield the classes of the top level without tests, and the functions there and in classes but tests."""
    tests = {id(node) for _, node in functions_of(tree)}
    for statement in tree.body:
        if not isinstance(statement, _Definition):
            continue
        inner = statement.body if isinstance(statement, ast.ClassDef) else []
        if id(statement) not in tests and not any(id(one) in tests for one in inner):
            yield statement
        yield from (one for one in inner if isinstance(one, _Function) and id(one) not in tests)


def _plain(definition: _Definition) -> _Definition:
    """Return a definition without decorators, annotations, docstrings and its own name."""
    copied = copy.deepcopy(definition)
    copied.name = ""
    for node in ast.walk(copied):
        if isinstance(node, _Definition):
            node.decorator_list = []
            node.body = node.body[ast.get_docstring(node) is not None :]
        if isinstance(node, _Function):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return copied


def _form(definition: _Definition) -> str:
    return ast.dump(_plain(definition))


def _words(definition: _Definition) -> set[str]:
    """Return the names that a definition uses."""
    nodes = list(ast.walk(_plain(definition)))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def parsed(files: Iterable[str]) -> list[ast.Module]:
    """Return the syntax trees of test files, up to the first one that cannot be read."""
    trees: list[ast.Module] = []
    with suppress(CannotParse):
        for text in files:
            trees.append(parse_untrusted(text))  # noqa: PERF401 - keeps those before an error
    return trees


def known_marks(files: Iterable[ast.Module]) -> frozenset[str]:
    """Return the decorators and `pytestmark`s of the project's test files, each as `ast.dump` returns it."""
    found: set[str] = set()
    for node in (each for file in files for each in ast.walk(file)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.update(map(ast.dump, node.decorator_list))
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                found.add(ast.dump(value))
    return frozenset(found)


def known_conditions(files: Iterable[ast.Module]) -> frozenset[tuple[str, str]]:
    """Return on which parameters functions of the project's test files skip themselves or may fail, and how.

    For `if "arrow" in str(backend): pytest.skip()`, this is `backend` and `pytest.skip`.
    """
    functions = (each for file in files for each in ast.walk(file) if isinstance(each, _Function))
    return frozenset(
        (name, dotted_name(part))
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.If)
        for name in parameters_in(node.test, function)
        for statement in node.body
        for part in ast.walk(statement)
        if isinstance(part, ast.Attribute)
    )


def parameters_in(condition: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Return the parameters of a function that a condition in it reads."""
    given = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    return frozenset(
        node.id for node in ast.walk(condition) if isinstance(node, ast.Name) if node.id in given
    )


def has_annotations(files: Iterable[ast.Module]) -> bool:
    """Return whether a function of the project's test files says what it returns."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    nodes = (each for file in files for each in ast.walk(file))
    return any(isinstance(node, functions) and node.returns is not None for node in nodes)


def _known_nodes(tree: ast.Module, file: ast.Module) -> Iterator[int]:
    """Yield the ids of the nodes of helpers and branches that a test file has, too, and that do the same.

    That is not certain if a name or attribute that they use is bound to something else, or might be so from
    within what is new.
    """
    here, there = _bindings(tree), _bindings(file)
    known = list(_known_parts(tree, file))
    inside = {id(node) for part in known for node in ast.walk(part)}
    new = [node for node in ast.walk(tree) if id(node) not in inside]
    might_bind: set[object] = set(_bound_by_text(new))
    might_bind |= {name for node in new if isinstance(node, ast.Global) for name in node.names}
    doubles = _doubles(new, tree, here)
    attributes = [node for node in new if isinstance(node, ast.Attribute) and not _is_of(node, doubles)]
    might_bind |= {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    might_bind |= {node.name for node in new if isinstance(node, _Definition)}
    tests = {id(node) for _, node in functions_of(tree)}
    for part in known:
        if not isinstance(part, _KNOWN) or any(id(node) in tests for node in ast.walk(part)):
            continue
        nodes = [node for node in ast.walk(part) if isinstance(node, ast.Name)]
        own, made, name = set(), set(), set()
        if isinstance(part, _Definition):
            own = {node.arg for node in ast.walk(part) if isinstance(node, ast.arg)}
            own |= {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
            name = {part.name}
        if isinstance(part, _Function):
            made = own - {node.arg for node in ast.walk(part.args) if isinstance(node, ast.arg)}
        top = name if part in tree.body else set()
        used = ({node.id for node in nodes} - own | top) & (here.keys() | there.keys())
        # What a helper makes itself is not what new code binds an attribute of.
        used_attributes = {
            node.attr
            for node in ast.walk(part)
            if isinstance(node, ast.Attribute) and dotted_name(node).partition(".")[0] not in made
        }
        is_same = all(here.get(name) == there.get(name) for name in used)
        if is_same and might_bind.isdisjoint({*used, *used_attributes, *name}):
            yield from map(id, ast.walk(part))


def _doubles(new: Sequence[ast.AST], tree: ast.Module, imported: Mapping[str, set[str]]) -> frozenset[str]:
    """Return the names that new code only binds to mocks of its own, as in `response = Mock()`."""
    imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    outer = {id(alias) for one in imports for alias in one.names}
    within = [node for node in new if not isinstance(node, ast.Attribute) and id(node) not in outer]
    bound = Counter(name for node in within for name in _bound_by(node))
    made = Counter[str]()
    for node in new:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=called)):
                root, _, rest = dotted_name(called).partition(".")
                origins = {f"{origin}.{rest}".rstrip(".") for origin in imported.get(root, ())}
                made[name] += root not in bound and bool(origins) and origins <= _MOCKS
    return frozenset(name for name, count in made.items() if count == bound[name] and name not in imported)


def _is_of(attribute: ast.Attribute, names: Collection[str]) -> bool:
    return isinstance(attribute.value, ast.Name) and attribute.value.id in names


def _bound_by_text(new: Sequence[ast.AST]) -> Iterator[str]:
    """Yield the texts by which new code may bind a name or attribute, such as that of `setattr`.

    These are all of its texts if it binds one by an expression, or reaches the names of a module.
    """
    calls = [node for node in new if isinstance(node, ast.Call) and _is_binding(node.func)]
    named = [node for node in new if _word(node) in _BINDING]
    inside = {id(part) for call in calls for part in ast.walk(call.func)}
    texts = [[node for node in call.args[:2] if _text(node)] for call in calls]
    is_hidden = any(id(node) not in inside for node in named) or not all(texts)
    if is_hidden or any(_word(node) in _REACHING for node in new):
        texts.append([node for node in new if isinstance(node, ast.expr) and _text(node)])
    for text in (_text(node) for nodes in texts for node in nodes):
        yield from (text, text.rpartition(".")[2])


def _is_binding(called: ast.expr) -> bool:
    return any(_word(node) in _BINDING for node in ast.walk(called))


def _word(node: ast.AST) -> str:
    """Return the name of a variable or attribute; empty if a node is neither."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _known_calls(tree: ast.Module, file: ast.Module) -> Iterator[int]:
    """Yield the ids of the calls and imports of tests that a file has in the test of the same name.

    Not those that use a name that is bound to something else, or more often in the test than there.
    """
    there = dict(functions_of(file))
    outer = _bindings(tree), _bindings(file)
    for name, test in functions_of(tree):
        if name not in there:
            continue
        nodes = list(ast.walk(test)), list(ast.walk(there[name]))
        inner = [Counter(bound for node in part for bound in _bound_by(node)) for part in nodes]
        left = Counter(ast.dump(node) for node in nodes[1] if isinstance(node, _CALLS))
        for node in nodes[0]:
            if isinstance(node, _CALLS) and left[ast.dump(node)] > 0:
                left[ast.dump(node)] -= 1
                used = {_name_of(part) for part in ast.walk(node)}
                is_same = all(outer[0].get(one) == outer[1].get(one) for one in used)
                if is_same and used.isdisjoint(inner[0] - inner[1]):
                    yield id(node)


def _name_of(node: ast.AST) -> str:
    """Return the name that an expression uses, also as an attribute; empty for none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the name that a node binds, also as an attribute."""
    match node:
        case (
            ast.Name(id=name, ctx=ast.Store() | ast.Del())
            | ast.Attribute(attr=name, ctx=ast.Store() | ast.Del())
        ):
            yield name
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case (
            ast.ClassDef(name=name)
            | ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            yield name
        case ast.alias(name=name, asname=known_as):
            yield known_as or name.partition(".")[0]


def _known_parts(tree: ast.Module, file: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, and of its classes, that a test file has in the same place."""
    outer = {ast.dump(statement) for statement in file.body}
    inner = {
        (each.name, ast.dump(statement))
        for each in file.body
        if isinstance(each, ast.ClassDef)
        for statement in each.body
    }
    for statement in tree.body:
        if ast.dump(statement) in outer:
            yield statement
        elif isinstance(statement, ast.ClassDef):
            yield from (one for one in statement.body if (statement.name, ast.dump(one)) in inner)


def _bindings(tree: ast.Module) -> dict[str, set[str]]:
    """Return what binds each name on the top level of a module."""
    found: dict[str, set[str]] = {}
    for statement in tree.body:
        bound: list[tuple[str, str]] = []
        if isinstance(statement, _Definition):
            bound.append((statement.name, ast.dump(statement)))
        else:
            for node in ast.walk(statement):
                match node:
                    case ast.Import(names=names):
                        bound += [(one.asname or one.name.partition(".")[0], ast.dump(one)) for one in names]
                    case ast.ImportFrom(module=module, level=level, names=names):
                        bound += [(one.asname or one.name, f"{level} {module} {one.name}") for one in names]
                    case ast.Name(id=name, ctx=ast.Store()):
                        bound.append((name, ast.dump(statement)))
        for name, how in bound:
            found.setdefault(name, set()).add(how)
    return found
