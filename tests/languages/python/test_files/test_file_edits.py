from __future__ import annotations

from textwrap import dedent

import pytest

from fakes.effort import calls_in
from testsmith.languages.python.language import PYTHON
from testsmith.languages.tests import CannotPlace

BEFORE = dedent(
    """\
    # The shop's tests.
    import pytest

    import shop

    KNOWN = [1, 2]


    @pytest.fixture
    def cart():
        return shop.Cart()


    class TestCart:
        def setup_method(self):
            self.size = 3

        def test_add(self, cart):
            assert cart.add(1) == 1

        # About taking away.
        def test_take(self, cart):
            assert cart.take(1) == self.size


    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (1, 2),
            (3, 4),
        ],
    )
    def test_next(a, b):
        assert shop.next(a) == b


    @pytest.mark.parametrize("a", KNOWN)
    def test_known(a):
        assert shop.knows(a)


    def test_all():
        for a in [1, 2]:
            assert shop.has(a)
    """
)
ADDED = """
    # Nothing.
    def test_add__nothing(self, cart):
        assert cart.add(0) == math.pi
"""
AFTER = (
    BEFORE.replace("import pytest\n", "import math\nimport pytest\n")
    .replace("[1, 2]\n\n", "[1, 2, 5]\n\n")
    .replace("(3, 4),\n", "(3, 4),\n        (5, 6),\n        (7, 8),\n")
    .replace("in [1, 2]", "in [1, 2, 7]")
    .replace("== 1\n", f"== 1\n{ADDED}")
)
MODULE = dedent(
    """\
    # The shop's tests.
    import math
    import pytest

    import shop

    KNOWN = [5]


    @pytest.fixture
    def cart():
        return shop.Cart()


    class TestCart:
        def setup_method(self):
            self.size = 3

        # Nothing.
        def test_add__nothing(self, cart):
            assert cart.add(0) == math.pi


    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (5, 6),
            (7, 8),
        ],
    )
    def test_next(a, b):
        assert shop.next(a) == b


    @pytest.mark.parametrize("a", KNOWN)
    def test_known(a):
        assert shop.knows(a)


    def test_all():
        for a in [1, 2, 7]:
            assert shop.has(a)
    """
)
EVERY = ("TestCart::test_add__nothing", "test_next", "test_known", "test_all")


def reduced(*names: str, code: str = MODULE) -> str:
    return PYTHON.tests.keep_tests(code, names)


def test_edited_tests__are_those_added_and_extended_with_new_rows_only() -> None:
    assert PYTHON.tests.edited_tests(BEFORE, AFTER) == MODULE


def test_edited_tests__one_that_lost_something_is_left_out() -> None:
    after = AFTER.replace("cart.take(1) == self.size", "cart.take(1) == 4")
    assert PYTHON.tests.edited_tests(BEFORE, after) == MODULE


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("shop.Cart()", "shop.Cart(1)", "changes code that is not a test"),
        ("self.size = 3", "self.size = 4", "changes code that is not a test"),
        ("class TestCart:", "class TestCart(Base):", "changes code that is not a test"),
        ("[1, 2, 5]", "[1, 5]", "changes code that is not a test"),
        ("def test_all():", "def test_every():", "removes tests"),
        ("import shop\n", "from shop import *\n", "removes imports"),
    ],
)
def test_edited_tests__refuses_other_changes(old: str, new: str, why: str) -> None:
    with pytest.raises(CannotPlace, match=why):
        PYTHON.tests.edited_tests(BEFORE, AFTER.replace(old, new))


@pytest.mark.parametrize(
    "after", [BEFORE, f"{BEFORE}\n\ndef helper():\n    pass\n", BEFORE.replace("has(a)", "has(a, 1)")]
)
def test_edited_tests__refuses_an_edit_without_tests(after: str) -> None:
    with pytest.raises(CannotPlace, match="adds no tests"):
        PYTHON.tests.edited_tests(BEFORE, after)


CASES = 'def check(text):\n    ...\n\n\ndef test_cases():\n    check("""\nadd 1 2\n3\n""")\n'


def test_edited_tests__one_whose_text_of_several_lines_has_more_lines_is_extended() -> None:
    after = CASES.replace("3\n", "3\nadd 2 2\n4\n")
    assert PYTHON.tests.edited_tests(CASES, after) == after


@pytest.mark.parametrize(("old", "new"), [("3\n", "4\n"), ('"""\nadd 1 2\n3\n"""', '"add 1 2 3"')])
def test_edited_tests__one_whose_text_lost_lines_is_not_extended(old: str, new: str) -> None:
    with pytest.raises(CannotPlace, match="adds no tests"):
        PYTHON.tests.edited_tests(CASES, CASES.replace(old, new))


def test_joined_edit__with_all_tests_is_the_edit() -> None:
    assert PYTHON.tests.joined_edit(BEFORE, AFTER, MODULE) == AFTER


@pytest.mark.parametrize("name", EVERY)
def test_joined_edit__a_test_that_was_cut_is_as_before(name: str) -> None:
    code = reduced(*(each for each in EVERY if each != name))
    there = {
        "TestCart::test_add__nothing": [("import math\n", ""), (ADDED, "")],
        "test_next": [("        (5, 6),\n        (7, 8),\n", "")],
        "test_known": [("[1, 2, 5]", "[1, 2]")],
        "test_all": [("[1, 2, 7]", "[1, 2]")],
    }
    expected = AFTER
    for old, new in there[name]:
        expected = expected.replace(old, new)
    assert PYTHON.tests.joined_edit(BEFORE, AFTER, code) == expected


def test_joined_edit__a_row_that_was_cut_is_left_out() -> None:
    code = PYTHON.judge.without_rows(MODULE, {"test_next": frozenset({0})})
    assert PYTHON.tests.joined_edit(BEFORE, AFTER, code) == AFTER.replace("        (5, 6),\n", "")


def test_joined_edit__a_test_that_was_changed_since_is_as_in_its_module() -> None:
    code = MODULE.replace("math.pi", "math.e")
    assert PYTHON.tests.joined_edit(BEFORE, AFTER, code) == AFTER.replace("math.pi", "math.e")


def test_joined_edit__variables_that_only_the_module_has_go_above_their_first_test() -> None:
    before = "from shop import total\n\n\ndef test_old():\n    assert total([1]) == 1\n"
    first, second = (f"\n\ndef test_{name}():\n    assert total([2]) == 2\n" for name in ("two", "three"))
    new = (
        "def test_two():\n    assert total(_pair()) == 4\n",
        "def test_three():\n    assert total(MANY) == 6\n",
    )
    own = "MANY = [1, 2, 3]\n\nFEW = [2, 2]\n", "def _pair():\n    return FEW + MANY[:0]\n", "IDLE = 1\n"
    code = "\n\n".join(("from shop import total\n", *own, *new))
    expected = f"{before}\n\n{own[0]}\n\n{own[1]}\n\n{new[0]}\n\n{new[1]}"
    assert PYTHON.tests.joined_edit(before, before + first + second, code) == expected
    methods = f"{before}\n\nclass TestMore:\n    def test_two(self):\n        assert total([2])\n"
    of_class = "FEW = [1]\n\n\nclass TestMore:\n    def test_two(self):\n        assert total(FEW)\n"
    with pytest.raises(CannotPlace, match="a test in a class uses variables"):
        PYTHON.tests.joined_edit(before, methods, f"from shop import total\n\n{of_class}")


def test_joined_edit__a_test_that_a_formatter_has_annotated_is_as_it_was_written() -> None:
    after = AFTER.replace("math.pi", "math.tau")
    code = "from typing import NoReturn\n" + MODULE.replace("math.pi", "math.tau + len([NoReturn])")
    assert PYTHON.tests.joined_edit(BEFORE, after, code) == after


def test_joined_edit__absolute_imports_of_the_module_are_relative_ones_of_the_file() -> None:
    before, after, code = (
        text.replace("import shop\n", f"import shop\nfrom {module} import tax\n").replace(
            "math.pi", "math.pi + tax"
        )
        for text, module in ((BEFORE, ".utils"), (AFTER, ".utils"), (MODULE, "tests.utils"))
    )
    assert PYTHON.tests.joined_edit(before, after, code) == after
    with pytest.raises(CannotPlace, match="imports that are not in the edited file"):
        PYTHON.tests.joined_edit(before, after, code.replace("tests.utils", "tests.others"))


def test_joined_edit__a_name_that_a_copied_fixture_imports_from_elsewhere_is_that_of_the_file() -> None:
    before, after, code = (
        text.replace("import shop\n", "import shop\nfrom shop.carts import tax\n").replace(
            "math.pi", "math.pi + tax"
        )
        for text in (BEFORE, AFTER, MODULE)
    )
    copied = "from shop import tax\n\n\ndef closed():\n    tax()\n\n\n"
    assert PYTHON.tests.joined_edit(before, after, copied + code) == after
    with pytest.raises(CannotPlace, match="imports that are not in the edited file"):
        PYTHON.tests.joined_edit(before, after, code.replace("from shop.carts", "from shop"))


def test_joined_edit__a_name_that_a_copied_fixture_imports_and_the_file_only_for_types() -> None:
    block = "if TYPE_CHECKING:\n    from shop.carts import Cart\n"
    before, after = (
        text.replace("import shop\n", f"from typing import TYPE_CHECKING\n\nimport shop\n\n{block}")
        for text in (BEFORE, AFTER.replace("nothing(self, cart)", "nothing(self, cart: Cart)"))
    )
    copied = "from shop.carts import Cart\n\n\ndef new() -> Cart:\n    return Cart()\n\n\n"
    code = copied + MODULE.replace("nothing(self, cart)", "nothing(self, cart: Cart)")
    assert PYTHON.tests.joined_edit(before, after, code) == after
    with pytest.raises(CannotPlace, match="imports that are not in the edited file"):
        PYTHON.tests.joined_edit(before, after, code.replace("from shop.carts", "from shop"))


def test_joined_edit__copied_fixtures_of_a_conftest_stay_out_of_the_file() -> None:
    test = "\n\ndef test_new(given):\n    assert shop.new(given)\n"
    copied = "import data\n\n\n@pytest.fixture\ndef given():\n    return data.GIVEN\n"
    code = f"import pytest\n\nimport shop\n\n{copied}{test}"
    assert PYTHON.tests.joined_edit(BEFORE, BEFORE + test, code) == BEFORE + test


def test_joined_edit__an_added_class_goes_with_its_last_test() -> None:
    added = "class TestMore:\n    size = 1\n\n    def test_more(self):\n        assert shop.more\n"
    after = f"{AFTER}\n\n{added}"
    assert PYTHON.tests.joined_edit(BEFORE, after, MODULE) == AFTER


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def test_other():\n    assert 1\n", "has tests that are not in the edited file"),
        (MODULE.replace("math", "cmath"), "uses imports that are not in the edited file"),
    ],
)
def test_joined_edit__refuses_what_the_edit_has_no_place_for(code: str, why: str) -> None:
    with pytest.raises(CannotPlace, match=why):
        PYTHON.tests.joined_edit(BEFORE, AFTER, code)


TYPED = dedent(
    """\
    from __future__ import annotations

    from typing import TYPE_CHECKING

    import shop

    if TYPE_CHECKING:
        from collections.abc import Iterator

        Numbers = Iterator[int]


    def test_all() -> None:
        every: Numbers = shop.all()
        assert every
    """
)
SAVED = "\n\ndef test_save(tmp_path: Path) -> None:\n    assert shop.save(tmp_path)\n"
PATH = "    from pathlib import Path\n"
KNOWN = "    from collections.abc import Iterator\n"


@pytest.mark.parametrize("test", [SAVED, SAVED.replace("Path)", "'Path')")])
def test_joined_edit__imports_for_type_checkers_stay_with_the_tests_that_use_them(test: str) -> None:
    after = TYPED.replace(KNOWN, KNOWN + PATH) + test
    code = PYTHON.tests.edited_tests(TYPED, after)
    assert PYTHON.tests.test_functions(code) == ("test_save",)
    assert PYTHON.tests.joined_edit(TYPED, after, code) == after


@pytest.mark.parametrize(
    ("old", "new"), [(KNOWN, KNOWN + PATH), ("import shop\n", f"import shop\n\nif TYPE_CHECKING:\n{PATH}")]
)
def test_joined_edit__imports_for_type_checkers_that_nothing_uses_are_left_out(old: str, new: str) -> None:
    after = TYPED.replace(old, new) + SAVED.replace("tmp_path: Path", "tmp_path")
    code = PYTHON.tests.edited_tests(TYPED, after)
    assert PYTHON.tests.joined_edit(TYPED, after, code) == after.replace(new, old)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (KNOWN, "", "removes imports"),
        (KNOWN, PATH, "removes imports"),
        ("Iterator[int]", "Iterator[str]", "changes code that is not a test"),
        ("if TYPE_CHECKING", "if not TYPE_CHECKING", "removes imports"),
    ],
)
def test_edited_tests__refuses_other_changes_for_type_checkers(old: str, new: str, why: str) -> None:
    with pytest.raises(CannotPlace, match=why):
        PYTHON.tests.edited_tests(TYPED, TYPED.replace(old, new) + SAVED)


def test_with_known_rows__a_changed_row_is_as_before_and_new_rows_stay() -> None:
    table = "        (3, 4),\n"
    after = BEFORE.replace(table, "        (3, 9),\n        (5, 6),\n")
    restored = PYTHON.tests.with_known_rows(BEFORE, after)
    assert restored == BEFORE.replace(table, f"{table}        (5, 6),\n")
    assert "(5, 6)" in PYTHON.tests.edited_tests(BEFORE, restored)


@pytest.mark.parametrize("rows", ["", "        (8, 9),\n", "        (3, 4),\n        (3, 9),\n"])
def test_with_known_rows__other_edits_stay(rows: str) -> None:
    after = BEFORE.replace("        (3, 4),\n", rows)
    assert PYTHON.tests.with_known_rows(BEFORE, after) == after


def test_with_test__changes_that_test_alone() -> None:
    code = reduced("TestCart::test_add__nothing", "test_all").replace("has(a)", "has(a, 1)")
    assert PYTHON.tests.with_test(BEFORE, code.replace("[1, 2, 7]", "[1, 2]"), "test_all") == BEFORE.replace(
        "has(a)", "has(a, 1)"
    )


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def test_other():\n    assert 1\n\ndef test_more():\n    assert 1\n", "has no test test_all"),
        ("class TestOther:\n    def test_other(self):\n        assert 1\n", "has no test test_all"),
        ("import math\n\ndef test_all():\n    assert math\n", "uses imports"),
    ],
)
def test_with_test__refuses_what_does_not_fit(code: str, why: str) -> None:
    with pytest.raises(CannotPlace, match=why):
        PYTHON.tests.with_test(BEFORE, code, "test_all")


def test_with_test__the_only_one_under_another_name() -> None:
    code = reduced("test_all").replace("def test_all(", "def test_every(").replace("has(a)", "has(a, 1)")
    found = PYTHON.tests.with_test(BEFORE, code.replace("[1, 2, 7]", "[1, 2]"), "test_all")
    assert found == BEFORE.replace("has(a)", "has(a, 1)").replace("def test_all(", "def test_every(")


def test_changed_tests__are_those_added_changed_and_with_other_rows() -> None:
    after = AFTER.replace("cart.take(1) == self.size", "cart.take(1) == 4")
    names = PYTHON.tests.changed_tests(BEFORE, after)
    assert names == ("TestCart::test_add__nothing", "TestCart::test_take", *EVERY[1:])


STANDS_IN = """\
import shop


class Cart:
    size: int = 3


def test_size():
    assert shop.size(Cart()) == 3
"""


def test_edited_tests__a_class_that_stands_in_may_get_a_field() -> None:
    after = STANDS_IN.replace("3\n\n\n", "3\n    color: str = 'red'\n\n\n")
    after += "\n\ndef test_color():\n    assert shop.color(Cart()) == 'red'\n"
    code = PYTHON.tests.edited_tests(STANDS_IN, after)
    assert PYTHON.tests.test_functions(code) == ("test_color",)
    assert "color: str" in code
    assert PYTHON.tests.joined_edit(STANDS_IN, after, code) == after
    assert PYTHON.tests.tests_sharing_edits(STANDS_IN, after) == ("test_size",)


def test_tests_sharing_edits__none_if_only_tests_and_new_helpers_are_added() -> None:
    after = f"{STANDS_IN}\n\ndef helper():\n    return 1\n\n\ndef test_x():\n    assert helper()\n"
    assert PYTHON.tests.tests_sharing_edits(STANDS_IN, after) == ()


def test_edits__effort_grows_with_the_tests_and_not_with_their_square() -> None:
    small, large = _calls_to_edit(50), _calls_to_edit(300)
    assert large < 8 * small


def _calls_to_edit(tests: int) -> int:
    """Return how many functions are called to take an edit of a file apart and to join it again."""
    before = "".join(
        f"ROWS{number} = [1]\n\n\ndef test_{number}():\n    assert ROWS{number}\n\n\n"
        for number in range(tests)
    )
    after = f"{before}def test_new():\n    assert 1\n"

    def edit() -> None:
        code = PYTHON.tests.edited_tests(before, after)
        assert PYTHON.tests.joined_edit(before, after, code) == after

    return calls_in(edit)
