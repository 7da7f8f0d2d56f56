from __future__ import annotations

import textwrap

import pytest

from fakes.workspaces import function_member
from testsmith.languages.python.judge.test_reading.observed import observed_tests

MEMBER = function_member("def cost(amount, rate=0):\n    return amount\n", "cost")


def observed(before: str, after: str) -> tuple[str, ...]:
    return observed_tests(textwrap.dedent(before), textwrap.dedent(after), MEMBER)


def module(body: str) -> str:
    return f"import pytest\nfrom shop import cost\n\n\ndef test_a():\n{textwrap.indent(body, '    ')}\n"


ONLY_THE_EXPECTED_VALUE = {
    "a literal": ("assert cost(1) == 3", "assert cost(1) == 4"),
    "a literal on the left": ("assert 3 == cost(1)", "assert 4 == cost(1)"),
    "a float by approx": ("assert cost(1) == pytest.approx(0.3)", "assert cost(1) == pytest.approx(0.4)"),
    "the tolerance of approx": (
        "assert cost(1) == pytest.approx(0.3, abs=0.1)",
        "assert cost(1) == pytest.approx(0.3, abs=9)",
    ),
    "a boundary": ("assert cost(1) < 3", "assert cost(1) < 30"),
    "both boundaries": ("assert 0 < cost(1) < 3", "assert 1 < cost(1) < 30"),
    "the comparison": ("assert cost(1) == 3", "assert cost(1) != 3"),
    "None instead": ("assert cost(1) == 3", "assert cost(1) is None"),
    "a truth": ("assert cost(1)", "assert not cost(1)"),
    "a value in a variable": (
        "expected = [3]\nresult = cost(1)\nassert result == expected",
        "expected = [4]\nresult = cost(1)\nassert result == expected",
    ),
    "the message of an error": (
        "with pytest.raises(ValueError, match='below'):\n    cost(-1)",
        "with pytest.raises(ValueError, match='negative'):\n    cost(-1)",
    ),
    "the type of an error": (
        "with pytest.raises(ValueError):\n    cost(-1)",
        "with pytest.raises(TypeError):\n    cost(-1)",
    ),
    "an error instead of a value": (
        "assert cost(-1) == 0",
        "with pytest.raises(ValueError):\n    cost(-1)",
    ),
    "one of two claims": (
        "assert cost(1) == 3 and cost(2) == 6",
        "assert cost(1) == 3 and cost(2) == 7",
    ),
    "what a container holds": ("assert 'x' in cost(1)", "assert 'x' not in cost(1)"),
    "a row of a loop": (
        "for amount, wanted in [(1, 3), (2, 6)]:\n    assert cost(amount) == wanted",
        "for amount, wanted in [(1, 3), (2, 7)]:\n    assert cost(amount) == wanted",
    ),
    "with another way to call": ("assert cost(1, 2) == 3", "assert cost(rate=2, amount=1) == 4"),
    "with a message": ("assert cost(1) == 3, 'adds up'", "assert cost(1) == 4"),
}


@pytest.mark.parametrize(
    ("before", "after"), ONLY_THE_EXPECTED_VALUE.values(), ids=ONLY_THE_EXPECTED_VALUE.keys()
)
def test_observed_tests__the_expected_value_alone(before: str, after: str) -> None:
    assert observed(module(before), module(after)) == ("test_a",)


MORE_OR_NOTHING = {
    "nothing": ("assert cost(1) == 3", "assert cost(1) == 3"),
    "the input": ("assert cost(1) == 3", "assert cost(2) == 3"),
    "the input between boundaries": ("assert 0 < cost(1) < 3", "assert 0 < cost(2) < 3"),
    "both": ("assert cost(1) == 3", "assert cost(2) == 4"),
    "what is seen of the result": ("assert cost(1) == 3", "assert len(cost(1)) == 1"),
    "what comes before": (
        "basket = Basket()\nassert cost(basket) == 3",
        "basket = Basket()\nbasket.add(1)\nassert cost(basket) == 4",
    ),
    "an import": ("from shop.money import X\nassert cost(1) == 3", "assert cost(1) == 3"),
    "the call turned round": ("assert cost(1) == 3", "assert 3 == cost(1)"),
}


@pytest.mark.parametrize(("before", "after"), MORE_OR_NOTHING.values(), ids=MORE_OR_NOTHING.keys())
def test_observed_tests__something_else_or_nothing(before: str, after: str) -> None:
    assert observed(module(before), module(after)) == ()


def test_observed_tests__a_name_hides_nothing() -> None:
    before = module("assert cost(1) == 3")
    after = module("assert cost(1) == 4").replace("test_a", "test_it_is_four")
    assert observed(before, after) == ("test_it_is_four",)


def test_observed_tests__values_in_rows() -> None:
    rows = """
        import pytest
        from shop import cost

        @pytest.mark.parametrize(("amount", "expected"), [(1, 3), (2, {value})])
        def test_rows(amount, expected):
            assert cost(amount) == expected
        """
    assert observed(rows.format(value=6), rows.format(value=7)) == ("test_rows",)
    assert observed(rows.format(value=6), rows.format(value="6), (3, 9")) == ()


def test_observed_tests__values_in_constants() -> None:
    text = "from shop import cost\n\nEXPECTED: int = {}\n\ndef test_a():\n    assert cost(1) == EXPECTED\n"
    assert observed(text.format(3), text.format(4)) == ("test_a",)


def test_observed_tests__only_those_among_others() -> None:
    before = module("assert cost(1) == 3") + "\n\ndef test_b():\n    assert cost(5, 6) == 1\n"
    after = module("assert cost(1) == 4") + "\n\ndef test_b():\n    assert cost(6, 6) == 1\n"
    assert observed(before, after) == ("test_a",)


@pytest.mark.parametrize("broken", ["def test_a(:\n", "x = " + "(" * 300 + ")" * 300])
def test_observed_tests__what_cannot_be_read_tells_nothing(broken: str) -> None:
    good = module("assert cost(1) == 3")
    assert observed(broken, good) == observed(good, broken) == ()
