from __future__ import annotations

import pytest

from testsmith.languages.typescript.judge.judge import TypeScriptJudge
from testsmith.model import Change, Member, MemberKind

JUDGE = TypeScriptJudge()
MEMBER = Member(
    path="src/cart.ts",
    name="Cart.total",
    language="typescript",
    change=Change.ADDED,
    line=1,
    end_line=1,
    kind=MemberKind.METHOD,
    source="",
    module="./src/cart",
)
CODE = """import { expect, it } from "vitest";
import cart, { total } from "../src/cart";
import { load } from "../src/load";

const make = () => total([7]);

it("a", () => {
  const n = make();
  if (n > 1) {
    load(n);
    n.toFixed(2);
    new Error("x");
    new Loader(n);
  }
  expect(n).toBe(1);
});

it("b", () => {
  expect(other()).toBe(1);
});
"""


def _idle(text: str, code: str = CODE) -> tuple[int, int, int, int]:
    at = code.index(text)
    line, column = code.count("\n", 0, at) + 1, at - code.rfind("\n", 0, at) - 1
    return line, column, line, column + len(text)


def test_calls_not_run__only_those_that_may_do_harm() -> None:
    assert JUDGE.calls_not_run(CODE, MEMBER, []) == {}
    assert JUDGE.calls_not_run(CODE, MEMBER, [_idle("load(n)")]) == {
        "a": "calls `load` only under conditions that did not occur"
    }
    assert JUDGE.calls_not_run(CODE, MEMBER, [_idle("new Loader(n)")]) == {
        "a": "calls `Loader` only under conditions that did not occur"
    }
    harmless = [_idle(one) for one in ("n.toFixed(2)", 'new Error("x")', "expect(n).toBe(1)", "make()")]
    assert JUDGE.calls_not_run(CODE, MEMBER, harmless) == {}


CALLBACK = """import { expect, it } from "vitest";
import { App } from "../src/app";
IMPORT
it("a", async () => {
  const app = new App();
  app.get("/", (c) => c.html("Home"));
  await new Promise((resolve) => app.skip(() => resolve(1)));
  expect(app.seen).toEqual([]);
});
"""


@pytest.mark.parametrize(
    ("other", "is_harmless"),
    [
        ("", True),
        ('import { join } from "node:path";', True),
        ('import fs from "node:fs";', False),
        ('import shell from "shelljs";', False),
        ('const { exec } = require("child_process");', False),
        ('const load = () => import("node:fs");', False),
        ('const load = () => require("f" + "s");', False),
        ('const load = require; load("fs");', False),
        ('const { add } = require("../src/add");', True),
        ("const stop = () => process.exit();", False),
        ('const run = () => [].constructor.constructor("1")();', False),
    ],
)
def test_calls_not_run__what_callbacks_are_given_is_the_projects_if_nothing_else_can_be_reached(
    other: str, *, is_harmless: bool
) -> None:
    code = CALLBACK.replace("IMPORT", other)
    for call in ('c.html("Home")', "resolve(1)"):
        assert (JUDGE.calls_not_run(code, MEMBER, [_idle(call, code)]) == {}) is is_harmless


def test_names_member__also_in_helpers_and_as_default_export() -> None:
    assert JUDGE.names_member(CODE, "a", MEMBER)
    assert not JUDGE.names_member(CODE, "b", MEMBER)
    assert not JUDGE.names_member(CODE, "c", MEMBER)
    assert JUDGE.names_member(CODE.replace("other()", "cart()"), "b", MEMBER)
    assert not JUDGE.names_member("it(", "a", MEMBER)


def test_lines_of_tests() -> None:
    assert JUDGE.lengths(CODE) == {"a": 10, "b": 3}
    assert JUDGE.lengths("it(") == {}
    assert JUDGE.first_line(CODE, "b") == 18
    assert JUDGE.first_line(CODE, "c") == 0
    assert JUDGE.first_line("it(", "b") == 0


def test_normalized__without_comments_and_formatting() -> None:
    assert JUDGE.normalized("it('a', ( ) => { // why\n  f(1)\n})") == JUDGE.normalized(
        'it("a", () => {f(1,);});'
    )


ASSERTIONS = [
    "AssertionError: expected 1 to be 2 // Object.is equality",
    "AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:\n\n1 !== 2\n",
    "Error: expect(received).toBe(expected) // Object.is equality\n\nExpected: 2\nReceived: 1",
    "Error: Snapshot `a 1` mismatched",
]


@pytest.mark.parametrize("message", ASSERTIONS)
def test_is_assertion__of_each_framework(message: str) -> None:
    assert JUDGE.is_assertion(message)
    assert not JUDGE.is_of_environment(message)


@pytest.mark.parametrize(
    ("message", "is_of_environment"),
    [
        ("TypeError: total is not a function", False),
        ("RangeError [ERR_OUT_OF_RANGE]: too far", False),
        ("Error: ENOENT: no such file or directory, open 'a'", True),
        ("Error: connect ECONNREFUSED 127.0.0.1:80", True),
        ("Error: Cannot find module './x'", True),
        ("Error: Test timed out in 5000ms.", True),
        ("it ended", True),
    ],
)
def test_is_of_environment__in_case_of_doubt(message: str, is_of_environment: bool) -> None:
    assert JUDGE.is_of_environment(message) is is_of_environment
    assert not JUDGE.is_assertion(message)


def test_is_interface_mismatch__of_what_the_compiler_says() -> None:
    arity = "a.test.ts(3,8): error TS2554: Expected 2 arguments, but got 1."
    assert JUDGE.is_interface_mismatch(arity)
    assert not JUDGE.is_interface_mismatch(f"{arity}\na.test.ts(4,1): error TS2304: Cannot find name 'x'.")
    assert not JUDGE.is_interface_mismatch("AssertionError: expected 1 to be 2")


def test_first_words__without_the_place() -> None:
    assert (
        JUDGE.first_words("\n  AssertionError: `1` is not 2\n  at a.test.ts:3:1")
        == "AssertionError: '1' is not 2"
    )
    assert JUDGE.first_words("src/a.test.ts:3:8: error TS2554: Expected 2") == "error TS2554: Expected 2"
    assert JUDGE.first_words("src/a.test.ts(3,8): error TS2554: Expected 2") == "error TS2554: Expected 2"
