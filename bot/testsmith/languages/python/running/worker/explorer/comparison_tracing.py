"""Record the operands of comparisons during the trials of a member, as source texts.

A copy of the module's functions records both sides of each comparison, of `startswith` and similar methods,
and the keys of a mapping in which one is looked up. A search can then replace an input equal to one side with
the other, and so satisfy conditions (the idea comes from REDQUEEN, NDSS 2019). Result for each trial:

    {"compared", "pairs"}       its number, and pairs of texts
"""

from __future__ import annotations

import ast
import builtins
import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..code_swap import LoadedModule
from ..forking import Patience, Send, run_child
from .literals import written
from .trial import Trials, remove_all

Json = dict[str, Any]

_LEFT, _RIGHT = "__testsmith_left__", "__testsmith_right__"
_ASKING = frozenset(
    {"startswith", "endswith", "get", "pop", "count", "index", "find", "split", "removeprefix"}
)
_KINDS = frozenset({int, float, str, bytes, dt.date, dt.timedelta, dt.datetime})
_LONGEST = 60
_MOST_PAIRS = 40
_MOST_OF_A_CONTAINER = 5
_SECONDS_OF_SILENCE = 5.0

_Met = tuple[type, Any, type, Any]
"""Two operands with their types, because `1 == True`."""


class Comparing:
    """Records the comparisons of one module.

    Args:
        job: The explorer's job.
        module: The module.
        folder: Working folder of the trials.
        closed: File descriptor to close in the child.
    """

    def __init__(self, job: Json, module: LoadedModule, folder: Path, closed: int) -> None:
        self._job = job
        self._noting = NotingModule(module, job["source"])
        self._folder = folder
        self._closed = closed

    def run(self, trials: Sequence[Json]) -> list[Json]:
        """Run trials in one child; return the comparisons of each."""
        noting, job = self._noting, self._job
        found: list[Json] = []
        self._folder.mkdir(exist_ok=True)

        def body(send: Send) -> None:
            pairs = noting.put_in_place()
            carried = Trials(self._folder, job["roots"], None, job["limits"])
            for trial in trials:
                pairs.clear()
                carried.observe(trial)
                send({"kind": "compared", "compared": trial["number"], "pairs": pairs.as_texts()})

        patience = Patience(silence=_SECONDS_OF_SILENCE, most_bytes=16_000 * len(trials))
        run_child(body, _SECONDS_OF_SILENCE * len(trials), found.append, self._closed, patience)
        remove_all(self._folder)
        return [{"compared": each["compared"], "pairs": each["pairs"]} for each in found]


class Pairs:
    """Pairs of operands that were compared."""

    def __init__(self) -> None:
        self._left: Any = None
        self._met: dict[_Met, None] = {}

    def clear(self) -> None:
        """Remove all pairs."""
        self._met = {}

    def as_texts(self) -> list[list[str]]:
        """Return the pairs as source texts."""
        texts: dict[tuple[str, str], None] = {}
        for _, one, _, other in self._met:
            pair = written(one, _LONGEST), written(other, _LONGEST)
            if pair[0] is not None and pair[1] is not None and pair[0].text != pair[1].text:
                texts[pair[0].text, pair[1].text] = None
        return [list(each) for each in texts]

    def left(self, value: Any) -> Any:
        """Record the left operand and return it."""
        self._left = value
        return value

    def right(self, value: Any) -> Any:
        """Record the right operand, which is also the left one of a chained comparison, and return it."""
        left, self._left = self._left, value
        if len(self._met) < _MOST_PAIRS:
            for one in _parts(left):
                for other in _parts(value):
                    self._note(one, other)
        return value

    def _note(self, one: Any, other: Any) -> None:
        # Written as text at the end, and only once, because a loop may compare the same values often.
        if one is not other and type(one) in _KINDS and type(other) in _KINDS:
            self._met[type(one), one, type(other), other] = None


def _parts(value: Any) -> Iterable[Any]:
    """Return a value, or some items of a built-in container."""
    if type(value) in {list, tuple, set, frozenset, dict}:
        return sorted_parts(value)[:_MOST_OF_A_CONTAINER]
    return (value,)


def sorted_parts(value: Iterable[Any]) -> list[Any]:
    """Return the items of a container; those of a set are in the same order in every run."""
    parts = [*value]
    return sorted(parts, key=repr) if isinstance(value, (set, frozenset)) else parts


class NotingModule:
    """A loaded module whose functions can be replaced by versions that record comparisons.

    Args:
        module: The module.
        source: Its source text.
    """

    def __init__(self, module: LoadedModule, source: str) -> None:
        tree = _Noting().visit(ast.parse(source))
        self._exchange = module.exchange_all(ast.fix_missing_locations(tree))

    def put_in_place(self) -> Pairs:
        """Replace the functions in this process; return the object that records the pairs."""
        pairs = Pairs()
        setattr(builtins, _LEFT, pairs.left)
        setattr(builtins, _RIGHT, pairs.right)
        for function, code in self._exchange:
            function.__code__ = code
        return pairs


class _Noting(ast.NodeTransformer):
    """Wraps the operands of comparisons in calls that record them."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Record both operands, or alternating ones in a chain."""
        self.generic_visit(node)
        if any(isinstance(each, (ast.Is, ast.IsNot)) for each in node.ops):
            return node
        node.left = _noted(_LEFT, node.left)
        node.comparators = [_noted(_RIGHT, each) for each in node.comparators]
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Record arguments of string and mapping methods."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _ASKING and node.args:
            first = node.args[0]
            if not isinstance(first, ast.Starred) and not _is_super(node.func.value):
                node.func.value = _noted(_LEFT, node.func.value)
                node.args[0] = _noted(_RIGHT, first)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Record keys that are looked up."""
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and not isinstance(
            node.slice, (ast.Slice, ast.Tuple, ast.Constant)
        ):
            node.value = _noted(_LEFT, node.value)
            node.slice = _noted(_RIGHT, node.slice)
        return node


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _noted(name: str, node: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(func=ast.Name(id=name, ctx=ast.Load()), args=[node], keywords=[]), node)
