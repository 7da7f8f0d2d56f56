"""Which private functions count for which member."""

from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.language import PythonSource
from testsmith.languages.python.source.metrics import weights


def private_of(**files: str) -> dict[str, list[tuple[str, int, int]]]:
    """Return name, first and last line of the private functions of each member, by its name."""
    tree = MemoryTree({f"shop/{name}.py": text for name, text in files.items()} | {"shop/__init__.py": ""})
    members = PythonSource().all_members(tree, tree.paths(), "").members
    found = weights(tree, members, "")
    return {
        one.name: [(each.name, each.line, each.end_line) for each in found[one.id].private]
        for one in members
        if found[one.id].private
    }


def test_weights__private_code_counts_for_the_public_function_that_reaches_it() -> None:
    found = private_of(
        api="from shop import _impl\n\n\ndef price(x):\n    return _impl.price(x)\n",
        _impl="def price(x):\n    return _tax(x)\n\n\ndef _tax(x):\n    return x\n\ndef unused():\n    ...",
    )

    assert found == {"price": [("price", 1, 2), ("_tax", 5, 6)]}


def test_weights__private_code_counts_once_for_the_nearest_and_then_for_the_first() -> None:
    code = """\
def far(x):
    return _step(x)

def near(x):
    return _far(x)

def later(x):
    return _far(x) + near(x)

def _step(x):
    return _far(x)

def _far(x):
    return x
"""

    assert private_of(cart=code) == {"far": [("_step", 10, 11)], "near": [("_far", 13, 14)]}


def test_weights__what_only_another_public_function_uses_does_not_count_for_its_callers() -> None:
    code = (
        "def one(x):\n    two(x)\n\ndef two(x):\n    return _own(x)\n\ndef _own(x):\n    return _own(x - 1)\n"
    )

    assert private_of(cart=code) == {"two": [("_own", 7, 8)]}


def test_weights__of_a_class_count_constructor_private_methods_and_functions_in_a_table() -> None:
    code = """\
class Cart:
    def __init__(self):
        self.rows = _load()

    def total(self):
        return self._sum()

    def _sum(self):
        return _KINDS["sum"](self.rows)

def _load():
    return [1]

def _add(rows):
    return sum(rows)

_KINDS = {"sum": _add}
"""
    names = [name for name, _, _ in private_of(cart=code)["Cart.total"]]

    assert sorted(names) == ["Cart.__init__", "Cart._sum", "_add", "_load"]


def test_weights__a_class_that_counts_as_a_whole_has_its_private_methods_already() -> None:
    code = "class Point:\n    def _norm(self):\n        return _root(2)\n\ndef _root(x):\n    return x\n"

    assert private_of(point=code) == {"Point": [("_root", 5, 6)]}
