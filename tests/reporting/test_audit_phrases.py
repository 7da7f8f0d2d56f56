"""The sentences about tests that someone else wrote."""

from __future__ import annotations

import pytest
from reporting.pages import assert_harmless

from fakes.reports import HOSTILE_TEXT, VIEW
from testsmith.model import Audit, AuditedTest, AuditVerdict, Report, SurvivingMutant
from testsmith.reporting.audit_phrases import (
    OF_PULL_REQUEST,
    audit_headline,
    audit_in,
    audit_lines,
    audit_section,
    audit_text,
)
from testsmith.reporting.escaping import inline, text_of
from testsmith.reporting.formats import render
from testsmith.settings import OutputFormat

FAILS_WITHOUT = AuditVerdict.FAILS_WITHOUT_CHANGE
GUARDS = AuditVerdict.GUARDS_OTHER_BEHAVIOR


def audit_of(*verdicts: AuditVerdict | None) -> Audit:
    return Audit(
        tests=tuple(
            AuditedTest(path="tests/test_a.py", name=f"test_{number}", verdict=verdict, reason="because")
            for number, verdict in enumerate(verdicts)
        )
    )


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([FAILS_WITHOUT] * 4, "All 4 tests of this pull request fail without it."),
        ([FAILS_WITHOUT], "The test of this pull request fails without it."),
        ([GUARDS] * 2, "Both tests of this pull request guard other behavior."),
        (
            [FAILS_WITHOUT, FAILS_WITHOUT, GUARDS, AuditVerdict.CANNOT_FAIL],
            "Of 4 tests of this pull request, 2 fail without it, 1 guards other behavior and 1 cannot fail.",
        ),
        ([None, AuditVerdict.FLAKY], "Of 2 tests of this pull request, 1 is flaky and 1 is undecided."),
        ([], ""),
    ],
)
def test_audit_headline__counts_what_there_is(verdicts: list[AuditVerdict | None], words: str) -> None:
    assert audit_headline(audit_of(*verdicts), OF_PULL_REQUEST) == words


def test_audit_lines__say_what_to_do_something_about() -> None:
    tests = (
        AuditedTest(path="t.py", name="test_good", verdict=FAILS_WITHOUT, reason="fails without the change"),
        AuditedTest(
            path="t.py",
            name="test_refund_rounds",
            verdict=AuditVerdict.CANNOT_FAIL,
            reason="passes even with `refund` removed",
            smells=("asserts nothing",),
        ),
        AuditedTest(
            path="t.py", name="TestCart::test_b", verdict=AuditVerdict.FLAKY, reason="failed in 1 of 3 runs"
        ),
        AuditedTest(
            path="t.py", name="test_c", verdict=AuditVerdict.FAILS, reason="fails with the change: `1 == 2`"
        ),
        AuditedTest(
            path="t.py",
            name="test_weak",
            verdict=FAILS_WITHOUT,
            reason="cannot be imported before the change: `ImportError`",
            weakness="passes whatever `fee` returns",
        ),
    )
    assert [inline(line) for line in audit_lines(Audit(tests=tests))] == [
        "`test_c` fails with the change: `1 == 2`.",
        "`test_refund_rounds` cannot fail: it passes even with `refund` removed. It asserts nothing.",
        "`TestCart.test_b` is flaky: it failed in 1 of 3 runs.",
        "`test_weak` cannot be imported before the change: `ImportError`. It passes whatever `fee` returns.",
    ]


def test_audit_lines__name_the_first_mutants_that_survive() -> None:
    survived = tuple(
        SurvivingMutant(path="a.py", line=n, words=f"`0` to `1` on line {n}", is_reached=n > 1)
        for n in range(1, 8)
    )
    (line,) = audit_lines(Audit(survived=survived, mutants=12))
    assert text_of(line).startswith(
        "7 of 12 mutants of changed lines survive all tests: 0 to 1 on line 1 of a.py, which no test runs; "
    )
    assert text_of(line).endswith("; and 2 more.")
    assert not list(audit_lines(Audit(survived=(), mutants=12)))


@pytest.mark.parametrize(
    ("proposed", "words"),
    [
        ([False, True], "2 of 3 mutants of changed lines survive all tests, 1 of which @: a; b."),
        ([True, False], "2 of 3 mutants of changed lines survive all tests, 1 of which @: b; a."),
        ([True, True], "2 of 3 mutants of changed lines survive all tests, all of which @: a; b."),
        ([True], "1 of 3 mutants of changed lines survives all tests, which @: a."),
    ],
)
def test_audit_lines__say_what_the_proposed_tests_kill(proposed: list[bool], words: str) -> None:
    survived = tuple(
        SurvivingMutant(path="p.py", line=1, words=name, is_reached=True, is_proposed=one)
        for name, one in zip("ab", proposed, strict=False)
    )
    (line,) = audit_lines(Audit(survived=survived, mutants=3))
    assert text_of(line).replace(" of p.py", "") == words.replace("@", "the proposed tests kill")


def test_audit_lines__stay_short() -> None:
    lines = list(audit_lines(audit_of(*[AuditVerdict.CANNOT_FAIL] * 30)))
    assert len(lines) == 21
    assert text_of(lines[-1]) == "… and 10 more tests."


def test_audit_text__has_a_line_for_each_test_and_nothing_that_steers_a_terminal() -> None:
    test = AuditedTest(
        path="t\x1b.py",
        name="test_a",
        verdict=FAILS_WITHOUT,
        reason="fails without the change: `\x1b[2J\n::error::`",
        killed=("t.py: `a` to `b` on line 1",),
        seconds=2.5,
    )
    text = audit_text(Audit(tests=(test,), notes=("there is more",)))
    assert "\x1b" not in text
    assert not any(line.startswith("::") for line in text.splitlines())
    assert "kills 1 mutant of changed lines; takes 2.5 seconds" in text
    assert text.endswith("The test of this change fails without it.\nThere is more.\n")


def test_audit_text__says_if_there_is_nothing_to_judge() -> None:
    assert audit_text(Audit()) == "There are no tests to judge.\n"


def test_audit_section__is_one_line_if_all_is_well_and_can_be_found_again() -> None:
    report = Report(members=(), head="a" * 40, audit=audit_of(FAILS_WITHOUT, FAILS_WITHOUT))
    section = audit_section(report, OF_PULL_REQUEST)
    assert section.split("\n")[1:-1] == ["Both tests of this pull request fail without it."]
    assert audit_in(f"before\n\n{section}\n\nafter", "a" * 40) == section
    assert not audit_in(f"before\n\n{section}\n\nafter", "b" * 40)
    assert not audit_in(section.rpartition("\n")[0], "a" * 40)


def test_audit_section__is_absent_without_tests() -> None:
    assert not audit_section(Report(members=()))
    assert not audit_section(Report(members=(), audit=Audit()))


def test_audit_section__is_cut_between_lines() -> None:
    long = AuditedTest(path="t.py", name="test_a", verdict=None, reason="`" + "x" * 700 + "` is wrong")
    section = audit_section(Report(members=(), audit=Audit(tests=(long,) * 20)))
    assert len(section) < 9_000
    assert "more lines" in section.split("\n")[-2]


@pytest.mark.parametrize("text", [HOSTILE_TEXT, "a\n::error::b", "a -->", "```", "`", "@octocat", "<b>"])
def test_audit_section__is_safe_whatever_a_test_says(text: str) -> None:
    test = AuditedTest(
        path=f"tests/{text}.py",
        name="test_a",
        verdict=AuditVerdict.FAILS,
        reason=f"fails with the change: `{text}`",
        smells=(text,),
    )
    survived = (SurvivingMutant(path=text, line=1, words=f"`{text}` to `1` on line 1", is_reached=True),)
    section = audit_section(Report(members=(), audit=Audit(tests=(test,), survived=survived, notes=(text,))))
    assert_harmless(section)


def test_render__every_format_has_what_needs_attention() -> None:
    test = AuditedTest(
        path="t.py", name="test_a", verdict=AuditVerdict.CANNOT_FAIL, reason="passes even with `f` removed"
    )
    report = Report(members=(), audit=Audit(tests=(test,)))
    for output_format in (OutputFormat.TEXT, OutputFormat.MARKDOWN, OutputFormat.HTML):
        text = render(report, output_format, VIEW)
        assert "The test of this change cannot fail." in text
        assert "cannot fail: it passes even with" in text
        assert "Tests of this change" not in render(Report(members=()), output_format, VIEW)
