"""The action from an event to its exit code, with reviews that end in every way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from action.given import TOKEN, inputs

from fakes.github.runner import Log, parse_file
from fakes.reports import sample_report
from testsmith.action.inputs import ActionContext
from testsmith.action.run import Perform, run
from testsmith.app import App
from testsmith.events import Work
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Audit, Failure, Progress, Report, UsageFailure

PAYLOAD: dict[str, Any] = {
    "action": "opened",
    "sender": {"login": "ada", "type": "User"},
    "pull_request": {
        "number": 7,
        "state": "open",
        "draft": False,
        "labels": [],
        "user": {"login": "ada", "type": "User"},
        "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": "octo/shop"}},
        "head": {"sha": "a" * 40, "repo": {"full_name": "octo/shop"}},
    },
}


@dataclass
class Step:
    """A step of a workflow in a folder of its own."""

    folder: Path
    asked: list[Work] = field(default_factory=list)
    text: str = ""

    def run(self, review: ReviewResult | Perform, payload: object = PAYLOAD, **given: str) -> int:
        """Run the action; return its exit code."""
        (self.folder / "workspace").mkdir(exist_ok=True)
        event = self.folder / "event.json"
        event.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        variables = {
            "GITHUB_WORKSPACE": str(self.folder / "workspace"),
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_TEMP": str(self.folder),
        }

        def perform(task: Work, context: ActionContext, app: App, progress: Progress) -> ReviewResult:
            self.asked.append(task)
            return review if isinstance(review, ReviewResult) else review(task, context, app, progress)

        stdout = StringIO()
        code = run(App(environment=inputs(**given) | variables, stdout=stdout, stderr=stdout), perform)
        self.text = stdout.getvalue()
        return code

    @property
    def log(self) -> Log:
        log = Log()
        log.read(self.text)
        return log

    @property
    def outputs(self) -> dict[str, str]:
        return parse_file((self.folder / "output").read_text())

    @property
    def report(self) -> Any:
        path = self.folder / "workspace" / "testsmith-report" / "report.json"
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture(name="step")
def _step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def raising(error: BaseException) -> Perform:
    def review(*_: object) -> ReviewResult:
        raise error

    return review


def test_run__a_review(step: Step) -> None:
    report = sample_report()

    assert step.run(ReviewResult(delivery=PostStatus.POSTED, report=report)) == 0

    assert [task.what for task in step.asked] == ["pull request 7"]
    assert len(step.report["members"]) == len(report.members)
    assert step.outputs["suggestions"] == str(len(report.suggestions))
    assert step.outputs["report"] == "testsmith-report/report.json"
    assert report.members[0].name in (step.folder / "summary").read_text()
    assert step.log.all_annotations == []


def test_run__the_patch_of_what_could_not_be_committed(step: Step) -> None:
    patch = "diff --git a/tests/test_cart.py b/tests/test_cart.py\n"
    reviewed = ReviewResult(
        delivery=PostStatus.POSTED, report=sample_report(), missing=("contents: write",), patch=patch
    )

    assert step.run(reviewed) == 0

    assert (step.outputs["commit"], step.outputs["patch"]) == ("", "testsmith-report/tests.patch")
    assert (step.folder / "workspace" / step.outputs["patch"]).read_text() == patch
    summary = (step.folder / "summary").read_text()
    assert "`contents: write`" in summary
    assert f"```diff\n{patch}" in summary


def test_run__secrets_are_masked_before_anything_else(step: Step) -> None:
    step.run(ReviewResult(delivery=PostStatus.POSTED, notes=("sk-1 and " + TOKEN,)), api_key="sk-1")

    assert [command.name for command in step.log.commands[:2]] == ["add-mask", "add-mask"]
    assert step.log.masks == [TOKEN, "sk-1"]
    assert "testsmith: *** and ***" in step.log.shown


def test_run__nothing_that_a_review_writes_is_a_command(step: Step) -> None:
    def review(_: Work, __: ActionContext, ___: App, progress: Progress) -> ReviewResult:
        progress.phase("\n::set-env name=PATH::/evil", 1)
        progress.warn("a ##[add-path]/evil")
        raise Failure("x\n::add-path::/evil ##[error]y")

    step.run(review)

    names = [command.name for command in step.log.commands]
    assert names == ["add-mask", "group", "stop-commands", "endgroup", "warning"]


@pytest.mark.parametrize(
    ("review", "lenient", "strict"),
    [
        (raising(Failure("The endpoint cannot be reached.")), 0, 1),
        (ReviewResult(delivery=PostStatus.FAILED, reason="GitHub cannot be reached."), 0, 1),
        (
            ReviewResult(
                delivery=PostStatus.POSTED, fails_audit=True, report=Report(members=(), audit=Audit())
            ),
            1,
            1,
        ),
        (ReviewResult(delivery=PostStatus.POSTED, report=Report(members=(), failure="Quota empty.")), 0, 1),
        (
            ReviewResult(delivery=PostStatus.NOT_ALLOWED, reason="May not write.", report=Report(members=())),
            0,
            0,
        ),
        (raising(UsageFailure("base-url needs model.")), 2, 2),
        (raising(KeyError("x")), 1, 1),
        (raising(KeyboardInterrupt()), 130, 130),
    ],
)
def test_run__exit_codes(step: Step, review: ReviewResult | Perform, lenient: int, strict: int) -> None:
    assert step.run(review) == lenient
    assert step.run(review, fail_on_error="true") == strict


def test_run__a_failure_is_a_warning_unless_it_counts(step: Step) -> None:
    step.run(raising(Failure("The endpoint cannot be reached.")))
    assert [one.data for one in step.log.annotations("warning")] == ["The endpoint cannot be reached."]

    step.run(raising(Failure("The endpoint cannot be reached.")), fail_on_error="true")
    assert [one.data for one in step.log.annotations("error")] == ["The endpoint cannot be reached."]


def test_run__a_fault_of_our_own_has_a_report_and_its_details_in_the_log(step: Step) -> None:
    assert step.run(raising(KeyError("::set-env name=A::b"))) == 1

    assert step.report["failure"].startswith("internal error: KeyError(")
    assert any("Traceback" in line for line in step.log.shown)
    assert [one.data for one in step.log.annotations("error")] == [step.report["failure"]]
    assert "set-env" not in {command.name for command in step.log.commands}


def test_run__a_fault_while_a_review_is_told_has_a_readable_end(step: Step) -> None:
    broken: Any = "no report"

    assert step.run(ReviewResult(delivery=PostStatus.POSTED, report=broken)) == 1

    assert any("Traceback" in line for line in step.log.shown)
    assert step.log.annotations("error")[0].data.startswith("internal error: AttributeError(")


@pytest.mark.parametrize(
    ("payload", "given", "told"),
    [
        ({**PAYLOAD, "action": "closed"}, {}, "when a pull request is 'closed'"),
        ({**PAYLOAD, "pull_request": {**PAYLOAD["pull_request"], "draft": True}}, {}, "is a draft"),
        (
            {**PAYLOAD, "pull_request": {**PAYLOAD["pull_request"], "labels": [{"name": "TestSmith-skip"}]}},
            {},
            "has the label 'testsmith-skip'",
        ),
    ],
)
def test_run__nothing_to_do(step: Step, payload: object, given: dict[str, str], told: str) -> None:
    done = step.run(raising(AssertionError("asked")), payload, max_members="not read", **given)

    assert (done, step.asked) == (0, [])
    (line,) = filter(None, step.log.shown)
    assert told in line
    assert set(step.outputs.values()) == {"0", ""}


@pytest.mark.parametrize("payload", ["", "{", "[" * 100_000, "\x00"])
def test_run__a_payload_that_is_none(step: Step, payload: str) -> None:
    assert step.run(raising(AssertionError("asked")), payload) == 2
    assert "GITHUB_EVENT_PATH" in step.log.annotations("error")[0].data


def test_run__a_fork_has_its_review_in_the_summary_and_beside_the_lines(step: Step) -> None:
    fork = {**PAYLOAD["pull_request"], "head": {"sha": "a" * 40, "repo": {"full_name": "eve/shop"}}}
    reviewed = ReviewResult(
        delivery=PostStatus.NOT_ALLOWED, reason="May only read.", report=sample_report(), is_read_only=True
    )

    assert step.run(reviewed, {**PAYLOAD, "pull_request": fork}, provider="openai") == 0

    assert {one.name for one in step.log.all_annotations} == {"notice"}
    assert step.log.annotations("notice")[0].properties["file"] == "src/shop/cart.py"
    summary = (step.folder / "summary").read_text()
    assert "It is shown here in full" in summary
    assert "def test_" in summary
    assert "get no secrets, so there is no API key" in summary
    assert any("May only read." in line for line in step.log.shown)


def test_run__a_wrong_input_is_told_before_anything_is_done(step: Step) -> None:
    assert step.run(raising(AssertionError("asked")), max_members="x\n::error::y") == 2

    assert step.asked == []
    (error,) = step.log.annotations("error")
    assert "`max-members` must be a whole number" in error.data


def test_run__no_token(step: Step) -> None:
    assert step.run(raising(AssertionError("asked")), token="") == 2

    fork = {**PAYLOAD["pull_request"], "head": {"sha": "a" * 40, "repo": None}}
    assert step.run(raising(AssertionError("asked")), {**PAYLOAD, "pull_request": fork}, token="") == 0
    assert "secrets.NAME || github.token" in step.log.annotations("warning")[0].data


def test_run__a_planted_link_in_place_of_the_cache(step: Step) -> None:
    (step.folder / "workspace").mkdir()
    (step.folder / "workspace" / ".cache").symlink_to(step.folder)

    assert step.run(raising(AssertionError("asked")), cache_dir=".cache/testsmith") == 2
    assert step.asked == []


def test_run__files_that_cannot_be_written_cost_nothing_else(step: Step) -> None:
    for name in ("summary", "output"):
        (step.folder / name).mkdir()
    (step.folder / "workspace").mkdir()
    (step.folder / "workspace" / "testsmith-report").symlink_to(step.folder)

    assert step.run(ReviewResult(delivery=PostStatus.POSTED, report=sample_report())) == 0

    warnings = [line for line in step.log.shown if line.startswith("testsmith: warning:")]
    assert all(word in line for word, line in zip(("report", "summary", "outputs"), warnings, strict=True))
    assert not (step.folder / "report.json").exists()
