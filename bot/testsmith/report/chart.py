"""Charts that a forge draws from text (Mermaid): the funnel, and what a sweep adds. All pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from testsmith.model import Funnel
from testsmith.report.words import funnel_steps

_HEAD = """\
---
config:
  xyChart:
    width: 640
    height: 240
    titleFontSize: 15
    xAxis: {showTick: false, showAxisLine: false}
    yAxis: {showLabel: false, showTick: false, showAxisLine: false}
  themeVariables:
    xyChart:
      plotColorPalette: "#2da44e"
---
xychart-beta horizontal
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of a chart: what it stands for, in words of ours alone, and how long it is."""

    label: str
    percent: float


def funnel_chart(funnel: Funnel) -> str:
    """Return the chart as a block of Markdown; empty where no test was asked for."""
    if not funnel.asked:
        return ""
    steps = funnel_steps(funnel)
    labels = ", ".join(f'"{name} {number:,}"' for name, number in steps)
    bars = ", ".join(str(number) for _, number in steps)
    return _chart("What became of the tests", labels, funnel.asked, bars)


def coverage_chart(bars: Sequence[Bar]) -> str:
    """Return a chart of percentages as a block of Markdown; empty for none."""
    if not bars:
        return ""
    labels = ", ".join(f'"{bar.label} {bar.percent:.1f} %"' for bar in bars)
    lengths = ", ".join(f"{bar.percent:.1f}" for bar in bars)
    return _chart("What tests reach and notice", labels, 100, lengths)


def _chart(title: str, labels: str, most: int, bars: str) -> str:
    axes = f"    x-axis [{labels}]\n    y-axis 0 --> {most}\n    bar [{bars}]"
    return f'```mermaid\n{_HEAD}    title "{title}"\n{axes}\n```'
