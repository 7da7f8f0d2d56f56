from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.source.package import (
    Node,
    Package,
    PublicModules,
    SourceRoots,
    has_public_name,
    is_dunder,
)

IMPL = "def f(): ...\ndef g(): ...\nclass A:\n def m(self): ...\n def _n(self): ...\n"


def _public_module(files: dict[str, str], name: str, path: str = "p/_impl.py") -> str | None:
    tree = MemoryTree({"p/__init__.py": "", "p/_impl.py": IMPL, **files})
    modules = SourceRoots.of("", MemoryTree({})).package_files(tree.paths())["p"]
    module = next(each for each in modules if each.path == path)
    return PublicModules(Package.read(tree, modules)).module_for(module, name)


@pytest.mark.parametrize(
    ("name", "is_public"),
    [
        ("f", True),
        ("_f", False),
        ("A.m", True),
        ("A._m", False),
        ("_A.m", False),
        ("A._B.m", False),
        ("A.__init__", True),
        ("_A.__init__", False),
        ("A.__m", False),
        ("__getattr__", True),
        ("__dir__", False),
        ("A.__", False),
    ],
)
def test_has_public_name__underscores(name: str, *, is_public: bool) -> None:
    assert has_public_name(name) == is_public


def test_is_dunder__last_part_only() -> None:
    assert [name for name in ("A.__eq__", "__x__", "A.__m", "____", "__A__.m") if is_dunder(name)] == [
        "A.__eq__",
        "__x__",
    ]


def test_module_for__public_module_is_its_own() -> None:
    files = {"p/api.py": "def f(): ...\n", "p/__init__.py": "from .api import f\n"}
    assert _public_module(files, "f", "p/api.py") == "p.api"
    assert _public_module(files, "_f", "p/api.py") is None


def test_module_for__private_module_is_private_if_the_package_has_anything_public() -> None:
    assert _public_module({"p/api.py": "def other(): ...\n"}, "f") is None
    assert (
        _public_module({"p/api.py": "def _other(): ...\n", "p/__init__.py": "import os\n"}, "f") == "p._impl"
    )
    lazy = "def __getattr__(name):\n from ._impl import f\n return f\n"
    assert _public_module({"p/__init__.py": lazy}, "f") == "p._impl"
    assert _public_module({}, "_f") is None


@pytest.mark.parametrize(
    "text",
    [
        "from ._impl import f",
        "from p._impl import f",
        "from . import _impl\nf = _impl.f",
        "from ._impl import f as f",
        "try:\n from ._impl import f\nexcept ImportError:\n f = None",
        "from ._impl import *",
        "from ._impl import *\n__all__ = ['f']",
        "from ._impl import f\n__all__ = ('f',)",
        "from ._impl import f\n__all__ = []\n__all__ += ['f']",
        "from ._impl import f\n__all__ = [*_impl.__all__]",
        "from ._middle import f",
        "from ._middle import *",
    ],
)
def test_module_for__re_exported_by_the_package(text: str) -> None:
    assert _public_module({"p/__init__.py": text, "p/_middle.py": "from ._impl import f\n"}, "f") == "p"


@pytest.mark.parametrize(
    "text",
    [
        "from ._impl import f\n__all__ = ['g']",
        "from ._impl import *\n__all__ = ['g']",
        "from ._impl import f as other",
        "import p._impl",
        "from . import _impl",
        "if TYPE_CHECKING:\n from ._impl import f",
        "def g():\n from ._impl import f\n return f",
    ],
)
def test_module_for__not_re_exported_under_its_name(text: str) -> None:
    assert _public_module({"p/__init__.py": text, "p/api.py": "def other(): ...\n"}, "f") is None


def test_module_for__star_import_heeds_the_private_modules_list() -> None:
    files = {"p/__init__.py": "from ._impl import *", "p/_impl.py": f"{IMPL}__all__ = ['g']\n"}
    assert _public_module(files, "g") == "p"
    assert _public_module(files, "f") is None


def test_module_for__members_of_a_re_exported_class() -> None:
    files = {"p/__init__.py": "from ._impl import A"}
    assert _public_module(files, "A") == _public_module(files, "A.m") == "p"
    assert _public_module(files, "A._n") is None


def test_module_for__other_modules_import_for_themselves_what_they_use() -> None:
    assert _public_module({"p/api.py": "from ._impl import f\ndef x(): return f()\n"}, "f") is None
    assert _public_module({"p/api.py": "from ._impl import f\n"}, "f") == "p.api"
    fallback = "try:\n from ._impl import f\nexcept ImportError:\n f = None\n"
    assert _public_module({"p/api.py": fallback}, "f") == "p.api"
    assert _public_module({"p/api.py": "from ._impl import A\ndef x(a: A): ...\n"}, "A") is None


def test_module_for__the_shortest_path_of_several() -> None:
    files = {"p/__init__.py": "from .api import f", "p/api.py": "from ._impl import f\n__all__ = ['f']\n"}
    assert _public_module(files, "f") == "p"
    assert _public_module({**files, "p/__init__.py": ""}, "f") == "p.api"


def test_module_for__name_that_is_another_things() -> None:
    files = {"p/__init__.py": "from ._other import f", "p/_other.py": "def f(): ...\n"}
    assert _public_module(files, "f") is None


def test_module_for__imports_in_a_circle() -> None:
    files = {"p/__init__.py": "from ._a import f, h", "p/_a.py": "from ._b import *\nfrom ._impl import f\n"}
    files["p/_b.py"] = "from ._a import *\n"
    assert _public_module(files, "f") == "p"


def test_module_for__chain_of_a_thousand_imports() -> None:
    files = {f"p/_m{n}.py": f"from ._m{n + 1} import f\n" for n in range(1000)}
    files |= {"p/__init__.py": "from ._m0 import f", "p/_m1000.py": "from ._impl import f\n"}
    assert _public_module(files, "f") == "p"


def test_is_public__nodes() -> None:
    tree = MemoryTree({"p/__init__.py": "", "p/_impl.py": IMPL, "p/api.py": IMPL})
    modules = SourceRoots.of("", MemoryTree({})).package_files(tree.paths())["p"]
    public = PublicModules(Package.read(tree, modules))
    nodes = [Node("p.api", "f"), Node("p.api", "A._n"), Node("p._impl", "f"), Node("elsewhere", "f")]
    assert [public.is_public(node) for node in nodes] == [True, False, False, False]
