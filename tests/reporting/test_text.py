from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest

from fakes.reports import (
    CART_CODE,
    VIEW,
    a_member,
    a_suggestion,
    hostile_report,
    sample_report,
)
from testsmith.model import Report
from testsmith.reporting.rendering import View
from testsmith.reporting.terminal import Terminal, markdown_text, next_step, render_text

COLORS = re.compile(r"\x1b\[[\d;]*m")
COLORED = replace(VIEW, color=True)


def without_colors(text: str) -> str:
    return "\n".join(line.rstrip() for line in COLORS.sub("", text).split("\n"))


def test_render_text__says_the_same_with_and_without_colors() -> None:
    assert without_colors(render_text(sample_report(), COLORED)) == render_text(sample_report(), VIEW)


def test_render_text__without_colors_has_none() -> None:
    assert "\x1b" not in render_text(sample_report(), VIEW)


def test_render_text__with_colors_has_nothing_but_colors() -> None:
    shown = render_text(hostile_report(), COLORED)

    assert COLORS.search(shown)
    assert re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", COLORS.sub("", shown)) == []


def test_render_text__takes_no_foreign_text_for_markup() -> None:
    shown = render_text(hostile_report(), VIEW)

    assert "@octocat [red]x[/red] \\x1b[2J\\x9b31m\\u202e" in shown
    assert "[red]rich[/red]" in shown


@pytest.mark.parametrize("view", [VIEW, COLORED])
def test_render_text__gives_no_command_to_the_runner_that_prints_it(view: View) -> None:
    shown = COLORS.sub("", render_text(hostile_report(), view))

    assert "set-output" in shown
    assert [line for line in shown.split("\n") if line.lstrip().startswith("::")] == []
    assert "##[" not in shown


@pytest.mark.parametrize("width", [40, 80, 200])
def test_render_text__never_breaks_code_or_the_command(width: int) -> None:
    lines = render_text(sample_report(), replace(VIEW, width=width)).split("\n")

    for line in CART_CODE.rstrip().split("\n"):
        assert (" " * 8 + line).rstrip() in lines
    assert any(line.endswith("--provider offline --only src/shop/cart.py::Cart.add") for line in lines)


@pytest.mark.parametrize("width", [60, 100])
def test_render_text__breaks_sentences_at_the_width(width: int) -> None:
    member = a_member("f")
    report = Report(members=(member,), suggestions=(a_suggestion(member, summary="word " * 50),))

    lines = render_text(report, replace(VIEW, width=width)).split("\n")

    broken = [line for line in lines if "word word" in line]
    assert len(broken) > 1
    assert max(map(len, broken)) <= width


def test_render_text__begins_with_the_failure() -> None:
    shown = render_text(Report(members=(), failure="the key was refused"), VIEW)

    assert shown.startswith(
        "The run ended early: the key was refused\n\nNo function or class was examined.\n"
    )


def test_render_text__shows_a_diff_in_its_usual_colors() -> None:
    patch = "--- a/test_cart.py\n+++ b/test_cart.py\n@@ -1,2 +1,2 @@\n def test_x():\n---- old\n+    new\n"
    member = a_member("total")
    suggestion = replace(a_suggestion(member), patch=patch)

    shown = render_text(Report(members=(member,), suggestions=(suggestion,)), COLORED)

    assert [line.strip() for line in shown.split("\n") if line.startswith(" " * 8)] == [
        "\x1b[36m--- a/test_cart.py\x1b[0m",
        "\x1b[36m+++ b/test_cart.py\x1b[0m",
        "\x1b[36m@@ -1,2 +1,2 @@\x1b[0m",
        "def test_x():",
        "\x1b[31m---- old\x1b[0m",
        "\x1b[32m+    new\x1b[0m",
    ]


def test_next_step__repeats_what_was_typed_and_writes() -> None:
    terminal = Terminal(stream=StringIO(), interactive=True, color=False)
    typed = ("suggest", "--base", "main", "--only", "a b.py", "--write")

    line = "\nWrite them with: testsmith suggest --base main --only 'a b.py' --write\n"
    assert next_step(sample_report(), typed, terminal) == line
    assert not next_step(Report(members=(a_member("total"),)), typed, terminal)
    assert not next_step(sample_report(), typed, replace(terminal, interactive=False))


MARKDOWN = """\
**TestSmith** proposes 1 test.

<p><sub>No existing test fails.<br>no model calls &middot; 1 s</sub></p>
<details><summary>1 note</summary><sub>a&#95;b</sub></details>

`cart.py`, line 1 \x1b[31m

```diff
@@ -1 +1 @@
+    assert "<b>" in page  \x1b[2J
```

<sub>check it: `testsmith suggest`</sub>

<!-- testsmith:code eNpdjr -->
"""


def test_markdown_text__shows_neither_markup_nor_tags() -> None:
    shown = markdown_text(MARKDOWN, Terminal(stream=StringIO(), interactive=True, color=True))

    assert [line.strip() for line in COLORS.sub("", shown).split("\n") if line.strip()] == [
        "TestSmith proposes 1 test.",
        "No existing test fails.",
        "no model calls · 1 s",
        "1 note",
        "a_b",
        "cart.py, line 1 \\x1b[31m",
        "@@ -1 +1 @@",
        '+    assert "<b>" in page  \\x1b[2J',
        "check it: testsmith suggest",
    ]
    assert '\x1b[32m+    assert "<b>" in page' in shown


def test_markdown_text__without_colors_has_none() -> None:
    assert "\x1b[3" not in markdown_text(MARKDOWN, Terminal(stream=StringIO(), interactive=True, color=False))
