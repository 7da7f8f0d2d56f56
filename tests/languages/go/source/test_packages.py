from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.go.source.imports import usual_name
from testsmith.languages.go.source.packages import Packages, declares_module, module_folder

TREE = MemoryTree(
    {
        "go.mod": "// The shop.\nmodule example.com/shop/v2 // v2\n",
        "a.go": 'package shop\n\nimport (\n\t"fmt"\n\tt "text/template"\n)\n',
        "a_test.go": "package shop_test\n",
        "x_windows.go": "package shop\n",
        "cart/cart.go": "package cart\n",
        "tools/go.mod": 'module "example.com/tools"\n',
        "tools/x/main.go": "package main\n",
        "broken/go.mod": "go 1.22\n",
        "broken/b.go": "package broken\n",
    }
)


def test_module_folder__the_nearest_go_mod_in_the_opened_folder() -> None:
    assert module_folder(TREE, "tools/x/main.go", "") == "tools"
    assert module_folder(TREE, "cart/cart.go", "") == ""
    assert module_folder(TREE, "broken/b.go", "") == ""
    assert module_folder(TREE, "tools/x/main.go", "tools/x") == "tools/x"
    assert declares_module(TREE, "")
    assert not declares_module(TREE, "cart")


def test_packages__files_and_import_paths() -> None:
    packages = Packages(TREE)
    assert [file.path for file in packages.sources("")] == ["a.go"]
    assert [file.package for file in packages.tests("")] == ["shop_test"]
    assert packages.sources("")[0].imports == {"fmt": "fmt", "t": "text/template"}
    assert packages.import_path("cart") == "example.com/shop/v2/cart"
    assert packages.import_path("tools/x") == "example.com/tools/x"
    assert packages.folder_of("example.com/shop/v2/cart", "") == "cart"
    assert packages.folder_of("example.com/shop/v2/none", "") is None
    assert packages.folder_of("example.com/tools/x", "") is None


def test_usual_name__without_versions_and_affixes() -> None:
    assert {
        path: usual_name(path) for path in ("a/b/v2", "gopkg.in/yaml.v3", "x/go-cmp", "net/http", "v1")
    } == {
        "a/b/v2": "b",
        "gopkg.in/yaml.v3": "yaml",
        "x/go-cmp": "cmp",
        "net/http": "http",
        "v1": "v1",
    }
