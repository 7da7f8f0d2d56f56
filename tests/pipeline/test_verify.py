"""What is taken of a formatter's text."""

from __future__ import annotations

import pytest

from testsmith.languages.typescript.language import TYPESCRIPT
from testsmith.pipeline.verify import same_tests

TEXT = """it("it's one", ()=>{ expect({"a":(1)}).toEqual(f([1,2])) })\n"""
FORMATTED = """it('it\\'s one', () => {
  expect({ a: 1 }).toEqual(
    f([1, 2]),
  );
});
"""


def test_same_tests__another_form() -> None:
    assert same_tests(FORMATTED, TEXT, TYPESCRIPT) == FORMATTED


@pytest.mark.parametrize(
    "other",
    [
        FORMATTED.replace("1,", "3,"),
        FORMATTED.replace("it(", "it.skip("),
        FORMATTED.replace(");\n});", ");\n};"),
        FORMATTED.replace("s one", "s, one"),
    ],
)
def test_same_tests__other_tests_or_none(other: str) -> None:
    assert same_tests(other, TEXT, TYPESCRIPT) == TEXT


def test_same_tests__an_assertion_that_became_part_of_a_comment() -> None:
    text = "it('adds', () => {\n  // small ones\n  expect(add(1, 2)).toBe(3);\n});\n"
    joined = text.replace("ones\n", "ones ")
    assert same_tests(joined, text, TYPESCRIPT) == text
