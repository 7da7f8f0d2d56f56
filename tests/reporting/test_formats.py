from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest

from fakes.golden import check_golden
from fakes.reports import (
    VIEW,
    empty_report,
    failed_report,
    hostile_report,
    large_report,
    sample_report,
)
from testsmith.model import Report
from testsmith.reporting.formats import render
from testsmith.settings import OutputFormat

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {
    OutputFormat.TEXT: "txt",
    OutputFormat.MARKDOWN: "md",
    OutputFormat.JSON: "json",
    OutputFormat.HTML: "html",
}


@pytest.mark.parametrize("output_format", OutputFormat)
def test_render__is_as_a_person_found_it_good(output_format: OutputFormat) -> None:
    check_golden(GOLDEN / f"sample.{SUFFIXES[output_format]}", render(sample_report(), output_format, VIEW))


@pytest.mark.parametrize("output_format", [OutputFormat.TEXT, OutputFormat.MARKDOWN])
@pytest.mark.parametrize("make", [empty_report, failed_report])
def test_render__nothing_to_show_is_said_as_a_person_found_it_good(
    make: Callable[[], Report], output_format: OutputFormat
) -> None:
    name = f"{make.__name__.removesuffix('_report')}.{SUFFIXES[output_format]}"

    check_golden(GOLDEN / name, render(make(), output_format, VIEW))


def test_render__colors_are_as_a_person_found_them_good() -> None:
    shown = render(sample_report(), OutputFormat.TEXT, replace(VIEW, color=True))

    check_golden(GOLDEN / "sample.ansi", shown)


@pytest.mark.parametrize("output_format", OutputFormat)
@pytest.mark.parametrize("make", [sample_report, hostile_report, empty_report, failed_report])
def test_render__ends_with_one_line_end(make: Callable[[], Report], output_format: OutputFormat) -> None:
    shown = render(make(), output_format, VIEW)

    assert shown.endswith("\n")
    assert not shown.endswith("\n\n")


@pytest.mark.parametrize("output_format", OutputFormat)
def test_render__can_always_be_encoded(output_format: OutputFormat) -> None:
    assert render(hostile_report(), output_format, replace(VIEW, project="bad\udcff")).encode()


@pytest.mark.parametrize("output_format", OutputFormat)
def test_render__of_1000_members_takes_linear_time(output_format: OutputFormat) -> None:
    render(large_report(10), output_format, VIEW)

    small, large = (seconds(large_report(members), output_format) for members in (200, 1000))

    assert large < 10 * max(small, 0.01)  # five times as much work; quadratic would be 25 times


def seconds(report: Report, output_format: OutputFormat) -> float:
    """Return the least of three times: other work on the machine only adds to them."""
    times = []
    for _ in range(3):
        started = process_time()
        render(report, output_format, VIEW)
        times.append(process_time() - started)
    return min(times)
