"""The whole review as Markdown, for a reader without a pull request."""

from __future__ import annotations

from testsmith.model import Member, Report
from testsmith.report.account import account
from testsmith.report.assembly import entries
from testsmith.report.comments import suggestion_comment
from testsmith.report.markup import inline
from testsmith.report.prose import code
from testsmith.report.summary import Extras, summary_text
from testsmith.report.templating import fill
from testsmith.report.view import View


def render_markdown(report: Report, view: View) -> str:
    """Return the whole review, as a pull request would show it, one comment after the other."""
    comments = (
        {"place": place(entry.member), "text": suggestion_comment(suggestion, entry.member, view)}
        for entry in entries(report)
        for suggestion in entry.suggestions
    )
    summary = summary_text(report, account(report), view, Extras())
    return f"{fill('review.md.j2', {'summary': summary, 'comments': comments})}\n"


def place(member: Member) -> str:
    """Return where a member stands."""
    return f"{inline(code(member.path))}, line {member.line}"
