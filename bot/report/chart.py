"""The funnel as a chart that a forge draws from text (Mermaid). All pure."""

from __future__ import annotations

from bot.model import Funnel
from bot.report.words import funnel_steps

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
    title "What became of the tests"
"""


def funnel_chart(funnel: Funnel) -> str:
    """Return the chart as a block of Markdown; empty where no test was asked for."""
    if not funnel.asked:
        return ""
    steps = funnel_steps(funnel)
    labels = ", ".join(f'"{name} {number:,}"' for name, number in steps)
    bars = ", ".join(str(number) for _, number in steps)
    axes = f"    x-axis [{labels}]\n    y-axis 0 --> {funnel.asked}\n    bar [{bars}]"
    return f"```mermaid\n{_HEAD}{axes}\n```"
