"""The one door to the formats."""

from __future__ import annotations

from dataclasses import replace

from testsmith.model import Report
from testsmith.report.view import View
from testsmith.settings import OutputFormat
from testsmith.swept import SweepPlan, SweepReport


def render(report: Report, output_format: OutputFormat, view: View) -> str:
    """Return a report in a format, ready to be printed: it ends with one line end."""
    match output_format:
        case OutputFormat.JSON:
            from testsmith.report.contract import render_json

            return render_json(report)
        case OutputFormat.MARKDOWN:
            from testsmith.report.markdown import render_markdown

            return render_markdown(report, view)
        case OutputFormat.HTML:
            from testsmith.report.page import render_html

            return render_html(report, view)
        case OutputFormat.TEXT:
            from testsmith.report.text import render_text

            return render_text(report, view)


def render_sweep(swept: SweepReport, output_format: OutputFormat, view: View) -> str:
    """Return a sweep's report in a format, ready to be printed; as HTML its sums are among the notes."""
    match output_format:
        case OutputFormat.JSON:
            from testsmith.report.sweep_contract import sweep_json

            return sweep_json(swept)
        case OutputFormat.MARKDOWN:
            from testsmith.report.sweep_markdown import sweep_markdown

            return sweep_markdown(swept, view)
        case OutputFormat.HTML:
            from testsmith.report.page import render_html
            from testsmith.report.sweeping import closing_lines, figures

            sums = (
                f"{row.name}: {row.before or '?'} before, {row.after or '?'} after" for row in figures(swept)
            )
            notes = (*swept.report.notes, *sums, *closing_lines(swept))
            return render_html(replace(swept.report, notes=notes), view)
        case OutputFormat.TEXT:
            from testsmith.report.sweep_text import sweep_text

            return sweep_text(swept, view)


def render_plan(plan: SweepPlan, output_format: OutputFormat, model: str) -> str:
    """Return what a sweep would take in a format, ready to be printed; there is no page of it."""
    match output_format:
        case OutputFormat.JSON:
            from testsmith.report.sweep_contract import plan_json

            return plan_json(plan, model)
        case OutputFormat.MARKDOWN:
            from testsmith.report.sweep_markdown import plan_markdown

            return plan_markdown(plan)
        case _:
            from testsmith.report.sweep_text import plan_text

            return plan_text(plan, model)
