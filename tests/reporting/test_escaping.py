from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from reporting.pages import FRAGMENTS, Page, assert_harmless

from testsmith.reporting.escaping import (
    cell,
    change_block,
    code,
    code_block,
    inline,
    one_line,
    paragraph,
    parse,
    plain,
    tagged,
)


@pytest.mark.parametrize(
    "hostile", ["```", "`````", "~~~", "</details>", "<!--", "::add-mask::x", "  ::x", "##[x]"]
)
@pytest.mark.parametrize("end", ["", "\n", "\n\n# not a heading\n"])
def test_code_block__ends_where_we_end_it(hostile: str, end: str) -> None:
    text = f'x = """\n{hostile}{end}\n"""'

    block = code_block(text, "python")

    assert_harmless(block)
    page = Page(f"{block}\n\nafter")
    assert [shown.removesuffix("\n") for shown in page.blocks] == [text]
    assert page.words.strip() == "after"


def test_code_block__keeps_the_language_a_word() -> None:
    assert code_block("x", "py`thon\n\n<script>").startswith("```pythonscript\nx")


@pytest.mark.parametrize("first", FRAGMENTS)
def test_paragraph__shows_any_text_as_words(first: str) -> None:
    for second in FRAGMENTS:
        words = one_line(first + second)

        shown = paragraph(plain(words))

        assert_harmless(shown)
        assert Page(shown).words.replace("\u200b", "").strip() == words


@pytest.mark.parametrize("first", FRAGMENTS)
def test_inline__shows_any_text_as_code(first: str) -> None:
    for second in FRAGMENTS:
        prose = code(first + second)

        shown = f"see {inline(prose)}"

        assert_harmless(shown)
        page = Page(shown)
        assert (page.code, page.words.strip()) == ([prose[0].text], "see")


@pytest.mark.parametrize("first", FRAGMENTS)
def test_cell__never_leaves_its_column(first: str) -> None:
    for second in FRAGMENTS:
        prose = code(first + second)
        words = cell(plain(prose[0].text))

        table = f"| a | b | c |\n|---|---|---|\n| {cell(prose)} | {words} | last |"

        assert_harmless(table)
        row = MarkdownIt("commonmark").enable("table").render(table).rpartition("<tr>")[2]
        assert row.count("<td>") == 3
        assert "<td>last</td>" in row


def test_inline__marks_the_code_of_a_sentence() -> None:
    assert inline(parse("`a < b` is `True`, not _x_")) == r"`a < b` is `True`, not \_x\_"


@pytest.mark.parametrize("first", FRAGMENTS)
def test_tagged__shows_any_text_in_html_and_in_markdown(first: str) -> None:
    for second in FRAGMENTS:
        words, shown_as_code = one_line(first + second), code(first + second)

        for shown in (
            f"<details><summary>{tagged(plain(words))} and {tagged(shown_as_code)}</summary></details>",
            f"so {tagged(plain(words))} and {tagged(shown_as_code)}",
        ):
            assert_harmless(shown)
            page = Page(shown)
            assert page.words.replace("\u200b", "").removeprefix("so ").strip() == f"{words} and".strip()
            assert page.code == [shown_as_code[0].text]


def test_change_block__is_longer_than_any_fence_inside() -> None:
    assert change_block("a\n````\nb") == "`````suggestion\na\n````\nb\n`````"


@pytest.mark.parametrize("text", ["a\r\nb", "a\x1bb", "<!-- a", "  ::error::a", "a ##[error]b", "a\u202eb"])
def test_change_block__is_none_where_it_would_not_be_shown_to_the_letter(text: str) -> None:
    assert change_block(text) == ""
