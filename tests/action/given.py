"""What a workflow gives to the action, in small."""

from __future__ import annotations

from typing import Any

from testsmith.action.inputs import ActionContext, context_of
from testsmith.action.runner import runner_of
from testsmith.events import ReviewPullRequest

TOKEN = "ghs_token"  # noqa: S105 - none that opens anything


def environment(**variables: str) -> dict[str, str]:
    """Return what GitHub sets, and further variables."""
    return {
        "GITHUB_REPOSITORY": "octo/shop",
        "GITHUB_WORKSPACE": "/github/workspace",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": "/github/workflow/event.json",
        "GITHUB_RUN_ID": "4711",
        "RUNNER_TEMP": "/github/runner_temp",
        "TESTSMITH_TOKEN": TOKEN,
        **variables,
    }


def inputs(**given: str) -> dict[str, str]:
    """Return an environment with inputs."""
    return environment(**{f"TESTSMITH_{name.upper()}": text for name, text in given.items()})


def task(**changes: Any) -> ReviewPullRequest:
    """Return the task of reviewing a pull request."""
    known: dict[str, Any] = {
        "repository": "octo/shop",
        "number": 1,
        "base_sha": "b" * 40,
        "base_ref": "main",
        "head_sha": "a" * 40,
        "head_repository": "octo/shop",
        "author": "ada",
    }
    return ReviewPullRequest(**{**known, **changes})


def context(given: dict[str, str] | None = None, *, small: bool = False) -> ActionContext:
    """Return what comes of inputs."""
    variables = inputs(**(given or {}))
    return context_of(variables, runner_of(variables), task(has_small_token=small))
