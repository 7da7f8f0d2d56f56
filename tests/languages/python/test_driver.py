from __future__ import annotations

from fakes.trees import MemoryTree
from testsmith.languages.python.driver import PythonDriver
from testsmith.languages.registry import drivers

CODE = "import pytest\nfrom shop import f\ndef test_f():\n    assert f() == 1\ndef test_g(): ...\n"


def test_driver__is_registered_under_its_language() -> None:
    (driver,) = [each for each in drivers() if each.language == "python"]
    assert (driver.framework, driver.batches) == ("pytest", True)


def test_driver__handles_source_files_only() -> None:
    driver = PythonDriver()
    assert driver.handles("src/shop/cart.py")
    assert not driver.handles("src/shop/cart.pyi")
    assert not driver.handles("README.md")
    assert driver.is_test("tests/test_cart.py")


def test_driver__from_a_tree_to_a_test_file() -> None:
    tree = MemoryTree({"shop.py": "def f():\n    '''One.\n\n    >>> f()\n    1\n    '''\n    return 1\n"})
    driver = PythonDriver()
    (request,) = driver.requests(tree, driver.all_members(tree, ["shop.py"], "").members, "")
    assert request.test_path == "tests/test_shop.py"
    assert [example.call for example in driver.documented_examples(request.member)] == ["f()"]
    kept = driver.keep_tests(CODE, driver.test_functions(CODE)[:1])
    code = driver.format(kept, request.test_path, tree)
    assert code == "from shop import f\n\n\ndef test_f():\n    assert f() == 1\n"
    text = driver.finish(driver.place(None, code), None, request.test_path, tree)
    assert text == code
    assert driver.companions(request.test_path, tree.paths()) == ()
