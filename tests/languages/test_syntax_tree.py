from __future__ import annotations

import pytest
import tree_sitter_typescript
from tree_sitter import Language

from testsmith.languages import syntax_tree
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import (
    MOST_BYTES,
    decode,
    field,
    items_of,
    parsed,
    text_of,
    walk,
    without_errors,
    without_items,
)

GRAMMAR = Language(tree_sitter_typescript.language_tsx())


def test_decode__line_ends_and_byte_order_mark() -> None:
    assert decode("\ufeffa\r\n\rvar x = 1\n".encode()) == "a\n\nvar x = 1\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"package a\0", "binary"),
        (b"package \xff", "not UTF-8"),
        (b" " * (MOST_BYTES + 1), "larger than 2 MiB"),
    ],
)
def test_decode__what_is_no_text(data: bytes, why: str) -> None:
    with pytest.raises(CannotParse, match=why):
        decode(data)


def test_parsed__positions_in_bytes_and_characters() -> None:
    file = parsed('const s = "äö";\nconst t = 1;\n', GRAMMAR)
    position = file.data.index(b"const t")
    assert file.text[file.offset(position) :].startswith("const t")
    assert file.between(file.line_start(position + 3), file.line_end(position)) == "const t = 1;\n"


def test_parsed__gives_up_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax_tree, "MOST_SECONDS", -1.0)
    with pytest.raises(CannotParse, match="too long to parse"):
        parsed("let x = 1;\n" * 1_000, GRAMMAR)


def test_without_errors__names_the_line() -> None:
    file = parsed("let a = 1;\nlet b = ;\n", GRAMMAR)
    with pytest.raises(CannotParse, match=r"cannot be parsed as Klingon \(line 2\)"):
        without_errors(file, "Klingon")


def test_walk__in_order_without_what_is_skipped() -> None:
    root = parsed("f(a, /* b */ [c, d])", GRAMMAR).root
    names = [text_of(node) for node in walk(root, {"array"}) if node.type == "identifier"]
    assert names == ["f", "a"]


def test_field__of_what_is_missing() -> None:
    statement = parsed("f(a)", GRAMMAR).root.children[0]
    assert text_of(field(statement.children[0], "function")) == "f"
    assert field(statement, "body", "name") is None


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("[1, 2, 3]", (2, 3), "[1]"),
        ("[1, 2, 3]", (1, 2, 3), "[]"),
        ("[1, 2, 3]", (1, 3), "[2]"),
        ("[ 1, 2 ]", (2,), "[ 1 ]"),
        ("[1,\n 2]", (2,), "[1]"),
        ("[\n  1,\n  2,\n]", (1,), "[\n  2,\n]"),
    ],
)
def test_without_items__of_lists_in_one_line_and_several(text: str, gone: tuple[int, ...], left: str) -> None:
    file = parsed(text, GRAMMAR)
    listed = file.root.named_children[0].named_children[0]
    items = [one for one in items_of(listed) if int(text_of(one)) in gone]
    assert without_items(file, items) == left
