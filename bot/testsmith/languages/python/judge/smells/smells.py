"""Find test smells by syntax tree: what makes a test worthless or hard to maintain, even if it passes.

Each smell is a pure function. `SMELLS` lists those of whole functions, which return the reason why a function
has it, or None, and `PARTS` those of single statements and expressions, which yield them. A smell rejects a
test, so each is narrow and names something that the test's author can see. Tampering with the results of a
whole module (`tampering.py`) is checked first.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from testsmith.languages.judge import Finding
from testsmith.languages.python.judge.smells.conditions import (
    asserts_under_a_condition,
    fails_where_caught,
    swallows_exceptions,
)
from testsmith.languages.python.judge.smells.global_state import changes_global_state
from testsmith.languages.python.judge.smells.known_checks import KnownChecks
from testsmith.languages.python.judge.smells.known_parts import parameters_in
from testsmith.languages.python.judge.smells.sleep_and_network import measures_time, sleeps, uses_the_network
from testsmith.languages.python.judge.smells.tampering import plugged_in, tampering
from testsmith.languages.python.judge.smells.test_function import TestFunction, TestModule
from testsmith.languages.python.judge.smells.unsafe_calls import (
    hands_on_changes,
    imports_by_text,
    reads_the_environment,
    runs_programs,
    runs_text,
    uses_foreign_memory,
)
from testsmith.languages.python.judge.smells.writes_outside import writes_outside
from testsmith.languages.python.judge.test_reading.claims import functions_of
from testsmith.languages.python.judge.test_reading.situations import BoundNames, dotted_name, is_literal
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import Member

MOST_SNAPSHOT_CHARACTERS = DEFAULTS.snapshot_characters
"""Length above which an expected string or container counts as a snapshot of a whole output."""

_FEWEST_OPERATORS = 2
_FEWEST_STEPS = 4

Smell = Callable[[TestFunction], str | None]
PartSmell = Callable[[TestFunction], Iterator[ast.AST]]


def findings_of(
    code: str,
    member: Member,
    checks: KnownChecks | None = None,
    known: Iterable[str] = (),
    of_module: Iterable[str] = (),
) -> dict[str, tuple[Finding, ...]]:
    """Return the smells of each test function that has any, most informative first, by function name.

    Args:
        code: A test module.
        member: The member that it tests.
        checks: Helpers of the project's test files that assert something; None if they are not known.
        known: The project's test file that the module was made for, and the modules of its fixtures.
        of_module: Reasons against the whole module, which are less informative than smells.

    Raises:
        CannotParse: `code` is not valid Python.
    """
    tree = parse_untrusted(code)
    names = BoundNames.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    module = TestModule(tree, names, checks, known)
    functions = {name: TestFunction(node, module) for name, node in functions_of(tree)}
    beside = _nodes_without(
        tree, {*(one.node for one in functions.values()), *_for_type_checkers(tree, names)}
    )
    of_all = [Finding(reason, is_shared=True) for reason in (*plugged_in(tree), *tampering(beside, names))]
    last = [Finding(reason, is_shared=True) for reason in of_module]
    found = {name: (*of_all, *_findings(function), *last) for name, function in functions.items()}
    return {name: findings for name, findings in found.items() if findings}


def _findings(function: TestFunction) -> Iterator[Finding]:
    own = list(ast.walk(function.node))
    yield from map(Finding, tampering(own, function.names))
    for smell in SMELLS:
        reason = smell(function)
        if reason is not None:
            yield Finding(reason, is_lack=smell is no_assertion)
    inside = set(map(id, own))
    for reason, parts in PARTS.items():
        nodes = {id(node): node for node in parts(function)}
        for key, node in nodes.items():
            yield Finding(reason, ast.unparse(node), is_shared=key not in inside)


def _nodes_without(tree: ast.Module, tests: Collection[ast.AST]) -> list[ast.AST]:
    """Return the nodes of a module outside of its tests, parents first."""
    nodes: list[ast.AST] = [tree]
    for node in nodes:
        nodes += [child for child in ast.iter_child_nodes(node) if child not in tests]
    return nodes


def _for_type_checkers(tree: ast.Module, names: BoundNames) -> Iterator[ast.stmt]:
    """Yield what is there for type checkers alone, which never runs."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute | ast.Constant)]
    bound = {getattr(node, "attr", getattr(node, "id", "")) for node in nodes if _is_bound(node)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    for statement in tree.body:
        if isinstance(statement, ast.If) and not statement.orelse:
            root, dot, rest = dotted_name(statement.test).partition(".")
            origin = names.imported.get(root, root) + dot + rest
            if origin == "typing.TYPE_CHECKING" and not {root, "TYPE_CHECKING"} & (bound | texts):
                yield from statement.body


def _is_bound(node: ast.AST) -> bool:
    return not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def no_assertion(function: TestFunction) -> str | None:
    """Return a reason if neither the function nor a helper that it calls asserts anything."""
    if function.assertions or function.expectations or function.mock_checks or function.known_checks:
        return None
    return "asserts only that nothing was raised" if fails_where_caught(function) else "asserts nothing"


def whole_output(function: TestFunction) -> Iterator[ast.AST]:
    """Yield the snapshots of a whole output that it compares with."""
    bound = function.values_in_sight
    for test in function.assertions:
        for operand in _operands(test):
            value = bound.get(operand.id, operand) if isinstance(operand, ast.Name) else operand
            if is_literal(value) and len(ast.unparse(value)) > MOST_SNAPSHOT_CHARACTERS:
                yield value


def _operands(test: ast.expr) -> Sequence[ast.expr]:
    """Return the operands of an assertion."""
    match test:
        case ast.Compare(left=left, comparators=comparators):
            return [left, *comparators]
        case ast.BoolOp(values=values):
            return [part for value in values for part in _operands(value)]
        case ast.UnaryOp(operand=operand):
            return _operands(operand)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self")), args=args):
            return args
    return []


def skipped(function: TestFunction) -> str | None:
    """Return a reason if it is skipped or allowed to fail.

    A condition is allowed if it is about Python, the system or an imported constant such as `HAS_NUMPY`, or
    one that the project's own tests in the file have, or about a parameter by which they skip themselves in
    the same way, and so is a module that can be imported: if the test is skipped here, its runs show that.
    """
    harmless: list[ast.expr] = [
        one
        for one in function.decorators
        if _is_about_surroundings(function, one) or _is_known(function, one)
    ]
    harmless += [
        node.func
        for node in function.nodes
        if isinstance(node, ast.Call)
        and function.origin(node.func) == "pytest.importorskip"
        and isinstance(node.args[0] if node.args else None, ast.Constant)
    ]
    harmless += _by_known_parameters(function)
    allowed = {part for one in harmless for part in ast.walk(one)}
    marks = [part for one in function.decorators for part in ast.walk(one)]
    nodes = [node for node in (*function.nodes, *marks) if isinstance(node, ast.expr) and node not in allowed]
    origins = {function.origin(node) for node in nodes}
    if origins & _SKIPS or any(origin.endswith(".skipTest") for origin in origins):
        return "is skipped"
    return "is expected to fail" if origins & _MAY_FAIL else None


def _by_known_parameters(function: TestFunction) -> Iterator[ast.expr]:
    """Yield what skips a test, or lets it fail, by a parameter by which tests of the file do so."""
    known = function.of.known_conditions
    for condition in (node for node in function.nodes if isinstance(node, ast.If)):
        names = parameters_in(condition.test, function.node)
        for part in (part for statement in condition.body for part in ast.walk(statement)):
            if isinstance(part, ast.Attribute) and any(
                (name, function.origin(part)) in known for name in names
            ):
                yield part


def _is_known(function: TestFunction, decorator: ast.expr) -> bool:
    """Return whether the project's own tests have a decorator or `pytestmark`."""
    return (
        any(function.origin(node) in _CONDITIONAL_SKIPS for node in _names_of(decorator))
        and ast.dump(decorator) in function.of.known_marks
    )


def _names_of(expression: ast.expr) -> Iterator[ast.Name | ast.Attribute]:
    """Yield the names in an expression."""
    yield from (node for node in ast.walk(expression) if isinstance(node, ast.Name | ast.Attribute))


def _is_about_surroundings(function: TestFunction, decorator: ast.expr) -> bool:
    """Return whether a decorator skips a test by Python, the system or imported constants alone."""
    if not isinstance(decorator, ast.Call) or not decorator.args:
        return False
    origins = {function.origin(node) for node in _names_of(decorator.args[0])}
    names = [one for one in origins if not any(other.startswith(f"{one}.") for other in origins)]
    return (
        function.origin(decorator.func) in _CONDITIONAL_SKIPS
        and bool(names)
        and all(map(_SURROUNDINGS.search, names))
    )


_SURROUNDINGS = re.compile(
    r"^(?:sys\.(?:version_info|platform|implementation)|os\.name|platform\.(?:system|machine))\b"
    r"|(?:^|\.)PY(?:THON)?_?\d\w*$"
    r"|\.[A-Z][A-Z0-9_]*(?:\.\w+)?$"
)
"""What says where a test runs: Python, the system and constants, such as `PY_3_13` or `compat.HAS_NUMPY`."""

_CONDITIONAL_SKIPS = frozenset({"pytest.mark.skipif", "unittest.skipIf", "unittest.skipUnless"})
_SKIPS = frozenset(
    {
        "pytest.exit",
        "pytest.importorskip",
        "pytest.mark.skip",
        "pytest.mark.skipif",
        "pytest.skip",
        "unittest.SkipTest",
        "unittest.skip",
        "unittest.skipIf",
        "unittest.skipUnless",
    }
)
_MAY_FAIL = frozenset({"pytest.mark.xfail", "pytest.xfail", "unittest.expectedFailure"})


def copies_implementation(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what repeats the function's own formula, for example as an expected value."""
    formulas = _formulas(function.names.member)
    for body in function.bodies if formulas else ():
        for node in body.nodes if body.is_helper else ():
            if isinstance(node, ast.expr) and _shape(node) in formulas:
                yield node


def uses_bare_objects(function: TestFunction) -> Iterator[ast.AST]:
    """Yield where a parameter that is annotated as `object` is called, or has an attribute taken.

    No type checker takes that, unless a condition says more about the parameter. If no function of the
    project's test file has annotations, none is expected to look.
    """
    if not function.of.is_annotated:
        return
    for body in filter(function.is_new, function.bodies):
        bound = Counter(one.arg for one in body.nodes if isinstance(one, ast.arg))
        bound += Counter(one.id for one in body.nodes if isinstance(one, ast.Name) and _is_bound(one))
        asked = {part.id for one in body.nodes for part in _asked_about(one)}
        bare = {
            one.arg
            for node in body.nodes
            if isinstance(node, ast.arguments)
            for one in (*node.posonlyargs, *node.args, *node.kwonlyargs)
            if _is_object(function, one.annotation) and bound[one.arg] == 1 and one.arg not in asked
        }
        for node in body.nodes:
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in bare:
                    yield node
                case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in bare:
                    if not hasattr(object, attribute):
                        yield node


def _is_object(function: TestFunction, annotation: ast.expr | None) -> bool:
    match annotation:
        case ast.Constant(value="object"):
            return True
        case ast.Name(id="object"):
            return function.origin(annotation) == "object"
    return False


def _asked_about(node: ast.AST) -> Iterator[ast.Name]:
    """Yield the names whose type a condition of a node may be about, such as `isinstance(name, str)`."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) | ast.Assert(test=test):
            tests = [test]
        case ast.BoolOp(values=tests) | ast.comprehension(ifs=tests):
            pass
        case ast.Match(subject=subject):
            tests = [subject]
        case _:
            tests = []
    for part in (part for test in tests for part in ast.walk(test)):
        used = [part.func] if isinstance(part, ast.Call) else []
        if not isinstance(part, ast.Attribute):
            children = (child for child in ast.iter_child_nodes(part) if child not in used)
            yield from (child for child in children if isinstance(child, ast.Name))
    yield from (test for test in tests if isinstance(test, ast.Name))


SMELLS: Sequence[Smell] = (
    no_assertion,
    skipped,
    asserts_under_a_condition,
    swallows_exceptions,
)
"""Smells of whole functions, most informative first."""

PARTS: Mapping[str, PartSmell] = {
    "repeats the function's own formula": copies_implementation,
    "sleeps": sleeps,
    "asserts how long something takes": measures_time,
    "uses the network": uses_the_network,
    "writes outside `tmp_path`": writes_outside,
    f"compares a whole output of more than {MOST_SNAPSHOT_CHARACTERS} characters": whole_output,
    "changes global state": changes_global_state,
    "runs a program": runs_programs,
    "passes on a function that changes files or uses the network, instead of calling it": hands_on_changes,
    "runs code from a string (`exec`, `eval` or `compile`)": runs_text,
    "imports a module by a computed name": imports_by_text,
    "uses `ctypes`": uses_foreign_memory,
    "reads an environment variable that it did not set with `monkeypatch`": reads_the_environment,
    "uses a parameter as more than the `object` that it is annotated as, which type checkers refuse: "
    "annotate its type": uses_bare_objects,
}
"""Smells of parts by the reason for rejecting a test, most informative first. Looked for after `SMELLS`."""


def _formulas(member: Member) -> frozenset[str]:
    """Return the shapes of the member's formulas, the expressions that it computes."""
    try:
        tree = parse_untrusted(member.source)
    except CannotParse:
        return frozenset()
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return | ast.Assign | ast.Yield)]
    return frozenset(shape for value in values if value is not None and (shape := _shape(value)))


def _shape(node: ast.expr) -> str:
    """Return an expression without its variables and constants; empty if it is too simple to be a copy."""
    parts = list(ast.walk(node))
    operators = sum(isinstance(part, ast.BinOp) for part in parts)
    steps = operators + sum(isinstance(part, ast.Call | ast.comprehension | ast.IfExp) for part in parts)
    if operators < _FEWEST_OPERATORS and steps < _FEWEST_STEPS:
        return ""
    return ast.dump(_Blank().visit(copy.deepcopy(node)))


class _Blank(ast.NodeTransformer):
    """Replaces all variables and constants with the same name."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Replace a name."""
        return ast.Name(id="_", ctx=node.ctx)

    def visit_Constant(self, _node: ast.Constant) -> ast.Name:
        """Replace a constant, which a test may use where the member has a variable."""
        return ast.Name(id="_", ctx=ast.Load())
