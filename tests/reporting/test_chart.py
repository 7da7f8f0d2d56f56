from __future__ import annotations

from testsmith.model import Funnel
from testsmith.reporting.sweep_tables import funnel_chart


def test_funnel_chart__has_a_bar_for_each_point_and_its_number_in_words() -> None:
    chart = funnel_chart(Funnel(asked=1_300, answered=12, ran=11, stable=10, gains=6, posted=4))

    assert chart.startswith("```mermaid\n---\nconfig:\n")
    assert chart.endswith(
        '    x-axis ["asked 1,300", "answered 12", "ran 11", "stable 10", "useful 6", "proposed 4"]\n'
        "    y-axis 0 --> 1300\n"
        "    bar [1300, 12, 11, 10, 6, 4]\n"
        "```"
    )


def test_funnel_chart__of_a_run_that_asked_for_nothing_is_none() -> None:
    assert funnel_chart(Funnel()) == ""
