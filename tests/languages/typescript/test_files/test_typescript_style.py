from __future__ import annotations

import pytest

from testsmith.languages.typescript.source.parsing import parse
from testsmith.languages.typescript.test_files.style import at_indentation, in_style_of, indentation_unit

PLAIN = "import a from 'a'\n\nit('b', () => {\n\tf('c')\n\tg()\n})\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('it("a", () => {\n  f("b");\n});\n', "it('a', () => {\n\tf('b')\n})\n"),
        ('f("it\'s", "\\n", "b");\n', 'f("it\'s", "\\n", \'b\')\n'),
        ("f();\n[1].map(g);\n", "f();\n[1].map(g)\n"),
        ("f(); g();\n", "f(); g()\n"),
        ("let a: string;\n", "let a: string\n"),
        ("for (let i = 0; i < 1; i++) {}\n", "for (let i = 0; i < 1; i++) {}\n"),
        ("if (a) {\n    f(`\n    b`);\n}\n", "if (a) {\n\tf(`\n    b`)\n}\n"),
    ],
)
def test_in_style__of_a_file_without_semicolons(code: str, expected: str) -> None:
    assert in_style_of(parse(PLAIN), code) == expected


def test_in_style__of_a_file_with_semicolons() -> None:
    file = parse('import a from "a";\n\nit("b", () => {\n    f("c");\n});\n')
    assert in_style_of(file, PLAIN) == ('import a from "a";\n\nit("b", () => {\n    f("c");\n    g();\n});\n')
    assert in_style_of(parse("f"), PLAIN).replace("  ", "\t") == PLAIN


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("{\n    a\n        b\n}", "    "),
        ("{\n\ta\n}", "\t"),
        ("f", "  "),
        ("/**\n * a\n */\n{\n  a\n}", "  "),
    ],
)
def test_indentation_unit__of_a_file(text: str, unit: str) -> None:
    assert indentation_unit(parse(text)) == unit


def test_at_indentation__keeps_templates() -> None:
    file = parse("  f(`\n  a`,\n    b);\n\n  g();\n")
    assert at_indentation(file, 0, len(file.data), "\t") == "\tf(`\n  a`,\n\t  b);\n\n\tg();"
