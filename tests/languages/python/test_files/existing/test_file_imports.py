from __future__ import annotations

import pytest

from testsmith.languages.python.test_files.existing.file_imports import with_own_imports

OWN = "\n\ndef test_one():\n    assert 1\n"


def added(imports: str, new_imports: str, body: str) -> str:
    """Return a file with these imports, to which a test with more was added."""
    test = f"\n\ndef test_two():\n    {body}\n"
    existing = f"{imports}\n{OWN}"
    result = with_own_imports(f"{new_imports}\n{OWN}{test}", existing)
    assert with_own_imports(result, existing) == result
    head, _, tail = result.partition(OWN)
    body = tail.strip().partition("\n")[2]
    return f"{head.strip()}\n--\n{body.strip()}"


@pytest.mark.parametrize(
    ("imports", "new_imports", "body", "expected"),
    [
        (  # what is used of a module is imported from it
            "from pytest import raises\n\nfrom shop import Cart",
            "from pytest import raises\n\nimport pytest\n\nfrom shop import Cart",
            "with pytest.raises(ValueError): Cart()",
            "from pytest import raises\n\nfrom shop import Cart\n--\nwith raises(ValueError): Cart()",
        ),
        (  # something else is used as well
            "from pytest import raises",
            "import pytest\nfrom pytest import raises",
            "pytest.raises; pytest.warns",
            "import pytest\nfrom pytest import raises\n--\npytest.raises; pytest.warns",
        ),
        (  # the module is imported
            "import more_itertools as mi",
            "import more_itertools as mi\nfrom more_itertools import chunked",
            "assert chunked([1], 1)",
            "import more_itertools as mi\n--\nassert mi.chunked([1], 1)",
        ),
        (  # the file reads that name from the module that it imports
            "import shop\nfrom shop import Cart\n\nshop.parse('1')",
            "import shop\nfrom shop import Cart, parse\n\nshop.parse('1')",
            "assert parse('2')",
            "import shop\nfrom shop import Cart\n\nshop.parse('1')\n--\nassert shop.parse('2')",
        ),
        (  # a name that the test binds itself
            "import shop",
            "import shop\nfrom shop import Cart",
            "shop = 1; Cart(shop)",
            "import shop\nfrom shop import Cart\n--\nshop = 1; Cart(shop)",
        ),
        (  # an import in its own order
            "from datetime import timedelta, date",
            "from datetime import timedelta, date\nfrom datetime import datetime",
            "datetime(1, 1, 1)",
            "from datetime import timedelta, date, datetime\n--\ndatetime(1, 1, 1)",
        ),
        (  # names below each other, next to the module
            "from shop import (total,\n                  chunked)",
            "from shop import (total,\n                  chunked)\nfrom shop import Cart",
            "Cart()",
            "from shop import (total,\n                  chunked,\n                  Cart)\n--\nCart()",
        ),
        (  # and sorted
            "from shop import (chunked,\n                  total)",
            "from shop import (chunked,\n                  total)\nfrom shop import batched",
            "batched()",
            "from shop import (batched,\n                  chunked,\n                  total)\n--\nbatched()",
        ),
        (  # a sorted import
            "from shop import Cart, chunked",
            "from shop import Cart, chunked\nfrom shop import Stock, zero as z",
            "Stock(z)",
            "from shop import Cart, Stock, chunked, zero as z\n--\nStock(z)",
        ),
        (  # an import over several lines
            "from shop import (\n    Cart,\n    chunked\n)",
            "from shop import (\n    Cart,\n    chunked\n)\nfrom shop import Stock, zero",
            "Stock(zero)",
            "from shop import (\n    Cart,\n    Stock,\n    chunked,\n    zero,\n)\n--\nStock(zero)",
        ),
        (  # an import that becomes too long
            f"from shop import {'a' * 30}, {'b' * 30}",
            f"from shop import {'a' * 30}, {'b' * 30}\nfrom shop import {'c' * 30}",
            f"{'c' * 30}()",
            f"from shop import (\n    {'a' * 30},\n    {'b' * 30},\n    {'c' * 30},\n)\n--\n{'c' * 30}()",
        ),
        (  # a patch that extended the import
            "from shop import Cart",
            "from shop import Cart, Stock",
            "Stock()",
            "from shop import Cart, Stock\n--\nStock()",
        ),
        (  # another module
            "import shop",
            "import shop\nimport decimal",
            "decimal.Decimal(1)",
            "import shop\nimport decimal\n--\ndecimal.Decimal(1)",
        ),
    ],
)
def test_with_own_imports__names_are_spelled_and_imported_as_in_the_file(
    imports: str, new_imports: str, body: str, expected: str
) -> None:
    assert added(imports, new_imports, body) == expected
