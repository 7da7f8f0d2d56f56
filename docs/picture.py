"""Draw what the program says about the example project's pull request, as readers see it: `make picture`.

The offline engine reviews the example: on the command line for a review, a terminal and an HTML page, and in
the action for a job summary. `docs/pictures` keeps these texts, from which the pictures are drawn. With
`--check` nothing is run or written, and the exit code is 1 if a picture does not show its text.
"""

from __future__ import annotations

import difflib
import fcntl
import html
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from pygments import lex
from pygments.lexers.python import PythonLexer
from pygments.token import Keyword, Name, Number, Operator, String
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
SHOWN = {"review.svg": ("`shipping`", "question"), "diff.svg": ("`Cart.add`",), "summary.svg": ()}
"""Words in the first line of the comments that a picture shows; without any, it shows the summary."""

TERMINAL = ("suggest", "--only", "cents")
COLUMNS, ROWS = 100, 60
PAGE = ("suggest", "--base", "main", "--head", "change", "--only", "src/shop/prices.py", "--output")
PAGE_HEIGHT = 1040
"""Height of what is shown of the HTML page, in pixels."""

WIDTH, PADDING, GAP, CHIP = 860, 16, 16, 4
SIZES = {"text": 14.0, "code": 12.0, "small": 12.0}
LINE = {"text": 21, "code": 20, "small": 18}
MONO = 0.602  # the advance of a monospaced letter
NARROW = {
    **dict.fromkeys("ijl|'`", 0.23),
    **dict.fromkeys(" fIt.,:;!/()[]", 0.29),
    **dict.fromkeys('r-"', 0.34),
}
WIDE = {**dict.fromkeys("mMW%@", 0.87), **dict.fromkeys("wABCDEGHKNOPQRSUVXY→←", 0.71)}
"""Advances of a proportional font that differ from the usual one, in parts of its size."""

COLORS = (
    (Keyword.Constant, "constant"),
    (Operator.Word, "keyword"),
    (Keyword, "keyword"),
    (Operator, "keyword"),
    (Name.Function, "name"),
    (Name.Decorator, "name"),
    (String, "string"),
    (Number, "constant"),
)

STYLE = """\
text {
  font: 14px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  fill: #1f2328; white-space: pre;
}
.code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
.small { font-size: 12px } .bold { font-weight: 600 } .muted { fill: #59636e }
.mark { fill: #fff; font-weight: 600 } .face { fill: #0969da }
.page { fill: #fff } .box { fill: #fff; stroke: #d1d9e0 } .bar { fill: #f6f8fa } .line { stroke: #d1d9e0 }
.chip { fill: #818b981f } .added { fill: #dafbe1 } .removed { fill: #ffebe9 }
.keyword { fill: #cf222e } .name { fill: #6639ba } .string { fill: #0a3069 } .constant { fill: #0550ae }
.red { fill: #cf222e } .green { fill: #116329 } .yellow { fill: #9a6700 } .magenta { fill: #8250df }
.cyan { fill: #1b7c83 } .level { fill: #2da44e } .noted { fill: #0969da } .dot { fill: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .muted { fill: #9198a1 } .mark { fill: #fff }
  .page { fill: #0d1117 } .box { fill: #0d1117; stroke: #3d444d } .bar { fill: #151b23 }
  .line { stroke: #3d444d } .chip { fill: #656c7633 } .added { fill: #1b4721 } .removed { fill: #542426 }
  .keyword { fill: #ff7b72 } .name { fill: #d2a8ff } .string { fill: #a5d6ff } .constant { fill: #79c0ff }
  .red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #d29922 } .magenta { fill: #d2a8ff }
  .cyan { fill: #39c5cf } .noted { fill: #4493f8 } .dot { fill: #3d444d }
}"""

ANSI = {1: "red", 2: "green", 3: "yellow", 5: "magenta", 6: "cyan"}
"""The colors of a terminal that the program uses, by number."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text in one style: `text`, `code` or `small`; `more` are further classes of the style sheet."""

    text: str
    style: str = "text"
    more: str = ""

    @property
    def width(self) -> float:
        """Estimated width; the picture holds every browser to it."""
        size = SIZES[self.style]
        if self.style == "code":
            return len(self.text) * MONO * size
        bold = 1.06 if "bold" in self.more else 1.0
        return sum(NARROW.get(one) or WIDE.get(one, 0.555) for one in self.text) * size * bold


@dataclass(slots=True)
class Canvas:
    """Elements from the top down; `y` is where the next one begins."""

    y: float = 0
    parts: list[str] = field(default_factory=list)

    def box(self, at: tuple[float, float], size: tuple[float, float], kind: str, radius: float = 0) -> None:
        """Draw a rectangle."""
        place = f'x="{at[0]:g}" y="{at[1]:g}" width="{size[0]:.1f}" height="{size[1]:g}"'
        self.parts.append(f'<rect class="{kind}" {place} rx="{radius:g}"/>')

    def rule(self, x: float, y: float, width: float) -> None:
        """Draw a horizontal line."""
        self.parts.append(f'<path class="line" d="M{x:g} {y:g}h{width:g}"/>')

    def write(self, x: float, baseline: float, words: Words, *, has_chip: bool = False) -> float:
        """Write words, and return where they end."""
        if has_chip:
            self.box((x, baseline - 13), (words.width + 2 * CHIP, 18), "chip", 4)
            x += CHIP
        kinds = " ".join(one for one in (words.style, words.more) if one and one != "text")
        kind = f' class="{kinds}"' if kinds else ""
        place = f'x="{x:.1f}" y="{baseline:g}" textLength="{words.width:.1f}"'
        self.parts.append(f"<text{kind} {place}>{html.escape(words.text, quote=False)}</text>")
        return x + words.width + CHIP * has_chip

    def flow(self, x: float, width: float, runs: Iterable[Words], *, line: int = LINE["text"]) -> None:
        """Write words from left to right, in as many lines as they need."""
        pieces = [
            Words(one, run.style, run.more) for run in runs for one in re.findall(r"\S+\s*|\s+", run.text)
        ]
        rows: list[list[Words]] = [[]]
        at = x
        for piece in pieces:
            if rows[-1] and at + Words(piece.text.rstrip(), piece.style, piece.more).width > x + width:
                rows.append([])
                at = x
            rows[-1].append(piece)
            at += piece.width + 2 * CHIP * (piece.style == "code")
        for row in rows:
            at = x
            for (style, more), group in groupby(row, key=lambda one: (one.style, one.more)):
                whole = Words("".join(one.text for one in group), style, more)
                shown = Words(whole.text.rstrip(), style, more)
                has_chip = style == "code"
                self.write(at, self.y + line - 6, shown, has_chip=has_chip)
                at += whole.width + 2 * CHIP * has_chip
            self.y += line


def inline(tokens: Sequence[Any]) -> list[Words]:
    """Return the words of a paragraph."""
    found, is_bold, is_small = list[Words](), False, False
    for one in tokens:
        more = " ".join(("bold",) * is_bold + ("muted",) * is_small)
        if one.type in {"strong_open", "strong_close"}:
            is_bold = one.type == "strong_open"
        elif one.type == "html_inline":
            is_small = one.content == "<sub>" or (is_small and one.content != "</sub>")
        elif one.type == "code_inline":
            found.append(Words(one.content, "code", "bold" if is_bold else ""))
        elif one.type in {"text", "text_special", "softbreak"}:
            content = " " if one.type == "softbreak" else one.content
            found.append(Words(content, "small" if is_small else "text", more))
    return found


def tagged(text: str, style: str = "small", more: str = "muted") -> list[Words]:
    """Return the words of a line with tags."""
    return [
        Words(html.unescape(re.sub(r"<[^>]+>", "", piece)), "code" if is_code else style, more)
        for is_code, piece in _pieces(text)
        if re.sub(r"<[^>]+>", "", piece)
    ]


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    for number, piece in enumerate(re.split(r"</?code>", text)):
        yield bool(number % 2), piece


def block(canvas: Canvas, x: float, width: float, text: str, language: str) -> None:
    """Draw a block of code, colored as GitHub does, or a chart."""
    if language == "mermaid":
        chart(canvas, x, text)
        return
    lines = text.rstrip("\n").split("\n")
    canvas.box((x, canvas.y + 2), (width, len(lines) * LINE["code"] + PADDING), "bar", 6)
    canvas.y += 2 + PADDING / 2
    for number, line in enumerate(colored(text)) if language == "python" else enumerate(changes(lines)):
        background = {"+": "added", "-": "removed"}.get(lines[number][:1]) if language == "diff" else None
        if background and not lines[number].startswith(("---", "+++")):
            canvas.box((x, canvas.y), (width, LINE["code"]), background)
        at = x + 12
        for words in line:
            at = canvas.write(at, canvas.y + 14, words)
        canvas.y += LINE["code"]
    canvas.y += PADDING / 2 + 10


def changes(lines: Iterable[str]) -> Iterator[list[Words]]:
    """Yield the lines of a diff, or of plain code."""
    for one in lines:
        yield [Words(one, "code", "muted" if one.startswith(("---", "+++", "@@")) else "")]


def colored(text: str) -> Iterator[list[Words]]:
    """Yield the lines of Python code."""
    line = list[Words]()
    for kind, value in lex(text, PythonLexer()):
        color = next((color for parent, color in COLORS if kind in parent), "")
        for number, piece in enumerate(value.split("\n")):
            if number:
                yield line
                line = []
            if piece:
                line.append(Words(piece, "code", color))
    if line:
        yield line


def table(canvas: Canvas, x: float, width: float, rows: Sequence[Sequence[list[Words]]]) -> None:
    """Draw a table, its columns as wide as their words."""
    columns = [
        max(sum(one.width + 10 for one in cell) for cell in column) + 26 for column in zip(*rows, strict=True)
    ]
    columns[-1] = min(columns[-1], width - sum(columns[:-1]))
    for number, row in enumerate(rows):
        if number % 2 == 0 and number:
            canvas.box((x, canvas.y), (sum(columns), 32), "bar")
        canvas.rule(x, canvas.y, sum(columns))
        at = x
        for cell, column in zip(row, columns, strict=True):
            left = at + 13
            for words in cell:
                shown = words if number else Words(words.text, words.style, "bold")
                left = canvas.write(left, canvas.y + 21, shown, has_chip=words.style == "code")
            at += column
        canvas.y += 32
    canvas.rule(x, canvas.y, sum(columns))
    canvas.y += 12


def chart(canvas: Canvas, x: float, mermaid: str) -> None:
    """Draw a chart of horizontal bars, the only kind in a job summary."""
    title, *labels = re.findall(r'"([^"]+)"', mermaid.partition("xychart-beta")[2])
    lengths = [int(one) for one in re.findall(r"\d+", mermaid.rpartition("bar [")[2])]
    most = Words(title, "text", "bold")
    canvas.write(x + (640 - most.width) / 2, canvas.y + 18, most)
    canvas.y += 32
    left = max(Words(one).width for one in labels) + 12
    for label, length in zip(labels, lengths, strict=True):
        words = Words(label)
        canvas.write(x + left - 12 - words.width, canvas.y + 16, words)
        canvas.box((x + left, canvas.y), ((640 - left) * length / max(lengths), 22), "level")
        canvas.y += 29
    canvas.y += 10


def paragraph(canvas: Canvas, x: float, width: float, words: Sequence[Words]) -> None:
    """Draw a paragraph, or a note that GitHub marks with a bar."""
    if not words[0].text.startswith("[!"):
        is_small = all(word.style != "text" for word in words)
        canvas.flow(x, width, words, line=LINE["small" if is_small else "text"])
        canvas.y += 8
        return
    top, title = canvas.y, words[0].text.strip("[]!").capitalize()
    canvas.write(x + 18, canvas.y + 16, Words(title, "text", "bold noted"))
    canvas.y += 26
    canvas.flow(x + 18, width - 18, words[2:])
    canvas.box((x, top), (4, canvas.y - top), "face")
    canvas.y += 14


def body(canvas: Canvas, x: float, width: float, markdown: str) -> None:
    """Draw a comment's Markdown; folds are closed."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    is_folded, cells = False, list[list[list[Words]]]()
    for one in tokens:
        if one.type == "html_block":
            is_folded = _html(canvas, x, width, one.content, is_folded=is_folded)
        elif is_folded:
            continue
        elif one.type == "fence":
            block(canvas, x, width, one.content, one.info)
        elif one.type == "tr_open":
            cells.append([])
        elif one.type == "table_close":
            table(canvas, x, width, cells)
            cells = []
        elif one.type == "hr":
            canvas.rule(x, canvas.y + 8, width)
            canvas.y += 24
        elif one.type == "inline":
            words = inline(one.children or ())
            if cells:
                cells[-1].append(words)
            else:
                paragraph(canvas, x, width, words)


def _html(canvas: Canvas, x: float, width: float, text: str, *, is_folded: bool) -> bool:
    """Draw small print and the headings of folds, and return whether what follows is folded."""
    for line in re.findall(r"<p><sub>(.*?)</sub></p>", text):
        for part in line.split("<br>"):
            canvas.flow(x, width, tagged(part), line=LINE["small"])
        canvas.y += 8
    summary = re.search(r"<summary>(.*?)</summary>", text)
    if summary:
        canvas.flow(x, width, [Words("▸ "), *tagged(summary[1], "text", "")])
        canvas.y += 8
    return "</details>" not in text and (is_folded or summary is not None)


def comment(canvas: Canvas, x: float, width: float, markdown: str) -> None:
    """Draw a comment with its author."""
    canvas.y += PADDING
    canvas.box((x + PADDING, canvas.y), (24, 24), "face", 12)
    canvas.write(x + PADDING + 5, canvas.y + 16, Words("TS", "small", "mark"))
    at = canvas.write(x + PADDING + 34, canvas.y + 17, Words("github-actions", more="bold"))
    canvas.box((at + 8, canvas.y + 3), (30, 18), "box", 9)
    canvas.write(at + 15, canvas.y + 16, Words("bot", "small", "muted"))
    canvas.y += 34
    body(canvas, x + PADDING, width - 2 * PADDING, markdown)
    canvas.y += 4


def hunk(path: str, line: int) -> list[tuple[int, str]]:
    """Return the four lines of the example that end at a line of head, with their numbers and signs."""
    shop = ROOT / "examples" / "shop"
    base, head = (
        (shop / state / path).read_text(encoding="utf-8").splitlines() for state in ("base", "head")
    )
    kept = {
        number
        for kind, *_, start, end in difflib.SequenceMatcher(None, base, head).get_opcodes()
        if kind == "equal"
        for number in range(start, end)
    }
    numbers = range(max(0, line - 4), line)
    return [(number + 1, f"{' ' if number in kept else '+'} {head[number]}") for number in numbers]


def thread(canvas: Canvas, place: str, markdown: str) -> None:
    """Draw a comment below the lines of the diff that it is about."""
    named = re.fullmatch(r"`(.+)`, line (\d+)", place)
    if named is None:
        raise ValueError(f"A comment's place has another form: {place}")
    top, frame = canvas.y, len(canvas.parts)
    canvas.parts.append("")
    canvas.write(PADDING + 1, canvas.y + 24, Words(named[1], "code", "bold"))
    canvas.y += 38
    canvas.rule(1, canvas.y, WIDTH - 2)
    for number, text in hunk(named[1], int(named[2])):
        if text.startswith("+"):
            canvas.box((1, canvas.y), (WIDTH - 2, LINE["code"]), "added")
        canvas.write(24, canvas.y + 14, Words(f"{number:>3}", "code", "muted"))
        canvas.write(64, canvas.y + 14, Words(text, "code"))
        canvas.y += LINE["code"]
    canvas.rule(1, canvas.y, WIDTH - 2)
    comment(canvas, 1, WIDTH - 2, markdown)
    canvas.parts[frame] = _frame(top, canvas.y, has_bar=True)
    canvas.y += GAP


def _frame(top: float, end: float, *, has_bar: bool) -> str:
    frame = Canvas()
    frame.box((0.5, top + 0.5), (WIDTH - 1, end - top - 1), "box", 6)
    if has_bar:
        frame.box((1, top + 1), (WIDTH - 2, 37), "bar", 6)
    return "".join(frame.parts)


def drawn(text: str, words: Sequence[str]) -> str:
    """Return the picture of some comments of a review, or of its summary."""
    summary, *comments = text.split(BETWEEN_COMMENTS)
    canvas = Canvas()
    if not words:
        canvas.parts.append("")
        comment(canvas, 1, WIDTH - 2, summary)
        canvas.parts[0] = _frame(0, canvas.y, has_bar=False)
        canvas.y += GAP
    for word in words:
        place, _, markdown = next(
            one for one in comments if word in one.partition("\n\n")[2].partition("\n")[0]
        ).partition("\n\n")
        thread(canvas, place, markdown)
    kind = "Review comments" if words else "Summary comment"
    return picture(f"{kind} of TestSmith Bot on the example project's pull request", canvas, canvas.y - GAP)


def drawn_job_summary(text: str) -> str:
    """Return the picture of a job summary, as it is on the page of a workflow run."""
    canvas = Canvas(parts=[""])
    canvas.write(PADDING + 1, 24, Words("testsmith summary", more="bold"))
    canvas.y = 38 + PADDING
    body(canvas, PADDING + 1, WIDTH - 2 - 2 * PADDING, text)
    canvas.parts[0] = _frame(0, canvas.y, has_bar=True)
    return picture("Job summary of TestSmith Bot for the example project", canvas, canvas.y)


def drawn_terminal(text: str) -> str:
    """Return the picture of a terminal with a command and what it prints."""
    command = Text("$ ", style="color(2)") + Text(" ".join(("testsmith", *TERMINAL)), style="bold")
    canvas = Canvas(parts=[""], y=38 + PADDING / 2)
    for number in range(3):
        canvas.box((PADDING + 18 * number, 13), (12, 12), "dot", 6)
    for line in (command, Text(), *Text.from_ansi(text.strip("\n")).split("\n", allow_blank=True)):
        for row in line.divide(range(COLUMNS, len(line), COLUMNS)):
            x = float(PADDING)
            for words in _runs(row):
                x = canvas.write(x, canvas.y + 14, words)
            canvas.y += LINE["code"]
    canvas.y += PADDING / 2
    canvas.parts[0] = _frame(0, canvas.y, has_bar=True)
    return picture("Suggestions of TestSmith Bot in a terminal", canvas, canvas.y)


def _runs(row: Text) -> Iterator[Words]:
    """Yield the parts of a row of a terminal, each in one style."""
    from rich.console import Console

    row.rstrip()
    for segment in row.render(Console(), end=""):
        style = segment.style
        color = style.color.number if style and style.color else None
        names = [ANSI[color]] if color is not None else []
        names += [name for name, is_on in _emphasis(style) if is_on]
        yield Words(segment.text, "code", " ".join(names))


def _emphasis(style: Any) -> tuple[tuple[str, bool], ...]:
    return (("bold", bool(style and style.bold)), ("muted", bool(style and style.dim)))


class Xhtml(HTMLParser):
    """Writes the body of a page as XML, as a picture needs it; copy buttons are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self._is_body = "", False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """See `HTMLParser`."""
        self._is_body |= tag == "body"
        shown = "".join(
            f' {name}="{html.escape(value or "")}"' for name, value in attributes if name not in LEFT_OUT
        )
        space = ' xmlns="http://www.w3.org/1999/xhtml"' * (tag == "body")
        self._write(f"<{tag}{space}{shown}>")

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        self._write(f"</{tag}>")
        self._is_body &= tag != "body"

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        self._write(html.escape(data, quote=False))

    def _write(self, text: str) -> None:
        if self._is_body:
            self.text += text


LEFT_OUT = ("hidden", "href")
PAGE_STYLE = f"""
body {{ min-height: {PAGE_HEIGHT}px }}
.copied > .copy {{ position: static; float: right; margin: .5rem .6rem }}
.copied > pre {{ overflow: visible }}
stop {{ stop-color: var(--paper) }}
.edge {{ fill: none; stroke: var(--line) }}"""
"""What the page needs to be a picture; Safari places nothing absolutely in one."""


def drawn_page(text: str) -> str:
    """Return the picture of the upper part of an HTML page: the page itself, with its own style."""
    style, rest = text.partition("<style>")[2].split("</style>", 1)
    page = Xhtml()
    page.feed(re.sub(r"<script>.*?</script>", "", rest, flags=re.DOTALL))
    size = f'width="{WIDTH}" height="{PAGE_HEIGHT}"'
    fade = '<stop stop-opacity="0"/><stop offset="1"/>'
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {PAGE_HEIGHT}" role="img">',
        "<title>The HTML report of TestSmith Bot</title>",
        f"<style>{style}{PAGE_STYLE}</style>",
        f'<linearGradient id="fade" x2="0" y2="1">{fade}</linearGradient>',
        f"<foreignObject {size}>{page.text}</foreignObject>",
        f'<rect y="{PAGE_HEIGHT - 120}" width="{WIDTH}" height="120" fill="url(#fade)"/>',
        f'<rect class="edge" x=".5" y=".5" width="{WIDTH - 1}" height="{PAGE_HEIGHT - 1}" rx="6"/>',
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def picture(title: str, canvas: Canvas, height: float) -> str:
    """Return what is on a canvas as SVG."""
    size = f'width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="6"/>',
        *canvas.parts,
        "</svg>",
    )
    return "\n".join(lines) + "\n"


@contextmanager
def example() -> Iterator[Path]:
    """Make the example's repository."""
    sys.path.insert(0, str(ROOT / "examples"))
    from make_repository import make_repository  # the examples are scripts next to each other

    with tempfile.TemporaryDirectory(prefix="testsmith-picture-") as folder:
        repository = Path(folder) / "shop"
        make_repository(repository)
        # so that the page links to lines on GitHub
        origin = ("git", "remote", "add", "origin", "https://github.com/testsmith-bot/shop.git")
        subprocess.run(origin, cwd=repository, check=True)
        yield repository


OWN_TESTS_IMPORTS = """\
from contextlib import suppress

from shop.cart import Cart"""
TEST_OF_ADD = """\
def test_add_counts():
    cart = Cart()
    cart.add("tea", 2)
    assert cart.add("tea") == 3"""
TEST_OF_SIZE = """\
def test_size():
    cart = Cart()
    cart.add("tea", 2)
    cart.add("milk")
    assert cart.size == 3"""
TEST_OF_NOTHING = """\
def test_add_refuses_nothing():
    with suppress(Exception):
        assert Cart().add("tea", 0) == 0"""
MIXED = {
    "fees.py": """\
def fee(amount: int) -> int:
    \"\"\"Return the fee for an amount: a tenth.\"\"\"
    return amount // 10
""",
    "go.mod": "module example.com/shop\n\ngo 1.22\n",
    "fees.go": """\
package shop

// Fee returns the fee for an amount: a tenth.
func Fee(amount int) int {
	return amount / 10
}
""",
    "package.json": '{"name": "shop", "type": "module", "scripts": {"test": "node --test"}}\n',
    "fees.ts": """\
/** The fee for an amount: a tenth. */
export function fee(amount: number): number {
  return Math.trunc(amount / 10);
}
""",
}
"""A project in three languages."""
MIXED_CHANGES = (
    ("return amount // 10", "return max(amount // 10, 1)"),
    ("return amount / 10", "return max(amount/10, 1)"),
    ("return Math.trunc(amount / 10)", "return Math.max(Math.trunc(amount / 10), 1)"),
)
MIXED_TESTS = {
    "fees.py::fee": """\
from fees import fee


def test_fee_is_at_least_one() -> None:
    assert [fee(0), fee(19), fee(20)] == [1, 1, 2]
""",
    "fees.go::Fee": """\
package shop

import "testing"

func TestFeeIsAtLeastOne(t *testing.T) {
	for amount, want := range map[int]int{0: 1, 19: 1, 20: 2} {
		if got := Fee(amount); got != want {
			t.Errorf("Fee(%d) = %d, want %d", amount, got, want)
		}
	}
}
""",
    "fees.ts::fee": """\
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { fee } from "./fees.ts";

test("a fee is at least one", () => {
  deepEqual([0, 19, 20].map(fee), [1, 1, 2]);
});
""",
}
"""What a model answers, by member."""
BETWEEN_COMMENTS = "\n\n---\n\n"
PROGRAM = (sys.executable, "-m", "testsmith")
OFFLINE = ("--provider", "offline")


def review() -> str:
    """Return the offline engine's review of the example's pull request, as it is posted."""
    command = ("suggest", "--base", "main", "--head", "change", *OFFLINE, "--format", "markdown")
    with example() as repository:
        return subprocess.run(
            (*PROGRAM, *command), cwd=repository, capture_output=True, text=True, check=True
        ).stdout


def audited(*functions: str) -> str:
    """Return the summary of the example's pull request if it brings these tests of the cart."""
    command = ("suggest", "--base", "main", "--head", "change", *OFFLINE, "--format", "markdown")
    with example() as repository:
        text = "\n\n\n".join((OWN_TESTS_IMPORTS, *functions)) + "\n"
        (repository / "tests" / "test_counts.py").write_text(text, encoding="utf-8")
        sys.modules["make_repository"].commit_all(repository, "Test the counts of a cart")
        printed = subprocess.run(
            (*PROGRAM, *command, "--include", "src/shop/cart.py", "--runs", "1"),
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return f"{printed.partition(BETWEEN_COMMENTS)[0]}\n"


def mixed() -> str:
    """Return the summary of a pull request in three languages, with tests by a model that knows them."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fakes.endpoint import Body, Endpoint, members_in
    from fakes.git_repository import GitRepository
    from fakes.go_workspaces import installed_go
    from fakes.typescript_workspaces import installed_node

    def answer(body: Body) -> str:
        return json.dumps({"tests": [{"name": one, "code": MIXED_TESTS[one]} for one in members_in(body)]})

    programs = os.pathsep.join(f"{place}/bin" for place in (installed_go(), installed_node()))
    with tempfile.TemporaryDirectory(prefix="testsmith-picture-") as folder, Endpoint(answer=answer) as model:
        made = GitRepository.create(Path(folder) / "shop")
        made.commit({**MIXED})
        made.write({name: _replaced(text) for name, text in MIXED.items()})
        return subprocess.run(
            (*PROGRAM, "suggest", "--base", "main", "--model", "strong", "--format", "markdown"),
            cwd=made.folder,
            env={
                **os.environ,
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "OPENAI_API_KEY": "none",
                "TESTSMITH_PROVIDER": "openai",
                "TESTSMITH_BASE_URL": model.url,
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def _replaced(text: str) -> str:
    for before, after in MIXED_CHANGES:
        text = text.replace(before, after)
    return text


def page() -> str:
    """Return the HTML page of a run."""
    with example() as repository:
        file = repository.parent / "report.html"
        subprocess.run(
            (*PROGRAM, *PAGE, str(file), *OFFLINE), cwd=repository, capture_output=True, check=True
        )
        return file.read_text(encoding="utf-8")


def terminal() -> str:
    """Return what a run without a key prints in a terminal, with its colors; progress is elsewhere."""
    variables = {
        name: value for name, value in os.environ.items() if "API_KEY" not in name and name != "NO_COLOR"
    }
    own, others = pty.openpty()
    fcntl.ioctl(others, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with (
        example() as repository,
        subprocess.Popen(
            (*PROGRAM, *TERMINAL),
            cwd=repository,
            env={**variables, "TERM": "xterm-256color"},
            stdout=others,
            stderr=subprocess.DEVNULL,
        ),
        open(own, "rb", buffering=0) as screen,  # noqa: PTH123 - a descriptor
    ):
        os.close(others)
        printed = b""
        with suppress(OSError):  # the program has closed its end
            while part := screen.read(65_536):
                printed += part
    return printed.decode().replace("\r\n", "\n")


def job_summary() -> str:
    """Return the job summary of the action, run for the example's pull request."""
    return action_run()[0]


def action_run() -> tuple[str, dict[str, Any], list[str]]:
    """Return the job summary, the report and the posted comments of the action, run on the tests' GitHub."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fakes.actions_cache import ActionsCacheService
    from fakes.attack_site import everybodys_folder
    from fakes.github.clock import WallClock
    from fakes.github.github import fake_github
    from fakes.packages import PackageIndex, hatchling_wheels
    from fakes.shop import Shop

    with (
        example() as source,
        everybodys_folder() as folder,
        ActionsCacheService() as service,
        PackageIndex(hatchling_wheels()).serving() as index,
        fake_github(source.parent / "github", clock=WallClock()) as github,
    ):
        repository = github.repository("octo/shop", source)
        pull = github.pull_request(repository, head="change")
        shop = Shop(github, repository, pull, folder, f"http://{index.host}/simple/")
        shop.keep_in(service, f"refs/pull/{pull.number}/merge", "refs/heads/main")
        run = shop.prepared()
        done = shop.finished(run)
        report = json.loads((run.workspace / done.outputs["report"]).read_text(encoding="utf-8"))
        return done.summary, report, [one.body for one in pull.review_comments.values()]


TEXTS: Mapping[str, Callable[[], str]] = {
    "review.md": review,
    "audit.md": partial(audited, TEST_OF_ADD, TEST_OF_SIZE, TEST_OF_NOTHING),
    "audit_all_well.md": partial(audited, TEST_OF_ADD, TEST_OF_SIZE),
    "mixed.md": mixed,
    "job_summary.md": job_summary,
    "terminal.ansi": terminal,
    "report.html": page,
}
"""What the pictures are drawn from, and how it is made."""


def pictures() -> Iterator[tuple[Path, str]]:
    """Yield the place and the content of each picture, by the kept texts."""
    texts = {name: (PICTURES / name).read_text(encoding="utf-8") for name in TEXTS}
    for name, words in SHOWN.items():
        yield PICTURES / name, drawn(texts["review.md"], words)
    for name in ("audit.md", "audit_all_well.md", "mixed.md"):
        yield (PICTURES / name).with_suffix(".svg"), drawn(texts[name], ())
    yield PICTURES / "job_summary.svg", drawn_job_summary(texts["job_summary.md"])
    yield PICTURES / "terminal.svg", drawn_terminal(texts["terminal.ansi"])
    yield PICTURES / "report.svg", drawn_page(texts["report.html"])


def main() -> int:
    """Draw the pictures, or check them."""
    if "--check" not in sys.argv[1:]:
        for name, made in TEXTS.items():
            (PICTURES / name).write_text(made(), encoding="utf-8")
        for path, picture in pictures():
            path.write_text(picture, encoding="utf-8")
        return 0
    stale = [path for path, picture in pictures() if path.read_text(encoding="utf-8") != picture]
    if stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.stderr.write(f"Out of date: {names}. Run `make picture`.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
