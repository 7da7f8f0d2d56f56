"""Commands in comments on the example project: processes with all that GitHub gives to them."""

from __future__ import annotations

import json
import time

import pytest

from fakes.shop import Shop
from testsmith.pipeline import RunOptions
from testsmith.reporting.pull_requests.comments import code_in

pytestmark = pytest.mark.slow

WRITING = {"contents": "write", "pull_requests": "write"}


def reactions(hosted: Shop) -> list[list[str]]:
    said = [one for one in hosted.pull.comments.values() if one.user.login == "ada"]
    return [[reaction.content for reaction in one.reactions] for one in said]


def test_commands__from_the_review_to_the_push_after_the_commit(hosted: Shop) -> None:
    hosted.repository.collaborators["ada"] = "write"
    hosted.granted = WRITING
    wanted = {"include": "src/shop/cart.py"}
    hosted.run(**wanted)
    before, first = hosted.pull.head, hosted.remembered()
    green = [one.number or 0 for one in first.entries if one.outcome == "suggested"]
    applied, rejected = green
    assert "reply `apply`" in hosted.threads()[applied].comments[0].body

    hosted.command(f"/testsmith reject {rejected} not useful")
    assert (hosted.threads()[rejected].is_minimized, hosted.threads()[rejected].is_resolved) == (True, True)
    assert hosted.pull.head == before

    done = hosted.command(f"Good!\n\n/testsmith apply {applied}")
    assert "Committed" in hosted.pull.comments[min(hosted.pull.comments)].body, done.stdout + done.stderr
    assert hosted.pull.head != before
    assert hosted.threads()[applied].is_resolved
    changed = hosted.repository.git.run("diff", "--name-only", before, hosted.pull.head).decode().split()
    assert changed
    assert all(path.startswith("tests/") for path in changed)
    assert reactions(hosted) == [["eyes", "rocket"]] * 2

    quiet = hosted.run(**wanted)
    assert "Skipped: the head commit is TestSmith's own." in quiet.stdout
    hosted.github.commit(hosted.repository, "change", {"docs/notes.md": "A word.\n"})
    posted = {one.id for one in hosted.pull.review_comments.values()}
    run = hosted.prepared(**wanted)
    report = json.loads((run.workspace / hosted.finished(run).outputs["report"]).read_text())
    assert {one["reason"] for one in report["skipped"]} == {RunOptions().reason}
    assert {one.id for one in hosted.pull.review_comments.values()} == posted
    summary = hosted.pull.comments[min(hosted.pull.comments)].body
    assert not [number for number in (rejected, applied) if f"\n| {number} |" in summary]
    assert len(hosted.pull.comments) == len(("summary", "reject", "apply"))


SHELL_NAME = "$(touch${IFS}PWNED);`id`&&'\"#1%2e"
SHELF = """\
def shelf(number: int) -> str:
    \"\"\"Return the label of a shelf.\"\"\"
    if number < 1:
        raise ValueError("shelves are counted from 1")
    return f"A{number}"
"""


def test_commands__in_a_thread_for_a_file_that_the_pull_request_adds(hosted: Shop) -> None:
    """The workspace of a comment's run has no such module; a shell would obey the branch's name."""
    hosted.github.commit(hosted.repository, SHELL_NAME, {"src/shelves/labels.py": SHELF}, start="main")
    hosted.pull = hosted.github.pull_request(hosted.repository, head=SHELL_NAME)
    hosted.repository.collaborators.update(ada="write", bob="triage")
    hosted.granted = WRITING
    hosted.run()
    (number, thread), *others = sorted(hosted.threads().items())
    posted = code_in(thread.comments[0].body)
    assert not others
    assert posted is not None
    assert "import pytest\n\nfrom shelves.labels import shelf\n" in posted
    before = hosted.pull.head
    refused = hosted.command(f"/testsmith apply {number}", by="bob")
    assert hosted.pull.head == before
    assert "may not use commands" in refused.stdout
    hosted.command("apply", in_thread=thread.comments[0])
    assert hosted.pull.head == hosted.repository.branch(SHELL_NAME) != before
    assert not list(hosted.folder.rglob("PWNED*"))
    git = hosted.repository.git
    paths = git.text("diff", "--name-only", before, hosted.pull.head).split()
    (path,) = (path for path in paths if not path.endswith("/__init__.py"))
    assert without_marks(git.text("show", f"{hosted.pull.head}:{path}")) == f"{posted}\n"


def without_marks(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("# testsmith "))


def test_commands__a_forks_build_code_is_not_run_unless_the_workflow_says_so(hosted: Shop) -> None:
    """Installing has network, and a stranger has written what is built."""
    fork = hosted.github.fork(hosted.repository, "mallory")
    build = "raise SystemExit('built: ' + open('/proc/self/cmdline').read())\n"
    head = {"setup.py": build, "src/shelves/labels.py": SHELF}
    hosted.github.commit(fork, "shelves", head, start="main", by="mallory")
    hosted.pull = hosted.github.pull_request(hosted.repository, head="shelves", source=fork, author="mallory")
    hosted.repository.collaborators["ada"] = "write"
    hosted.granted = WRITING
    time.sleep(1.1)  # GitHub tells times in seconds, and the comment has to be later than the push
    done = hosted.command("/testsmith suggest")
    assert "installing the project" not in done.stdout
    answer = max(hosted.pull.comments.values(), key=lambda one: one.id).body
    assert f"This is the result for {hosted.pull.head}, the head of the fork." in answer, (
        done.stdout + done.stderr
    )
    assert "set the action's input `install-forks` to `true`" in answer
    hosted.inputs = {"install_forks": "true"}
    assert "installing the project" in hosted.command("/testsmith explain 1").stdout
