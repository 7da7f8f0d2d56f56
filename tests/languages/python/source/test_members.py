from __future__ import annotations

import pytest

from fakes.scopes import Files, scope
from fakes.trees import MemoryTree
from testsmith.languages.python.source.context import import_line
from testsmith.languages.python.source.members import all_members, changed_members
from testsmith.languages.source import MOST_DIFF_CHARACTERS, MemberFindings
from testsmith.model import Change, Member, MemberKind, Place, ShownChange, Skipped, SkipStage

Names = dict[str, str]


def _found(base: Files, head: Files, renames: Names | None = None, *, project: str = "") -> MemberFindings:
    return changed_members(scope(base, head, renames, project))


def _changes(base: Files, head: Files, renames: Names | None = None, *, project: str = "") -> Names:
    """Return each found member's name with its change."""
    return {each.name: str(each.change) for each in _found(base, head, renames, project=project).members}


def _in_module(base: str, head: str) -> Names:
    return _changes({"m.py": base}, {"m.py": head})


def test_changed_members__a_member_is_told_whole() -> None:
    base = {"src/shop/cart.py": "class Cart:\n    def total(self): return 1\n"}
    head = {
        "src/shop/cart.py": """
            import functools


            class Cart:
                def total(self): return 1

                @functools.cache
                async def add(self, x):
                    \"""Add.\"""
                    return x
        """
    }
    assert _found(base, head).members == (
        Member(
            path="src/shop/cart.py",
            name="Cart.add",
            language="python",
            change=_found(base, head).members[0].change,
            line=7,
            end_line=10,
            kind=MemberKind.METHOD,
            source='@functools.cache\nasync def add(self, x):\n    """Add."""\n    return x',
            module="shop.cart",
            is_async=True,
            changed_lines=frozenset({7, 8, 9, 10}),
        ),
    )


def test_changed_members__changed_lines_are_those_of_the_diff() -> None:
    base = "def f():\n    a()\n    b()\n    return 1\n"
    (member,) = _found({"m.py": base}, {"m.py": base.replace("b()", "c()")}).members
    assert (member.id, str(member.change), sorted(member.changed_lines)) == ("m.py::f", "changed", [3])


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ("def f(x):\n    return x\n", 'def f(x: int) -> int:\n    """Say."""\n    return (x)  # why\n'),
        ("def f(): 1\ndef g(): 2\n", "def g(): 2\n\n\ndef f():\n    1\n"),
        ("class A:\n def f(self): 1\n def g(self): 2\n", "class A:\n def g(self): 2\n def f(self): 1\n"),
        ("def f(x): 1\n", "@overload\ndef f(x: int): ...\ndef f(x): 1\n"),
        ("class A(Protocol):\n def f(self): ...\n", "class A(Protocol):\n def f(self, x=1): ...\n"),
        ("class A(Protocol):\n x: int\n", "class A(Protocol):\n x: int\n def f(self): ...\n"),
        ("import a\ndef f(): 1\n", "import b\ndef f(): 1\n"),
        ("class A(object):\n def f(self): 1\n", "class A:\n def f(self): 1\n"),
        ("def f(): 1\ndef g(): 2\n", "def f(): 1\n"),
        ("def f(): 1\n", "def f(): 1\ndef _g(): 1\n_X = 1\nY = 2\n"),
    ],
)
def test_changed_members__what_is_no_change(base: str, head: str) -> None:
    assert _in_module(base, head) == {}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("class A:\n def f(self): 1\n def _g(self): 1\n def __init__(self): 1\n", ["A.f"]),
        ("class A:\n x = 1\n def __init__(self): 1\n", ["A"]),
        ("class A(Exception): ...\n", []),
        ("class A(Exception):\n '''Not set.'''\n pass\n", []),
        ("class A(Exception):\n code = 1\n", ["A"]),
        ("class A(B, key=1): ...\n", ["A"]),
        ("@add\nclass A(Exception): ...\n", ["A"]),
        ("class A:\n class B:\n  def f(self): 1\n", ["A", "A.B.f"]),
        ("class A:\n @property\n def x(self): 1\n @x.setter\n def x(self, y): 1\n", ["A.x"]),
        ("class _A:\n def f(self): 1\n", []),
        ("class A(Protocol):\n def f(self): ...\n async def g(self):\n  'Do.'\n", []),
        ("class A(t.Protocol[T]):\n x: int\n @property\n def y(self): ...\n", []),
        ("class A(Protocol):\n 'Do.'\n def __call__(self): ...\n", []),
        ("class A(Protocol):\n def f(self): ...\n def g(self): return 1\n", ["A.g"]),
        ("class A(Protocol):\n x = 1\n", ["A"]),
        ("@runtime_checkable\nclass A(Protocol):\n def __len__(self): ...\n", ["A"]),
        ("class A(B):\n def f(self): ...\n", ["A.f"]),
    ],
)
def test_changed_members__added_class_by_its_public_methods(head: str, expected: list[str]) -> None:
    assert _in_module("", head) == dict.fromkeys(expected, "added")


def test_changed_members__getattr_of_a_module_that_was_there() -> None:
    base = "def __getattr__(name): return _rate(name)\ndef _rate(name): return 1\n"
    assert _in_module(base, base.replace("_rate(name)\n", "_rate(name) + 1\n")) == {"__getattr__": "changed"}
    assert _in_module(base, base.replace("1", "2")) == {"__getattr__": "affected"}
    assert _in_module("X = 1\n", base) == {"__getattr__": "added"}
    assert _changes({}, {"m.py": base}) == {}
    assert _in_module(base, base + "def __dir__(): return []\n") == {}
    (member,) = _found({"p/__init__.py": "X = 1\n"}, {"p/__init__.py": base}).members
    assert import_line(member) == "import p"


def test_changed_members__class_that_was_there() -> None:
    base = "class A(B):\n x = 1\n def __init__(self): self.y = 1\n def f(self): 1\n"
    assert _in_module(base, base.replace("A(B)", "A(C)")) == {"A": "changed"}
    assert _in_module(base, base.replace("x = 1", "x = 2")) == {"A": "changed"}
    assert _in_module(base, f"@total_ordering\n{base}") == {"A": "changed"}
    assert _in_module(base, base.replace("self.y = 1", "self.y = 2")) == {"A.__init__": "changed"}
    assert _in_module(base, base + " def __eq__(self, other): return 1\n") == {"A.__eq__": "changed"}
    assert _in_module(base, base + " def g(self): 1\n") == {"A.g": "added"}
    assert _in_module(base, base.replace("f(self): 1", "f(self): 1 / 0")) == {"A.f": "changed"}


@pytest.mark.parametrize(
    ("base", "name", "change"),
    [
        ("class A(dict):\n x = 1\n", "__reduce__", "changed"),
        ("class A(dict):\n x = 1\n", "update", "changed"),
        ("class A:\n x = 1\n", "__repr__", "changed"),
        ("class B(list): ...\nclass A(B):\n x = 1\n", "append", "changed"),
        ("class B:\n def f(self): ...\nclass A(B):\n x = 1\n", "f", "changed"),
        ("class B:\n def g(self): ...\nclass A(B):\n x = 1\n", "f", "added"),
        ("class A(dict):\n x = 1\n", "f", "added"),
        ("class A:\n x = 1\n", "__enter__", "added"),
    ],
)
def test_changed_members__added_method_in_place_of_an_inherited_one(
    base: str, name: str, change: str
) -> None:
    head = f"{base} def {name}(self): return 1\n"
    (member,) = _found({"m.py": base}, {"m.py": head}).members
    assert (member.name, str(member.change)) == (f"A.{name}", change)
    assert bool(member.shown_change.own) == (change == "changed")


def test_changed_members__method_added_with_the_one_that_it_overrides() -> None:
    base = "class B:\n x = 1\nclass A(B):\n x = 2\n"
    head = "class B:\n x = 1\n def f(self): 1\nclass A(B):\n x = 2\n def f(self): 2\n"
    assert _in_module(base, head) == {"A.f": "added", "B.f": "added"}


def test_changed_members__property_is_one_with_its_setter() -> None:
    base = "class A:\n @property\n def x(self): 1\n def y(self): 1\n @x.setter\n def x(self, v): self.v = v\n"
    (member,) = _found({"m.py": base}, {"m.py": base.replace("= v", "= v + 1")}).members
    assert (member.name, member.line, member.end_line) == ("A.x", 2, 6)
    assert member.source == (
        "@property\ndef x(self): 1\n\n@x.setter\ndef x(self, v): self.v = v + 1"
    )  # fmt: skip
    assert member.changed_lines == {6}


def test_changed_members__renamed_file_is_compared_across_the_rename() -> None:
    base = {"old.py": "def f(): 1\ndef g(): return 1\n"}
    head = {"pkg/new.py": "def f(): 1\ndef g(): return 2\ndef h(): 1\n"}
    assert _changes(base, head, {"old.py": "pkg/new.py"}) == {"g": "changed", "h": "added"}


def test_changed_members__moved_between_files_is_no_change() -> None:
    base = {"a.py": "def f(x): return x\nclass A:\n def g(self): 1\nclass B(Exception): 1\n", "b.py": ""}
    head = {
        "a.py": "from b import f\n",
        "b.py": 'def f(x: int):\n """Move."""\n return x\nclass A:\n def g(self): 1\nclass B(Exception): 1\n',
    }
    assert _changes(base, head) == {}
    head["b.py"] = head["b.py"].replace("return x", "return -x")
    assert _changes(base, head) == {"f": "added"}


def test_changed_members__many_moves_of_one_name_take_no_square_of_comparisons() -> None:
    base = {f"a{n}.py": f"def main(): return {n}\n" for n in range(400)}
    assert _changes(base, {f"b{n}.py": f"def main():\n  return {n}\n" for n in range(400)}) == {}


def test_changed_members__copied_is_added() -> None:
    text = "def f(x): return x\n"
    assert _changes({"a.py": text}, {"a.py": f"{text}X = 1\n", "b.py": text}) == {"f": "added"}


def test_changed_members__class_that_changed_while_it_moved() -> None:
    base = {"a.py": "class A:\n x = 1\n def g(self): 1\n"}
    assert _changes(base, {"b.py": "class A:\n x = 2\n def g(self): 1\n"}) == {"A": "added"}
    assert _changes(base, {"b.py": "class A:\n x = 2\n def g(self): return 2\n"}) == {"A.g": "added"}


def test_changed_members__re_exported_from_a_private_module() -> None:
    files = {"p/__init__.py": "from ._cart import Cart\n", "p/_cart.py": "class Cart:\n def f(self): 1\n"}
    head = {**files, "p/_cart.py": "class Cart:\n def f(self): return 2\nclass Other:\n def g(self): 1\n"}
    (member,) = _found(files, head).members
    assert (member.id, member.module) == ("p/_cart.py::Cart.f", "p")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"p/__init__.py": "", "p/__main__.py": "from p._main import main\nmain()\n"}, ["p._main"]),
        ({"p/__init__.py": "VERSION = '1'\n"}, ["p._main"]),
        ({"p/__init__.py": "def other(): 1\n"}, []),
        ({"p/__init__.py": "", "p/api.py": "from p._main import helper\n"}, []),
    ],
    ids=["a program", "a constant", "a public function", "a re-export"],
)
def test_changed_members__of_a_package_without_a_public_name(
    files: dict[str, str], expected: list[str]
) -> None:
    base = {**files, "p/_main.py": "def main(): 1\ndef helper(): 1\ndef _own(): 1\n"}
    head = {**files, "p/_main.py": "def main(): return 2\ndef helper(): 1\ndef _own(): return 2\n"}
    found = _found(base, head).members
    assert [each.module for each in found if each.id == "p/_main.py::main"] == expected
    assert not [each for each in found if each.name == "_own"]


def test_changed_members__changed_member_names_the_private_changes_that_it_uses() -> None:
    base = {"m.py": "def f(x):\n    return x\ndef g(x):\n    return 1\n"}
    head = {
        "m.py": "def _twice(x):\n    return 2 * x\ndef f(x):\n    return _twice(x)\ndef g(x):\n    return 2\n"
    }
    f, g = _found(base, head).members
    assert [(one.name, one.line, one.end_line, one.changed_lines) for one in f.because_places] == [
        ("_twice", 1, 2, frozenset({1, 2}))
    ]
    assert f.lines_of_change == frozenset({1, 2, 4})
    assert [(one.id, one.change) for one in f.causes] == [("m.py::_twice", Change.CHANGED)]
    assert (g.because_places, g.lines_of_change) == ((), frozenset({6}))


def test_changed_members__private_change_affects_what_uses_it() -> None:
    files = {
        "p/__init__.py": "",
        "p/_impl.py": "_LIMIT = 3\ndef limit(): return _LIMIT\n",
        "p/api.py": "from ._impl import limit\ndef f(): return limit()\ndef g(): return f()\ndef h(): 1\n",
    }
    head = {**files, "p/_impl.py": "_LIMIT = 4\ndef limit(): return _LIMIT\n"}
    found = _found(files, head).members
    assert [(each.id, str(each.change), each.because, each.steps) for each in found] == [
        ("p/api.py::f", "affected", ("_LIMIT",), 2),
        ("p/api.py::g", "affected", ("_LIMIT",), 3),
    ]
    assert found[0].because_source == ("_LIMIT = 4",)
    assert found[0].because_places == (
        Place(path="p/_impl.py", line=1, end_line=1, name="_LIMIT", changed_lines=frozenset({1})),
    )
    assert found[0].source == "def f(): return limit()"
    assert found[0].changed_lines == frozenset()
    assert [each.name for each in changed_members(scope(files, head, steps=2)).members] == ["f"]


@pytest.mark.parametrize(
    ("base", "head", "expected"),
    [
        ("X = 1\ndef f(): return X\n", "X = 2\ndef f(): return X\n", {"f": "affected"}),
        ("X = 1\ndef f(): return X\n", "X = 2\ndef f(): return X + 1\n", {"f": "changed"}),
        ("_X: int = 1\ndef f(): return _X\n", "_X = 1  # same\ndef f(): return _X\n", {}),
        ("__tag__ = 1\ndef f(): return __tag__\n", "__tag__ = 2\ndef f(): return __tag__\n", {}),
        ("def g(): 1\ndef f(): return g()\n", "def g(): return 2\ndef f(): return g()\n", {"g": "changed"}),
        (
            "class A:\n def __init__(self): _c()\n def f(self): 1\ndef _c(): 1\n",
            "class A:\n def __init__(self): _c()\n def f(self): 1\ndef _c(): return 2\n",
            {"A.__init__": "affected"},
        ),
        ("def f(): return _g()\n", "def f(): return _g()\ndef _g(): 1\n", {}),
        (
            "_X = 1\nclass A(Protocol):\n def f(self, x=_X): ...\n",
            "_X = 2\nclass A(Protocol):\n def f(self, x=_X): ...\n",
            {},
        ),
    ],
)  # fmt: skip
def test_changed_members__affected_or_not(base: str, head: str, expected: Names) -> None:
    assert _in_module(base, head) == expected


PRIVATE = """\
LIMIT = 3

def _bounded(x):
    return min(x, LIMIT)

def bounded(x):
    return _bounded(x)

class _Range:
    def __init__(self, end):
        self.end = end
    def last(self):
        return self.end

class Range:
    def _last(self):
        return 1
    def last(self):
        return self._last()
"""


def _private_members(test: str, *changes: tuple[str, str], path: str = "shop/limits.py") -> list[str]:
    """Return the private members of a change, if the project has a test."""
    head = PRIVATE
    for old, new in changes:
        assert old in head
        head = head.replace(old, new)
    files = {"shop/__init__.py": "", "tests/test_limits.py": test}
    found = _found({**files, path: PRIVATE}, {**files, path: head}).members
    assert all(
        one.change is Change.CHANGED and one.module == "shop.limits" for one in found if one.is_private
    )
    return [one.name for one in found if one.is_private]


BOUNDED = ("min(x, LIMIT)", "max(x, LIMIT)")
LAST = ("return self.end", "return self.end - 1")
OWN_LAST = ("return 1", "return 2")
END = ("self.end = end", "self.end = abs(end)")


@pytest.mark.parametrize(
    ("test", "change", "names"),
    [
        ("from shop import limits\ndef test_x():\n    assert limits._bounded(1)\n", BOUNDED, ["_bounded"]),
        ("def test_x():\n    from shop.limits import _bounded as b\n    b(1)\n", BOUNDED, ["_bounded"]),
        ("from shop.limits import _bounded\ndef test_x(): check(_bounded)\n", BOUNDED, ["_bounded"]),
        (
            "from shop.limits import _bounded\ndef help(): return _bounded(1)\ndef test_x(): help()\n",
            BOUNDED,
            ["_bounded"],
        ),
        ("from shop.limits import _Range\ndef test_x(): _Range(1).last()\n", LAST, ["_Range.last"]),
        ("from shop.limits import _Range\ndef test_x(): _Range(1)\n", END, ["_Range.__init__"]),
        ("from shop.limits import Range\ndef test_x(): Range()._last()\n", OWN_LAST, ["Range._last"]),
        ("from shop.limits import bounded\ndef test_x(): bounded(1)  # _bounded\n", BOUNDED, []),
        ("def test_x(monkeypatch): monkeypatch.setattr('shop.limits._bounded', 1)\n", BOUNDED, []),
        ("from shop import limits\ndef test_x(): limits._bounded = None\n", BOUNDED, []),
        ("from shop import other\ndef test_x(): other._bounded(1)\n", BOUNDED, []),
        ("from shop.limits import Range\ndef test_x(one): one._last()\n", OWN_LAST, []),
        ("from shop.limits import _Range\ndef test_x(): _Range(1)\n", LAST, []),
        ("from shop.limits import LIMIT\ndef test_x(): LIMIT\n", ("LIMIT = 3", "LIMIT = 4"), []),
    ],
)
def test_changed_members__private_one_that_tests_use(
    test: str, change: tuple[str, str], names: list[str]
) -> None:
    assert _private_members(test, change) == names


def test_changed_members__private_one_that_tests_use_shows_what_it_uses_itself() -> None:
    base = "def _f(x): return _g(x) if x else 1\ndef _g(x): return _f(x - 1)\ndef h(x): return _f(x)\n"
    test = {"test_m.py": "from m import _f\ndef test_f(): assert _f(0) == 1\n"}
    head = base.replace("1\ndef _g", "2\ndef _g").replace("x - 1", "x - 2")
    found = _found({**test, "m.py": base}, {**test, "m.py": head}).members
    assert [(one.name, str(one.change), one.is_private) for one in found] == [
        ("_f", "changed", True),
        ("h", "affected", False),
    ]
    assert import_line(found[0]) == "from m import _f"
    assert [place.name for place in found[0].because_places] == ["_g"]
    assert len(found[0].shown_change.private) == 1


def test_changed_members__private_one_that_tests_use_and_that_uses_what_changed() -> None:
    two = "def _two(x): return _pick(_pick(x))\ndef f(x): return _two(x)\n"
    base = "_KNOWN = [1]\ndef _pick(x): return _KNOWN[x]\n" + two
    test = {"test_m.py": "from m import _pick, _two\ndef test_m(): assert _pick(0) == _two(0)\n"}
    found = _found({**test, "m.py": base}, {**test, "m.py": base.replace("[1]", "[2]")}).members
    assert [(one.name, str(one.change), one.is_private, one.because) for one in found] == [
        ("_pick", "affected", True, ("_KNOWN",)),
        ("f", "affected", False, ("_KNOWN",)),
    ]
    untested = _found({"m.py": base}, {"m.py": base.replace("[1]", "[2]")}).members
    assert [one.name for one in untested] == ["f"]


CALLBACKS = """\
class Parser:
    def on_start(self):
        return {start}
    def on_end(self):
        return {end}
    def size(self):
        return {end}
    def parse(self, text):
        self.size()
        return run(text, {start}, [self.on_start, self.on_end])
"""


@pytest.mark.parametrize(
    ("values", "test", "expected"),
    [
        ({"start": 2, "end": 1}, "Parser().parse('')", ["parse"]),
        ({"start": 2, "end": 1}, "Parser().on_start()", ["on_start", "parse"]),
        ({"start": 1, "end": 2}, "Parser().parse('')", ["on_end", "size"]),
        ({"start": 2, "end": 2}, "Parser().parse('')", ["size", "parse"]),
    ],
    ids=["passed on", "tested", "by what did not change", "others"],
)
def test_changed_members__methods_that_a_changed_one_passes_on(
    values: dict[str, int], test: str, expected: list[str]
) -> None:
    tests = {"test_m.py": f"from m import Parser\ndef test_m(): assert {test}\n"}
    base = {**tests, "m.py": CALLBACKS.format(start=1, end=1)}
    found = _found(base, {**tests, "m.py": CALLBACKS.format(**values)}).members
    assert [one.name for one in found] == [f"Parser.{name}" for name in expected]
    shown = [len(one.shown_change.private) for one in found if one.name == "Parser.parse"]
    assert shown == [sum(values.values()) - 2] * ("parse" in expected)


@pytest.mark.parametrize(
    ("test", "expected"),
    [("Layers()._next(2)", ["Layers._next", "Layers.next"]), ("Layers().next(2)", ["Layers.next"])],
    ids=["that tests use", "that no test uses"],
)
def test_changed_members__private_method_that_uses_what_changed(test: str, expected: list[str]) -> None:
    source = """\
def _hello(data): return data
class Layers:
    def _next(self, data): return _hello(data)
    def next(self, data): return self._next(data)
"""
    tests = {"test_m.py": f"from m import Layers\ndef test_next(): assert {test}\n"}
    head = {**tests, "m.py": source.replace("return data", "return -data")}
    found = _found({**tests, "m.py": source}, head).members
    assert [(one.name, one.is_private) for one in found] == [(name, "_" in name) for name in expected]


@pytest.mark.parametrize(
    ("imports", "expected"),
    [
        ("from p._shown import shown", ["shown"]),
        ("from p._any import _compared\nfrom p._shown import shown", ["_compared", "shown"]),
        ("from p._shown import other", []),
    ],
    ids=["the one that tests use", "two of them", "none"],
)
def test_changed_members__function_of_an_unchanged_private_module_that_tests_use(
    imports: str, expected: list[str]
) -> None:
    head = {
        "p/__init__.py": "",
        "p/public.py": "def f(): return 1\n",
        "p/_shown.py": "from p._any import _compared\ndef shown(x): return _compared(x)\n"
        "def other(): return 1\n",
        "p/_any.py": "from p._text import _text\ndef _compared(x): return _text(x)\n",
        "p/_text.py": "def _text(x): return [x, 2]\n",
    }
    used = " and ".join(line.rpartition(" ")[2] for line in imports.splitlines())
    test = {"test_p.py": f"{imports}\ndef test_it(): assert {used}\n"}
    base = {**head, **test, "p/_text.py": "def _text(x): return [x]\n"}
    assert [one.name for one in _found(base, {**head, **test}).members] == expected


def test_changed_members__function_of_a_private_module_that_tests_use() -> None:
    base = {
        "p/__init__.py": "VERSION = 1\n",
        "p/_impl.py": "def f(x): return x\n",
        "p/api.py": "from ._impl import f as g\ndef h(): return g(1)\n",
        "tests/test_impl.py": "from p._impl import f\ndef test_f(): assert f(1) == 1\n",
    }
    found = _found(base, {**base, "p/_impl.py": "def f(x): return x + 1\n"}).members
    assert [(one.id, str(one.change), one.module) for one in found] == [
        ("p/_impl.py::f", "changed", "p._impl"),
    ]


RECORDER = {
    "p/__init__.py": "VERSION = 1\n",
    "p/api.py": "def h(): return 1\n",
    "p/_recorder.py": "def _clean(x): return x\ndef dump(x): return _clean(x)\ndef load(x): return x\n",
    "tests/test_recorder.py": "from p import _recorder\ndef test_dump(): assert _recorder.dump(1) == 1\n",
}
IMPORTED = {"p/api.py": "from ._recorder import dump\ndef h(): return dump(1)\n"}
OFFERED = {"p/__init__.py": "from ._recorder import dump\n"}
NO_TEST = {"tests/test_recorder.py": "from p import api\ndef test_dump(): assert api.h() == 1  # dump\n"}
OF_LOAD = {"tests/test_recorder.py": "from p._recorder import load\ndef test_load(): assert load(1) == 1\n"}
OF_HELPER = {"tests/test_recorder.py": "from p._recorder import _clean\ndef test_clean(): _clean(1)\n"}


@pytest.mark.parametrize(
    ("files", "old", "new", "names"),
    [
        ({}, "_clean(x): return x", "_clean(x): return -x", {"dump": "affected"}),
        ({}, "load(x): return x", "load(x): return -x", {"load": "changed"}),
        ({}, "def load", "def save(x): return 1\ndef load", {"save": "added"}),
        ({}, "def load", "def _save(x): return 1\ndef load", {}),
        (NO_TEST, "load(x): return x", "load(x): return -x", {}),
        (OF_HELPER, "load(x): return x", "load(x): return -x", {}),
        (IMPORTED, "load(x): return x", "load(x): return -x", {}),
        (IMPORTED, "_clean(x): return x", "_clean(x): return -x", {"dump": "affected", "h": "affected"}),
        (IMPORTED, "dump(x): return", "dump(x): return -", {"dump": "changed"}),
        ({**IMPORTED, **OF_LOAD}, "load(x): return x", "load(x): return -x", {"load": "changed"}),
        ({**IMPORTED, **OF_LOAD}, "dump(x): return", "dump(x): return -", {"h": "affected"}),
        ({**OFFERED, **OF_LOAD}, "load(x): return x", "load(x): return -x", {"load": "changed"}),
        (OFFERED, "load(x): return x", "load(x): return -x", {}),
        (OFFERED, "_clean(x): return x", "_clean(x): return -x", {"dump": "affected"}),
    ],
)
def test_changed_members__of_a_private_module_that_tests_use(
    files: dict[str, str], old: str, new: str, names: Names
) -> None:
    base = {**RECORDER, **files}
    source = base["p/_recorder.py"]
    assert old in source
    found = _found(base, {**base, "p/_recorder.py": source.replace(old, new)}).members
    assert {one.name: str(one.change) for one in found} == names
    assert not any(one.is_private for one in found)


def test_changed_members__of_a_private_module_that_only_tests_import_as_tests_do() -> None:
    head = {**RECORDER, "p/_recorder.py": RECORDER["p/_recorder.py"].replace("x): return x", "x): return -x")}
    found = _found(RECORDER, head).members
    assert [import_line(one) for one in found] == [
        "from p._recorder import dump",
        "from p._recorder import load",
    ]
    only_new_tests = {name: text for name, text in RECORDER.items() if name.startswith("p/")}
    assert _changes(only_new_tests, {**only_new_tests, **head}) == {"test_dump": "added"}


LOGGER = {
    "p/__init__.py": "from ._log import Logger as _Logger\nlog = _Logger(1)\nif log: log.add(1)\n",
    "p/_log.py": """
        class _Base:
            def name(self): return 1
        class Logger(_Base):
            def __init__(self, x): self.x = x
            def add(self, x): return self._write(x)
            def bind(self): return Logger(2)
            def _write(self, x): return x
        """,
    "tests/test_log.py": "from p import log\ndef test_add(): assert log.add(1) == 1\n",
}


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("add(self, x): return", "add(self, x): return -", {"Logger.add": "changed"}),
        ("def add", "def pop(self): return 1\n            def add", {"Logger.pop": "added"}),
        ("_write(self, x): return", "_write(self, x): return -", {"Logger.add": "affected"}),
        ("name(self): return", "name(self): return -", {"_Base.name": "changed"}),
        ("self.x = x", "self.x = -x", {"Logger.bind": "affected"}),
    ],
    ids=["a method", "a new method", "a private method", "a method of its base", "the constructor"],
)
def test_changed_members__of_a_private_class_with_a_public_instance(old: str, new: str, names: Names) -> None:
    source = LOGGER["p/_log.py"]
    assert old in source
    found = _found(LOGGER, {**LOGGER, "p/_log.py": source.replace(old, new)}).members
    assert {one.name: str(one.change) for one in found} == names
    assert {(one.module, one.instance, one.is_private) for one in found} == {("p._log", "p.log", False)}
    assert import_line(found[0]).partition("  #")[0] == "from p import log"


@pytest.mark.parametrize(
    ("made", "instance"),
    [
        ("log = _Logger()", "m.log"),
        ("log: _Logger = _Logger()", "m.log"),
        ("log = None\nother = _Logger()", "m.other"),
        ("_log = _Logger()", None),
        ("log = _Logger.made()", None),
        ("log = _Logger().add", None),
        ("log, other = _Logger()", None),
        ("log = {}\nlog['a'] = _Logger()", None),
    ],
)
def test_changed_members__of_a_class_with_a_private_name(made: str, instance: str | None) -> None:
    base = f"class _Logger(dict):\n def add(self): return 1\n{made}\n"
    found = _found({"m.py": base}, {"m.py": base.replace("return 1", "return 2")}).members
    assert [(one.name, one.instance) for one in found] == (
        [("_Logger.add", instance)] if instance is not None else []
    )


def test_changed_members__affected_one_shows_what_is_new_and_used_by_what_changed() -> None:
    base = {
        "p/__init__.py": "",
        "p/_old.py": "def _warn(x): return x\ndef _other(x): return x\n",
        "p/api.py": "from ._use import _pick\ndef parse(x): return _pick(x)\n",
        "p/_use.py": "def _pick(x): return x\n",
    }
    head = {
        **base,
        "p/_old.py": f"{base['p/_old.py']}def _implicit(x): return _warn(x)\ndef _unused(x): return 1\n",
        "p/_use.py": "from ._old import _implicit\ndef _pick(x): return _implicit(x)\n",
    }
    (found,) = _found(base, head).members
    assert (found.name, found.because) == ("parse", ("_pick",))
    assert [diff.split("@@")[1].split()[0] for diff in found.shown_change.private] == ["_pick", "_implicit"]


def test_changed_members__method_of_a_class_in_a_private_module_that_tests_use() -> None:
    base = {
        "p/__init__.py": "",
        "p/_parser.py": "class Parser:\n    def feed(self, x): return self._key(x)\n"
        "    def _key(self, x): return x\n",
        "p/driver.py": "from ._parser import Parser\ndef run(x): return Parser().feed(x)\n",
        "tests/test_parser.py": "from p._parser import Parser\ndef test_feed(): Parser().feed(1)\n",
    }
    head = base["p/_parser.py"].replace("x): return x", "x): return -x")
    found = _found(base, {**base, "p/_parser.py": head}).members
    assert [(one.name, one.steps) for one in found] == [("Parser.feed", 1)]
    assert import_line(found[0]) == "from p._parser import Parser"


def test_changed_members__private_one_that_only_new_tests_use_or_that_is_new() -> None:
    base = {"m.py": "def _f(x): return x\n"}
    test = {"test_m.py": "from m import _f, _g\ndef test_f(): assert _f(1) == _g(1)\n"}
    head = {"m.py": "def _f(x): return x + 1\ndef _g(x): return x\n"}
    assert _changes(base, {**head, **test}) == {"test_f": "added"}
    assert _changes({**base, **test}, {**head, **test}) == {"_f": "changed"}


def test_changed_members__new_one_of_a_private_module_if_tests_import_others_of_its_package() -> None:
    base = {
        "p/__init__.py": "",
        "p/_main.py": "def run(x): return x\n",
        "p/cli.py": "def main(x): return x\n",
    }
    head = {**base, "p/_safe.py": "class Safe:\n    def check(self, x): return x\ndef _f(x): return x\n"}
    test = {"tests/test_main.py": "from p._main import run\ndef test_run(): assert run(1) == 1\n"}
    (found,) = _found({**base, **test}, {**head, **test}).members
    assert (found.name, found.change, found.is_private) == ("Safe.check", Change.ADDED, True)
    assert import_line(found) == "from p._safe import Safe"
    of_others = {"tests/test_main.py": "from q._main import run\nfrom p.cli import main, __name__\n"}
    assert _changes({**base, **of_others}, {**head, **of_others}) == {}
    public = {**head, "p/cli.py": "def main(x): return x + 1\n"}
    assert _changes({**base, **test}, {**public, **test}) == {"main": "changed"}


def test_changed_members__new_class_is_not_affected_too() -> None:
    head = "X = 2\nclass A:\n def __init__(self): self.x = X\n def f(self): return X\n"
    assert _in_module("X = 1\n", head) == {"A.f": "added"}


def test_changed_members__private_thing_that_changed_while_it_moved() -> None:
    base = {"p/a.py": "def _h(): return 1\ndef f(): return _h()\n", "p/b.py": ""}
    head = {"p/a.py": "from .b import _h\ndef f(): return _h()\n", "p/b.py": "def _h(): return 1\n"}
    assert _changes(base, head) == {}
    assert _changes(base, {**head, "p/b.py": "def _h(): return 2\n"}) == {"f": "affected"}


def test_changed_members__other_packages_are_not_affected() -> None:
    base = {"p/a.py": "_X = 1\n", "q/b.py": "from p.a import _X\ndef f(): return _X\n"}
    assert _changes(base, {**base, "p/a.py": "_X = 2\n"}) == {}


def test_changed_members__order_of_files_and_lines() -> None:
    head = {"b.py": "def z(): 1\ndef a(): 1\n", "a.py": "def x(): 1\n"}
    assert [each.id for each in _found({}, head).members] == ["a.py::x", "b.py::z", "b.py::a"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0\1", "binary"),
        (b"x = '\xff'\n", "encoding"),
        (b"def (\n", "line 1"),
        (("x = " + "-" * 50_000 + "1\n").encode(), "nested too deeply"),
    ],
)
def test_changed_members__unreadable_file_is_skipped_and_the_rest_found(content: bytes, reason: str) -> None:
    found = _found({}, {"bad.py": content, "good.py": "def f(): 1\n"})
    assert [each.id for each in found.members] == ["good.py::f"]
    (skipped,) = found.skipped
    assert (skipped.path, skipped.member, skipped.stage) == ("bad.py", None, SkipStage.CHANGES)
    assert reason in skipped.reason


def test_changed_members__definition_too_deep_to_be_compared() -> None:
    base, head = (f"def f(): return {' + '.join([name] * 1500)}\n" for name in "ab")
    found = _found({"deep.py": base, "m.py": ""}, {"deep.py": head, "m.py": "def f(): 1\n"})
    assert [each.id for each in found.members] == ["m.py::f"]
    assert "nested too deeply" in found.skipped[0].reason


def test_changed_members__base_that_cannot_be_read_makes_all_added() -> None:
    assert _changes({"m.py": "print 'old'\n"}, {"m.py": "def f(): 1\n"}) == {"f": "added"}


def test_changed_members__deleted_file() -> None:
    assert _found({"m.py": "def f(): 1\n"}, {}) == MemberFindings()


def test_changed_members__file_that_cannot_be_imported() -> None:
    found = _found({}, {"build-docs.py": "def f(): 1\n", "no-members.py": "X = 1\ndef _f(): 1\n"})
    assert found.members == ()
    assert [(each.path, "import" in each.reason) for each in found.skipped] == [("build-docs.py", True)]


def test_changed_members__marked_member_is_found_and_skipped() -> None:
    found = _found({}, {"m.py": "def f(): 1  # testsmith: skip\ndef g(): 1\n"})
    assert [each.name for each in found.members] == ["f", "g"]
    assert [(each.member, each.stage) for each in found.skipped] == [("m.py::f", SkipStage.CHANGES)]


def test_changed_members__marked_affected_member() -> None:
    text = "_X = 1\ndef f(): return _X  # testsmith: skip\n"
    found = _found({"m.py": text}, {"m.py": text.replace("= 1", "= 2")})
    assert [each.member for each in found.skipped] == [each.id for each in found.members] == ["m.py::f"]


def test_changed_members__marked_class_and_its_affected_methods() -> None:
    text = "_X = 1\nclass A:  # testsmith: skip\n def f(self): return _X\n def g(self): return 1\n"
    found = _found({"m.py": text}, {"m.py": text.replace("= 1", "= 2")})
    assert [each.member for each in found.skipped] == [each.id for each in found.members] == ["m.py::A.f"]


def test_changed_members__mark_on_a_setter_speaks_of_the_property() -> None:
    text = "class A:\n @property\n def f(self): return 1\n @f.setter  # testsmith: skip\n def f(self, x): 1\n"
    found = _found({"m.py": text}, {"m.py": text.replace("return 1", "return 2")})
    assert [each.member for each in found.skipped] == [each.id for each in found.members] == ["m.py::A.f"]


def test_changed_members__project_in_a_folder() -> None:
    head = {"apps/a/src/shop/cart.py": "def f(): 1\n"}
    (member,) = _found({}, head, project="apps/a").members
    assert (member.path, member.module) == ("apps/a/src/shop/cart.py", "shop.cart")


def test_changed_members__line_ends_and_encodings_do_not_matter() -> None:
    text = "# coding: latin-1\ndef f(): return 'ä'\n"
    base, head = text.encode("latin-1"), text.replace("\n", "\r\n").replace("latin-1", "utf-8").encode()
    assert _changes({"m.py": base}, {"m.py": head}) == {}


def test_all_members__every_public_member_as_added() -> None:
    tree = MemoryTree(
        {
            "p/a.py": "def f():\n  1\ndef _g(): 1\nclass A:\n def h(self): 1\n def __init__(self): 1\n",
            "p/_b.py": "def x(): 1\n",
            "p/bad.py": "def (",
            "p/other.py": "def y(): 1\n",
        }
    )
    found = all_members(tree, ["p/a.py", "p/_b.py", "p/bad.py"], "")
    assert {each.name: str(each.change) for each in found.members} == {"f": "added", "A.h": "added"}
    assert [sorted(each.changed_lines) for each in found.members] == [[1, 2], [5]]
    assert [each.path for each in found.skipped] == ["p/bad.py"]


def test_all_members__missing_file() -> None:
    found = all_members(MemoryTree({}), ["gone.py"], "")
    assert found.members == ()
    assert isinstance(found.skipped[0], Skipped)


def test_changed_members__diff_of_what_changed_with_comments_and_docstring() -> None:
    base = 'def f(x):\n    """Add."""\n    return x  # old\n'
    head = 'def f(x):\n    """Add one."""\n    return x + 1  # new\n'
    (member,) = _found({"m.py": base}, {"m.py": head}).members
    assert member.shown_change.own.splitlines() == [
        "@@ f @@",
        " def f(x):",
        '-    """Add."""',
        "-    return x  # old",
        '+    """Add one."""',
        "+    return x + 1  # new",
    ]


def test_changed_members__diffs_of_the_private_definitions_that_a_member_uses() -> None:
    base = "_A = 1\ndef _g(): return _A\ndef f(): return _g()\ndef other(): return 1\n"
    head = "_A = 2\ndef _g(): return _A + _h()\ndef _h(): return 0\ndef f(): return _g() + 0\n"
    head += "def new(): return _h()\n"
    found = {each.name: each.shown_change for each in _found({"p/m.py": base}, {"p/m.py": head}).members}
    g = "@@ _g in p/m.py @@\n-def _g(): return _A\n+def _g(): return _A + _h()"
    a = "@@ _A in p/m.py @@\n-_A = 1\n+_A = 2"
    h = "@@ _h in p/m.py @@\n+def _h(): return 0"
    assert found["f"].private == (g, a, h)
    assert found["new"].private == (h,)


def test_changed_members__way_from_an_affected_member_to_what_changed() -> None:
    base = "def _a(): return 1\ndef _b(): return _a()\ndef c(): return _b()\ndef d(): return c()\n"
    found = _found({"m.py": base}, {"m.py": base.replace("1", "2")}).members
    assert [each.shown_change.route for each in found] == [("_b",), ("c", "_b")]
    assert {each.shown_change.route_sources for each in found} == {("def _b(): return _a()",)}


def test_changed_members__private_class_is_shown_without_its_methods_again() -> None:
    base = "class _A:\n    x = 1\n    def g(self): return 1\ndef f(): return _A().g()\n"
    head = base.replace("x = 1", "x = 2").replace("return 1", "return 2")
    (member,) = _found({"m.py": base}, {"m.py": head}).members
    assert len(member.shown_change.private) == 1
    assert member.shown_change.private[0].count("return 2") == 1


def test_changed_members__digest_of_the_change_ignores_comments_but_not_the_base() -> None:
    def digest(base: str, head: str) -> str:
        (member,) = _found({"m.py": base}, {"m.py": head}).members
        return member.shown_change.digest

    head = "def _g(): return 3\ndef f(): return _g()\n"
    one = digest("def _g(): return 1\ndef f(): return _g()\n", head)
    assert digest("def _g(): return 1  # one\ndef f(): return _g()\n", head) == one
    assert digest("def _g(): return 2\ndef f(): return _g()\n", head) != one
    assert digest("def _g(): return 1\ndef f(): return _g()\n", head.replace("3", "4")) != one


def test_changed_members__long_diff_is_cut_at_a_line() -> None:
    base, head = (
        "def f():\n" + "".join(f"    x{line} = '{mark * 60}'\n" for line in range(200)) for mark in "ab"
    )
    (member,) = _found({"m.py": base}, {"m.py": head}).members
    *lines, last = member.shown_change.own.splitlines()
    assert last == "[The diff is cut here.]"
    assert set(map(len, lines[2:])) <= {len(f"-    x{'1' * n} = '{'a' * 60}'") for n in (1, 2, 3)}
    assert len(member.shown_change.own) < MOST_DIFF_CHARACTERS + 50


def test_all_members__no_diffs() -> None:
    tree = MemoryTree({"p/a.py": "def _g(): return 1\ndef f(): return _g()\n"})
    (member,) = all_members(tree, ["p/a.py"], "").members
    assert member.shown_change == ShownChange()


def test_changed_members__renamed_is_no_change_even_with_another_parameter() -> None:
    base = {"a.py": "def ends(text):\n return text[-1:] == '.'\ndef g(x): return ends(x)\n"}
    head = {"a.py": "def has_end(sql):\n return sql[-1:] == '.'\ndef g(x): return has_end(x)\n"}

    assert "has_end" not in _changes(base, head)
    assert _changes(base, {"a.py": head["a.py"].replace("'.'", "';'")})["has_end"] == "added"


def test_changed_members__long_diff_has_fewer_lines_around_each_change() -> None:
    def text(mark: str) -> str:
        lines = (f"    x{line} = '{'a' * 100}{mark if line in {3, 60} else ''}'\n" for line in range(70))
        return "".join(["def f():\n", *lines])

    (member,) = _found({"m.py": text("")}, {"m.py": text("b")}).members
    shown = member.shown_change.own.splitlines()
    assert [line.partition(" =")[0] for line in shown if line.startswith("+")] == ["+    x3", "+    x60"]
    assert len(shown) == 2 * len(["@@", "before", "before", "before", "-", "+", "after", "after", "after"])
