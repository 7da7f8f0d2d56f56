"""What a pull request looks like after a review that judged its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.stage import Stage, module, stage
from testsmith.model import Audit, AuditedTest, AuditVerdict
from testsmith.settings import AuditMode, ReviewSettings

TESTS = "tests/test_shop.py"
HEAD = {"shop/__init__.py": "", "shop/cart.py": module("quiet_one"), TESTS: "def test_a():\n    pass\n"}
CANNOT_FAIL = AuditedTest(
    path=TESTS, name="test_a", line=1, verdict=AuditVerdict.CANNOT_FAIL, reason="passes even with `f` removed"
)
GOOD = replace(CANNOT_FAIL, verdict=AuditVerdict.GUARDS_OTHER_BEHAVIOR, reason="fails with a mutant")


@pytest.fixture(name="at")
def _at(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, HEAD) as made:
        made.shop.collaborators["ada"] = "write"
        made.audit = Audit(tests=(CANNOT_FAIL,))
        yield made


def test_review__says_in_the_summary_what_cannot_fail(at: Stage) -> None:
    assert not at.run().fails_audit
    (summary,) = at.summaries()
    assert "- `test_a` cannot fail: it passes even with `f` removed." in summary.body
    assert at.shown() == []
    with at.counting() as counts:
        at.run(action="synchronize")
    assert counts.writes == 0


def test_review__is_silent_if_all_is_well_and_there_is_nothing_else_to_say(at: Stage) -> None:
    at.audit = Audit(tests=(GOOD,))
    at.limits = ReviewSettings(audit_fail=True)
    assert not at.run().fails_audit
    assert at.summaries() == []


def test_review__fails_the_job_only_if_that_is_wanted(at: Stage) -> None:
    at.limits = ReviewSettings(audit_fail=True)
    assert at.run().fails_audit


def test_review__comments_at_the_test_until_someone_rejects_that(at: Stage) -> None:
    at.limits = ReviewSettings(audit=AuditMode.COMMENTS)
    at.run()
    (comment,) = at.shown()
    assert comment.path == TESTS
    assert comment.body.startswith("`test_a` cannot fail")

    at.command("/testsmith reject 1")
    assert at.shown() == []
    (summary,) = at.summaries()
    assert "`test_a` cannot fail" in summary.body  # of the same head
    at.run(action="synchronize")
    assert at.shown() == []


def test_review__a_comment_is_hidden_when_its_test_is_repaired(at: Stage) -> None:
    at.limits = ReviewSettings(audit=AuditMode.COMMENTS)
    at.run()
    at.audit = Audit(tests=(GOOD,))
    at.push({"README.md": "more\n"})
    at.run(action="synchronize")
    assert at.shown() == []
    (summary,) = at.summaries()
    assert "The test of this pull request guards other behavior." in summary.body
