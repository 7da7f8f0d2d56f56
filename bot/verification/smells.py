"""Test smells, found by syntax tree: what makes a test function worthless, or a burden, even if it passes.

Each smell is one pure function that returns why the test function has it, or None; `SMELLS` lists them. They
are rules of a gate, so each is narrow: what it names can be shown to the author of the test.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence

from bot.languages.driver import CannotParse
from bot.languages.python.parsing import parse_untrusted
from bot.model import Member
from bot.verification.assertions import TestFunction, is_own, is_tautology, is_weak, own_names
from bot.verification.claims import functions_of
from bot.verification.effects import changes_global_state, is_zero, writes_outside_its_folder
from bot.verification.situations import Names, dotted_name, is_literal
from bot.verification.tampering import tampers

MOST_SNAPSHOT_CHARACTERS = 600
"""A longer expected text, or a larger expected container, is a snapshot of a whole output."""

"""A longer expected text, or a larger expected container, is a snapshot of a whole output."""

_NETWORK = frozenset(
    {
        "aiohttp",
        "ftplib",
        "http.client",
        "http.server",
        "httpx",
        "imaplib",
        "paramiko",
        "poplib",
        "requests",
        "smtplib",
        "socket",
        "telnetlib",
        "urllib3",
        "websocket",
        "websockets",
        "urllib.request",
    }
)
_FEWEST_OPERATORS = 2


Smell = Callable[[TestFunction], str | None]


def smells_of(code: str, member: Member) -> dict[str, str]:
    """Return the first smell of each test function that has one, by the function's name."""
    try:
        tree = parse_untrusted(code)
    except CannotParse:
        return {}
    names = Names.of(member, [node for node in ast.walk(tree) if isinstance(node, ast.stmt)])
    found: dict[str, str] = {}
    for name, node in functions_of(tree):
        function = TestFunction(node, tree, names)
        reason = next((reason for smell in SMELLS if (reason := smell(function)) is not None), None)
        if reason is not None:
            found[name] = reason
    return found


def no_assertion(function: TestFunction) -> str | None:
    """Nothing is asserted, neither by the function nor by a helper that it calls."""
    if function.assertions or function.expectations:
        return None
    called = {dotted_name(call.func) for _, call in function.calls(function.node)}
    asserting = {name for name, node in function.helpers.items() if _asserts(node)}
    return None if called & asserting or function.mock_checks else "asserts nothing"


def tautology(function: TestFunction) -> str | None:
    """All that is asserted is true whatever the code does."""
    if function.expectations or not function.assertions or function.compares:
        return None
    return "asserts only what is always true" if all(map(is_tautology, function.assertions)) else None


def only_mock_called(function: TestFunction) -> str | None:
    """All that is asserted is that a mock was called, with whatever."""
    if function.assertions or function.expectations:
        return None
    checks = [call for call in function.mock_checks if not call.args and not call.keywords]
    only = bool(checks) and len(checks) == len(function.mock_checks)
    return "asserts only that a mock was called" if only else None


def only_own_values(function: TestFunction) -> str | None:
    """All that is asserted is about values, or mocks, that the test has made and given to nobody."""
    if function.expectations or function.mock_checks or not function.assertions:
        return None
    own = own_names(function)
    if all(is_own(function, test, own) for test in function.assertions):
        return "asserts only values that it has made itself"
    return None


def nothing_raised(function: TestFunction) -> str | None:
    """All that is asserted is that something is there, or that nothing was raised."""
    if any(function.last(call.func) != "fail" for call in function.expectations):
        return None
    fails = any(function.last(call.func) == "fail" for call in function.expectations)
    if function.assertions and all(is_weak(function, test) for test in function.assertions):
        return "asserts only that something is there"
    if fails and not function.assertions:
        return "asserts only that nothing was raised"
    return None


def sleeps(function: TestFunction) -> str | None:
    """It waits by the clock."""
    for origin, call in function.calls(function.node):
        if origin in {"time.sleep", "asyncio.sleep"} and not is_zero(call):
            return "sleeps"
    return None


def network(function: TestFunction) -> str | None:
    """It uses a library that speaks to other machines."""
    for origin, _ in function.imported_calls():
        if any(origin == name or origin.startswith(name + ".") for name in _NETWORK):
            return "uses the network"
    return None


def writes_outside(function: TestFunction) -> str | None:
    """It leaves files in the reviewer's own folder."""
    return "writes outside of `tmp_path`" if writes_outside_its_folder(function) else None


def whole_output(function: TestFunction) -> str | None:
    """It pins a whole output."""
    for test in function.assertions:
        for node in ast.walk(test):
            if (
                isinstance(node, ast.expr)
                and is_literal(node)
                and len(ast.unparse(node)) > MOST_SNAPSHOT_CHARACTERS
            ):
                return f"pins a whole output of more than {MOST_SNAPSHOT_CHARACTERS} characters"
    return None


def bare_except(function: TestFunction) -> str | None:
    """It swallows whatever is raised."""
    for node in function.nodes:
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else dotted_name(node.type)
            if caught in {"", "Exception", "BaseException"} and not _raises_again(node):
                return "swallows exceptions"
    return None


def skipped(function: TestFunction) -> str | None:
    """It is not run, or may fail."""
    marks = [node for node in function.nodes if isinstance(node, ast.expr)]
    origins = {function.origin(node) for node in marks}
    if origins & {
        "pytest.mark.skip",
        "pytest.mark.skipif",
        "pytest.skip",
        "unittest.skip",
        "pytest.importorskip",
    }:
        return "is skipped"
    return "is expected to fail" if origins & {"pytest.mark.xfail", "pytest.xfail"} else None


def conditional(function: TestFunction) -> str | None:
    """Whether it asserts anything depends on what happens."""
    for node in function.nodes:
        depends = isinstance(node, ast.If | ast.While) or (isinstance(node, ast.Try) and bool(node.handlers))
        if depends and any(isinstance(part, ast.Assert) for part in ast.walk(node)):
            return "asserts under a condition"
    return None


def global_state(function: TestFunction) -> str | None:
    """It changes what other tests see, and does not put it back."""
    return "changes global state" if changes_global_state(function) else None


def copies_implementation(function: TestFunction) -> str | None:
    """It expects what the member's own formula gives."""
    formulas = _formulas(function.names.member)
    for test in function.assertions:
        for node in ast.walk(test):
            if isinstance(node, ast.expr) and _shape(node) in formulas:
                return "repeats the member's own formula"
    return None


SMELLS: Sequence[Smell] = (
    tampers,
    no_assertion,
    skipped,
    tautology,
    nothing_raised,
    only_mock_called,
    only_own_values,
    copies_implementation,
    conditional,
    bare_except,
    sleeps,
    network,
    writes_outside,
    whole_output,
    global_state,
)
"""All of them, what tells the author most first."""


def _asserts(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Assert) for part in ast.walk(node))


def _raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def _formulas(member: Member) -> frozenset[str]:
    """Return the shapes of the member's formulas: calculations that its `return` statements are made of."""
    try:
        tree = parse_untrusted(member.source)
    except CannotParse:
        return frozenset()
    returned = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None
    ]
    return frozenset(shape for value in returned if (shape := _shape(value)))


def _shape(node: ast.expr) -> str:
    """Return a calculation without what it is applied to; empty where it is too plain to be a copy."""
    operators = [part for part in ast.walk(node) if isinstance(part, ast.BinOp)]
    if len(operators) < _FEWEST_OPERATORS:
        return ""
    return ast.dump(_Blank().visit(copy.deepcopy(node)))


class _Blank(ast.NodeTransformer):
    """Makes all variables and constants alike."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Blank a name."""
        return ast.Name(id="_", ctx=node.ctx)

    def visit_Constant(self, _node: ast.Constant) -> ast.Name:
        """Blank a constant: what a test puts in for a variable."""
        return ast.Name(id="_", ctx=ast.Load())
