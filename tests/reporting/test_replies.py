"""What the bot answers to commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.reports import sample_report
from testsmith.forge.comment_markers import BODY_LIMIT, answer_to
from testsmith.forge.slash_commands import Verb, orders_in
from testsmith.model import Suggestion
from testsmith.reporting.pull_requests.replies import (
    about,
    explanation,
    help_words,
    misread_words,
    patch_words,
    reply,
    sentences,
)
from testsmith.reporting.rendering import View

REPORT = sample_report()
VIEW = View(project="shop", command=("testsmith", "suggest", "--base", "main"))


def explained(suggestion: Suggestion) -> str:
    member = next(one for one in REPORT.members if one.id == suggestion.member)
    return explanation(suggestion, member, VIEW)


def with_evidence(number: int, **changes: object) -> Suggestion:
    suggestion = REPORT.suggestions[number - 1]
    assert suggestion.evidence
    return replace(suggestion, evidence=replace(suggestion.evidence, **changes))  # type: ignore[arg-type]  # a table


def test_help__has_a_row_for_each_command() -> None:
    rows = [line for line in help_words().splitlines() if line.startswith("| `/testsmith ")]
    assert sorted(row.split()[2].strip("`") for row in rows) == sorted(Verb)


def test_explanation__names_all_mutants_those_that_live_too() -> None:
    said = explained(
        with_evidence(1, killed=("`<` to `<=` on line 12", "`a` to `b` on line 3"), alive=("`c`",))
    )
    assert "- mutants killed: `<` to `<=` on line 12; `a` to `b` on line 3\n" in said
    assert "- mutants that survive: `c`\n" in said
    assert "among them" not in said


@pytest.mark.parametrize(("passes", "when"), [(5, "before this change"), (0, "with this change")])
def test_explanation__shows_what_a_failing_test_says(passes: int, when: str) -> None:
    hostile = "assert 1 == 2\n```\n</details> @ada <script>"
    said = explained(with_evidence(1, passes=passes, failures=(("checks", hostile),)))
    assert f"<details><summary>Output of <code>checks</code> {when}</summary>\n\n````text\n" in said
    assert f"{hostile}\n````\n\n</details>" in said


def test_explanation__without_evidence() -> None:
    assert "- not run\n" in explained(replace(REPORT.suggestions[0], evidence=None))


def test_reply__ends_in_its_mark_and_is_never_too_long() -> None:
    body = reply(7, ["a", "", *("b" * 100 for _ in range(1_000))])
    assert (answer_to(body), body[:4], len(body) <= BODY_LIMIT) == (7, "a\n\nb", True)
    assert "Ask for fewer suggestions at once" in body


@pytest.mark.parametrize("line", ["/testsmith <b>x</b> @ada", "/testsmith apply `x` ``` #12"])
def test_about__shows_a_line_and_links_nobody(line: str) -> None:
    (misread,) = orders_in(line).misread
    said = about(misread, misread_words(misread)).partition("\n")[0]
    assert said.startswith(("`", "<code>"))
    assert "<b>" not in said.replace("`/testsmith <b>x</b> @ada`", "")


def test_sentences__one_is_no_list() -> None:
    assert (sentences(["a *b*."]), sentences(["a.", "b."])) == (r"a \*b\*.", "- a.\n- b.")


def test_patch_words__a_long_patch_is_left_to_the_job_summary() -> None:
    assert "```diff\n+x\n```" in patch_words("+x\n")
    assert patch_words("") == patch_words("x" * 50_001) == ""
