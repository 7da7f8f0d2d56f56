from __future__ import annotations

from testsmith.languages.tests import MarkedTest, TestMark
from testsmith.languages.typescript.test_files.marking import beside_marked, marked, marked_tests, sealed

MARK = TestMark(version="1.2.3", source="0123abcd", member="src/cart.ts::Cart.add")
CODE = """import { expect, it } from "vitest";

describe("ä", () => {
  // adds one
  it("a", () => {
    expect(add("ä")).toBe(1);
  });
});

it("b", () => {
  expect(1).toBe(1);
});
"""


def test_marking__from_a_mark_to_an_edit() -> None:
    text = sealed(marked(CODE, MARK))
    assert "  // adds one\n  // testsmith 1.2.3 0123abcd " in text
    assert "\n\n// testsmith 1.2.3 0123abcd " in text
    assert marked_tests(text) == tuple(
        MarkedTest(name=name, mark=MARK, is_edited=False) for name in ("ä > a", "b")
    )
    assert sealed(text) == text
    reformatted = text.replace('"ä")', "\n'ä',\n)").replace("toBe(1);\n});\n", "toBe(1)\n\n});\n")
    assert not any(one.is_edited for one in marked_tests(reformatted))
    edited = text.replace('"ä")).toBe(1)', '"ä")).toBe(2)')
    assert [one.is_edited for one in marked_tests(edited)] == [True, False]
    commented = text.replace("expect(1)", "/* why */ expect(1)")
    assert [one.is_edited for one in marked_tests(commented)] == [False, True]


def test_marked__only_named_tests_and_new_marks_instead_of_old_ones() -> None:
    named = marked(CODE, MARK, ["b"])
    assert [one.name for one in marked_tests(sealed(named))] == ["b"]
    assert marked(named, MARK).count("// testsmith ") == 2


def test_beside_marked__what_the_project_has_itself() -> None:
    assert beside_marked(sealed(marked(CODE, MARK))) == ""
    only = 'it("b", () => { expect(1).toBe(1) }) // more\n'
    assert beside_marked(sealed(marked(CODE, MARK, ["ä > a"]))) == beside_marked(only)
    assert beside_marked("it(") == "it("
