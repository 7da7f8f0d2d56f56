from __future__ import annotations

from dataclasses import replace

import pytest

from testsmith.languages.mutants import Mutant, Operator
from testsmith.languages.typescript.mutation.mutants import GONE, mutants_of, taken_away
from testsmith.languages.typescript.source.parsing import parse
from testsmith.model import Change, Member, MemberKind


def _member(
    text: str, name: str = "f", line: int = 1, end_line: int = 0, changed: frozenset[int] = frozenset()
) -> Member:
    return Member(
        path="a.ts",
        name=name,
        language="typescript",
        change=Change.CHANGED,
        line=line,
        end_line=end_line or text.count("\n") + 1,
        kind=MemberKind.FUNCTION,
        source="",
        module="./a",
        changed_lines=changed,
    )


def _applied(text: str, member: Member) -> dict[str, Mutant]:
    """Return all mutants by the text that they make, which has to be valid and another one."""
    found = {one.edit.applied(text): one for one in mutants_of(text, member, 1000, 1000)}
    for changed in found:
        parse(changed, member.path)
        assert changed != text
    return found


def _lines(body: str, result: str = "") -> set[str]:
    text = f"function f(a, b){result} {{\n  {body}\n}}"
    return {changed.split("\n")[1].strip() for changed in _applied(text, _member(text))}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a + b;", {"return a - b;", "return undefined;"}),
        ("return a + 0;", {"return a + 1;", "return undefined;"}),
        ("return a + 'x';", {'return a + "";', "return undefined;"}),
        ("return -a;", {"return (a);", "return undefined;"}),
        ("return a ** b;", {"return a * b;", "return undefined;"}),
        ("return a ?? b;", {"return (a);", "return undefined;"}),
        ("return a?.b;", {"return a.b;", "return undefined;"}),
        ("return a?.[b];", {"return a[b];", "return undefined;"}),
        ("return a?.(b);", {"return a(b);", "return undefined;"}),
        ("return a - +b;", {"return a + +b;", "return undefined;"}),
        ("return a-+b;", {"return a+ +b;", "return undefined;"}),
        ("return 10n;", {"return 11n;", "return undefined;"} - {"return undefined;"}),
        ("return 0x10;", set()),
        ("return 1.5;", {"return 2.5;"}),
        ("return `a${b}`;", {"return ``;"}),
        ("return a.some(b);", {"return a.every(b);", "return undefined;"}),
        ("return Math.floor(a);", {"return Math.ceil(a);", "return undefined;"}),
        ("return a.slice(b, a.length);", {"return a.slice((b) + 1, a.length);", "return undefined;"}),
        ("return a ? b : 1;", {"return !(a) ? b : 1;", "return a ? b : 2;", "return undefined;"}),
        ("return a instanceof b ? a : b;", {"return !(a instanceof b) ? a : b;", "return undefined;"}),
        ("return { a: 'x' };", {'return { a: "" };', "return undefined;"}),
        ("return { 'a': b };", {"return undefined;"}),
        ("return a as 5;", {"return undefined;"}),
        ("return this;", set()),
        ("a += b;", {"a -= b;", "a = b;"}),
        ("a ||= b;", {"a &&= b;", "a = b;"}),
        ("a.b = b;", {"void (b);"}),
        ("a = undefined;", set()),
        ("a++;", {"a--;"}),
        ("use(a);", {";"}),
        ("await use(a);", {";"}),
        ("delete a[b];", {";"}),
        ("super(a);", set()),
        ("process.exit(a);", set()),
        ("console.log(1);", set()),
        ("logger.info(a);", set()),
        ("'use strict';", set()),
        ("const x = require('x');", set()),
        ("throw new TypeError('no ' + a);", {";", "throw new RangeError('no ' + a);"}),
        ("throw new LostError(a);", {";", "throw new Error(a);"}),
        ("throw new Error('no');", {";"}),
        ("while (a()) b++;", {"while (!(a())) b++;", "while (a()) b--;"}),
        ("for (;;) { if (a) break; }", {"for (;;) { if (!(a)) break; }", "for (;;) { if (a) continue; }"}),
        ("for (;;) switch (a) { case b: break; }", set()),
        ("for (let i = 0; i < a; i++) {}", {
            "for (let i = 1; i < a; i++) {}",
            "for (let i = 0; i <= a; i++) {}",
            "for (let i = 0; i >= a; i++) {}",
        }),
        ("const x = <T>(y: 'a' | 5) => {};", set()),
        ("let x: 'a' | 1;", set()),
    ],
)  # fmt: skip
def test_mutants__by_operator(body: str, expected: set[str]) -> None:
    assert _lines(body) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("a < b", {"if (a <= b) {", "if (a >= b) {"}),
        ("a === b", {"if (a !== b) {"}),
        ("a < b && ok", {"if (a <= b && ok) {", "if (a >= b && ok) {", "if (a < b || ok) {"}),
        ("!ok", {"if ((ok)) {"}),
        ("ok(a)", {"if (!(ok(a))) {"}),
        ("'x' in a", {"if (!('x' in a)) {", 'if ("" in a) {'}),
    ],
)
def test_mutants__of_conditions(test: str, expected: set[str]) -> None:
    assert _lines(f"if ({test}) {{\n    use();\n  }}") == {*expected, f"if ({test}) {{"}  # the removed call


@pytest.mark.parametrize(
    ("result", "empty"),
    [
        (": number", "0"),
        (": Promise<string>", '""'),
        (": a is string", "undefined"),
        (": boolean", "false"),
        (": Array<number>", "[]"),
        (": string[]", "[]"),
        ("", "undefined"),
    ],
)
def test_mutants__return_an_empty_value_of_the_type_that_is_written(result: str, empty: str) -> None:
    assert _lines("return use(a);", result) == {f"return {empty};"}


def test_mutants__a_boundary_between_equal_values_is_mute() -> None:
    assert "return a <= b ? a : b;" not in _lines("return a < b ? a : b;")
    assert "return a <= b ? b : 1;" in _lines("return a < b ? b : 1;")
    text = "function f(a, b) {\n  if (a < b) {\n    return a;\n  }\n  return b;\n}"
    assert not any("a <= b" in changed for changed in _applied(text, _member(text)))


def test_mutants__never_begin_a_line_with_a_parenthesis() -> None:
    text = "function f(a, b) {\n  use(a)\n  !b && use(b)\n  a ?? use(b)\n}"
    changed = [one.edit for one in mutants_of(text, _member(text), 1000, 1000)]
    assert not any(one.text.startswith("(") for one in changed)


DIVERSE = """
import { b, type C } from "./b.js";
import data from "./data.json" with { type: "json" };
export type Kind = "a" | 1;
enum Level { Low = 1, High = Low + 1 }
@sealed("x")
export default class Cart<T extends "a" = "a"> extends Base implements Shown {
  static #count = 0;
  @observed("total") private readonly items: Map<string, 1> = new Map([["a", 1]]);
  static { Cart.#count += 1; }
  constructor(private rate: number = 1, ...rest: Array<2>) { super("x"); this.rate = rate; }
  get total(): number { return this.items.size * this.rate; }
  set total(value) { if (value < 0) throw new RangeError(`no ${value}`); this.rate = value; }
  async *walk(): AsyncGenerator<1> { for await (const one of this.items) { yield* one?.[1] ?? []; } }
  ["computed" + 1](a: unknown): asserts a is string { assert(typeof a === "string", "it is a text"); }
  private find = async <K,>(key: K): Promise<K | undefined> => (await this.load())?.get(key)!;
}
export const f = memo((a: number, { b = 2, "c": c }: { b?: number; "c"?: 3 } = {}): number[] => {
  label: for (const x of [1, -2, 0b11, .5, 1e3, 1_000]) { if (x in a || !c) continue label; else break; }
  do { a--; } while (a > 0 && --b)
  try { eval?.("1") } catch { return [] } finally { done() }
  const g = (y) => ({ y, ...data }), h = function* () { yield 1 }
  const t = tag`x${a}`, r = /[/]"/g, n = a! as const satisfies unknown;
  switch (typeof a) { case "number": { return [a ** 2, ~a, +"1", a >>> 1] } default: void 0 }
  return a < b ? [...Object.keys({ 1: "x", get y() { return 2 } })].map(k => k.at(-1)!).sort((p, q) => p - q) : [a, b,]
});
""".lstrip()  # noqa: E501


@pytest.mark.parametrize(
    ("name", "line", "count"),
    [("default", 5, 20), ("Cart.total", 11, 2), ("Cart.total", 12, 5), ("f", 17, 25), ("Level", 4, 1)],
)
def test_mutants__of_valid_source_are_valid(name: str, line: int, count: int) -> None:
    end = {"default": 16, "f": 25}.get(name, line)
    found = _applied(DIVERSE, _member(DIVERSE, name, line, end))
    assert len(found) >= count
    untouched = ("import ", "export type", "@sealed", '  @observed("total")', "implements Shown")
    for changed in found:
        assert all(one in changed for one in untouched)
        assert 'T extends "a" = "a"' in changed
        assert ": asserts a is string" in changed


JSX = """export function View({ items = [], title }) {
  return <ul className="list" hidden={items.length === 0}>{items.map((one) => <li key={one.id}>{one.name ?? "?"}</li>)}</ul>;
}
"""  # noqa: E501


def test_mutants__of_markup_are_valid() -> None:
    member = replace(_member(JSX, "View"), path="a.tsx")
    found = {one.words for one in _applied(JSX, member).values()}
    assert {"`===` to `!==` on line 2", "`0` to `1` on line 2"} < found
    assert not any("list" in words for words in found if "return" not in words and "`<ul" not in words)


def test_mutants__words_lines_and_scope() -> None:
    text = (
        "// ä\nclass C {\n  f(a) {\n    if (a < 1 ||\n      this.ok) {\n      return true;\n    }\n"
        "    use(\n      this);\n    return false;\n  }\n}\n"
    )
    found = {one.words: one for one in mutants_of(text, _member(text, "C.f", 3, 11), 100)}
    boundary = found["`<` to `<=` on line 4"]
    assert boundary.operator is Operator.BOUNDARY
    assert boundary.statement == (4, 5)
    assert boundary.function is not None
    assert (boundary.function.name, boundary.function.line) == ("f", 3)
    assert "if (a <= 1 ||" in boundary.edit.applied(text)
    assert "`use( this);` removed on line 8" in found


def test_mutants__few_a_line_changed_lines_first() -> None:
    text = "function f(a, b) {\n  a = a + b * 2 - 7;\n  return a - b;\n}\n"
    assert [one.line for one in mutants_of(text, _member(text), 100, 1)] == [2, 3]
    changed = _member(text, changed=frozenset({3}))
    assert [one.line for one in mutants_of(text, changed, 2)] == [3, 3]


def test_mutants__of_a_constant_that_changed() -> None:
    text = "const limit = 3;\n\nexport function f() {\n  return limit;\n}\n"
    cause = _member(text, "limit", 1, 1)
    (mutant,) = mutants_of(text, cause, 10)
    assert mutant.function is None
    assert mutant.edit.applied(text).startswith("const limit = 4;")
    assert taken_away(text, cause) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("function f(a) { return a; }", f"function f(a) {{ {GONE};  return a; }}"),
        ("async function* f() {}", f"async function* f() {{ {GONE}; }}"),
        ("export const f = (a) => a + 1;", f"export const f = (a) => ({GONE}, a + 1);"),
        ("const f = async a => ({ a });", f"const f = async a => ({GONE}, ({{ a }}));"),
        ("const f = memo(a => b => a);", f"const f = memo(a => ({GONE}, b => a));"),
        ("const f = (() => 1) as F;", f"const f = (() => ({GONE}, 1)) as F;"),
        ("class C { get f() { return 1; } }", f"class C {{ get f() {{ {GONE};  return 1; }} }}"),
        ("class C { static async f() {} }", f"class C {{ static async f() {{ {GONE}; }} }}"),
        ("class C { f = () => this; }", f"class C {{ f = () => ({GONE}, this); }}"),
        ("class f { constructor() { super(); } }", f"class f {{ constructor() {{ {GONE};  super(); }} }}"),
        ("class f { g() {} }", f"class f {{ testsmithGone = {GONE};  g() {{}} }}"),
        ("export default function () {}", f"export default function () {{ {GONE}; }}"),
        ("export default () => 1;", f"export default () => ({GONE}, 1);"),
        ("const g = 1;", None),
    ],
)
def test_taken_away__ends_the_process(source: str, expected: str | None) -> None:
    name = "default" if "default" in source else "C.f" if "class C" in source else "f"
    replacement = taken_away(source, _member(source, name))
    assert (None if replacement is None else replacement.edit.applied(source)) == expected
    if expected is not None:
        parse(expected)
