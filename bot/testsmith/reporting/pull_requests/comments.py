"""Render suggestions as review comments or folds in the summary, and read their code back.

Folds are copied from one summary text to the next, because a run that skips an unchanged member does not have
its code. Each fold is between two hidden lines, which untrusted text cannot contain.

Code is read back as the reader sees it, except for a change of a test file: its comment shows lines of the
file, so the verified test module is in a hidden line below.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import zlib
from collections.abc import Sequence

from testsmith.forge.comment_markers import BODY_LIMIT, DIGEST, length
from testsmith.model import Member, Origin, Suggestion
from testsmith.reporting.escaping import (
    Prose,
    TextSpan,
    change_block,
    code,
    code_block,
    inline,
    paragraph,
    parse,
    plain,
    shown_code,
    tagged,
)
from testsmith.reporting.phrases import (
    ORIGIN_WORDS,
    body_words,
    check_command,
    count,
    evidence_words,
    facts_line,
    fold_words,
    noun_words,
    origin_words,
    title_words,
)
from testsmith.reporting.rendering import View, fill

CODE_LIMIT = 200_000
"""Maximum bytes of a test module that is read back."""

_HIDDEN = re.compile(r"<!-- testsmith:code ([0-9A-Za-z+/=]+) -->")
_FENCE = re.compile(r"(`{3,})([a-z]*)")
_PRE = re.compile(r'<pre lang="[a-z]*"><code>(.*?)</code></pre>', re.DOTALL)
_CHANGES = frozenset({"suggestion", "diff"})
_OFFLINE = ORIGIN_WORDS[Origin.OFFLINE]


def hidden_code(code: str) -> str:
    """Return the hidden line with a test module."""
    packed = base64.b64encode(zlib.compress(code.encode("utf-8", "surrogatepass"), 9))
    return f"<!-- testsmith:code {packed.decode()} -->"


def shows_change(text: str) -> bool:
    """Return whether a comment shows lines of a test file, so that its test module is hidden."""
    fence = next((match for line in _lines(text) if (match := _FENCE.fullmatch(line))), None)
    return fence is not None and fence[2] in _CHANGES


def origin_in(text: str) -> Origin:
    """Return the generator that a comment's text names."""
    footers = [line for line in _lines(text) if line.startswith("<sub>")]
    return Origin.OFFLINE if footers and _OFFLINE in footers[-1] else Origin.MODEL


def code_in(text: str) -> str | None:
    """Return the test module in the text of a comment or fold, or None."""
    lines = _lines(text)
    for index, line in enumerate(lines):
        fence = _FENCE.fullmatch(line)
        if fence is not None:
            return _hidden(lines) if fence[2] in _CHANGES else _fenced(lines[index + 1 :], fence[1])
        if line.startswith("<pre "):
            block = _PRE.match("\n".join(lines[index:]))
            return html.unescape(block[1]) if block else None
    return None


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def _fenced(lines: Sequence[str], fence: str) -> str | None:
    return "\n".join(lines[: lines.index(fence)]) if fence in lines else None


def _hidden(lines: Sequence[str]) -> str | None:
    match = next((found for line in lines if (found := _HIDDEN.fullmatch(line))), None)
    if match is None:
        return None
    reader = zlib.decompressobj()
    try:
        code = reader.decompress(base64.b64decode(match[1], validate=True), CODE_LIMIT)
        return code.decode() if reader.eof else None
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return None


COMMENT_LIMIT = BODY_LIMIT - 200
"""Maximum characters of a review comment, leaving room for its marker."""

_LISTED = "<!-- testsmith:listed "
_LISTED_END = f"{_LISTED}end -->"
_MARK_END = " -->"


def suggestion_comment(suggestion: Suggestion, member: Member, view: View, change: str = "") -> str:
    """Return the review comment for one suggestion, within GitHub's size limit.

    Args:
        suggestion: The suggestion, with its number on the pull request.
        member: Its member.
        view: How a reader can reproduce it.
        change: On a test file, the text that replaces the comment's lines when a reviewer commits it. Left
            out for questions, if it cannot be shown exactly, or if it is too long.
    """
    title = facts_line((_name(member), *title_words(suggestion, member)))
    heading = f"**{inline(title[:1])}**{inline(title[1:])}"
    module = shown_code(suggestion.code)
    lines = count(module.count("\n") + 1, "line")
    shown = (
        (_committable(suggestion, change), hidden_code(suggestion.code)),
        (_diff(suggestion), hidden_code(suggestion.code)),
        (code_block(module, member.language), ""),
        (f"The test module has {lines}, too many for a comment. The command below prints it.", ""),
    )
    fold = "" if suggestion.is_green else fold_words(suggestion)
    values = {"title": heading, "fold": fold}
    comments = (
        _filled("suggestion.md.j2", suggestion, member, view, {**values, "code": one, "hidden": hidden})
        for one, hidden in shown
        if one
    )
    return next(comment for comment in comments if length(comment) <= COMMENT_LIMIT)


def _committable(suggestion: Suggestion, change: str) -> str:
    block = change_block(change) if change and suggestion.is_green else ""
    lead = "This pull request changes the test file. Committing this suggestion adds the tests to it."
    return f"{lead}\n\n{block}" if block else ""


def _diff(suggestion: Suggestion) -> str:
    return code_block(shown_code(suggestion.patch), "diff") if suggestion.patch else ""


def listed_fold(suggestion: Suggestion, member: Member, view: View, content: str) -> tuple[str, str]:
    """Return the fold for a suggestion without a comment: in full, and without the code.

    Args:
        suggestion: The suggestion, with its number on the pull request.
        member: Its member.
        view: How a reader can reproduce it.
        content: The digest of its content.
    """
    number = plain(str(suggestion.number))
    title = tagged(facts_line((number, _name(member), *title_words(suggestion, member))))
    values = {"mark": f"{_LISTED}{content}{_MARK_END}", "end": _LISTED_END, "title": title}
    whole, short = (
        _filled("listed.md.j2", suggestion, member, view, {**values, "code": shown})
        for shown in (
            code_block(shown_code(suggestion.code), member.language),
            "The test does not fit into this comment. The command below prints it.",
        )
    )
    return whole, short


def folds_in(body: str) -> dict[str, str]:
    """Return the folds in a summary's text, by content digest."""
    found, content, lines = dict[str, str](), "", list[str]()
    for line in body.replace("\r\n", "\n").split("\n"):
        if line == _LISTED_END and content:
            found[content] = "\n".join((*lines, line))
            content = ""
        elif line.startswith(_LISTED):
            data = line.removeprefix(_LISTED).removesuffix(_MARK_END)
            content, lines = (data if DIGEST.fullmatch(data) else ""), []
        lines.append(line)
    return found


def _name(member: Member) -> Prose:
    return code(member.name)


def _filled(template: str, suggestion: Suggestion, member: Member, view: View, values: dict[str, str]) -> str:
    data = {
        "body": paragraph(body_words(suggestion)),
        "evidence": inline(facts_line(evidence_words(suggestion, member))),
        "footer": inline(_footer(suggestion, view)),
    }
    return fill(template, data | values)


def _footer(suggestion: Suggestion, view: View) -> Prose:
    facts = [
        plain(f"{noun_words(suggestion)}, {origin_words(suggestion)}"),
        (*plain("reproduce: "), TextSpan(check_command(suggestion, view), is_code=True)),
    ]
    if view.commands:
        facts.append(parse("reply `apply`, `reject` or `explain`"))
    return facts_line(facts)
