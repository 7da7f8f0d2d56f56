from __future__ import annotations

import ast
import textwrap

import pytest

from testsmith.languages.python.source.definitions import definitions
from testsmith.languages.python.source.references import (
    Imports,
    ImportTarget,
    Reference,
    Via,
    bases,
    class_decorators,
    references,
)


def _references(text: str, name: str = "f") -> set[Reference]:
    found = definitions(ast.parse(textwrap.dedent(text)))
    return set(references(found[name], "shop.sub"))


def _named(*dotted: str) -> set[Reference]:
    return {Reference(Via.NAME, tuple(each.split("."))) for each in dotted}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def f(): return a(b.c.d)", ["a", "b.c.d"]),
        ("def f(x=a, *, y=b): ...", ["a", "b"]),
        ("@a.b(c)\ndef f(): ...", ["a.b", "c"]),
        ("def f(x: a) -> b:\n y: c = d\n return x", ["d"]),
        ("def f(a, *b, c, **d): return a, b, c, d", []),
        ("def f():\n a = 1\n return a", []),
        ("def f():\n for a, (b, *c) in d: print(a, b, c)", ["d", "print"]),
        ("def f():\n with a() as b: b()", ["a"]),
        ("def f():\n try: a()\n except B as c: c()", ["a", "B"]),
        ("def f():\n return [x for x in a if x] + [lambda y: y + b]", ["a", "b"]),
        ("def f():\n x = [x for y in x]\n return y", ["y"]),
        ("def f():\n def g(a): return a, b, c\n b = 1\n return g", ["c"]),
        ("def f():\n class G(A):\n  def h(self): return self, b\n return G", ["A", "b"]),
        ("def f():\n global a\n a = a + 1", ["a"]),
        ("def f():\n if (a := b): return a", ["b"]),
        ("def f(x):\n match x:\n  case A(b=c): return c\n  case {'k': d, **e}: return d, e", ["A"]),
        ("def f():\n if TYPE_CHECKING: a()\n else: b()", ["b"]),
        ("def f(): return f'{a!r:{b}}'", ["a", "b"]),
        ("if a:\n def f(): return b", ["a", "b"]),
    ],
)
def test_references__names_of_the_module(text: str, names: list[str]) -> None:
    assert _references(text) == _named(*names)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from . import x", ("shop.sub", "x", "y")),
        ("from .m import x", ("shop.sub.m", "x", "y")),
        ("from ..m import z as x", ("shop.m", "z", "y")),
        ("import json as x", ("json", "y")),
    ],
)
def test_references__imports_inside_a_function(line: str, expected: tuple[str, ...]) -> None:
    assert _references(f"def f():\n {line}\n return x.y") == {Reference(Via.MODULE, expected)}


def test_references__own_members_of_a_method() -> None:
    text = """
        class A:
            def f(this, other):
                this.x.get()._hidden()
                this.y = other._z.public
                super().f()
                return [this.w for _ in other]
    """
    assert _references(text, "A.f") == {
        Reference(Via.OWN, ("x",)),
        Reference(Via.OWN, ("y",)),
        Reference(Via.OWN, ("w",)),
        Reference(Via.ANY, ("_hidden",)),
        Reference(Via.ANY, ("_z",)),
        Reference(Via.CALL, ("get",)),
        Reference(Via.BASE, ("f",)),
    }


def test_references__class_method_makes_its_own_class() -> None:
    text = "class A:\n @classmethod\n def f(cls): return cls(cls._x())\n"
    assert _references(text, "A.f") == {
        *_named("classmethod"),
        Reference(Via.OWN, ("__init__",)),
        Reference(Via.OWN, ("_x",)),
    }


def test_references__static_method_has_no_own() -> None:
    text = "class A:\n @staticmethod\n def f(x): return x.y\n"
    assert _references(text, "A.f") == _named("staticmethod")


def test_references__class_without_its_methods() -> None:
    text = "@a\nclass A(B, key=c):\n x: d = e\n def f(self): return g\n class I: y = h\n"
    definition = definitions(ast.parse(text))["A"]
    assert references(definition, "shop.sub") == _named("c", "e")
    assert class_decorators(definition, "shop.sub") == _named("a")


def test_references__constant() -> None:
    assert _references("f = a(b)\nf.update(c)\n") == _named("a", "b", "f.update", "c")


def test_bases__in_order() -> None:
    found = definitions(ast.parse("class A(B, m.C, Generic[T]): ..."))
    assert set(bases(found["A"])) == _named("B", "m.C", "Generic", "T")


def test_imports__absolute_names() -> None:
    text = """
        import a.b
        import a.c as d
        from . import e
        from .f import g as h, i
        from ... import too.high
        from x import *
    """.replace("import too.high", "import high")
    imports = Imports("shop.sub")
    for statement in ast.parse(textwrap.dedent(text)).body:
        imports.enter(statement)
    assert imports.names == {
        "a": (ImportTarget("a", None),),
        "d": (ImportTarget("a.c", None),),
        "e": (ImportTarget("shop.sub", "e"),),
        "h": (ImportTarget("shop.sub.f", "g"),),
        "i": (ImportTarget("shop.sub.f", "i"),),
    }
    assert imports.stars == ["x"]


def test_imports__both_branches_count() -> None:
    imports = Imports("")
    for line in ("from fast import f", "from slow import f"):
        imports.enter(ast.parse(line).body[0])
    assert imports.names == {"f": (ImportTarget("fast", "f"), ImportTarget("slow", "f"))}
