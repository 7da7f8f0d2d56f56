from __future__ import annotations

import pytest

from testsmith.languages.go.source.parsing import normalized, parse, parse_tolerant, tokens
from testsmith.languages.source import CannotParse


def test_parse__names_the_line_that_is_wrong() -> None:
    with pytest.raises(CannotParse, match="line 4"):
        parse("package a\n\nfunc f() {\n\tx := ;\n}\n")


def test_tokens__formatting_and_comments_say_nothing() -> None:
    spread = "package a\n\nfunc F(\n\tx int, // the first\n\ty int,\n) int {\n\treturn x +\n\t\ty\n}\n"
    flat = "package a; func F(x int, y int) int { return x + y }"
    assert tokens(parse(spread).root) == tokens(parse(flat).root)
    assert normalized('package a\nvar s = "a  // b"') == 'package a var s = "a  // b"'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(" * 200_000, "nested too deeply"),
        ("{[" * 100_000, "nested too deeply"),  # the parser itself would need more than the stack
        ("package a\n" + "/*" * 200_000, "has no end"),
        ("package a\nvar s = `", "has no end"),
        ("package a\nfunc f() { ) }", "do not match .line 2."),
        ("package a\nfunc f() {", "do not match"),
    ],
)
def test_parse_tolerant__what_would_take_all_time_or_memory(text: str, why: str) -> None:
    with pytest.raises(CannotParse, match=why):
        parse_tolerant(text)


def test_parse_tolerant__brackets_in_text_and_comments_do_not_count() -> None:
    text = """package a

var s, r, q = "(", '[', `{`  // (
var t = "\\"(" /* ( */
"""
    assert parse_tolerant(text).text == text


def test_parse_tolerant__long_expressions_and_broken_text_end() -> None:
    deep = "-" * 100_000
    assert parse_tolerant(f"package a\nvar x = {deep}1").root.child_count > 0
    assert parse_tolerant("if func case " * 10_000).root.has_error
