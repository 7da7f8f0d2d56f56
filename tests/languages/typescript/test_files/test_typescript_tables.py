from __future__ import annotations

import pytest

from testsmith.languages.tests import CannotPlace
from testsmith.languages.typescript.source.parsing import parse
from testsmith.languages.typescript.test_files import test_blocks
from testsmith.languages.typescript.test_files.file_edits import changed_tests, edited_tests, joined_edit
from testsmith.languages.typescript.test_files.test_tables import tables_of, takes_rows

LOOP = """describe("f", () => {
  const tests = [
    { a: 1, b: 2 },
    { a: 2, b: 3 },
  ];

  for (const t of tests) {
    it(t.a + " and " + JSON.stringify(t.b), () => {
      expect(f(t.a)).toBe(t.b);
    });
  }

  it("else", () => {});
});
"""
OBJECT = """const tests = { "/a": "a", "/b": "b" };

for (const [input, output] of Object.entries(tests)) {
  it(`is ${input}`, () => {
    expect(f(input)).toBe(output);
  });
}
"""
OPTIONS = """describe("f", () => {
  it("checks mail", () => {
    check({
      validator: "isMail",
      valid: [
        "a@b.c",
        "b@b.c",
      ],
      invalid: ["a"],
    });
    check({ validator: "isMail", args: [{ strict: true }], valid: ["d@b.c"] });
  });
});
"""
NESTED = """it("checks all", () => {
  const fixtures = [
    { locale: "de", valid: ["1", "2"], invalid: ["3"] },
    { locale: "fr", valid: ["4"], invalid: ["5"] },
  ];
  fixtures.forEach((one) => {
    check({ ...one, validator: "isPhone" });
  });
});
"""
SUITES = """const CASES = [
  { path: "/a" },
];

describe.each(CASES)("parse $path", ({ path }) => {
  it("parses", () => {
    expect(parse(path)).toEqual([path]);
  });
});

describe.each([[1, 2]])("add %i", (a, b) => {
  it("adds", () => {
    expect(add(a)).toBe(b);
  });
});
"""
ASSERTIONS = (
    'it("adds", async () => {\n  expect(f(1)).toBe(1);\n  await expect(g(1)).resolves.toBe(1);\n});\n'
)
INNER = """const names = ["a", "b"];

names.forEach((name) => {
  describe(name, () => {
    it("is short", () => {
      expect(f(name)).toBe(1);
    });
  });
});
"""


@pytest.mark.parametrize(
    ("before", "old", "new", "only", "names"),
    [
        (
            LOOP,
            "    { a: 2, b: 3 },\n",
            "    { a: 2, b: 3 },\n    { a: 3, b: 4 },\n",
            "tests = [\n    { a: 3, b: 4 },\n  ];",
            ("f > ${t.a} and ${JSON.stringify(t.b)}",),
        ),
        (OBJECT, '"b" }', '"b", "/c": "c" }', 'tests = { "/c": "c" };', ("is ${input}",)),
        (
            OPTIONS,
            '        "b@b.c",\n',
            '        "b@b.c",\n        "c@b.c",\n',
            'valid: [\n        "c@b.c",\n      ],\n      invalid: ["a"],',
            ("f > checks mail",),
        ),
        (OPTIONS, '["a"]', '["a", "b"]', '"b@b.c",\n      ],\n      invalid: ["b"],', ("f > checks mail",)),
        (
            NESTED,
            '["4"]',
            '["4", "6", "7"]',
            'fixtures = [\n    { locale: "fr", valid: ["6", "7"], invalid: ["5"] },\n  ];',
            ("checks all",),
        ),
        (
            SUITES,
            '  { path: "/a" },\n',
            '  { path: "/a" },\n  { path: "/b" },\n',
            'CASES = [\n  { path: "/b" },\n];',
            ("parse $path > parses",),
        ),
        (
            OPTIONS,
            '["d@b.c"] });\n',
            '["d@b.c"] });\n    check({ validator: "isMail", args: [{}], invalid: ["e"] });\n',
            '() => {\n    check({ validator: "isMail", args: [{}], invalid: ["e"] });\n  });\n});\n',
            ("f > checks mail",),
        ),
        (
            ASSERTIONS,
            "  expect(f(1)).toBe(1);\n",
            "  expect(f(1)).toBe(1);\n  expect(f(2)).toBe(2);\n",
            "() => {\n  expect(f(2)).toBe(2);\n});\n",
            ("adds",),
        ),
        (SUITES, "[[1, 2]]", "[[1, 2], [2, 3]]", "describe.each([[2, 3]])", ("add %i > adds",)),
        (INNER, '["a", "b"]', '["a", "b", "c"]', 'names = ["c"];', ("${name} > is short",)),
    ],
)
def test_edited_tests__rows_of_each_kind_of_table(
    before: str, old: str, new: str, only: str, names: tuple[str, ...]
) -> None:
    after = before.replace(old, new)
    assert after != before
    module = edited_tests(before, after)
    assert only in module
    assert tuple(one.name for one in test_blocks.tests_in(parse(module))) == names
    assert joined_edit(before, after, module) == after
    assert set(names) <= {*changed_tests(before, after)}


def test_joined_edit__with_one_of_the_rows_in_a_row() -> None:
    after = NESTED.replace('["4"]', '["4", "6", "7"]').replace('["1", "2"]', '["1", "2", "8"]')
    module = edited_tests(NESTED, after)
    assert joined_edit(NESTED, after, module.replace('"6", ', "")) == after.replace('"6", ', "")
    assert joined_edit(NESTED, after, module.replace('["8"]', "[]")) == after.replace(', "8"', "")


@pytest.mark.parametrize(
    ("before", "old", "new"),
    [
        (LOOP, "{ a: 2, b: 3 }", "{ a: 2, b: 4 }"),
        (LOOP, "    { a: 1, b: 2 },\n", ""),
        (NESTED, '["4"]', '["6"]'),
        (OPTIONS, "[{ strict: true }]", "[{ strict: true }, 1]"),
        (OBJECT.replace("Object.entries(tests)", "list"), '"b" }', '"b", "/c": "c" }'),
        (SUITES, "[[1, 2]])", "[[1, 2], [2, 3]].map(g))"),
        (ASSERTIONS, "  expect", "  return;\n  expect"),
        (ASSERTIONS, "  expect", "  vi.useFakeTimers();\n  expect"),
        (ASSERTIONS, "  expect", "  const a = 1;\n  expect"),
        (
            ASSERTIONS.replace("  expect", "  const a = 1;\n  expect"),
            "toBe(1);",
            "toBe(1);\n  expect(a).toBe(1);",
        ),
        (INNER, "    });\n  });", '    });\n    it("is", () => { expect(f(name)).toBe(1); });\n  });'),
    ],
)
def test_edited_tests__refuses_what_is_no_new_row(before: str, old: str, new: str) -> None:
    with pytest.raises(CannotPlace, match="something else than the tables"):
        edited_tests(before, before.replace(old, new))


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        (LOOP, ["array"]),
        (OBJECT, ["object"]),
        (NESTED, []),
        (SUITES, ["array"]),
        (INNER, ["array"]),
        ('import { CASES } from "./cases";\nit.each(CASES)("a $b", f);', ["identifier"]),
        ('for (const one of all().filter(g)) { it("a", f); }', []),
        ('it("a", f);', []),
    ],
)
def test_tables_of__what_a_test_goes_over(text: str, tables: list[str]) -> None:
    assert [one.type for one in tables_of(test_blocks.tests_in(parse(text))[0])] == tables


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        *((text, True) for text in (LOOP, OBJECT, OPTIONS, NESTED, SUITES, INNER)),
        (ASSERTIONS, False),
        ('import { CASES } from "./cases";\nit.each(CASES)("a $b", f);', False),
        ('it("a", () => { const list = [1, 2]; check(list, { order: [1] }); });', False),
    ],
)
def test_takes_rows__of_tables_in_the_file(text: str, takes: bool) -> None:
    assert takes_rows(test_blocks.tests_in(parse(text))[0]) is takes


def test_edited_tests__a_table_of_the_same_name_in_another_suite() -> None:
    before = LOOP + LOOP.replace('"f"', '"g"')
    after = LOOP.replace("    { a: 2, b: 3 },\n", "    { a: 2, b: 3 },\n    { a: 3, b: 4 },\n")
    after += LOOP.replace('"f"', '"g"')
    name = "f > ${t.a} and ${JSON.stringify(t.b)}"
    assert test_blocks.tests_in(parse(edited_tests(before, after)))[0].name == name
    assert '"g"' not in edited_tests(before, after)
    assert changed_tests(before, after) == (name,)
