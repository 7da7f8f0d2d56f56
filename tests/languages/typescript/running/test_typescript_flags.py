"""Flags in a text, and what is read of what was noted."""

from __future__ import annotations

import pytest

from testsmith.languages.typescript.running.flags import flagged, read_trace


def shown(text: str, path: str = "a.ts") -> str:
    """Return a text with its flags as `@number`."""
    return flagged(text, path).text.replace("globalThis.process.testsmith.at", "@")


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "statements": ("a();\nb()", "@(0); a();\n@(1); b()"),
        "bodies without braces": (
            "if (a) b(); else if (c) d();",
            "@(0); if (a) { @(1); b(); } else { @(2); if (c) { @(3); d(); } }",
        ),
        "loops": (
            "for (;;) a()\ndo b(); while (c)",
            "@(0); for (;;) { @(2); a() }\n@(1); do { @(3); b(); } while (c)",
        ),
        "directives": ('"use strict";\na();', '"use strict";\n@(0); a();'),
        "a function": ("function a() { return 1; }", "function a() { @(0); return 1; }"),
        "an arrow function": (
            "export const a = (b) => ({ b });",
            "@(0); export const a = (b) => (@(1), ({ b }));",
        ),
        "a field": ("class A { b = c(); d = () => 1; }", "class A { b = (@(0), c()); d = () => (@(1), 1); }"),
        "cases": (
            "switch (a) { case 1: b(); default: c(); }",
            "@(0); switch (a) { case 1: @(1); b(); default: @(2); c(); }",
        ),
        "operands on a line of their own": (
            "a = b\n  ? c\n  : d || e;",
            "@(0); a = b\n  ? (@(1), c)\n  : (@(2), d || e);",
        ),
        "a label": ("a: for (;;) { continue a; }", "@(0); a: for (;;) { @(1); continue a; }"),
        "types": (
            "interface A { b: 1 }\ntype C = 1;\ndeclare const d: 1;",
            "interface A { b: 1 }\ntype C = 1;\ndeclare const d: 1;",
        ),
        "imports": (
            'import a from "a";\nexport { b } from "b";\nexport default a;',
            'import a from "a";\nexport { b } from "b";\nexport default a;',
        ),
        "text that is not ASCII": ('é("ü"); ö();', '@(0); é("ü"); @(1); ö();'),
    }.values(),
)
def test_flagged__every_statement_has_a_flag(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_flagged__elements() -> None:
    assert shown("const a = () => <b>{c}</b>;", "a.tsx") == "@(0); const a = () => (@(1), <b>{c}</b>);"


SOURCE = """function a(b) {
  if (b) {
    return c(
      d(),
    );
  }
  return () => e();
}
"""


def test_flagged__lines_and_calls_of_each_flag() -> None:
    found = flagged(SOURCE, "a.ts", first=10)
    assert [sorted(flag.lines) for flag in found.flags] == [[2], [7], [3, 4], [7]]
    assert found.lines(frozenset({10, 12, 99})) == {2, 3, 4}
    assert found.idle(frozenset({10, 11, 12})) == ((7, 15, 7, 18),)
    assert found.idle(frozenset({10, 11})) == ((3, 11, 5, 5), (4, 6, 4, 9), (7, 15, 7, 18))


def test_flagged__only_within_some_lines() -> None:
    assert "at(0); a();" in flagged("x();\na();\ny();\n", "a.ts", within=[range(2, 3)]).text
    assert len(flagged("x();\na();\ny();\n", "a.ts", within=[range(2, 3)]).flags) == 1


def test_read_trace__what_each_test_reached() -> None:
    notes = (
        "7 1",
        "8 2",
        '7 ["a.ts","one"]',
        "7 3",
        "8 4",
        '8 ["b.ts","two"]',
        "8 5",
        '7 ["a.ts","one"]',
        "7 6",
    )
    text = "\n".join((*notes, "nonsense", "7 []", "9"))
    trace = read_trace(text)
    assert trace.loaded == {1, 2, 4}
    assert trace.tests == {("a.ts", "one"): {3, 6}, ("b.ts", "two"): {5}}
    assert trace.everything == {1, 2, 3, 4, 5, 6}
    assert read_trace(None).everything == frozenset()
