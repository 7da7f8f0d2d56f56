from __future__ import annotations

import textwrap

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.source.affected import MOST_CAUSES, Effect, effects
from testsmith.languages.python.source.package import Node, Package, PublicModules, SourceRoots


def _effects(files: dict[str, str], *changed: str, limit: int = 3) -> dict[Node, Effect]:
    tree = MemoryTree({path: textwrap.dedent(text) for path, text in files.items()})
    modules = SourceRoots.of("", MemoryTree({})).package_files(tree.paths())["p"]
    package = Package.read(tree, modules)
    nodes = [Node(*each.split(":")) for each in changed]
    return effects(package, PublicModules(package), nodes, limit)


def _reached(text: str, changed: str, limit: int = 3) -> dict[str, int]:
    found = _effects({"p/m.py": text}, f"p.m:{changed}", limit=limit)
    return {node.name: effect.steps for node, effect in found.items()}


def test_effects__nearest_first_to_the_limit() -> None:
    text = """
        def _a(): ...
        def b(): return _a()
        def c(): return b()
        def d(): return c()
        def e(): return d()
        def other(): ...
    """
    assert _reached(text, "_a") == {"b": 1, "c": 2, "d": 3}
    assert _reached(text, "_a", limit=1) == {"b": 1}
    assert _reached(text, "_a", limit=0) == {}


def test_effects__what_nothing_public_uses_over_so_few_references() -> None:
    text = """
        def _a(): ...
        def _b(): return _a()
        def _c(): return _b()
        def near(): return _c()
        def _d(): return _c()
        def as_near(): return _c()
        def far(): return _d(), near()
        def _x(): ...
        def other(): return _x()
    """
    assert _reached(text, "_a", limit=1) == {"_b": 1, "_c": 2, "near": 3, "_d": 3, "as_near": 3}


def test_effects__constants_and_what_they_are_made_of() -> None:
    text = """
        _RATES = {}
        def _load(): ...
        _RATES["x"] = _load()
        def rate(): return _RATES
        def default(x=_RATES): ...
    """
    assert _reached(text, "_load") == {"_RATES": 1, "rate": 2, "default": 2}


def test_effects__a_circle_of_calls_ends() -> None:
    assert _reached("def _a(): b()\ndef b(): c()\ndef c(): b(), _a()\n", "_a", limit=50) == {
        "b": 2,
        "c": 1,
        "_a": 3,
    }


def test_effects__private_method_of_the_own_class() -> None:
    text = """
        class Cart:
            def _check(self): ...
            def add(self): self._check()
            def total(self): return self.add()
            @classmethod
            def of(cls): return cls._check(cls())
            def rest(self): ...
        def use(cart): cart._check()
    """
    assert _reached(text, "Cart._check") == {"Cart.add": 1, "Cart.of": 1, "use": 1, "Cart.total": 2}


def test_effects__through_bases_and_overrides() -> None:
    text = """
        class _Base:
            def run(self): self._step()
            def _step(self): ...
        class Middle(_Base): ...
        class Job(Middle):
            def _step(self): super()._step()
            def start(self): self.run()
    """
    assert _reached(text, "_Base.run") == {"Middle": 1, "Job.start": 1, "Job": 2}
    assert _reached(text, "_Base._step")["Job._step"] == 1
    assert _reached(text, "Job._step") == {"_Base.run": 1, "Job.start": 2, "Middle": 2, "Job": 3}


def test_effects__what_a_public_base_calls_is_of_the_subclass_that_overrides_it() -> None:
    text = """
        class Base:
            def __init__(self): self._prepare()
            def _prepare(self): self._use()
            def _use(self): ...
        class Job(Base):
            def _use(self): ...
        class _Hidden(Base):
            def _use(self): ...
        def make(): return Job()
    """
    assert _reached(text, "Job._use") == {"Job": 1, "make": 2}
    assert "Base.__init__" in _reached(text, "_Hidden._use")
    assert "Base.__init__" in _reached(text, "Base._use")


def test_effects__what_a_base_calls_and_another_base_of_its_subclass_has() -> None:
    text = """
        class _Query:
            def run(self): self._execute()
            def _execute(self): ...
        class _Loading:
            def _execute(self): ...
        class Select(_Loading, _Query): ...
        class Insert(_Query): ...
    """
    assert _reached(text, "_Loading._execute") == {"_Query.run": 1, "Select": 1, "Insert": 2}


def test_effects__a_base_that_is_an_attribute_of_a_class() -> None:
    text = """
        class Unit:
            class Kind:
                def name(self): return _name()

        class Length(Unit.Kind):
            pass

        class Mile(Mile.Base): pass

        def _name(): ...
        def shown(): return Length().name()
    """
    assert _reached(text, "_name") == {"Unit.Kind.name": 1}


def test_effects__use_of_a_private_class_is_use_of_all_it_has() -> None:
    text = """
        class _Parser:
            def __init__(self): ...
            def parse(self): ...
        def load(text): return _Parser().parse()
        _PARSER = _Parser()
        def read(text): return _PARSER.parse()
    """
    assert _reached(text, "_Parser.parse") == {"load": 1, "_PARSER": 1, "read": 2}
    assert _reached(text, "_Parser") == {"load": 1, "_PARSER": 1, "read": 2}


def test_effects__use_of_a_public_class_is_its_construction_only() -> None:
    text = """
        def _a(): ...
        def _b(): ...
        class Cart:
            def __init__(self): _a()
            def add(self): _b()
        def make(): return Cart()
    """
    assert _reached(text, "_a") == {"Cart.__init__": 1, "make": 2}
    assert _reached(text, "_b") == {"Cart.add": 1}


def test_effects__decorators_bases_and_class_level_statements() -> None:
    text = """
        def _register(x): return x
        _LIMIT = 3
        class _Base: ...
        @_register
        def f(): ...
        class A:
            limit = _LIMIT
            def m(self): ...
        @_register
        class B(_Base): ...
    """
    assert _reached(text, "_register") == {"f": 1, "B": 1}
    assert _reached(text, "_LIMIT") == {"A": 1}
    assert _reached(text, "_Base") == {"B": 1}


def test_effects__classes_decorated_by_a_public_decorator_are_not_affected() -> None:
    text = """
        def _build(x): return x
        def define(x): return _build(x)
        @define
        class _Check:
            def __call__(self): ...
        def is_checked(): return _Check()
    """
    assert _reached(text, "_build") == {"define": 1}


def test_effects__implementation_registered_for_a_function() -> None:
    text = """
        @functools.singledispatch
        def show(x): ...
        @show.register
        def _(x: int): return _digits(x)
        def _digits(x): ...
    """
    assert _reached(text, "_digits") == {"_": 1, "show": 2}


@pytest.mark.parametrize(
    "text",
    [
        "from ._impl import _f\ndef g(): return _f()\n",
        "from p._impl import _f as h\ndef g(): return h()\n",
        "from . import _impl\ndef g(): return _impl._f()\n",
        "import p._impl\ndef g(): return p._impl._f()\n",
        "import p._impl as i\ndef g(): return i._f()\n",
        "def g():\n from ._impl import _f\n return _f()\n",
        "def g():\n from . import _impl\n return _impl._f()\n",
        "from .sub import _f\ndef g(): return _f()\n",
        "from .sub.deep import *\ndef g(): return _f()\n",
        "from . import sub\ndef g(): return sub.deep._f()\n",
    ],
)
def test_effects__across_modules(text: str) -> None:
    files = {
        "p/__init__.py": "",
        "p/_impl.py": "def _f(): ...\n",
        "p/sub/__init__.py": "from .._impl import _f\nfrom . import deep\n",
        "p/sub/deep.py": "from ..sub import _f\n__all__ = ['_f']\n",
        "p/api.py": text,
        "p/broken.py": "def (",
    }
    assert Node("p.api", "g") in _effects(files, "p._impl:_f")


def test_effects__names_that_mean_something_else() -> None:
    text = """
        import json
        def _f(): ...
        def a(_f): return _f()
        def b():
            _f = 1
            return _f
        def c(x: _f) -> _f: ...
        def d(): return json._f()
        def e(): return [_f for _f in ()]
        class A:
            _f = 1
            def m(self): return self._f
        def f(): return "_f()"  # _f()
    """
    assert _reached(text, "_f") == {}


def test_effects__private_name_that_many_classes_have_is_not_followed() -> None:
    few = "".join(f"class A{n}:\n def _run(self): ...\n" for n in range(3))
    many = "".join(f"class A{n}:\n def _run(self): ...\n" for n in range(30))
    use = "def f(x): x._run()\n"
    assert _reached(few + use, "A1._run") == {"f": 1}
    assert _reached(many + use, "A1._run") == {}


def test_effects__causes_nearest_first_and_not_too_many() -> None:
    names = [f"_c{n:02}" for n in range(20)]
    text = "".join(f"{name} = 1\n" for name in names) + "def _z(): ...\ndef _y(): _z()\n"
    text += f"def f(): return _y(), {', '.join(names[:5])}\ndef g(): return {', '.join(names)}\n"
    found = _effects({"p/m.py": text}, *(f"p.m:{name}" for name in [*names, "_z"]))
    assert [node.name for node in found[Node("p.m", "f")].causes] == [*names[:5], "_z"]
    assert len(found[Node("p.m", "g")].causes) == MOST_CAUSES


def test_effects__long_dotted_names_through_modules_that_name_each_other() -> None:
    loop = "try:\n from . import a as x\nexcept ImportError:\n from . import b as x\n"
    files = {"p/__init__.py": "", "p/a.py": f"{loop}def _f(): ...\n", "p/b.py": loop}
    files["p/c.py"] = f"from . import a\ndef g(): return a{'.x' * 900}._f()\n"
    assert Node("p.c", "g") in _effects(files, "p.a:_f")


def test_effects__grow_with_the_package_not_with_its_square() -> None:
    files = {
        f"p/m{n}.py": f"from .base import _limit\ndef _a{n}(): ...\ndef f{n}(): return _limit(), _a{n}()\n"
        for n in range(300)
    }
    files |= {"p/base.py": "def _limit(): ...\n"}
    found = _effects(files, "p.base:_limit", *(f"p.m{n}:_a{n}" for n in range(300)))
    assert sum(len(effect.causes) for effect in found.values()) == 600


_REGISTERED = {
    "p/__init__.py": "",
    "p/_odt.py": """
        class Odt:
            def export(self, data): return self.rows(data)
            def rows(self, data): ...
            def read(self): return self.rows(())
    """,
    "p/formats.py": """
        _FORMATS = {}
        def register(key, path): _FORMATS[key] = path
        def get(key): return getattr(import_module(_FORMATS[key]), key)
        register("odt", "p._odt.Odt")
    """,
    "p/core.py": """
        from .formats import get
        class Data:
            def export(self, key):
                form = get(key)
                return form.export(self)
            def again(self): return self.export("odt")
            def text(self): return json.export(self), super().export()
            def load(self, stream): return stream.read()
    """,
}


def test_effects__class_that_only_a_registry_knows_is_reached_by_the_names_of_its_methods() -> None:
    found = _effects(_REGISTERED, "p._odt:Odt.rows")
    assert {node.name: effect.steps for node, effect in found.items()} == {
        "Odt.export": 1,
        "Odt.read": 1,
        "Data.export": 2,
        "Data.again": 3,
    }
    assert found[Node("p.core", "Data.export")].routes == ((Node("p._odt", "Odt.export"),),)


def test_effects__names_of_methods_count_only_if_nothing_public_is_known_to_use_them() -> None:
    files = {**_REGISTERED, "p/direct.py": "from ._odt import Odt\ndef f(): return Odt().export(1)\n"}
    reached = {node.name for node in _effects(files, "p._odt:Odt.rows")}
    assert reached == {"Odt.export", "Odt.read", "f"}


def test_effects__names_of_methods_that_much_calls_are_not_followed() -> None:
    callers = "".join(f"def f{n}(x): return x.export(1)\n" for n in range(30))
    assert Node("p.core", "Data.export") not in _effects(
        {**_REGISTERED, "p/many.py": callers}, "p._odt:Odt.rows"
    )


@pytest.mark.parametrize("name", ["import_module('p.data.' + name)", "import_module(f'p.data.{name}')"])
def test_effects__modules_that_are_imported_by_a_text(name: str) -> None:
    files = {
        "p/__init__.py": "",
        "p/data/__init__.py": "",
        "p/data/ko.py": "info = {}\n",
        "p/other/ko.py": "info = {}\n",
        "p/load.py": f"def load(name): return {name}.info\ndef say(): print('p.', 'p.data', 'q.data.')\n",
    }
    assert set(_effects(files, "p.data.ko:info")) == {Node("p.load", "load")}
    assert _effects(files, "p.other.ko:info") == {}
