"""The sentences about tests that someone else wrote, the same in every format. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from testsmith.forge.comment_markers import length
from testsmith.model import Audit, AuditedTest, AuditVerdict, Report, SurvivingMutant
from testsmith.reporting.escaping import Prose, code, inline, one_line, parse, plain, text_of
from testsmith.reporting.phrases import SLOW_SECONDS, count

OF_PULL_REQUEST = "of this pull request"
OF_CHANGE = "of this change"

VERDICT_WORDS = {
    AuditVerdict.FAILS_WITHOUT_CHANGE: "fails without the change",
    AuditVerdict.GUARDS_OTHER_BEHAVIOR: "guards other behavior",
    AuditVerdict.CANNOT_FAIL: "cannot fail",
    AuditVerdict.FLAKY: "is flaky",
    AuditVerdict.FAILS: "fails",
    None: "is undecided",
}
_PLURALS = {
    AuditVerdict.FAILS_WITHOUT_CHANGE: "fail without it",
    AuditVerdict.GUARDS_OTHER_BEHAVIOR: "guard other behavior",
    AuditVerdict.CANNOT_FAIL: "cannot fail",
    AuditVerdict.FLAKY: "are flaky",
    AuditVerdict.FAILS: "fail",
    None: "are undecided",
}
_SINGULARS = {**VERDICT_WORDS, AuditVerdict.FAILS_WITHOUT_CHANGE: "fails without it"}
_ORDER = (*AuditVerdict, None)
_MOST_LINES = 20
_MOST_MUTANTS = 5
_SECTION_LIMIT = 8_000
_MARK, _MARK_END, _SECTION_END = "<!-- testsmith:audit ", " -->", "<!-- testsmith:audit end -->"


def audit_headline(audit: Audit, of: str = OF_CHANGE) -> str:
    """Return the sentence that sums up an audit; empty if there are no tests.

    Args:
        audit: The audit.
        of: What the tests belong to.
    """
    tests = len(audit.tests)
    counts = Counter(test.verdict for test in audit.tests)
    kinds = [verdict for verdict in _ORDER if counts[verdict]]
    if not tests:
        return ""
    if len(kinds) == 1:
        subject = {1: f"The test {of}", 2: f"Both tests {of}"}.get(tests, f"All {tests:,} tests {of}")
        return f"{subject} {(_SINGULARS if tests == 1 else _PLURALS)[kinds[0]]}."
    parts = [f"{counts[kind]:,} {(_SINGULARS if counts[kind] == 1 else _PLURALS)[kind]}" for kind in kinds]
    return f"Of {count(tests, 'test')} {of}, {', '.join(parts[:-1])} and {parts[-1]}."


def audit_lines(audit: Audit) -> Iterator[Prose]:
    """Yield a sentence for each test that needs attention, worst first, and one on surviving mutants."""
    rank = {AuditVerdict.FAILS: 0, AuditVerdict.CANNOT_FAIL: 1, AuditVerdict.FLAKY: 2}
    found = [test for test in audit.tests if not test.is_sound]
    ordered = sorted(found, key=lambda test: rank.get(test.verdict or AuditVerdict.FAILS_WITHOUT_CHANGE, 3))
    for test in ordered[:_MOST_LINES]:
        yield test_sentence(test)
    if len(ordered) > _MOST_LINES:
        yield plain(f"… and {count(len(ordered) - _MOST_LINES, 'more test')}.")
    yield from survival_sentences(audit)
    yield from (parse(f"{note[:1].upper()}{note[1:]}.") for note in audit.notes)


def audit_section(report: Report, of: str = OF_CHANGE) -> str:
    """Return what a report says about the tests of its change, as Markdown; empty if it says nothing.

    It is enclosed in marks with the report's head, so that `audit_in` finds it in a summary.
    """
    audit = report.audit
    if audit is None or not (audit.tests or audit.survived or audit.notes):
        return ""
    lines, used = [f"- {inline(line)}" for line in audit_lines(audit)], 0
    kept = []
    for line in lines:
        used += length(line)
        if used <= _SECTION_LIMIT:
            kept.append(line)
    left = [f"- … and {count(len(lines) - len(kept), 'more line')}"] if len(lines) > len(kept) else []
    headline = inline(plain(audit_headline(audit, of)))
    body = "\n\n".join(part for part in (headline, "\n".join((*kept, *left))) if part)
    return f"{_MARK}{report.head or ''}{_MARK_END}\n{body}\n{_SECTION_END}"


def audit_in(body: str, head: str | None) -> str:
    """Return the section on the tests of the change from a summary of the same head; empty if none."""
    text = body.replace("\r\n", "\n")
    start = f"{_MARK}{head or ''}{_MARK_END}\n"
    _, is_there, rest = text.partition(start)
    section, is_whole, _ = rest.partition(f"\n{_SECTION_END}")
    return f"{start}{section}{is_whole}" if is_there and is_whole else ""


def test_sentence(test: AuditedTest) -> Prose:
    """Return the sentence that says what an audit found out about a test."""
    name = code(test.name.replace("::", "."))
    reason = one_line(test.reason)
    match test.verdict:
        case AuditVerdict.CANNOT_FAIL:
            words = f"cannot fail: it {reason}."
        case AuditVerdict.FLAKY:
            words = f"is flaky: it {reason}."
        case _:
            words = f"{reason}."
    more = (*((test.weakness,) if test.weakness else ()), *test.smells)
    smells = f" It {' and '.join(more)}." if more and not test.is_sound else ""
    return (*name, *plain(": " if reason.startswith("its ") else " "), *parse(f"{words}{smells}"))


test_sentence.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it wherever it is imported


def survival_sentences(audit: Audit) -> Iterator[Prose]:
    """Yield the sentence on the mutants of changed lines that no test kills, if they were tried."""
    if audit.survived is None:
        return
    alive = len(audit.survived)
    if not alive:
        return
    ordered = sorted(audit.survived, key=lambda one: one.is_proposed)
    named = "; ".join(map(_mutant_words, ordered[:_MOST_MUTANTS]))
    left = f"; and {alive - _MOST_MUTANTS:,} more" if alive > _MOST_MUTANTS else ""
    verb = "survives" if alive == 1 else "survive"
    of = f"{alive:,} of {count(max(audit.mutants, alive), 'mutant')} of changed lines"
    proposed = sum(one.is_proposed for one in ordered)
    which = (
        "which" if proposed == alive == 1 else f"{'all' if proposed == alive else f'{proposed:,}'} of which"
    )
    but = f", {which} the proposed tests kill" if proposed else ""
    yield parse(f"{of} {verb} all tests{but}: {named}{left}.")


def _mutant_words(mutant: SurvivingMutant) -> str:
    where = "" if mutant.is_reached else ", which no test runs"
    return f"{mutant.words} of `{mutant.path}`{where}"


def audit_text(audit: Audit) -> str:
    """Return an audit as plain text, one line for each test."""
    lines = [_line(test) for test in audit.tests]
    rest = [text_of(each) for each in survival_sentences(audit)]
    rest += [one_line(f"{note[:1].upper()}{note[1:]}.") for note in audit.notes]
    headline = audit_headline(audit) or "There are no tests to judge."
    return "".join(f"{line}\n" for line in (*lines, *([""] if lines else []), headline, *rest))


def _line(test: AuditedTest) -> str:
    mark = (
        "✗" if test.verdict is not None and not test.verdict.is_good else "?" if test.verdict is None else "✓"
    )
    facts = [text_of(parse(test.reason))]
    if test.killed:
        facts.append(f"kills {count(len(test.killed), 'mutant')} of changed lines")
    facts += [text_of(parse(each)) for each in (test.weakness, *test.smells) if each]
    if test.seconds is not None and test.seconds > SLOW_SECONDS:
        facts.append(f"takes {test.seconds:.1f} seconds")
    return f"{mark} {one_line(test.id)}: {'; '.join(facts)}"
