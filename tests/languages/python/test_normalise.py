from __future__ import annotations

import ast
import random
import sys
import textwrap
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

import testsmith
from testsmith.languages.python.source.comparison import meaning, meaning_of_tree, normalized_source
from testsmith.languages.python.source.definitions import definitions

HOUSE = sorted(Path(testsmith.__file__).parent.rglob("*.py"))
SOME = HOUSE[::4]
"""Enough modules for what is to hold of each: 130 with all that Python has."""


def _meanings(text: str) -> dict[str, str]:
    return {name: meaning(each) for name, each in definitions(ast.parse(textwrap.dedent(text))).items()}


SAME = {
    "docstring": ('def f():\n    """Say."""\n    return 1\n', "def f():\n    return 1\n"),
    "only a docstring": ('def f():\n    """Say."""\n', "def f():\n    pass\n"),
    "ellipsis": ("def f():\n    ...\n", "def f():\n    pass\n"),
    "annotations": (
        "def f(x: int, *a: str, y: 'A' = 1, **k: B) -> int:\n    z: int = x\n    w: str\n    return z\n",
        "def f(x, *a, y=1, **k):\n    z = x\n    return z\n",
    ),
    "comments and formatting": ("def f(a,b): # why\n  return (a+\n   b)\n", "def f(a, b): return a + b\n"),
    "quotes": ("def f():\n    return 'a' \"b\"\n", 'def f():\n    return """ab"""\n'),
    "numbers": ("def f():\n    return 1_000, 0x10\n", "def f():\n    return 1000, 16\n"),
    "elif": ("def f():\n if x: a()\n elif y: b()\n", "def f():\n if x: a()\n else:\n  if y: b()\n"),
    "type parameters": ("def f[T](x: T) -> T:\n    return x\n", "def f(x):\n    return x\n"),
    "inner overloads": (
        "def f():\n    @overload\n    def g(x: int): ...\n    def g(x): return x\n    return g\n",
        "def f():\n    def g(x): return x\n    return g\n",
    ),
    "inner type checking": (
        "def f():\n    if TYPE_CHECKING:\n        from a import B\n    return 1\n",
        "def f():\n    return 1\n",
    ),
    "typing decorators": (
        "class A:\n    @override\n    def f(self): return 1\n",
        "class A:\n    def f(self): return 1\n",
    ),
    "class docstring": ('class A(B):\n    """Say."""\n    x = 1\n', "class A(B):\n    x = 1\n"),
    "class generics": ("class A[T](B):\n    x = 1\n", "class A(B):\n    x = 1\n"),
    "field's annotation": ("class A:\n x: int = 1\n y: str\n", "class A:\n x: float = 1\n y: bytes\n"),
    "annotated constant": ("A: int = 1\n", "A = 1\n"),
    "place": ("x = 1\ndef f():\n    return 1\ny = 2\n", "y = 2\n\n\nx = 1\n\n\ndef f():\n    return 1\n"),
}  # fmt: skip


def _cases(pairs: dict[str, tuple[str, str]]) -> list[ParameterSet]:
    """Return the pairs, without those in a syntax that this interpreter does not know."""
    is_new = sys.version_info >= (3, 12)
    return [pytest.param(*pair, id=name) for name, pair in pairs.items() if is_new or "[T]" not in pair[0]]


@pytest.mark.parametrize(("one", "other"), _cases(SAME))
def test_meaning__same(one: str, other: str) -> None:
    assert _meanings(one) == _meanings(other)


DIFFERENT = {
    "body": ("def f(): return 1\n", "def f(): return 2\n"),
    "type of a constant": ("def f(): return 1\n", "def f(): return True\n"),
    "text or bytes": ("def f(): return 'a'\n", "def f(): return b'a'\n"),
    "text or name": ("def f(): return 'a'\n", "def f(): return a\n"),
    "default": ("def f(x=1): ...\n", "def f(x=2): ...\n"),
    "parameter's name": ("def f(x): ...\n", "def f(y): ...\n"),
    "parameter's kind": ("def f(x, y): ...\n", "def f(x, *, y): ...\n"),
    "asynchronous": ("def f(): ...\n", "async def f(): ...\n"),
    "decorator": ("@a\ndef f(): ...\n", "@b\ndef f(): ...\n"),
    "order of decorators": ("@a\n@b\ndef f(): ...\n", "@b\n@a\ndef f(): ...\n"),
    "order of statements": ("def f():\n a()\n b()\n", "def f():\n b()\n a()\n"),
    "structure": ("def f():\n if x:\n  a()\n b()\n", "def f():\n if x:\n  a()\n  b()\n"),
    "else of type checking": (
        "def f():\n if TYPE_CHECKING:\n  a()\n else:\n  b()\n",
        "def f():\n if TYPE_CHECKING:\n  a()\n else:\n  c()\n",
    ),
    "base": ("class A(B): ...\n", "class A(C): ...\n"),
    "class keyword": ("class A(B, x=1): ...\n", "class A(B, x=2): ...\n"),
    "class decorator": ("@a\nclass A: ...\n", "class A: ...\n"),
    "class-level statement": ("class A:\n x = 1\n", "class A:\n x = 2\n"),
    "field's value": ("class A:\n x: int = 1\n", "class A:\n x: int = 2\n"),
    "field's name": ("class A:\n x: int\n", "class A:\n y: int\n"),
    "field or attribute": ("class A:\n x: int = 1\n", "class A:\n x = 1\n"),
    "condition around": ("if A:\n def f(): ...\n", "if B:\n def f(): ...\n"),
    "branch": ("if A:\n x = 1\n", "if A: pass\nelse:\n x = 1\n"),
    "what alters a constant": ("A = {}\nA['x'] = 1\n", "A = {}\nA['x'] = 2\n"),
    "case": ("match a:\n case 1:\n  x = 1\n", "match a:\n case 2:\n  x = 1\n"),
}


@pytest.mark.parametrize(("one", "other"), _cases(DIFFERENT))
def test_meaning__different(one: str, other: str) -> None:
    assert _meanings(one) != _meanings(other)


def test_meaning__a_class_is_apart_from_its_methods() -> None:
    one = _meanings("class A:\n x = 1\n def f(self): return 1\n class B: y = 1\n")
    other = _meanings("class A:\n x = 1\n def f(self): return 2\n class B: y = 2\n")
    assert [name for name in one if one[name] != other[name]] == ["A.f", "A.B"]


class _Bare(ast.NodeTransformer):
    """Takes docstrings and annotations off, in another way than the code under test."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Name("object")
        return self.generic_visit(node)

    def _without_docstring(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node


class _Altered(ast.NodeTransformer):
    """Alters one constant, the one with a given number; one that is a statement of its own does not count."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.met = 0

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        self.met += 1
        if self.met - 1 != self._number:
            return node
        return ast.Constant(f"{node.value!r}!")


def test_meaning__survives_reformatting_and_bare_signatures() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in SOME}
    rewritten = {path: ast.unparse(_Bare().visit(ast.parse(text))) for path, text in texts.items()}
    assert [path for path, text in texts.items() if _meanings(rewritten[path]) != _meanings(text)] == []


@pytest.mark.parametrize("seed", range(20))
def test_meaning__every_constant_of_a_bare_body_counts(seed: int) -> None:
    chosen = random.Random(seed)  # noqa: S311 - a test's choice, no secret
    tree = _Bare().visit(ast.parse(chosen.choice(HOUSE).read_text(encoding="utf-8")))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for source in map(ast.unparse, functions):
        counting = _Altered(-1)
        counting.visit(ast.parse(source))
        if counting.met:
            altered = _Altered(chosen.randrange(counting.met)).visit(ast.parse(source))
            assert meaning_of_tree(altered) != meaning_of_tree(ast.parse(source))


def test_meaning_of_tree__holds_all_of_a_class() -> None:
    one, other = (ast.parse(f"class A:\n def f(self): return {value}\n") for value in (1, 2))
    assert meaning_of_tree(one) != meaning_of_tree(other)


def test_normalized_source__comments_formatting_and_place_do_not_show() -> None:
    one = 'def f(a,b): # why\n    """Say.\n\n    More.\n    """\n    return (a +\n      b)\n'
    other = '# above\ndef f(a, b):\n        """Say.\n\n        More.\n        """\n\n        return a + b'
    assert normalized_source(one) == normalized_source(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x: int): ...", "def f(x: str): ..."),
        ("def f(x) -> int: ...", "def f(x): ..."),
        ('def f():\n    """Say."""\n', 'def f():\n    """Tell."""\n'),
        ("def f(): return 1", "def f(): return 2"),
    ],
)
def test_normalized_source__docstring_and_annotations_show(one: str, other: str) -> None:
    assert normalized_source(one) != normalized_source(other)


def test_normalized_source__is_its_own_normal_form() -> None:
    once = [normalized_source(path.read_text(encoding="utf-8")) for path in SOME]
    assert [text for text in once if normalized_source(text) != text] == []


def test_normalized_source__what_is_no_python_stays() -> None:
    assert normalized_source("def (") == "def ("
