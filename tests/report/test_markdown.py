from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from bot.model import Evidence, Label, Report, Skipped, Stage
from bot.report.markdown import (
    COMMENT_LIMIT,
    cell,
    code_block,
    inline,
    paragraph,
    render_markdown,
    suggestion_comment,
    summary_comment,
)
from bot.report.prose import code, one_line, parse, plain, shown_code
from fakes.reports import (
    HOSTILE_CODE,
    HOSTILE_TEXT,
    VIEW,
    a_member,
    a_suggestion,
    hostile_report,
    large_report,
    sample_report,
)

OUR_TAGS = {
    *("p", "strong", "code", "pre", "details", "summary", "sub", "hr", "blockquote"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
OUR_ATTRIBUTES = {"lang", "class"}

FRAGMENTS = (
    "a", " ", "`", "``", "*b*", "_", "[x](https://e.example)", "![i](j)", "<b>", "</sub>", "&amp;", "|", "\\",
    "\\|", "#", "# ", "#1", "-", "- ", "+ ", "1. ", "2) ", "> ", "=", "~~~", "~~x~~", "::error::",
    "##[group]", "<!-- x -->", "@octocat", "me@e.example", "www.e.example", "GH-1", "$x$", "!", ":",
    "\x1b[31m", "---",
)  # fmt: skip


class Page(HTMLParser):
    """What a browser would make of rendered Markdown."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.comments: list[str] = []
        self.words = ""
        self.code: list[str] = []
        self.blocks: list[str] = []
        self._open: list[str] = []
        self.feed(MarkdownIt("commonmark").enable("table").enable("strikethrough").render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)
        if tag == "code":
            (self.blocks if "pre" in self._open else self.code).append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if "code" not in self._open:
            self.words += data
            return
        found = self.blocks if "pre" in self._open else self.code
        found[-1] += data


def assert_harmless(markdown: str) -> None:
    page = Page(markdown)
    assert page.tags <= OUR_TAGS
    assert page.attributes <= OUR_ATTRIBUTES
    assert page.comments == []
    assert re.findall(r"@\w|#\d|://|www\.|GH-\d", page.words) == []
    assert "<!--" not in markdown
    assert "##[" not in markdown
    assert [line for line in markdown.split("\n") if line.lstrip().startswith("::")] == []
    assert re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", markdown) == []


def test_summary_comment__of_the_sample() -> None:
    lines = summary_comment(sample_report(), VIEW).split("\n")

    assert lines[0] == "**TestSmith** proposes 4 tests for 3 of 11 changed members and asks 2 questions."
    assert "| `clamp` | affected by `_bounds` | 1 test, +1 line |" in lines
    assert "| `huge`, `late` | budget | over the limit of 40 members |" in lines
    assert "tests: 13 asked, 12 answered, 11 ran, 10 stable, 6 gain something, 4 posted" in lines
    assert "2 model calls, 3,120 tokens · 4 members from the cache · 12.3 s · head `1a2b3c4`" in lines


def test_summary_comment__names_commands_only_where_they_are_enabled() -> None:
    assert "/testsmith help" not in summary_comment(sample_report(), VIEW)
    assert "`/testsmith help`" in summary_comment(sample_report(), replace(VIEW, commands=True))


def test_summary_comment__tells_members_of_the_same_name_apart() -> None:
    first, second = a_member("run", "a.py"), a_member("run", "b.py")
    report = Report(members=(first, second), suggestions=(a_suggestion(first), a_suggestion(second, 2)))

    comment = summary_comment(report, VIEW)

    assert "| `a.py::run` |" in comment
    assert "| `b.py::run` |" in comment


def test_summary_comment__of_a_failed_run_begins_with_the_failure() -> None:
    comment = summary_comment(Report(members=(), failure="the key was refused"), VIEW)

    assert comment.startswith("> The run ended early: the key was refused\n\nNo member was looked at.\n")


@pytest.mark.parametrize("text", ["reason", HOSTILE_TEXT, "|" * 500])
def test_summary_comment__is_never_too_long_and_says_what_it_left_out(text: str) -> None:
    large = large_report(3000)
    skipped = tuple(replace(entry, reason=f"{index} {text}") for index, entry in enumerate(large.skipped))

    comment = summary_comment(replace(large, skipped=skipped, failure=text, notes=(text,) * 100), VIEW)

    assert len(comment) <= COMMENT_LIMIT
    assert re.search(r"^… and [\d,]+ more members; `--format json` has them all\.$", comment, re.MULTILINE)
    assert re.search(r"^… and [\d,]+ more rows; `--format json` has them all\.$", comment, re.MULTILINE)


def test_summary_comment__says_how_many_notes_it_left_out() -> None:
    comment = summary_comment(Report(members=(), notes=("word " * 100,) * 50), VIEW)

    assert re.search(r"^… and \d+ more notes; `--format json` has them all\.$", comment, re.MULTILINE)


def test_summary_comment__names_the_first_of_many_left_out_for_one_reason() -> None:
    members = tuple(a_member(f"f{number}") for number in range(25))
    skipped = tuple(
        Skipped(path=member.path, member=member.id, stage=Stage.BUDGET, reason="too many")
        for member in members
    )

    comment = summary_comment(Report(members=members, skipped=skipped, base="0"), VIEW)

    assert "`f19` and 5 more | budget | too many |" in comment


def test_suggestion_comment__shows_the_code_to_the_letter() -> None:
    report = sample_report()

    comment = suggestion_comment(report.suggestions[0], report.members[0], VIEW)

    assert comment.startswith("**`Cart.add`** · new behaviour · 2 tests for `tests/shop/test_cart.py`\n")
    assert Page(comment).blocks == [report.suggestions[0].code]
    assert comment.split("\n")[-1] == (
        "<sub>Suggestion 1, by the offline engine · check it: "
        "`testsmith suggest --base main --provider offline --only src/shop/cart.py::Cart.add`</sub>"
    )


def test_suggestion_comment__tells_of_replies_where_they_are_understood() -> None:
    member = a_member("f")

    comment = suggestion_comment(a_suggestion(member), member, replace(VIEW, commands=True))

    assert comment.endswith(" · reply `apply`, `reject` or `explain`</sub>")


@pytest.mark.parametrize("label", [Label.QUESTION, Label.CATCHES])
def test_suggestion_comment__asks_and_folds_the_test(label: Label) -> None:
    member = a_member("f")
    evidence = Evidence(passes=0, runs=5)

    comment = suggestion_comment(a_suggestion(member, label=label, evidence=evidence), member, VIEW)

    asked, folded = comment.split("<details><summary>")
    assert asked.rstrip().endswith("?")
    assert "```" not in asked
    assert "def test_f():" in folded.partition("</details>")[0]


def test_suggestion_comment__too_long_for_a_comment_says_how_to_see_the_test() -> None:
    member = a_member("f")

    comment = suggestion_comment(a_suggestion(member, code="x = 1\n" * 20_000), member, VIEW)

    assert len(comment) < 1000
    assert "The test module has 20,000 lines, too many for a comment; the command below prints it." in comment


def test_render_markdown__is_the_summary_and_every_comment() -> None:
    report = sample_report()

    shown = render_markdown(report, VIEW)

    assert shown.startswith(summary_comment(report, VIEW))
    members = {member.id: member for member in report.members}
    for suggestion in report.suggestions:
        assert suggestion_comment(suggestion, members[suggestion.member], VIEW) in shown


def test_render_markdown__of_a_hostile_report_is_harmless() -> None:
    assert_harmless(render_markdown(hostile_report(), VIEW))


def test_render_markdown__of_hostile_code_shows_it_to_the_letter() -> None:
    page = Page(render_markdown(hostile_report(), VIEW))

    assert page.blocks == [shown_code(HOSTILE_CODE)] * 2


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
