"""Render reports in the chosen output format."""

from __future__ import annotations

from dataclasses import replace

from testsmith.model import Report
from testsmith.reporting.rendering import View
from testsmith.settings import OutputFormat
from testsmith.sweep_results import SweepPlan, SweepReport


def render(report: Report, output_format: OutputFormat, view: View) -> str:
    """Render a report, ending with one line break."""
    match output_format:
        case OutputFormat.JSON:
            from testsmith.reporting.json_contract import render_json

            return render_json(report)
        case OutputFormat.MARKDOWN:
            from testsmith.reporting.pull_requests.summary import render_markdown

            return render_markdown(report, view)
        case OutputFormat.HTML:
            from testsmith.reporting.html_page import render_html

            return render_html(report, view)
        case OutputFormat.TEXT:
            from testsmith.reporting.terminal import render_text

            return render_text(report, view)


def render_sweep(swept: SweepReport, output_format: OutputFormat, view: View) -> str:
    """Render a sweep's report. In HTML, the totals are among the notes."""
    match output_format:
        case OutputFormat.JSON:
            from testsmith.reporting.sweep_formats import sweep_json

            return sweep_json(swept)
        case OutputFormat.MARKDOWN:
            from testsmith.reporting.sweep_formats import sweep_markdown

            return sweep_markdown(swept, view)
        case OutputFormat.HTML:
            from testsmith.reporting.html_page import render_html
            from testsmith.reporting.sweep_tables import closing_lines, figures

            sums = (
                f"{row.name}: {row.before or '?'} before, {row.after or '?'} after" for row in figures(swept)
            )
            notes = (*swept.report.notes, *sums, *closing_lines(swept))
            return render_html(replace(swept.report, notes=notes), view)
        case OutputFormat.TEXT:
            from testsmith.reporting.sweep_formats import sweep_text

            return sweep_text(swept, view)


def render_plan(plan: SweepPlan, output_format: OutputFormat, model: str) -> str:
    """Render the plan of a sweep. There is no HTML format."""
    match output_format:
        case OutputFormat.JSON:
            from testsmith.reporting.sweep_formats import plan_json

            return plan_json(plan, model)
        case OutputFormat.MARKDOWN:
            from testsmith.reporting.sweep_formats import plan_markdown

            return plan_markdown(plan)
        case _:
            from testsmith.reporting.sweep_formats import plan_text

            return plan_text(plan, model)
