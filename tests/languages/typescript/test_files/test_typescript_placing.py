from __future__ import annotations

import pytest

from testsmith.languages.tests import CannotPlace
from testsmith.languages.typescript.test_files import test_modules
from testsmith.languages.typescript.test_files.placing import place
from testsmith.model import TestPlace

FILE = """import { describe, it, expect } from 'vitest'
import {
  parse,
  format,
} from '../src/date.js'

const now = 1

describe('parse()', () => {
  it('parses', () => {
    expect(parse('1')).toBe(1)
  })

  it('fails', () => {
    expect(() => parse('')).toThrow()
  })
})

describe('format', () => {
  it('formats', () => {
    expect(format(1)).toBe('1')
  })
})
"""
CODE = """import { describe, expect, test } from "vitest";
import { other, parse } from "../src/date";
import * as fs from "node:fs";

const now = 2;

describe("parse", () => {
    test("parses", () => {
        expect(parse(`
    2`)).toBe(2);
    });

    // why
    test("uses now", () => {
        expect(parse(String(now))).toBe(other({ now }));
        fs.readFileSync("it's");
    });
});
"""


def _at(after: str = "", suite: str = "") -> TestPlace:
    return TestPlace(path="test/date.test.ts", after=after, suite=suite)


def test_place__in_a_new_file() -> None:
    assert place(None, CODE) == CODE
    assert place("\n", CODE) == CODE


def test_place__in_the_suite_of_the_same_title_and_the_style_of_the_file() -> None:
    placed = place(FILE, CODE, (), _at("parse() > parses"))
    before, after = FILE.split("\n\n  it('fails'")
    head, body = before.split("  format,\n} from '../src/date.js'\n\nconst now = 1\n")
    assert placed == (
        f"{head}  format,\n  other,\n}} from '../src/date.js'\nimport * as fs from 'node:fs'\n\n"
        f"const now = 1\n\nconst now2 = 2\n{body}\n"
        """
  it('parses (2)', () => {
    expect(parse(`
    2`)).toBe(2)
  })

  // why
  it('uses now', () => {
    expect(parse(String(now2))).toBe(other({ now: now2 }))
    fs.readFileSync("it's")
  })
"""
        f"\n  it('fails'{after}"
    )


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (_at("parse() > parses"), "parse() > solo"),
        (_at(suite="format"), "format > solo"),
        (_at("gone"), "solo"),
        (None, "solo"),
    ],
)
def test_place__a_test_without_a_suite(at: TestPlace | None, name: str) -> None:
    placed = place(FILE, "test('solo', () => {\n  expect(parse('3')).toBe(3)\n})\n", (), at)
    assert set(test_modules.test_functions(placed)) - set(test_modules.test_functions(FILE)) == {name}


def test_place__a_new_suite_next_to_the_others() -> None:
    code = "describe('other', () => {\n  it('a', () => {\n    expect(parse('3')).toBe(3)\n  })\n})\n"
    placed = place(FILE, code, (), _at("parse() > parses"))
    names = ("parse() > parses", "parse() > fails", "other > a", "format > formats")
    assert test_modules.test_functions(placed) == names
    inner = "describe('date', () => {\n" + FILE.partition("const now = 1\n")[2] + "})\n"
    placed = place(inner, code, (), _at("date > parse() > fails"))
    assert "date > other > a" in test_modules.test_functions(placed)


def test_place__known_tests_only_once() -> None:
    assert place(FILE, FILE) == FILE
    renamed = FILE.replace("'parses'", "'parses again'").replace("'fails'", "'fails again'")
    assert place(FILE, renamed) == FILE


def test_place__instead_of_others() -> None:
    code = "import { parse } from '../src/date';\ntest('new', () => {\n  expect(parse('4')).toBe(4)\n})\n"
    placed = place(FILE, code, ["parse() > fails"])
    assert test_modules.test_functions(placed) == ("parse() > parses", "parse() > new", "format > formats")
    assert "from '../src/date'" not in placed
    more = FILE.replace("  it('formats'", "  it('old', () => {\n    format(2)\n  })\n\n  it('formats'")
    placed = place(more, code, ["format > old"])
    names = ("parse() > parses", "parse() > fails", "format > formats", "format > new")
    assert test_modules.test_functions(placed) == names


def test_place__imports_under_the_names_of_the_file() -> None:
    file = (
        "import assert from 'node:assert'\nimport { test } from 'node:test'\n"
        "import { a as first } from './a.js'\n\n"
        "test('x', () => {\n  assert.ok(first())\n})\n"
    )
    code = (
        "import * as check from 'assert'\nimport { it } from 'node:test'\n"
        "import { a, b as first } from './a'\n\n"
        "it('y', () => {\n  check.equal(a(), first())\n})\n"
    )
    assert place(file, code) == (
        "import assert from 'node:assert'\nimport { test } from 'node:test'\n"
        "import { a as first, b as first2 } from './a.js'\n\n"
        "test('x', () => {\n  assert.ok(first())\n})\n\n"
        "test('y', () => {\n  assert.equal(first(), first2())\n})\n"
    )


def test_place__with_globals_and_without() -> None:
    with_globals = "const { f } = require('./f')\n\ntest('x', () => {\n  expect(f()).toBe(1)\n})\n"
    code = "import { expect, it } from 'vitest'\nimport { g } from './f'\n\n"
    code = f"{code}it('y', () => {{\n  expect(g()).toBe(2)\n}})\n"
    assert place(with_globals, code) == (
        "const { f, g } = require('./f')\n\ntest('x', () => {\n  expect(f()).toBe(1)\n})\n\n"
        "test('y', () => {\n  expect(g()).toBe(2)\n})\n"
    )
    imported = "import { test, expect } from 'vitest'\n\ntest('x', () => {\n  expect(f()).toBe(1)\n})\n"
    placed = place(
        imported, "describe('a', () => {\n  test('y', () => {\n    expect(vi.fn()()).toBe(2)\n  })\n})\n"
    )
    assert placed.startswith("import { test, expect, vi } from 'vitest'\n")


def test_place__what_is_required() -> None:
    file = "const { f } = require('./f');\n\ntest('x', () => {\n  expect(f()).toBe(1);\n});\n"
    code = (
        "import fs, { readFileSync as read } from 'node:fs';\nimport './setup';\n"
        "test('y', () => {\n  expect(read(fs)).toBe(1);\n});\n"
    )
    placed = place(file, code)
    assert placed.startswith(
        "const { f } = require('./f');\nconst fs = require('node:fs');\n"
        "const { readFileSync: read } = require('node:fs');\nrequire('./setup');\n\n"
    )
    with pytest.raises(CannotPlace, match="does not give the default export"):
        place(file, "import g from './g';\ntest('y', () => {\n  expect(g()).toBe(1);\n});\n")


def test_place__what_suites_share() -> None:
    shared = "  beforeEach(reset);\n  const n = 1;\n"
    file = f"describe('a', () => {{\n{shared}\n  it('x', () => {{\n    f(n);\n  }});\n}});\n"
    code = file.replace("it('x', () => {\n    f(n);", "function g() {}\n\n  it('y', () => {\n    g(n);")
    placed = place(file, code)
    assert placed.count("beforeEach(reset)") == placed.count("const n = 1") == 1
    assert test_modules.test_functions(placed) == ("a > x", "a > y")
    assert placed.index("function g") < placed.index("it('y'")
    other = code.replace("reset", "clear")
    placed = place(file, other)
    assert placed.count("describe('a'") == 2
    assert placed.startswith(file)


def test_place__in_an_empty_suite() -> None:
    file = "describe('a', () => {});\n"
    code = "describe('a', () => {\n  it('x', () => {\n    f();\n  });\n});\n"
    assert place(file, code) == code


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("beforeEach(reset);", "it has a hook `beforeEach` that acts on all tests of its file"),
        ("vi.mock('./g');", "it has code that acts on all tests of its file"),
        ("reset();", "it has code that acts on all tests of its file"),
    ],
)
def test_place__refuses_what_acts_on_other_tests(statement: str, message: str) -> None:
    code = f"{statement}\n\nit('y', () => {{\n  expect(parse('5')).toBe(5)\n}})\n"
    with pytest.raises(CannotPlace, match=message):
        place(FILE, code)
    assert "expect(parse('5'))" in place(f"{FILE}\n{statement}\n", code)


def test_place__refuses_tests_that_a_function_makes() -> None:
    file = "function run(n) {\n  it('x', () => {\n    f(n);\n  });\n}\n\nrun(1);\n"
    with pytest.raises(CannotPlace, match="its tests are made by a function of its own"):
        place(file, file.replace("'x'", "'y'").replace("f(n)", "g(n)"))
    code = "it('y', () => {\n  g(2);\n});\n\nrun(1);\n"
    assert place(file, code).count("run(1);") == 1


def test_place__in_a_suite_that_also_names_what_its_function_belongs_to() -> None:
    for title in ("date.parse", "Date#parse()", "lib::parse"):
        existing = FILE.replace("'parse()'", f"'{title}'")
        assert title in "".join(
            one for one in test_modules.test_functions(place(existing, CODE)) if one.endswith("uses now")
        )
    other = FILE.replace("'parse()'", "'text.parse'")
    placed = place(other, CODE.replace('describe("parse"', 'describe("date.parse"'))
    assert "date.parse > uses now" in test_modules.test_functions(placed)


def test_place__without_blank_lines_where_the_tests_around_have_none() -> None:
    existing = FILE.replace("  })\n\n  it(", "  })\n  it(")
    placed = place(existing, CODE, at=_at("parse() > fails"))
    assert "toThrow()\n  })\n  it('parses (2)'" in placed
    assert "toThrow()\n  })\n\n  it('parses (2)'" in place(FILE, CODE, at=_at("parse() > fails"))


FLAT = """const { parse } = require("../src/date");

test("Date#parse reads numbers", () => {
  expect(parse("1")).toBe(1);
});

test("Date#format writes numbers", () => {});
"""
IN_SUITE = """const { parse } = require("../src/date");

describe("Date#parse", () => {
  it("reads 2", () => {
    expect(parse("2")).toBe(2);
  });

  it(`reads 3`, () => {
    expect(parse("3")).toBe(3);
  });
});
"""


def test_place__without_a_suite_in_a_file_that_has_none() -> None:
    placed = place(FLAT, IN_SUITE, at=_at("Date#parse reads numbers"))
    assert test_modules.test_functions(placed) == (
        "Date#parse reads numbers",
        "Date#parse reads 2",
        "Date#parse reads 3",
        "Date#format writes numbers",
    )
    assert '});\n\ntest("Date#parse reads 2", () => {\n  expect(parse("2")).toBe(2);\n});\n' in placed
    placed = place(FLAT, IN_SUITE, at=_at("Date#format writes numbers"))
    assert test_modules.test_functions(placed)[2:] == ("reads 2", "reads 3")


def test_place__with_the_suite_if_it_has_more_than_tests() -> None:
    hooked = IN_SUITE.replace("=> {\n  it(", "=> {\n  beforeEach(() => {});\n  it(", 1)
    assert "Date#parse > reads 2" in test_modules.test_functions(place(FLAT, hooked))
