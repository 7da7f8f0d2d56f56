from __future__ import annotations

import pytest

from testsmith.languages.source import CannotParse
from testsmith.languages.typescript.test_files import test_modules
from testsmith.languages.typescript.test_files.test_modules import keep_tests, without_tests

CODE = """import { beforeEach, describe, expect, it } from "vitest";
import { add, type Sum } from "./add";
import { cut } from "./cut";

type Cut = ReturnType<typeof cut>;
const big: Sum = 10;
const small = 1;
const made = make();

function helper(n: number): number {
  return add(n, small);
}

describe("add", () => {
  beforeEach(() => {});

  // of small ones
  it("adds", () => {
    expect(helper(1)).toBe(2);
  });

  it("adds big ones", () => {
    expect(add(big, big)).toBe(20);
  }); // slow
});

describe("cut", () => {
  it("cuts", () => {
    const c: Cut = cut(made);
    expect(c).toBe(1);
  });
});
"""


def test_test_functions__in_order_and_once() -> None:
    assert test_modules.test_functions(CODE) == ("add > adds", "add > adds big ones", "cut > cuts")
    assert test_modules.test_functions('it("a", f);\nit("a", g);\n') == ("a",)
    with pytest.raises(CannotParse, match="line 1"):
        test_modules.test_functions('it("a", () => {')


def test_keep_tests__of_all_tests_is_the_same_text() -> None:
    assert keep_tests(CODE, test_modules.test_functions(CODE)) == CODE


def test_keep_tests__with_what_they_use() -> None:
    assert (
        keep_tests(CODE, ["add > adds"])
        == """import { beforeEach, describe, expect, it } from "vitest";
import { add } from "./add";

const small = 1;
const made = make();

function helper(n: number): number {
  return add(n, small);
}

describe("add", () => {
  beforeEach(() => {});

  // of small ones
  it("adds", () => {
    expect(helper(1)).toBe(2);
  });
});
"""
    )


def test_keep_tests__without_hooks_of_suites_that_are_gone() -> None:
    kept = keep_tests(CODE, ["cut > cuts"])
    assert kept.startswith(
        'import { describe, expect, it } from "vitest";\nimport { cut } from "./cut";\n\ntype Cut'
    )
    assert "helper" not in kept
    assert 'describe("add"' not in kept


def test_without_tests__removes_only_those() -> None:
    assert test_modules.test_functions(without_tests(CODE, ["add > adds"])) == (
        "add > adds big ones",
        "cut > cuts",
    )
    assert without_tests(CODE, ["other"]) == CODE


def test_keep_tests__of_loops_and_expressions() -> None:
    loops = "for (const n of [1]) {\n  it(`a ${n}`, f);\n  it(`b ${n}`, g);\n}\n\nit('c', h);\n"
    assert keep_tests(loops, ["c"]) == "it('c', h);\n"
    assert keep_tests(loops, ["a ${n}"]) == "for (const n of [1]) {\n  it(`a ${n}`, f);\n}\n"
    nested = 'describe("a", () => it("b", f));\nit("c", g);\n'
    assert keep_tests(nested, ["c"]) == 'it("c", g);\n'
    assert keep_tests(nested, ["a > b"]) == 'describe("a", () => it("b", f));\n'


def test_keep_tests__of_the_same_name_are_kept_together() -> None:
    twice = 'it("a", f);\nit("b", g);\nit("a", h);\n'
    assert keep_tests(twice, ["a"]) == 'it("a", f);\nit("a", h);\n'
