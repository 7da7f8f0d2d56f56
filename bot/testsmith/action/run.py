"""Run the action: from an event to a review, output files and an exit code.

The step's log is one stream. Text is written through `safe_log`, commands through `write_commands`; while a
pull request is reviewed, the runner accepts no commands.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TextIO, TypeVar

from testsmith.action.inputs import (
    ActionContext,
    NoToken,
    context_of,
)
from testsmith.action.outputs import (
    Level,
    annotation_command,
    append,
    append_outputs,
    check_cache_folder,
    folded,
    give_to_owner,
    mask_command,
    safe_log,
    write_commands,
    write_report,
)
from testsmith.action.runner import Runner, runner_of
from testsmith.app import App
from testsmith.decode import NotJson
from testsmith.events import Nothing, SweepRepository, Task, Work, task_of
from testsmith.forge.review_result import PostStatus, ReviewResult
from testsmith.model import Failure, Progress, Report, UsageFailure
from testsmith.settings import API_KEY, TOKEN

if TYPE_CHECKING:
    from testsmith.reporting.pull_requests.annotations import Annotation

_TITLE = "TestSmith"
_GRANTING = "The job summary shows the review, and the workflow lines that grant the missing permissions."
_AUDIT_FAILS = "The job summary says why; `audit-fail: false` lets the job succeed."


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """The result of a run of the action.

    Attributes:
        reviewed: The result of the review.
        is_internal: Whether an internal error ended it.
        fails_on_error: Whether a failure of the forge or of the model provider fails the step.
    """

    reviewed: ReviewResult
    is_internal: bool = False
    fails_on_error: bool = False

    @property
    def failures(self) -> tuple[str, ...]:
        """The failures of the forge, the model provider or the bot itself."""
        reviewed = self.reviewed
        forge = reviewed.reason if reviewed.delivery is PostStatus.FAILED else ""
        run = reviewed.report.failure if reviewed.report is not None else None
        return tuple(dict.fromkeys(failure for failure in (forge, run) if failure))

    @property
    def exit_code(self) -> int:
        """The step's exit code. Skipped members are not failures."""
        fails = self.is_internal or self.reviewed.fails_audit or (self.failures and self.fails_on_error)
        return 1 if fails else 0


def about_the_run(level: Level, message: str) -> tuple[Level, Annotation]:
    """Return an annotation on the run as a whole."""
    from testsmith.reporting.pull_requests.annotations import Annotation

    return level, Annotation(title=_TITLE, message=message)


def annotations_of(ended: ActionResult) -> Iterator[tuple[Level, Annotation]]:
    """Yield the annotations on the run, and on suggestions that are shown nowhere else."""
    from testsmith.reporting.audit_phrases import OF_PULL_REQUEST, audit_headline
    from testsmith.reporting.pull_requests.annotations import annotations_of as proposals_of

    level = Level.ERROR if ended.exit_code else Level.WARNING
    for failure in ended.failures:
        yield about_the_run(level, failure)
    reviewed = ended.reviewed
    if reviewed.fails_audit and reviewed.report is not None and reviewed.report.audit is not None:
        yield about_the_run(
            Level.ERROR, f"{audit_headline(reviewed.report.audit, OF_PULL_REQUEST)} {_AUDIT_FAILS}"
        )
    if reviewed.delivery is PostStatus.NOT_ALLOWED and not reviewed.is_read_only:
        yield about_the_run(Level.WARNING, f"{reviewed.reason} {_GRANTING}")
    yield from ((Level.NOTICE, one) for one in proposals_of(reviewed))


def outputs_of(reviewed: ReviewResult | None, report: str = "", patch: str = "") -> dict[str, str]:
    """Return the step's outputs.

    Args:
        reviewed: The result of the review; None if nothing was processed.
        report: Path of the report, relative to the workspace; empty for none.
        patch: Path of the patch, relative to the workspace; empty for none.
    """
    reviewed = reviewed or ReviewResult(delivery=PostStatus.NOTHING)
    found = reviewed.report or Report(members=())
    return {
        "members": str(len(found.members)),
        "suggestions": str(len(found.suggestions)),
        "skipped": str(len(found.skipped)),
        "api-calls": str(found.statistics.spending.api_calls),
        "cache-hits": str(found.statistics.cache.hits),
        "report": report,
        "commit": reviewed.commit,
        "pull-request": "" if reviewed.follow_up is None else str(reviewed.follow_up),
        "patch": patch,
        "matrix": reviewed.matrix,
        "parts": reviewed.parts,
    }


def last_lines(reviewed: ReviewResult) -> Iterator[str]:
    """Yield the last sentences of the log."""
    from testsmith.reporting.phrases import headline
    from testsmith.reporting.pull_requests.member_status import account

    yield from reviewed.notes
    if reviewed.report is not None:
        yield headline(reviewed.report, account(reviewed.report, reviewed.settled).figures)
    if reviewed.reason and reviewed.delivery is not PostStatus.FAILED:
        yield reviewed.reason


_INTERRUPTED = 130

Perform = Callable[[Work, ActionContext, App, Progress], ReviewResult]
"""Does a task."""

_Result = TypeVar("_Result")


def run(app: App, perform: Perform | None = None) -> int:
    """Do what the event asks for, and return the step's exit code.

    Args:
        app: The application.
        perform: Does the task; None for `tasks.perform`.
    """
    given = (secret.text_in(app.environment) for secret in (TOKEN, API_KEY))
    write_commands(app.stdout, (mask_command(secret) for secret in given if secret))
    with closing(safe_log(app.stdout)) as log:
        step = _Step(app, log)
        try:
            return _done(step, perform)
        except UsageFailure as failure:
            step.annotate([about_the_run(Level.ERROR, str(failure))])
            return 2
        except KeyboardInterrupt:
            step.say("interrupted. Results of completed model calls are cached.")
            return _INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the step must end with a word that can be read
            step.annotate([about_the_run(Level.ERROR, _message(step, error))])
            return 1


@dataclass(frozen=True, slots=True)
class _Step:
    """A running workflow step and its log."""

    app: App
    log: TextIO

    def say(self, sentence: str) -> None:
        """Write a line of text."""
        print(f"testsmith: {sentence}", file=self.log, flush=True)

    def annotate(self, annotations: Iterable[tuple[Level, Annotation]]) -> None:
        """Show annotations on the run's page."""
        write_commands(self.app.stdout, (annotation_command(*one) for one in annotations))

    def attempt(self, write: Callable[[], _Result], otherwise: _Result) -> _Result:
        """Write a file; if that fails, log why and go on, because the review matters more than the file."""
        try:
            return write()
        except Failure as failure:
            self.say(f"warning: {failure}")
            return otherwise


def _done(step: _Step, perform: Perform | None) -> int:
    environment = step.app.environment
    runner = runner_of(environment)
    task = _task(runner)
    if isinstance(task, Nothing):
        return _nothing(step, runner, task)
    try:
        context = context_of(environment, runner, task)
    except NoToken as failure:
        if not task.has_small_token:
            raise
        return _nothing(step, runner, Nothing(reason=str(failure), is_warning=True))
    parts = (context.parts_folder,) if isinstance(task, SweepRepository) else ()
    folders = (context.cache_folder, *filter(None, (context.archives,)), *parts)
    for folder in folders:
        check_cache_folder(runner.workspace, folder)
    ended = _ended(step, task, context, perform)
    _write(step, task, context, ended.reviewed)
    for folder in folders:
        step.attempt(partial(give_to_owner, runner.workspace, folder), None)
    step.annotate(annotations_of(ended))
    return ended.exit_code


def _task(runner: Runner) -> Task:
    try:
        return task_of(runner.event_name, runner.event_path.read_bytes())
    except (OSError, NotJson) as error:
        raise UsageFailure(
            f"Could not read the event from GITHUB_EVENT_PATH ({type(error).__name__}). Do not change "
            f"this variable."
        ) from error


def _nothing(step: _Step, runner: Runner, nothing: Nothing) -> int:
    """Log that there is nothing to do; the step succeeds."""
    if nothing.is_warning:
        step.annotate([about_the_run(Level.WARNING, nothing.reason)])
    else:
        step.say(nothing.reason)
    _write_outputs(step, runner, outputs_of(None))
    return 0


def _ended(step: _Step, task: Work, context: ActionContext, perform: Perform | None) -> ActionResult:
    """Do the task. Errors become a result, too."""
    from testsmith.reporting.terminal import PlainProgress

    if perform is None:
        from testsmith.action import tasks

        perform = tasks.perform
    is_internal = False
    try:
        with folded(step.app.stdout, f"Reviewing {task.what}", step.app.fold_token):
            reviewed = perform(task, context, step.app, PlainProgress(step.log))
    except UsageFailure:
        raise
    except Failure as failure:
        reviewed = ReviewResult(delivery=PostStatus.FAILED, reason=str(failure))
    except Exception as error:  # noqa: BLE001 - there must be a report in any case
        is_internal, reason = True, _message(step, error)
        report = Report(members=(), failure=reason)
        reviewed = ReviewResult(delivery=PostStatus.FAILED, reason=reason, report=report)
    reviewed = replace(reviewed, notes=(*context.notes, *reviewed.notes))
    return ActionResult(
        reviewed=reviewed, is_internal=is_internal, fails_on_error=context.action.fail_on_error
    )


def _message(step: _Step, error: Exception) -> str:
    """Write the details of an internal error to the log, and return a sentence about it."""
    traceback.print_exception(error, file=step.log)
    return f"internal error: {error!r}; the log holds the details. Please report it."


def _write(step: _Step, task: Work, context: ActionContext, reviewed: ReviewResult) -> None:
    """Write the last lines of the log, and all files about a review."""
    from testsmith.reporting.json_contract import render_json
    from testsmith.reporting.pull_requests.job_summary import job_summary
    from testsmith.reporting.rendering import PREPARING, View, repeated

    for sentence in last_lines(reviewed):
        step.say(sentence)
    runner, report, path, patch = context.runner, reviewed.report, "", ""
    if report is not None:
        path = step.attempt(lambda: write_report(runner.workspace, render_json(report)), "")
    if reviewed.patch:
        write = partial(write_report, runner.workspace, name="tests.patch", what="the patch")
        patch = step.attempt(partial(write, reviewed.patch), "")
    if runner.summary is not None:
        command = ("testsmith", *_command(task), *repeated(context.arguments, PREPARING))
        view = View(project=runner.repository, command=command)
        step.attempt(partial(append, runner.summary, job_summary(reviewed, view), "the job summary"), None)
    _write_outputs(step, runner, outputs_of(reviewed, path, patch))


def _command(task: Work) -> tuple[str, ...]:
    """Return the words that repeat a task on the command line."""
    if isinstance(task, SweepRepository):
        return ("sweep",)
    return ("suggest",) if task.base_ref is None else ("suggest", "--base", task.base_ref)


def _write_outputs(step: _Step, runner: Runner, values: Mapping[str, str]) -> None:
    if runner.output is not None:
        step.attempt(partial(append_outputs, runner.output, values, os.urandom(16).hex()), None)
