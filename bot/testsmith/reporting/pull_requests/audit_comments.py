"""Comments at tests of a pull request that fail, are flaky or cannot fail. Pure functions."""

from __future__ import annotations

from testsmith.forge.comment_markers import content_digest
from testsmith.forge.pr_state import AUDITED
from testsmith.model import AuditedTest, Report
from testsmith.reporting.audit_phrases import test_sentence
from testsmith.reporting.escaping import code, inline, paragraph, plain


def remarked_tests(report: Report) -> dict[str, AuditedTest]:
    """Return the tests that get a comment, by the digest of what it says."""
    tests = () if report.audit is None else report.audit.tests
    return {
        content_digest(audited_member(test), test.verdict.value): test
        for test in tests
        if test.verdict is not None and not test.verdict.is_good
    }


def audited_member(test: AuditedTest) -> str:
    """Return what stands for a test among the members of a pull request's state."""
    return f"{AUDITED}{test.id}"


def audit_comment(test: AuditedTest, number: int, *, has_commands: bool) -> str:
    """Return the comment at a test.

    Args:
        test: The test.
        number: Its number on the pull request.
        has_commands: Whether comment commands work there.
    """
    lines = [paragraph(test_sentence(test))]
    if has_commands:
        lines.append(inline((*code(f"/testsmith reject {number}"), *plain(" hides this comment for good."))))
    return "\n\n".join(lines)
