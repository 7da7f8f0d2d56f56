"""The sentences of a report, the same in every text format. Pure functions.

Each states something a reader can check, as briefly as possible. What was not measured is not mentioned.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from testsmith.model import (
    BaselineStatus,
    BaseOutcome,
    CacheStats,
    Change,
    Evidence,
    Funnel,
    GeneratedTest,
    Label,
    Member,
    MemberKind,
    Origin,
    Report,
    SkipStage,
    Spending,
    StaleTestAction,
    Statistics,
    Suggestion,
)
from testsmith.reporting.escaping import Prose, code, joined, one_line, parse, plain
from testsmith.reporting.rendering import View
from testsmith.reporting.report_assembly import SkippedGroup, Totals, catches, totals, updates_test

LABEL_WORDS = {
    Label.NEW_BEHAVIOR: "new behavior",
    Label.GUARDS_CHANGE: "guards the change",
    Label.UNCHANGED_BEHAVIOR: "unchanged behavior",
    Label.QUESTION: "question",
    Label.CATCHES: "behavior changed",
}

ORIGIN_WORDS = {Origin.MODEL: "by the model", Origin.OFFLINE: "by the offline engine"}
"""The generator of a suggestion, in words."""

SLOW_SECONDS = 1.0
"""Tests that take longer are said to be slow."""

LEAST_SECONDS = 0.1
"""What tests add to a run of the test suite is not said more precisely."""

_CHANGED_TO = re.compile("` to `")
_SEPARATOR = " · "
_NAMES_IN_CHANGE = 2
_NAMES_SHOWN = 20
_COMMAND_LIMIT = 5_000
"""Maximum characters of a command line: more than the longest path and name need."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, for example `1 test` or `2,000 tests`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def count_members(number: int, members: Iterable[Member], adjective: str = "") -> str:
    """Return a number with the noun for these members, for example `2 changed functions`."""
    kinds = {member.kind is MemberKind.CLASS for member in members}
    singular, plural = (
        ("function or class", "functions and classes")
        if len(kinds) > 1
        else (("class", "classes") if True in kinds else ("function", "functions"))
    )
    lead = f"{adjective} " if adjective else ""
    return count(number, f"{lead}{singular}", f"{lead}{plural}")


def statistics_line(stats: CacheStats) -> str:
    """Return the statistics line that `--verbose` prints. Its wording is part of the contract."""
    return f"LLM cache — hits: {stats.hits}  misses: {stats.misses}  entries: {stats.entries}"


def headline(report: Report, figures: Totals | None = None) -> str:
    """Return the sentence that sums up the run, or everything in `figures`."""
    figures = figures or totals(report)
    if not figures.members:
        return f"{_nothing_found(report)}{_files_left_out(figures)}."
    if figures.questions and not figures.tested:
        questions = count(figures.questions, "question")
        return f"TestSmith asks {questions} and {_proposal(figures)} {_subject(report, figures)}."
    return f"TestSmith {_proposal(figures)} {_subject(report, figures)}{_asking(figures)}."


def _nothing_found(report: Report) -> str:
    if report.failure is not None:
        return "No function or class was examined"
    which = "found" if report.base is None else "changed"
    return f"No public function or class {which}"


def _files_left_out(figures: Totals) -> str:
    files = figures.skipped_files
    verb = "was" if files == 1 else "were"
    return f"; {count(files, 'file')} {verb} skipped" if files else ""


def _proposal(figures: Totals) -> str:
    if not figures.tested:
        return "proposes no tests for"
    verb = "wrote" if figures.unproven else "proposes"
    return f"{verb} {'tests' if figures.tests is None else count(figures.tests, 'test')} for"


def _subject(report: Report, figures: Totals) -> str:
    adjective = "public" if report.base is None else "changed"
    every = count_members(figures.members, report.members, adjective)
    if figures.tested not in {0, figures.members}:
        return f"{figures.tested:,} of {every}"
    return f"the {every.removeprefix('1 ')}"


def _asking(figures: Totals) -> str:
    asking = f" and asks {count(figures.questions, 'question')}" if figures.questions else ""
    return f"{asking}{_unproven(figures)}"


def _unproven(figures: Totals) -> str:
    if not figures.unproven:
        return ""
    return "; it was not run" if figures.tests == 1 else "; none of them was run"


def change_words(member: Member) -> Prose:
    """Return why a member was processed, for example `changed` or "affected by `_bounds`"."""
    if member.change is not Change.AFFECTED or not member.because:
        return plain(member.change.value)
    shown = [code(name) for name in member.because[:_NAMES_IN_CHANGE]]
    left = len(member.because) - len(shown)
    more = plain(f" and {left:,} more") if left else ()
    return (*plain("affected by "), *joined(", ", shown), *more)


def proposal_words(suggestions: Sequence[Suggestion]) -> Prose:
    """Describe one member's suggestions in a table, for example `2 tests, kills 6 of 7`."""
    return joined("; ", (_short_words(suggestion) for suggestion in suggestions))


def _short_words(suggestion: Suggestion) -> Prose:
    if not suggestion.is_green:
        return plain("question, passed before" if catches(suggestion) else "question")
    evidence = suggestion.evidence
    if evidence is not None and evidence.fail_to_pass:
        return plain(fail_to_pass_words(evidence))
    return plain(", ".join((count(len(suggestion.tests), "test"), *_best_fact(evidence))))


def fail_to_pass_words(evidence: Evidence) -> str:
    """Return how many tests there are and how many fail without the change (at least one)."""
    tests, failing = evidence.tests, evidence.fail_to_pass or 0
    which = " that" if failing == tests else f", {failing:,} of which"
    return f"{count(tests, 'test')}{which} {verb('fail', failing)} without this change"


def verb(infinitive: str, subjects: int) -> str:
    """Return a verb in the present tense for a number of subjects, for example `passes` for 1."""
    if subjects != 1:
        return infinitive
    return f"{infinitive}{'es' if infinitive.endswith(('s', 'ch')) else 's'}"


def _best_fact(evidence: Evidence | None) -> tuple[str, ...]:
    """Return the strongest fact, because a table cell has room for one."""
    if evidence is None:
        return ("not run",)
    if evidence.mutants:
        killed = f"{evidence.mutants_killed or 0} of {evidence.mutants}"
        return (f"{verb('kill', evidence.tests)} {killed}",)
    return _gain_words(evidence) or (run_words(evidence),)


def title_words(suggestion: Suggestion, member: Member) -> tuple[Prose, ...]:
    """Return the parts of a suggestion's first line after the member's name."""
    label = () if suggestion.label is None else (plain(LABEL_WORDS[suggestion.label]),)
    return (*label, *target_words(suggestion, member))


def target_words(suggestion: Suggestion, member: Member) -> tuple[Prose, ...]:
    """Return what was affected, the number of tests, and the target file; nothing for a question."""
    if not suggestion.is_green:
        return ()
    change = (change_words(member),) if member.change is Change.AFFECTED else ()
    tests = (*plain(f"{count(len(suggestion.tests), 'test')} for "), *code(suggestion.test_path))
    return (*change, tests)


def body_words(suggestion: Suggestion) -> Prose:
    """Return what the tests demonstrate, or the question they ask; empty if only the code is known.

    A witness of the behavior change replaces the summary because it says more.
    """
    data = suggestion.witness or suggestion.summary
    asked = _question(suggestion, known=bool(data))
    return joined(" ", (parse(text) for text in (_sentence(data) if data else "", asked) if text))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _question(suggestion: Suggestion, *, known: bool) -> str:
    if suggestion.is_green or suggestion.summary.rstrip().endswith("?"):
        return ""
    if catches(suggestion):
        return "This test passed before the change. Is the new behavior intended?"
    contradiction = "" if known else "The code contradicts its documentation. "
    return f"{contradiction}Which one is right?"


def fold_words(suggestion: Suggestion) -> str:
    """Return the heading of a question's folded test."""
    if updates_test(suggestion):
        return "The edit of the test, if the change is intended"
    return "The test that passed before" if catches(suggestion) else "The test for the documented behavior"


def evidence_words(suggestion: Suggestion, member: Member) -> tuple[Prose, ...]:
    """Return the facts observed by running the tests. What was not measured is left out."""
    evidence = suggestion.evidence
    if evidence is None:
        return (plain("not run"),)
    return (
        *(plain(fact) for fact in _outcome_words(evidence, member)),
        *_mutant_words(evidence, is_guard=suggestion.label is Label.GUARDS_CHANGE),
        *(plain(fact) for fact in _gain_words(evidence) if suggestion.is_green),
        *_observed_words(suggestion),
        *_slow_words(evidence),
    )


def _slow_words(evidence: Evidence) -> tuple[Prose, ...]:
    seconds = evidence.seconds or 0.0
    return (plain(f"{verb('take', evidence.tests)} {seconds:.1f} s"),) if seconds > SLOW_SECONDS else ()


def _outcome_words(evidence: Evidence, member: Member) -> tuple[str, ...]:
    if evidence.fail_to_pass and evidence.passes:
        return fail_to_pass_words(evidence), run_words(evidence)
    return run_words(evidence), *_base_words(evidence, member)


def run_words(evidence: Evidence) -> str:
    """Return in how many runs on head all tests pass, or that they fail in all of them."""
    if not evidence.runs:
        return "not run"
    outcome, runs = ("pass", evidence.passes) if evidence.passes else ("fail", evidence.runs)
    return f"{verb(outcome, evidence.tests)} in {runs} of {count(evidence.runs, 'run')}"


def _base_words(evidence: Evidence, member: Member) -> tuple[str, ...]:
    now_passes = evidence.passes > 0
    if evidence.base is BaseOutcome.FAILS:
        return (f"also {verb('fail', evidence.tests)} without this change",)
    if evidence.base is BaseOutcome.PASSES:
        also = "also " if now_passes else ""
        return (f"{also}{verb('pass', evidence.tests)} without this change",)
    if member.change is Change.ADDED:
        return ()
    return ("new in this change" if evidence.base is BaseOutcome.ABSENT else "shows nothing on the base",)


def _mutant_words(evidence: Evidence, *, is_guard: bool) -> tuple[Prose, ...]:
    if not evidence.mutants:
        return ()
    killed = evidence.mutants_killed or 0
    kills = verb("kill", evidence.tests)
    alive = _guard_words(evidence) if is_guard else _alive_words(evidence)
    figures = plain(f"{kills} {killed} of {count(evidence.mutants, 'mutant')}{alive}")
    if not evidence.killed:
        return (figures,)
    is_the_one = 1 in {killed, evidence.mutants_guarded if is_guard else evidence.mutants_gained}
    lead = ": " if is_the_one else ", including "
    return ((*figures, *plain(lead), *parse(_CHANGED_TO.sub("` → `", evidence.killed[0]))),)


def _guard_words(evidence: Evidence) -> str:
    """Return how many of the killed mutants guard the change."""
    killed, guarded = evidence.mutants_killed or 0, evidence.mutants_guarded or 0
    number = 1 if killed == 1 else guarded
    where = "is on a changed line" if number == 1 else "are on changed lines"
    survive = f" and {verb('survive', number)} your tests{_that_ran(evidence)}"
    alive = "" if evidence.mutants_gained is None else survive
    return f"{_of_which(guarded, killed)} {where}{alive}"


def _alive_words(evidence: Evidence) -> str:
    """Return how many of the killed mutants survive the project's tests, if known."""
    killed, gained = evidence.mutants_killed or 0, evidence.mutants_gained
    if gained is None or not killed:
        return ""
    if not gained:
        return f"{_of_which(killed, killed)} your tests also kill"
    return f"{_of_which(gained, killed)} {verb('survive', gained)} your tests{_that_ran(evidence)}"


def _that_ran(evidence: Evidence) -> str:
    return "" if evidence.suite_is_whole else " that ran"


def _of_which(part: int, whole: int) -> str:
    return ", which" if whole == 1 else f", {'all' if part == whole else part} of which"


def _observed_words(suggestion: Suggestion) -> tuple[Prose, ...]:
    """Return which tests only assert observed values, so that a reader checks the values."""
    observed = [name for name in suggestion.tests if name in suggestion.observed]
    if not observed:
        return ()
    expects = "expects" if len(observed) == 1 else "expect"
    words = plain(f"{expects} the observed result")
    if len(observed) == len(suggestion.tests):
        return (words,)
    return ((*joined(", ", (code(name) for name in observed)), *plain(" "), *words),)


def _gain_words(evidence: Evidence) -> tuple[str, ...]:
    lines, branches = evidence.lines_gained, evidence.branches_gained
    gained = [f"+{count(lines, 'line')}"] if lines else []
    gained += [f"+{count(branches, 'branch', 'branches')}"] if branches else []
    if gained:
        return (f"{', '.join(gained)}{'' if evidence.suite_is_whole else ' beyond your tests that ran'}",)
    return () if lines is None and branches is None else ("no new line covered",)


def noun_words(suggestion: Suggestion) -> str:
    """Return a suggestion's name, for example `Suggestion 1` or `Question 2`."""
    return f"{'Suggestion' if suggestion.is_green else 'Question'} {suggestion.number}"


def origin_words(suggestion: Suggestion) -> str:
    """Return which generator made a suggestion."""
    return ORIGIN_WORDS[suggestion.origin]


def check_command(suggestion: Suggestion, view: View) -> str:
    """Return the shell command, on one line, that generates and verifies a suggestion again."""
    provider = ("--provider", "offline") if suggestion.origin is Origin.OFFLINE else view.for_model
    words = (*view.command, *provider, "--only", suggestion.member)
    return one_line(" ".join(map(_quoted, words)), _COMMAND_LIMIT)


def _quoted(word: str) -> str:
    """Quote a word for a shell; characters that do not fit on one line are escaped."""
    if word.isprintable() and "  " not in word:
        return shlex.quote(word)
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"}
    text = "".join(escapes.get(letter, letter) for letter in word).replace("  ", "\\x20\\x20")
    return f"$'{text}'"


def skipped_words(figures: Totals) -> str:
    """Return the heading of skipped items, for example `2 functions without a proposal, 1 file skipped`."""
    members = f"{count(figures.skipped_members, 'function')} without a proposal"
    files = f"{count(figures.skipped_files, 'file')} skipped"
    parts = ((figures.skipped_members, members), (figures.skipped_files, files))
    return ", ".join(words for number, words in parts if number)


def names_words(group: SkippedGroup) -> Prose:
    """Return the names in a group of skipped items; only the first ones if there are many."""
    shown = joined(", ", (code(name) for name in group.names[:_NAMES_SHOWN]))
    left = len(group.names) - _NAMES_SHOWN
    return (*shown, *plain(f" and {left:,} more")) if left > 0 else shown


def funnel_words(funnel: Funnel) -> str:
    """Return how many test functions reached each step of the funnel; empty if none was requested."""
    if not funnel.asked:
        return ""
    steps = ", ".join(f"{number:,} {name}" for name, number in funnel_steps(funnel))
    return f"tests: {steps}"


def added_time_words(report: Report) -> str:
    """Return what the proposed tests add to a run of the test suite; empty if that is not known.

    More than a second is a sentence about slow tests, because a reviewer may not want them.
    """
    seconds = report.added_seconds
    if seconds is None:
        return ""
    if seconds <= SLOW_SECONDS:
        shown = f"{seconds:.1f}" if seconds >= LEAST_SECONDS else f"less than {LEAST_SECONDS}"
        return f"The proposed tests add {shown} s to your test suite."
    return f"The proposed tests are slow: they add {seconds:.1f} seconds to each run of your test suite."


def funnel_steps(funnel: Funnel) -> tuple[tuple[str, int], ...]:
    """Return the steps of the funnel in order, with names and figures."""
    return (
        ("asked", funnel.asked),
        ("answered", funnel.answered),
        ("ran", funnel.ran),
        ("stable", funnel.stable),
        ("useful", funnel.gains),
        ("proposed", funnel.posted),
    )


def cost_words(report: Report) -> tuple[Prose, ...]:
    """Return the run's cost and scope: members, calls, tokens, cache, seconds, head."""
    statistics = report.statistics
    head = () if report.head is None else ((*plain("head "), *code(report.head[:7])),)
    return (
        *_examined_words(report),
        plain(_call_words(statistics)),
        *_cached_words(statistics),
        plain(f"{statistics.seconds:.1f} s"),
        *head,
    )


def _examined_words(report: Report) -> tuple[Prose, ...]:
    """Return how many members were processed, if others were unchanged since an earlier run."""
    if not report.unchanged:
        return ()
    examined = sum(member.id not in report.unchanged for member in report.members)
    every = count_members(len(report.members), report.members)
    return (plain(f"{examined:,} of {every} processed in this run"),)


def _call_words(statistics: Statistics) -> str:
    spending = statistics.spending
    if not spending.api_calls:
        return "no model calls"
    tokens = spending.prompt_tokens + spending.completion_tokens
    facts = (
        count(spending.api_calls, "model call"),
        count(tokens, "token"),
        *_thinking(spending),
        *_cost(spending.cost),
    )
    return ", ".join(facts)


def _thinking(spending: Spending) -> tuple[str, ...]:
    if not spending.thinking_tokens:
        return ()
    answered = count(spending.completion_tokens, "answer token")
    return (f"{spending.thinking_tokens:,} of {answered} used for reasoning",)


def _cost(cost: float | None) -> tuple[str, ...]:
    if cost is None:
        return ("cost unknown",)
    return (f"{cost:.4f} USD",) if cost else ()


def _cached_words(statistics: Statistics) -> tuple[Prose, ...]:
    hits = statistics.cache.hits
    return (plain(f"{count(hits, 'function')} from the cache"),) if hits else ()


def baseline_words(report: Report) -> str:
    """Return whether an existing test fails without the change; empty if none was run without it."""
    baseline = report.baseline
    failing = baseline.fail_on_base
    if failing is None:
        return ""
    if failing:
        return f"{count(failing, 'existing test')} {verb('fail', failing)} without this change."
    if baseline.status is BaselineStatus.NONE:
        return "The project has no tests that could fail without this change."
    ran = "" if baseline.status is BaselineStatus.MEASURED else "ran and "
    return f"No existing test that {ran}reaches a changed function fails without this change."


def failure_words(report: Report) -> Prose:
    """Return what ended the run early, or why no project code could be run; empty for neither."""
    if report.failure is not None:
        return (*plain("The run ended early: "), *parse(report.failure))
    stages = {one.stage for one in report.skipped if one.member is not None}
    if (
        report.suggestions
        or SkipStage.ENVIRONMENT not in stages
        or stages - {SkipStage.ENVIRONMENT, SkipStage.BUDGET}
    ):
        return ()
    return parse(next(one.reason for one in report.skipped if one.stage is SkipStage.ENVIRONMENT))


def facts_line(facts: Sequence[Prose]) -> Prose:
    """Join facts on one line."""
    return joined(_SEPARATOR, facts)


_MOST_MEMBERS = 20
_MOST_TESTS = 10
_NAME_LIMIT = 200


def earlier_words(tests: Iterable[GeneratedTest]) -> Iterator[Prose]:
    """Yield one sentence per member whose tests need someone's attention."""
    by_member: dict[tuple[str, StaleTestAction, bool], list[GeneratedTest]] = {}
    for one in tests:
        by_member.setdefault((one.member, one.fate, one.is_edited), []).append(one)
    data = list(by_member.items())
    for (member, fate, is_edited), group in data[:_MOST_MEMBERS]:
        yield (*_stale_subject(member), *plain(_said(fate, is_edited=is_edited)), *_names(group), *plain("."))
    left = len(data) - _MOST_MEMBERS
    if left > 0:
        yield plain(f"… and tests of {count(left, 'more function')}.")


def _stale_subject(member: str) -> Prose:
    return code(one_line(member.rpartition("::")[2], _NAME_LIMIT))


def _said(fate: StaleTestAction, *, is_edited: bool) -> str:
    edited = " (edited by hand)" if is_edited else ""
    if fate is StaleTestAction.REMOVE:
        return f" no longer exists. Remove its tests{edited}: "
    return f" has changed. Fix or remove its failing tests{edited}: "


def _names(tests: list[GeneratedTest]) -> Prose:
    names = [code(one_line(f"{one.path}::{one.name}", _NAME_LIMIT)) for one in tests[:_MOST_TESTS]]
    left = len(tests) - _MOST_TESTS
    return (*joined(", ", names), *plain(f" and {left} more" if left > 0 else ""))
