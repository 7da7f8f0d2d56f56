from __future__ import annotations

import ast
import textwrap

import pytest

from testsmith.languages.python.source.definitions import Definition, definitions
from testsmith.languages.python.source.parsing import LineSpan
from testsmith.model import MemberKind


def _defined(text: str) -> dict[str, Definition]:
    return definitions(ast.parse(textwrap.dedent(text)))


def _kinds(text: str) -> dict[str, MemberKind | None]:
    return {name: definition.kind for name, definition in _defined(text).items()}


def test_definitions__every_kind() -> None:
    text = """
        def plain(): ...
        async def waiting(): ...
        class Cart:
            LIMIT = 3
            def add(self): ...
            async def fetch(self): ...
            @property
            def total(self): ...
            @functools.cached_property
            def slow(self): ...
            @staticmethod
            def parse(text): ...
            @classmethod
            def empty(cls): ...
            class Row:
                def cells(self): ...
        RATE = 0.2
    """
    assert _kinds(text) == {
        "plain": MemberKind.FUNCTION,
        "waiting": MemberKind.FUNCTION,
        "Cart": MemberKind.CLASS,
        "Cart.add": MemberKind.METHOD,
        "Cart.fetch": MemberKind.METHOD,
        "Cart.total": MemberKind.PROPERTY,
        "Cart.slow": MemberKind.PROPERTY,
        "Cart.parse": MemberKind.STATIC_METHOD,
        "Cart.empty": MemberKind.CLASS_METHOD,
        "Cart.Row": MemberKind.CLASS,
        "Cart.Row.cells": MemberKind.METHOD,
        "RATE": None,
    }
    assert [name for name, each in _defined(text).items() if each.is_async] == ["waiting", "Cart.fetch"]


def test_definitions__what_stands_inside_a_function_is_part_of_it() -> None:
    assert list(_kinds("def outer():\n    def inner(): ...\n    class Local: ...\n")) == ["outer"]


def test_definitions__overloads_do_not_count() -> None:
    text = """
        @typing.overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str) -> str: ...
        def f(x): return x
        class A:
            @t.overload
            def g(self): ...
            def g(self, x=None): ...
    """
    assert {name: len(each.parts) for name, each in _defined(text).items()} == {"f": 1, "A": 1, "A.g": 1}


@pytest.mark.parametrize(
    "text",
    [
        "if FAST:\n    def f(): return 1\nelse:\n    def f(): return 2\n",
        "try:\n    def f(): return 1\nexcept ImportError:\n    def f(): return 2\n",
        "match FAST:\n    case 1:\n        def f(): return 1\n    case _:\n        def f(): return 2\n",
        "with a():\n    def f(): return 1\nfor x in y:\n    def f(): return 2\n",
    ],
)
def test_definitions__bound_in_two_branches_counts_once(text: str) -> None:
    found = _defined(text)
    assert list(found) == ["f"]
    assert found["f"].source(text.split("\n")) == "def f(): return 1\n\ndef f(): return 2"


def test_definitions__the_later_one_in_the_same_place_holds() -> None:
    found = _defined(
        "class A:\n    def f(self): ...\nclass A:\n    def g(self): ...\ndef h(): 1\ndef h(): 2\n"
    )
    assert list(found) == ["A", "A.g", "h"]
    assert [each.parts[0].statement.lineno for each in found.values()] == [3, 4, 6]


def test_definitions__property_with_setter_is_one() -> None:
    text = textwrap.dedent("""
        class A:
            @property
            def x(self): return 1
            def y(self): ...
            @x.setter
            def x(self, value): ...
            @x.deleter
            def x(self): ...
    """)
    found = _defined(text)
    assert found["A.x"].kind is MemberKind.PROPERTY
    assert found["A.x"].spans == (LineSpan(3, 4), LineSpan(6, 7), LineSpan(8, 9))
    assert found["A.x"].source(text.split("\n")).count("def x") == 3


def test_definitions__what_only_a_type_checker_or_a_script_sees() -> None:
    text = """
        if TYPE_CHECKING:
            def a(): ...
        else:
            def b(): ...
        if not typing.TYPE_CHECKING:
            def c(): ...
        if __name__ == "__main__":
            def d(): ...
    """
    assert list(_kinds(text)) == ["b", "c"]


def test_definitions__constants_with_what_alters_them() -> None:
    text = """
        A = 1
        B: int = 2
        C: int
        (D, [E, *F]) = 1, [2, 3]
        A += 1
        G = {}
        G["x"] = 1
        G.update(y=2)
        other.update(z=3)
        for name in G:
            G[name] = 0
    """
    parts = {name: len(each.parts) for name, each in _defined(text).items()}
    assert parts == {"A": 2, "B": 1, "D": 1, "E": 1, "F": 1, "G": 4}


def test_definitions__implementations_registered_for_one_function_stay_together() -> None:
    text = "@show.register\ndef _(x: int): ...\n@show.register\ndef _(x: str): ...\n"
    assert len(_defined(text)["_"].parts) == 2
