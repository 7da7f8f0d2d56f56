"""Render to a terminal: the report, and progress as a bar, as log lines, or not at all.

Progress goes to the given stream, which is stderr; stdout has only the result.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from io import StringIO
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, TextIO

from testsmith import PROGRAM
from testsmith.model import USUAL_SHARE, Member, Progress, Report, Suggestion
from testsmith.reporting.audit_phrases import audit_headline, audit_lines
from testsmith.reporting.escaping import Prose, code, one_line, parse, plain, shown_code, text_of, visible
from testsmith.reporting.phrases import (
    added_time_words,
    baseline_words,
    body_words,
    change_words,
    check_command,
    cost_words,
    earlier_words,
    evidence_words,
    facts_line,
    failure_words,
    funnel_words,
    headline,
    names_words,
    origin_words,
    proposal_words,
    skipped_words,
    title_words,
)
from testsmith.reporting.rendering import TokenKind, View, pieces
from testsmith.reporting.report_assembly import ReportEntry, display_names, entries, skipped_groups, totals

if TYPE_CHECKING:
    from markdown_it.token import Token
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bars
    from rich.progress import TaskID
    from rich.table import Table
    from rich.text import Text


_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BEFORE_ESTIMATE = 3.0
_DONE_BEFORE_ESTIMATE = 0.1
_FEW_SECONDS = 10.0
_MINUTE = 60.0
_WIDTH_ELSEWHERE = 100
"""Width in columns if there is no terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """An output stream for people.

    Attributes:
        stream: The stream.
        interactive: Whether the stream is a terminal that can redraw a line.
        color: Whether it supports colors.
        width: Width in columns.
    """

    stream: TextIO
    interactive: bool
    color: bool
    width: int = _WIDTH_ELSEWHERE


def terminal_of(stream: TextIO, environment: Mapping[str, str]) -> Terminal:
    """Detect the capabilities of a stream of this process. `NO_COLOR` and `TERM=dumb` are respected."""
    interactive = stream.isatty() and environment.get("TERM") != "dumb"
    color = interactive and not environment.get("NO_COLOR")
    return Terminal(stream=stream, interactive=interactive, color=color, width=_width(stream))


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH_ELSEWHERE
    except (OSError, ValueError):  # not a terminal, or not a file
        return _WIDTH_ELSEWHERE


@contextmanager
def open_progress(
    terminal: Terminal, *, is_quiet: bool = False, clock: Callable[[], float] = monotonic
) -> Iterator[Progress]:
    """Yield a suitable progress display, and restore the terminal at the end, even after an error.

    Args:
        terminal: Where to show it.
        is_quiet: Whether to show only warnings if there is no terminal.
        clock: Returns the time in seconds.
    """
    if not terminal.interactive:
        yield PlainProgress(terminal.stream, clock, is_quiet=is_quiet)
        return
    with _bars(terminal, clock) as bars:
        yield BarProgress(bars)


class PlainProgress:
    """A line when a phase begins, and one at intervals while it lasts."""

    def __init__(
        self, stream: TextIO, clock: Callable[[], float] = monotonic, *, is_quiet: bool = False
    ) -> None:
        self._stream = stream
        self._is_quiet = is_quiet
        self._clock = clock
        self._name = ""
        self._total = 0
        self._done = 0
        self._last_line_at = 0.0

    def phase(self, name: str, total: int, share: float = USUAL_SHARE) -> None:  # noqa: ARG002 - for a bar
        """See `Progress.phase`."""
        self._name, self._total, self._done = one_line(name), total, 0
        self._last_line_at = self._clock()
        if not self._is_quiet:
            self._line(f"{self._name} ({total:,})" if total > 1 else self._name)

    def advance(self, steps: int = 1) -> None:
        """See `Progress.advance`."""
        self._done += steps
        now = self._clock()
        if (
            not self._is_quiet
            and self._done < self._total
            and now - self._last_line_at >= _SECONDS_BETWEEN_LINES
        ):
            self._last_line_at = now
            self._line(f"{self._name}: {self._done:,} of {self._total:,}")

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._line(f"warning: {one_line(message)}")

    def _line(self, text: str) -> None:
        print(f"testsmith: {text}", file=self._stream, flush=True)


class BarProgress:
    """One bar over all phases, removed at the end of the run.

    The number of phases depends on what the earlier ones find. Each phase therefore takes its usual share of
    what is left of the bar, so the bar never goes back and is never full too early.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._name, self._total, self._steps = "", 0, 0
        self._begun, self._share = 0.0, 0.0  # parts of the bar: before the phase, and its own

    def phase(self, name: str, total: int, share: float = USUAL_SHARE) -> None:
        """See `Progress.phase`."""
        self._begun += self._share
        self._share = share * (1 - self._begun)
        self._name, self._total, self._steps = one_line(name), total, 0
        if self._task is None:
            self._task = self._bars.add_task("", total=1.0)
        self._show()

    def advance(self, steps: int = 1) -> None:
        """See `Progress.advance`."""
        self._steps = min(self._total, self._steps + steps)
        self._show()

    def warn(self, message: str) -> None:
        """See `Progress.warn`."""
        self._bars.console.print(f"testsmith: warning: {one_line(message)}", soft_wrap=True)

    def _show(self) -> None:
        if self._task is None:
            return
        counted = f" ({self._steps:,} of {self._total:,})" if self._total > 1 else ""
        done = self._begun + self._share * self._steps / max(1, self._total)
        self._bars.update(self._task, description=self._name + counted, completed=done)


def _bars(terminal: Terminal, clock: Callable[[], float]) -> Bars:
    from rich.progress import BarColumn, ProgressColumn, Task, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(left_words(task.elapsed or 0.0, task.completed), style="dim")

    columns = (TextColumn("{task.description}", markup=False), BarColumn(30), TaskProgressColumn(), Left())
    console = console_on(terminal)
    return Bars(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        get_time=clock,
    )


def left_words(seconds: float, done: float) -> str:
    """Return how long a run still takes; empty if it is too early to say.

    Args:
        seconds: How long it has taken.
        done: The part of it that is done, from 0 to 1.
    """
    if seconds < _SECONDS_BEFORE_ESTIMATE or done < _DONE_BEFORE_ESTIMATE:
        return ""
    left = seconds * (1 - done) / done
    if left < _FEW_SECONDS:
        return "a few seconds left"
    tens = round(left, -1)
    return f"about {tens:.0f} s left" if tens < _MINUTE else f"about {left / _MINUTE:.0f} min left"


def console_on(terminal: Terminal) -> Console:
    """Return a console that ignores the environment and does not interpret markup."""
    from rich.console import Console

    return Console(
        file=terminal.stream,
        width=terminal.width,
        color_system="standard" if terminal.color else None,
        force_terminal=terminal.interactive,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )


_CODE_STYLES = {
    TokenKind.PLAIN: "",
    TokenKind.KEYWORD: "magenta",
    TokenKind.STRING: "green",
    TokenKind.NUMBER: "cyan",
    TokenKind.COMMENT: "dim",
    TokenKind.NAME: "bold",
    TokenKind.ADDED: "green",
    TokenKind.REMOVED: "red",
    TokenKind.HEADING: "cyan",
}
"""Colors from the 16-color palette that are readable on light and dark backgrounds."""

_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINE_BREAKS = re.compile(r"<br>|</p>|</summary>")
_TAG = re.compile(r"</?[a-z][^>]*>")
_INDENT = 4
_CODE_INDENT = 8
_RUNNER_COMMAND = re.compile(r"^(?:[^\S\n]|\x1b\[[\d;]*m)*:(?=:)|##(?=\[)", re.MULTILINE)
"""Text that a runner printing the report would interpret as a workflow command."""


def render_text(report: Report, view: View) -> str:
    """Render the report for the terminal."""
    stream = StringIO()
    console = console_on(Terminal(stream=stream, interactive=view.color, color=view.color, width=view.width))
    for part in _parts(report, view):
        console.print(part, soft_wrap=_is_unbroken(part))
    shown = stream.getvalue() if view.color else _without_trailing_space(stream.getvalue())
    return _RUNNER_COMMAND.sub("\\g<0>\u200b", shown)


def next_step(report: Report, writing: Sequence[str], terminal: Terminal) -> str:
    """Return the last line on a terminal, which says how to have the tests written; empty if there are none.

    Args:
        report: The report that is shown.
        writing: The arguments of the command that writes its tests.
        terminal: Where it is shown.
    """
    if not terminal.interactive or not any(one.is_green for one in report.suggestions):
        return ""
    return f"\nWrite them with: {shlex.join((*PROGRAM, *writing))}\n"


def markdown_text(markdown: str, terminal: Terminal) -> str:
    """Render Markdown for a terminal; of HTML, only the text is shown."""
    from rich.console import ConsoleOptions
    from rich.markdown import CodeBlock, Markdown
    from rich.theme import Theme

    class Fence(CodeBlock):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
            code = _code(str(self.text).rstrip("\n"), self.lexer_name, color=terminal.color)
            code.no_wrap = False
            yield code

    class Shown(Markdown):
        elements: ClassVar = {**Markdown.elements, "fence": Fence}

    shown = Shown(markdown, hyperlinks=False)
    shown.parsed = [token for parsed in shown.parsed for token in _without_html(parsed)]
    console = console_on(replace(terminal, stream=StringIO()))
    console.push_theme(Theme({"markdown.code": "cyan"}))
    with console.capture() as captured:
        console.print(shown)
    return _without_trailing_space(captured.get())


def _without_html(token: Token) -> Iterator[Token]:
    """Yield what is shown of a Markdown token: of a block of HTML, its lines as paragraphs."""
    from markdown_it.token import Token

    if token.type != "html_block":
        token.content = visible(token.content)
        for child in token.children or ():
            child.content = "" if child.type == "html_inline" else visible(child.content)
        yield token
        return
    for line in _LINE_BREAKS.sub("\n", _HTML_COMMENT.sub("", token.content)).split("\n"):
        words = visible(unescape(_TAG.sub("", line))).strip()
        if words:
            yield Token("paragraph_open", "p", 1)
            yield Token("inline", "", 0, children=[Token("text", "", 0, content=words)])
            yield Token("paragraph_close", "p", -1)


def _without_trailing_space(text: str) -> str:
    return "\n".join(line.rstrip(" ") for line in text.split("\n"))


def _parts(report: Report, view: View) -> Iterator[RenderableType]:
    failure = failure_words(report)
    if failure:
        yield _styled(failure, "bold red")
        yield ""
    yield _styled(plain(headline(report)), "bold")
    found = entries(report)
    if found:
        yield ""
        yield _members_table(report, found)
    for entry in found:
        for suggestion in entry.suggestions:
            yield from _suggestion_parts(suggestion, entry.member, view)
    data = list(earlier_words(report.earlier))
    yield from (("",) if data else ())
    yield from map(_text, data)
    yield from _audit_parts(report)
    yield from _skipped_parts(report)
    yield from _closing_parts(report)


def _members_table(report: Report, found: tuple[ReportEntry, ...]) -> RenderableType:
    names = display_names(report.members)
    table = _table("function", "change", "proposal", "location")
    for entry in found:
        member = entry.member
        table.add_row(
            _text(code(names[member.id])),
            _text(change_words(member)),
            _text(proposal_words(entry.suggestions)),
            _styled(plain(one_line(f"{member.path}:{member.line}")), "dim"),
        )
    return table


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _suggestion_parts(suggestion: Suggestion, member: Member, view: View) -> Iterator[RenderableType]:
    yield ""
    yield _title(suggestion, member)
    body = body_words(suggestion)
    if body:
        yield _indented(_text(body))
    yield ""
    if suggestion.patch:
        yield _code(shown_code(suggestion.patch), "diff", color=view.color)
    else:
        yield _code(shown_code(suggestion.code), member.language, color=view.color)
    yield ""
    yield _indented(_text(facts_line(evidence_words(suggestion, member))))
    yield _styled(plain(f"{' ' * _INDENT}{origin_words(suggestion)} · reproduce:"), "dim")
    yield _unbroken(_styled(plain(" " * _CODE_INDENT + check_command(suggestion, view)), "dim"))


def _title(suggestion: Suggestion, member: Member) -> Text:
    from rich.text import Text

    number = f"{suggestion.number:<{_INDENT - 1}} "
    name = _styled(code(member.name), "bold" if suggestion.is_green else "bold yellow")
    rest = (_text(part) for part in title_words(suggestion, member))
    return Text(" · ").join((_styled(plain(number), "bold") + name, *rest))


def _code(module: str, language: str, *, color: bool) -> Text:
    from rich.text import Text

    shown = pieces(module, language) if color else ((TokenKind.PLAIN, module),)
    highlighted = Text.assemble(*((text, _CODE_STYLES[kind]) for kind, text in shown))
    margin = Text(" " * _CODE_INDENT)
    lines = highlighted.split("\n", allow_blank=True)
    return _unbroken(Text("\n").join(margin + line for line in lines))


def _audit_parts(report: Report) -> Iterator[RenderableType]:
    audit = report.audit
    if audit is None or not (audit.tests or audit.survived or audit.notes):
        return
    yield ""
    if audit.tests:
        yield _styled(plain(audit_headline(audit)), "bold")
    yield from (_indented(_text(line)) for line in audit_lines(audit))


def _skipped_parts(report: Report) -> Iterator[RenderableType]:
    groups = skipped_groups(report)
    if not groups:
        return
    yield ""
    yield _styled(plain(skipped_words(totals(report))), "bold")
    yield ""
    table = _table("skipped", "stage", "reason")
    for group in groups:
        table.add_row(_text(names_words(group)), group.stage.value, _text(parse(group.reason)))
    yield table


def _closing_parts(report: Report) -> Iterator[RenderableType]:
    yield ""
    for sentence in filter(None, (baseline_words(report), added_time_words(report))):
        yield _text(plain(sentence))
    funnel = funnel_words(report.statistics.funnel)
    if funnel:
        yield _styled(plain(funnel), "dim")
    yield _styled(facts_line(cost_words(report)), "dim")
    for note in report.notes:
        yield _styled((*plain("note: "), *parse(note)), "dim")


def _text(prose: Prose) -> Text:
    """Return prose with its code colored; without colors, code is not marked."""
    from rich.text import Text

    return Text.assemble(*((span.text, "cyan" if span.is_code else "") for span in prose))


def _styled(prose: Prose, style: str) -> Text:
    from rich.text import Text

    return Text(text_of(prose), style=style)


def _indented(text: Text) -> RenderableType:
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, _INDENT))


def _unbroken(text: Text) -> Text:
    """Return text that the terminal does not break, so that it can be copied whole."""
    text.no_wrap = True
    return text


def _is_unbroken(part: RenderableType) -> bool:
    from rich.text import Text

    return isinstance(part, Text) and bool(part.no_wrap)
