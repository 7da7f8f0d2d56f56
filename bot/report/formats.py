"""The one door to the formats."""

from __future__ import annotations

from bot.model import Report
from bot.report.view import View
from bot.settings import OutputFormat


def render(report: Report, output_format: OutputFormat, view: View) -> str:
    """Return a report in a format, ready to be printed: it ends with one line end."""
    match output_format:
        case OutputFormat.JSON:
            from bot.report.contract import render_json

            return render_json(report)
        case OutputFormat.MARKDOWN:
            from bot.report.markdown import render_markdown

            return render_markdown(report, view)
        case OutputFormat.HTML:
            from bot.report.page import render_html

            return render_html(report, view)
        case OutputFormat.TEXT:
            from bot.report.text import render_text

            return render_text(report, view)
