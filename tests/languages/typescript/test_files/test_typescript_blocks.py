from __future__ import annotations

import pytest

from testsmith.languages.typescript.source.parsing import parse
from testsmith.languages.typescript.test_files import test_blocks
from testsmith.languages.typescript.test_files.test_blocks import CONDITION, BlockKind, blocks_in


def _names(text: str) -> list[str]:
    return [one.name for one in test_blocks.tests_in(parse(text))]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('it("a", () => {});', ["a"]),
        ("test('a\\'s \\u00e4', async function () {});", ["a's ä"]),
        ('test(`a`, { timeout: 1 }, (t) => { t.test("inner", () => {}); });', ["a"]),
        ('describe("a", () => { describe("b", () => { it("c"); }); it("d"); });', ["a > b > c", "a > d"]),
        ('describe("a", () => it("b", () => {}));', ["a > b"]),
        ('it.each([[1, 2]])("adds %i", (a, b) => {});', ["adds %i"]),
        ('it.each`a|b\n${1}|${2}`("adds $a", ({ a }) => {});', ["adds $a"]),
        ('describe.each([1])("of %i", () => { it.skip("a", () => {}); });', ["of %i > a"]),
        ('it.concurrent.only("a", () => {});', ["a"]),
        ('it.skipIf(slow)("a", () => {});', ["a"]),
        ('it("a", () => {}).timeout(5000);', ["a"]),
        ('await test("a", () => {});', ["a"]),
        ('it.todo("a");', ["a"]),
        ("for (const one of all) { it(`is ${one.x}`, f); it(one, f); }", ["is ${one.x}", "${one}"]),
        ('all.forEach(({ name }) => { it(name, f); it("a" + name + 1, f); });', ["${name}", "a${name}${1}"]),
        ("all.map((t) => it(t.name, f)); it(`\\`a\\` ${g({ a })}`, f);", ["${t.name}", "`a` ${g( a )}"]),
        ("describe(Cart, () => { describe(Cart.name, () => { it('a', f); }); });", ["Cart > Cart > a"]),
        ('import { test as go, suite } from "node:test"; suite("a", () => { go("b", f); });', ["a > b"]),
        ('import test from "node:test"; test.describe("a", () => { test.it("b", () => {}); });', ["a > b"]),
        ('import { test as base } from "vitest"; const check = base.extend({}); check("a", f);', ["a"]),
        ('const { describe: d, it: i } = require("node:test"); d("a", () => { i("b", f); });', ["a > b"]),
        ('/a/.test("x"); foo.it("a", () => {}); it; test(value); it.each([1]);', []),
        ("it.extend({}); test.use({}); other('a', () => {});", []),
    ],
)  # fmt: skip
def test_tests__of_each_form(text: str, names: list[str]) -> None:
    assert _names(text) == names


def test_blocks__with_hooks_tables_and_bodies() -> None:
    text = (
        'beforeEach(() => {});\ndescribe("a", () => {\n  after(f);\n  it.each([1, 2])("b %i", (n) => {});\n'
        "});\ntest.before(() => {});\nsetup();\n"
    )
    found = blocks_in(parse(text))
    assert [(one.kind, one.name) for one in found] == [
        (BlockKind.HOOK, ""),
        (BlockKind.SUITE, "a"),
        (BlockKind.HOOK, "a > "),
        (BlockKind.TEST, "a > b %i"),
        (BlockKind.HOOK, ""),
    ]
    _, suite, _, test, _ = found
    assert suite.body is not None
    assert test.parent is suite
    assert test.table is not None
    assert test.table.text == b"([1, 2])"
    assert test.title_node is not None
    assert test.title_node.text == b'"b %i"'


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ('it("a", () => {});', ""),
        ('it.skip("a", () => {});', "skip"),
        ('it.only.each([1])("a", () => {});', "only"),
        ('xit("a", () => {});', "xit"),
        ('fit("a", () => {});', "fit"),
        ('it("a", { skip: true }, () => {});', "skip"),
        ('it("a", { skip: false }, () => {});', ""),
        ('it("a", { todo: "later" }, () => {});', "todo"),
        ('it.runIf(fast)("a", () => {});', "runIf"),
        ('it.fails("a", () => {});', "fails"),
        ('it.concurrent("a", () => {});', ""),
    ],
)
def test_skipping__of_each_form(text: str, how: str) -> None:
    (test,) = test_blocks.tests_in(parse(text))
    assert test.skipping == how


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ('(slow ? describe.skip : describe)("a", () => { it("b", f); });', CONDITION),
        ('const some = slow ? describe.skip : describe;\nsome("a", () => { it("b", f); });', CONDITION),
        ('const some = describe.skip;\nsome("a", () => { it("b", f); });', "skip"),
    ],
)
def test_blocks__made_under_a_condition_are_skipped(text: str, how: str) -> None:
    suite, test = blocks_in(parse(text))
    assert test.name == "a > b"
    assert suite.skipping == how
