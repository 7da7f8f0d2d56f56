"""Committing on the example project: processes with all that GitHub gives to them."""

from __future__ import annotations

import re

import pytest

from fakes.shop import Shop

pytestmark = pytest.mark.slow

WRITING = {"contents": "write", "pull_requests": "write"}
ONE_FILE = "src/shop/stock.py"


def test_commit__proven_tests_are_on_the_branch_and_nothing_follows(hosted: Shop) -> None:
    hosted.granted, before = WRITING, hosted.pull.head
    done = hosted.run(mode="commit", include=ONE_FILE, sign_off="Ada Bee <ada@shop.test>")
    made = hosted.pull.head
    assert done.outputs["commit"] == made != before
    git = hosted.repository.git
    changed = git.text("diff", "--name-only", before, made).split()
    assert [path.startswith("tests/") for path in changed] == [True] * len(changed) != []
    text = "".join(git.text("show", f"{made}:{path}") for path in changed)
    assert re.search(r"^# testsmith \S+ \S{8} \S{8} src/shop/stock\.py::reserve$", text, re.MULTILINE)
    assert "\nSigned-off-by: Ada Bee <ada@shop.test>" in git.text("log", "-1", "--format=%B", made)
    (summary,) = hosted.pull.comments.values()
    assert f"Committed in {made}: 1." in summary.body
    assert (
        "Skipped: the head commit is TestSmith's own." in hosted.run(mode="commit", include=ONE_FILE).stdout
    )
    assert hosted.pull.head == made
