from __future__ import annotations

import subprocess
from dataclasses import replace

from fakes.reports import a_member, a_suggestion
from testsmith import __version__
from testsmith.events import COMMIT_TRAILER
from testsmith.model import BaseOutcome, Evidence
from testsmith.reporting.pull_requests.commit_message import (
    HEADLINE_LIMIT,
    commit_message,
    follow_up_body,
    follow_up_title,
)
from testsmith.settings import CommitSettings

HEAD = "1f2e3d4c" * 5
ADD = a_suggestion(
    a_member("Cart.add"),
    evidence=Evidence(
        passes=5,
        runs=5,
        base=BaseOutcome.FAILS,
        fail_to_pass=1,
        mutants=7,
        mutants_killed=6,
        lines_gained=4,
        branches_gained=2,
    ),
)
SIZE = a_suggestion(a_member("Cart.size"))
PLAIN = CommitSettings()


def trailers(text: str) -> list[str]:
    """Return what git takes for the trailers of a message."""
    command = ("git", "interpret-trailers", "--parse")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_message__what_was_added_and_the_evidence() -> None:
    message = commit_message([ADD, SIZE], [], HEAD, PLAIN)
    gained = "kills 6 of 7 mutants, covers 4 more lines"
    assert message.headline == "Add tests for Cart.add and 1 more"
    assert message.body.splitlines()[:4] == [
        f"Each test was run and proven on {HEAD}:",
        "",
        f"- Cart.add: 1 test that fails without this change, passes in 5 of 5 runs, {gained}",
        "- Cart.size: 1 test, passes in 5 of 5 runs",
    ]


def test_message__counts_the_tests_that_fail_without_the_change() -> None:
    evidence = Evidence(passes=5, runs=5, base=BaseOutcome.FAILS, tests=6, fail_to_pass=2, lines_gained=1)
    suggestion = a_suggestion(a_member("f"), tests=tuple("abcdef"), evidence=evidence)
    (told,) = [
        line for line in commit_message([suggestion], [], HEAD, PLAIN).body.splitlines() if "- f" in line
    ]
    shown = "6 tests, 2 of which fail without this change"
    assert told == f"- f: {shown}, pass in 5 of 5 runs, cover 1 more line"


def test_message__trailers_as_git_reads_them() -> None:
    settings = CommitSettings(sign_off="Ada Bee <ada@shop.test>", co_author="Cy Dee <cy@shop.test>")
    message = commit_message([ADD], ["tests/test_a.py::test_old"], HEAD, settings)
    found = trailers(f"{message.headline}\n\n{message.body}\n")
    assert found[0].startswith(COMMIT_TRAILER)
    assert found[1:] == [
        f"Generated-by: TestSmith Bot {__version__}",
        "Co-authored-by: Cy Dee <cy@shop.test>",
        "Signed-off-by: Ada Bee <ada@shop.test>",
    ]
    assert len(trailers("x\n\n" + commit_message([ADD], [], HEAD, PLAIN).body)) == 2


def test_message__what_is_taken_out() -> None:
    message = commit_message([], ["tests/test_a.py::test_old", "tests/test_a.py::TestB"], HEAD, PLAIN)
    assert message.headline == "Remove 2 tests"
    assert message.body.splitlines()[:4] == [
        "Removed, because the code that they test has changed or no longer exists:",
        "",
        "- test_old",
        "- TestB",
    ]


def test_message__names_are_all_that_is_quoted() -> None:
    odd = replace(
        ADD, member="a\nSigned-off-by: Eve <eve@x.test>\n@octo fixes #1::add", witness="@octo", summary="#1"
    )
    text = commit_message([odd], [], HEAD, PLAIN)
    assert "octo" not in text.headline + text.body
    assert "eve" not in text.body


def test_message__is_never_endless() -> None:
    many = [a_suggestion(a_member(f"f{number}")) for number in range(80)]
    message = commit_message(many, [], HEAD, PLAIN)
    assert "- and 30 more" in message.body
    long = commit_message([a_suggestion(a_member("f" * 300))], [], HEAD, PLAIN)
    assert long.headline == "Add 1 test"
    assert len(message.headline) <= HEADLINE_LIMIT


def test_follow_up__says_what_it_is() -> None:
    assert follow_up_title(7) == "Tests for #7"
    body = follow_up_body([ADD, SIZE], 7, HEAD)
    assert body.splitlines() == [
        f"Merge this to add tests to #7. The last commit adds 2 tests, proven on {HEAD}, for:",
        "",
        "- `Cart.add`",
        "- `Cart.size`",
    ]
