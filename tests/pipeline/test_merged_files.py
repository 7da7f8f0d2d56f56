from __future__ import annotations

import pytest

from testsmith.pipeline.merged_files import new_test_file


@pytest.mark.parametrize(
    ("path", "member", "new"),
    [
        ("tests/test_prices.py", "prices.py::label", "tests/test_label.py"),
        ("tests/test_definition.py", "a.py::GraphQLEnumType.__init__", "tests/test_graph_ql_enum_type.py"),
        ("tests/test_cart.py", "cart.py::Cart.add", "tests/test_cart_add.py"),
        ("cart/cart_test.go", "cart/cart.go::Add", "cart/add_test.go"),
        ("src/cart.test.ts", "src/cart.ts::addItem", "src/add_item.test.ts"),
        ("tests/regressions.py", "prices.py::label", "tests/regressions_label.py"),
    ],
)
def test_new_test_file__is_named_for_the_member(path: str, member: str, new: str) -> None:
    assert new_test_file(path, member, [path]) == new


def test_new_test_file__has_a_number_if_the_name_is_taken() -> None:
    taken = ["tests/test_label.py", "tests/unit/test_label_2.py"]
    assert new_test_file("tests/test_label.py", "prices.py::label", taken) == "tests/test_label_3.py"
