from __future__ import annotations

import pytest

from testsmith.languages.go.source import parsing
from testsmith.languages.go.source.parsing import decode, normalized, parse, parse_tolerant, tokens
from testsmith.languages.source import CannotParse


def test_decode__line_ends_and_byte_order_mark() -> None:
    assert decode("\ufeffpackage a\r\n\rvar x = 1\n".encode()) == "package a\n\nvar x = 1\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"package a\0", "binary"),
        (b"package \xff", "not UTF-8"),
        (b" " * (parsing.MOST_BYTES + 1), "larger than 2 MiB"),
    ],
)
def test_decode__what_is_no_text(data: bytes, why: str) -> None:
    with pytest.raises(CannotParse, match=why):
        decode(data)


def test_parse__names_the_line_that_is_wrong() -> None:
    with pytest.raises(CannotParse, match="line 4"):
        parse("package a\n\nfunc f() {\n\tx := ;\n}\n")


def test_tokens__formatting_and_comments_say_nothing() -> None:
    spread = "package a\n\nfunc F(\n\tx int, // the first\n\ty int,\n) int {\n\treturn x +\n\t\ty\n}\n"
    flat = "package a; func F(x int, y int) int { return x + y }"
    assert tokens(parse(spread).root) == tokens(parse(flat).root)
    assert normalized('package a\nvar s = "a  // b"') == 'package a var s = "a  // b"'


def test_offset__characters_and_bytes() -> None:
    file = parse('package a\n\nvar s = "äö"\nvar t = 1\n')
    position = file.data.index(b"var t")
    assert file.text[file.offset(position) :].startswith("var t")


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


def test_parse_tolerant__gives_up_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "MOST_SECONDS", -1.0)
    with pytest.raises(CannotParse, match="too long to parse"):
        parse_tolerant("package a\n" + "var x = 1\n" * 1_000 + "// once")
