from __future__ import annotations

import pytest

from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotPlace
from testsmith.languages.typescript.test_files.file_edits import (
    changed_tests,
    edited_tests,
    joined_edit,
    with_test,
)
from testsmith.languages.typescript.test_files.test_modules import keep_tests

BEFORE = """import { describe, expect, it } from "vitest";
import { f } from "./f";

const cases = [
  [1, 2],
  [2, 3],
];

describe("f", () => {
  it.each(cases)("adds %i", (a, b) => {
    expect(f(a)).toBe(b);
  });

  it.each([{ a: 1 }])("takes $a", ({ a }) => {
    expect(f(a)).toBeTruthy();
  });

  it("lists", () => {
    expect(f([0])).toEqual([1]);
  });
});
"""
AFTER = (
    BEFORE.replace("  [2, 3],\n", "  [2, 3],\n  [5, 6],\n  [7, 8], // why\n")
    .replace("[{ a: 1 }]", "[{ a: 1 }, { a: 2 }]")
    .replace("import { f }", "import { f, g }")
    .replace(
        '  it("lists"',
        '  it("new", () => {\n    expect(g(9)).toBe(10);\n  });\n\n  it("lists"',
    )
)
MODULE = """import { describe, expect, it } from "vitest";
import { f, g } from "./f";

const cases = [
  [5, 6],
  [7, 8], // why
];

describe("f", () => {
  it.each(cases)("adds %i", (a, b) => {
    expect(f(a)).toBe(b);
  });

  it.each([{ a: 2 }])("takes $a", ({ a }) => {
    expect(f(a)).toBeTruthy();
  });

  it("new", () => {
    expect(g(9)).toBe(10);
  });
});
"""


def test_edited_tests__new_tests_and_new_rows() -> None:
    assert edited_tests(BEFORE, AFTER) == MODULE
    assert changed_tests(BEFORE, AFTER) == ("f > adds %i", "f > takes $a", "f > new")
    assert changed_tests("", BEFORE) == ("f > adds %i", "f > takes $a", "f > lists")
    assert changed_tests(BEFORE, BEFORE) == ()


def test_edited_tests__a_new_suite_with_hooks_and_helpers() -> None:
    test = '  it("a", () => {\n    expect(h()).toBe(1);\n  });'
    suite = f'function h() {{}}\n\ndescribe("g", () => {{\n  beforeEach(h);\n{test}\n}});\n'
    module = edited_tests(BEFORE, f"{BEFORE}\n{suite}")
    assert module == f'import {{ describe, expect, it }} from "vitest";\n\n{suite}'


def test_edited_tests__in_a_loop() -> None:
    loop = "for (const n of [1, 2]) {\n  it(`is ${n}`, () => {\n    expect(f(n)).toBe(n);\n  });\n}\n"
    module = edited_tests(f"{BEFORE}\n{loop}", f"{BEFORE}\n{loop.replace('[1, 2]', '[1, 2, 3]')}")
    assert "for (const n of [3]) {" in module


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (BEFORE, "it adds no tests"),
        (BEFORE.replace("toEqual([1])", "toEqual([1, 2])"), "something else than the tables"),
        (BEFORE.replace("toBe(b)", "toBe(a)"), "something else than the tables"),
        (AFTER.replace("[1, 2]", "[1, 3]"), "something else than the tables"),
        (BEFORE.replace('describe("f"', 'describe.skip("f"'), "something else than the tables"),
        (BEFORE.replace("const cases = [\n  [1, 2],\n  [2, 3],\n];\n", ""), "it removes something"),
        (keep_tests(BEFORE, ["f > lists"]), "it removes something"),
        (BEFORE.replace("describe, ", ""), "it removes an import"),
        (AFTER.replace('  it("new"', '  beforeEach(f);\n\n  it("new"'), "how all tests of the file are run"),
        (f"{AFTER}\nvi.mock('./f');\n", "how all tests of the file are run"),
    ],
)
def test_edited_tests__refuses_other_changes(after: str, message: str) -> None:
    with pytest.raises(CannotPlace, match=message):
        edited_tests(BEFORE, after)


def test_edited_tests__of_what_is_not_valid() -> None:
    with pytest.raises(CannotParse):
        edited_tests(BEFORE, f"{AFTER}}}")


def test_joined_edit__with_all_or_some_of_its_tests() -> None:
    assert joined_edit(BEFORE, AFTER, MODULE) == AFTER
    only = keep_tests(MODULE, ["f > new"])
    joined = joined_edit(BEFORE, AFTER, only)
    assert changed_tests(BEFORE, joined) == ("f > new",)
    assert joined == AFTER.replace("  [5, 6],\n  [7, 8], // why\n", "").replace(", { a: 2 }", "")
    rows = keep_tests(MODULE.replace("  [7, 8], // why\n", ""), ["f > adds %i"])
    joined = joined_edit(BEFORE, AFTER, rows)
    assert joined == BEFORE.replace("  [2, 3],\n", "  [2, 3],\n  [5, 6],\n")


def test_joined_edit__with_tests_that_were_changed_since() -> None:
    joined = joined_edit(BEFORE, AFTER, MODULE.replace("toBe(10)", "toBe(\n      11,\n    )"))
    assert joined == AFTER.replace("toBe(10)", "toBe(\n      11,\n    )")
    with pytest.raises(CannotPlace, match="not in the edited file"):
        joined_edit(BEFORE, AFTER, MODULE.replace('"new"', '"newer"'))
    changed = MODULE.replace("import { f, g }", "import { f, g, h }").replace("g(9)", "h(9)")
    with pytest.raises(CannotPlace, match="imports that its test file does not have"):
        joined_edit(BEFORE, AFTER, changed)
    helped = MODULE.replace("const cases", "const k = 9;\nconst cases").replace("g(9)", "g(k)")
    with pytest.raises(CannotPlace, match="names that its test file does not have"):
        joined_edit(BEFORE, AFTER, helped)


def test_with_test__replaces_only_that_one() -> None:
    code = keep_tests(BEFORE, ["f > lists"]).replace("[1]", "[2]")
    assert with_test(BEFORE, code, "f > lists") == BEFORE.replace("toEqual([1])", "toEqual([2])")
    named = code.replace('"lists"', '"lists more"')
    assert with_test(BEFORE, named, "f > lists") == BEFORE.replace("toEqual([1])", "toEqual([2])").replace(
        '"lists"', '"lists more"'
    )
    with pytest.raises(CannotPlace, match="there is no test f > adds"):
        with_test(BEFORE, code, "f > adds %i")
    with pytest.raises(CannotPlace, match="there is no test f > other"):
        with_test(BEFORE, named, "f > other")
    with pytest.raises(CannotPlace, match="imports that"):
        with_test(BEFORE, code.replace("{ f }", "{ f, g }").replace("f([0])", "g([0])"), "f > lists")
