"""What a browser makes of Markdown, and what may be in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt

OUR_TAGS = {
    *("p", "strong", "code", "pre", "details", "summary", "sub", "hr", "blockquote", "br", "ul", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
OUR_ATTRIBUTES = {"lang", "class", "open"}

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


OUR_MARKS = re.compile(
    r"^<!-- testsmith:(?:listed (?:[0-9a-f]{16}|end)|audit (?:[0-9a-f]{40}|end)?) -->$", re.MULTILINE
)


def assert_harmless(markdown: str) -> None:
    markdown = OUR_MARKS.sub("", markdown)
    page = Page(markdown)
    assert page.tags <= OUR_TAGS
    assert page.attributes <= OUR_ATTRIBUTES
    assert page.comments == []
    assert re.findall(r"@\w|#\d|://|www\.|GH-\d", page.words) == []
    assert "<!--" not in markdown
    assert "##[" not in markdown
    assert [line for line in markdown.split("\n") if line.lstrip().startswith("::")] == []
    assert re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", markdown) == []
