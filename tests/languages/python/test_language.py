from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.judge.documentation.docstring_examples import documented_examples
from testsmith.languages.python.language import PYTHON
from testsmith.languages.registry import languages

CODE = "import pytest\nfrom shop import f\ndef test_f():\n    assert f() == 1\ndef test_g(): ...\n"


def test_python__is_registered_under_its_language() -> None:
    (language,) = [each for each in languages() if each.name == "python"]
    assert (language.tests.framework, language.batches) == ("pytest", True)


def test_python__handles_source_files_only() -> None:
    assert PYTHON.source.handles("src/shop/cart.py")
    assert not PYTHON.source.handles("src/shop/cart.pyi")
    assert not PYTHON.source.handles("README.md")
    assert PYTHON.tests.is_test("tests/test_cart.py")


def test_python__from_a_tree_to_a_test_file() -> None:
    tree = MemoryTree({"shop.py": "def f():\n    '''One.\n\n    >>> f()\n    1\n    '''\n    return 1\n"})
    (request,) = PYTHON.source.requests(
        tree, PYTHON.source.all_members(tree, ["shop.py"], "").members, "", ""
    )
    assert request.test_path == "tests/test_shop.py"
    assert [example.call for example in documented_examples(request.member)] == ["f()"]
    kept = PYTHON.tests.keep_tests(CODE, PYTHON.tests.test_functions(CODE)[:1])
    code = PYTHON.tests.format(kept, request.test_path, tree)
    assert code == "from shop import f\n\n\ndef test_f():\n    assert f() == 1\n"
    text = PYTHON.tests.finish(PYTHON.tests.place(None, code), None, request.test_path, tree)
    assert text == code
    assert PYTHON.tests.companions(request.test_path, tree.paths()) == ()
