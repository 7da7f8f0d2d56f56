from __future__ import annotations

import pytest

from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import line_of, text_of, walk
from testsmith.languages.typescript.source.parsing import (
    MOST_BRACKETS,
    behavior,
    normalized,
    parse,
    parse_tolerant,
    string_value,
    tokens,
)

CAST = "export const a = <number>b;\n"
ELEMENT = "export const a = <b>{c}</b>;\n"


@pytest.mark.parametrize(
    ("text", "path", "is_valid"),
    [
        (CAST, "a.ts", True),
        (CAST, "a.mts", True),
        (CAST, "a.tsx", False),
        (ELEMENT, "a.tsx", True),
        (ELEMENT, "a.js", True),
        (ELEMENT, "a.cts", False),
        (CAST, "", True),
        (ELEMENT, "", True),
        ("let = = 1", "", False),
    ],
)
def test_parse_tolerant__the_grammar_of_a_file(text: str, path: str, *, is_valid: bool) -> None:
    assert parse_tolerant(text, path).root.has_error is not is_valid


@pytest.mark.parametrize(
    "text",
    [
        "const a = await load<typeof import('./ä')>();",
        'load<typeof import("./b")>("c");',
        'load<import("./b").C>();',
        'vi.load<typeof import(\n  "./b"\n)>(\n"c");',
    ],
)
def test_parse__a_module_as_a_type_argument_is_not_a_comparison(text: str) -> None:
    file = parse(text, "a.ts")
    assert file.text == text
    assert file.data == text.encode()
    assert any(node.type == "type_arguments" for node in walk(file.root))
    (call,) = (node for node in walk(file.root) if node.type == "call_expression")
    assert text.endswith(f"{file.between(call.start_byte, call.end_byte)};")


def test_parse__what_follows_a_module_as_a_type_argument_keeps_its_line() -> None:
    file = parse('vi.load<typeof import(\n  "./b"\n)>("c");\nfunction f() {}\n', "a.ts")
    (function,) = (node for node in walk(file.root) if node.type == "function_declaration")
    assert line_of(function) == 4


def test_parse__names_the_line_that_is_not_valid() -> None:
    with pytest.raises(CannotParse, match=r"as TypeScript \(line 2"):
        parse("let a = 1;\nlet b = ;\n")


@pytest.mark.parametrize("unit", ["(", "a:{", "<a>(", "x=`${["])
def test_parse_tolerant__what_would_take_all_of_the_stack(unit: str) -> None:
    with pytest.raises(CannotParse, match="more than 30,000 brackets"):
        parse_tolerant(unit * (MOST_BRACKETS + 1))


@pytest.mark.parametrize("unit", ["a:{", "<a>(", "(/*)*/"])
def test_parse_tolerant__as_deep_as_allowed(unit: str) -> None:
    assert parse_tolerant(unit * (MOST_BRACKETS // 2)).root.has_error


def test_parse_tolerant__long_chains_end() -> None:
    assert not parse_tolerant("-" * 100_000 + "1").root.has_error
    assert not parse_tolerant("a=>" * 100_000 + "1").root.has_error


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f('a', b)", 'f(\n  "a", // first\n  b,\n);'),
        ("xs.map(x => x + 1)", "xs.map((x) => x + 1);"),
        ("const a = {b: [1, 2]}", "const a = {\n  b: [\n    1,\n    2,\n  ],\n};"),
        ("a = <p> b\n  c</p>", "a = <p>b c</p>"),
    ],
)
def test_tokens__formatting_says_nothing(one: str, other: str) -> None:
    assert tokens(parse(one).root) == tokens(parse(other).root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f('a  b')", "f('a b')"),
        ("f(`a  b`)", "f(`a b`)"),
        ("f(/a  b/)", "f(/a b/)"),
        ("x => x", "x => y"),
        ("f([,])", "f([,,])"),
    ],
)
def test_tokens__what_is_no_formatting(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("function f<T>(a: T, b?: string): a is string { return a as any }", "function f(a, b) { return a }"),
        ("const a = (b satisfies C)!.d<string>(e!)", "const a = (b).d(e)"),
        ("const a = <number>b", "const a = b"),
        (
            "abstract class A<T> extends B<T> implements C { private readonly a?: T; abstract b(): void; }",
            "class A extends B { a; }",
        ),
        ("function f(a: string): void\nfunction f(a: any) { }", "function f(a) { }"),
        ("type A = string; interface B { a: 1 }; declare const c: A; import type { D } from 'd'", ""),
    ],
)
def test_behavior__types_say_nothing(typed: str, plain: str) -> None:
    assert behavior(parse(typed).root) == behavior(parse(plain).root)
    assert tokens(parse(typed).root) != tokens(parse(plain).root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("class A { constructor(private a: string) {} }", "class A { constructor(a: string) {} }"),
        ("enum A { B = 1 }", "enum A { B = 2 }"),
        ("class A { static a = 1 }", "class A { a = 1 }"),
        ("a ? b : c", "a ? c : b"),
        ("!a", "a"),
        ("a?.b", "a.b"),
    ],
)
def test_behavior__what_runs(one: str, other: str) -> None:
    assert behavior(parse(one).root) != behavior(parse(other).root)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'a \\'b\\' \\n'", "a 'b' \n"),
        ('"\\u0041\\x42\\u{43}\\\n\\q"', "ABCq"),
        ("`a\n b`", "a\n b"),
        ("`a ${b}`", None),
        ("b", None),
    ],
)
def test_string_value__as_the_program_sees_it(literal: str, value: str | None) -> None:
    call = parse(f"f({literal})").root
    argument = next(one for one in walk(call) if one.type == "arguments").children[1]
    assert string_value(argument) == value, text_of(argument)


@pytest.mark.parametrize(
    "types",
    [
        "interface Maker {\n  (a: string): void\n  <T>(a: T, b: { c: T }): T\n}",
        "export type Maker = {\n  [key: string]: [T, U]\n  <T>(a: T): T\n}",
        "export type * from './types';",
        "export type * as types from './types';",
    ],
)
def test_parse_tolerant__types_that_the_grammar_does_not_know(types: str) -> None:
    text = f"const a = 'ä';\n{types}\nexport const b = (c) => d;\n"
    file = parse(text, "a.ts")
    (arrow,) = [one for one in walk(file.root) if one.type == "arrow_function"]
    assert file.between(arrow.start_byte, arrow.end_byte) == "(c) => d"
    assert file.text == text


def test_parse_tolerant__escapes_that_only_tagged_templates_may_have() -> None:
    text = "f(String.raw`.\\undefined \\` \\x`, tag`${a}\\1`);\nexport const b = (c) => d;\n"
    file = parse(text, "a.ts")
    assert file.text == text
    (arrow,) = [one for one in walk(file.root) if one.type == "arrow_function"]
    assert file.between(arrow.start_byte, arrow.end_byte) == "(c) => d"


def test_parse_tolerant__escapes_of_other_templates_are_errors() -> None:
    with pytest.raises(CannotParse, match="line 1"):
        parse("f(`\\undefined`);\n", "a.ts")


def test_parse_tolerant__errors_elsewhere_stay() -> None:
    with pytest.raises(CannotParse, match="line 4"):
        parse("interface A {\n  a: string\n}\nlet b = ;\n", "a.ts")
