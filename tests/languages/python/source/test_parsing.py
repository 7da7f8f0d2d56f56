from __future__ import annotations

from textwrap import dedent

import pytest

from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.source.parsing import MAX_PATTERN_COST, parse_concrete
from testsmith.languages.source import CannotParse

NESTED = {
    "mapping": ("{1: ", "}"),
    "sequence": ("[", "]"),
    "tuple": ("(", ",)"),
    "group": ("(", ")"),
    "class": ("C(", ")"),
    "keyword": ("C(x=", ")"),
    "alternative": ("(a.b | ", ")"),
    "over several lines": ("{1:  # {\n\n", "\n}"),
}
TEST = "def test_add():\n    assert True\n"


def matching(pattern: str) -> str:
    return f"def helper():\n    match {{}}:\n        case {pattern}:\n            pass\n"


def nested(form: str, depth: int) -> str:
    opening, closing = NESTED[form]
    return matching(f"{opening * depth}1{closing * depth}")


@pytest.mark.parametrize("form", NESTED)
def test_parse_concrete__patterns_nested_too_deep_are_refused(form: str) -> None:
    with pytest.raises(CannotParse, match="nested too deep"):
        parse_concrete(nested(form, 24))


@pytest.mark.parametrize("form", NESTED)
def test_parse_concrete__patterns_as_people_write_them_are_read(form: str) -> None:
    code = nested(form, 5)
    assert parse_concrete(code).code == code


def test_parse_concrete__many_patterns_are_refused_together() -> None:
    cases = "        case {1: {2: [a]}}:\n            pass\n"
    few = f"{matching('1')}{cases * 100}"
    assert parse_concrete(few).code == few
    with pytest.raises(CannotParse, match="too many"):
        parse_concrete(f"{matching('1')}{cases * (MAX_PATTERN_COST // 100)}")


def test_parse_concrete__brackets_elsewhere_cost_nothing() -> None:
    code = dedent("""\
        def case(x):
            match x:
                case 1 if lambda: x: print(((((((((((((x)))))))))))))
                case _:
                    ((((((((((((x))))))))))))
        """)
    assert parse_concrete(code).code == code


@pytest.mark.parametrize("form", NESTED)
def test_driver__what_would_keep_it_busy_is_refused_wherever_it_comes_from(form: str) -> None:
    language, hostile = PYTHON, f"{TEST}\n\n{nested(form, 24)}"
    more = f"{hostile}\n\ndef test_more():\n    assert True\n"
    with pytest.raises(CannotParse):  # a model's answer, or what is kept of one
        language.tests.keep_tests(more, {"test_more"})
    with pytest.raises(CannotParse):  # a test file with a mark that somebody forged
        language.tests.remove(hostile, {"test_add"})
    with pytest.raises(CannotParse):
        language.tests.place(hostile, "def test_new():\n    assert True\n", {"test_add"})
