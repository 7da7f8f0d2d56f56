"""Read the environment that GitHub's runner gives to a step. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testsmith.events import FULL_NAME
from testsmith.forge.addresses import addresses_in
from testsmith.model import UsageFailure
from testsmith.settings import CacheAccess, Secret

_RUN_ID = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The environment of a step on GitHub's runner.

    Attributes:
        repository: Full name of the workflow's repository, for example `octo/shop`.
        workspace: The checkout.
        temp: Directory for files that only this job needs.
        event_name: The event that started the workflow, for example `pull_request`.
        event_path: The JSON file with the event's payload.
        api_url: Address of GitHub's REST API, without a trailing slash.
        graphql_url: Address of the GraphQL API.
        server_url: Address of GitHub's web pages, without a trailing slash.
        run: The run's number and its attempt, for example `4711-1`.
        output: The file of the step's outputs; None for none.
        summary: The file of the step's summary; None for none.
        cache: Access to the cache service; None for none.
    """

    repository: str
    workspace: Path
    temp: Path
    event_name: str
    event_path: Path
    api_url: str
    graphql_url: str
    server_url: str
    run: str = "0-0"
    output: Path | None = None
    summary: Path | None = None
    cache: CacheAccess | None = None


def runner_of(environment: Mapping[str, str]) -> Runner:
    """Read the variables that GitHub sets for a step.

    Raises:
        UsageFailure: A variable is missing or not valid.
    """
    addresses = addresses_in(environment)
    return Runner(
        repository=_matching(environment, "GITHUB_REPOSITORY", FULL_NAME),
        workspace=Path(_given(environment, "GITHUB_WORKSPACE")),
        temp=Path(_given(environment, "RUNNER_TEMP")),
        event_name=_given(environment, "GITHUB_EVENT_NAME"),
        event_path=Path(_given(environment, "GITHUB_EVENT_PATH")),
        api_url=addresses.api,
        graphql_url=addresses.graphql,
        server_url=addresses.server,
        run=f"{_number(environment, 'GITHUB_RUN_ID')}-{_number(environment, 'GITHUB_RUN_ATTEMPT')}",
        output=_file(environment, "GITHUB_OUTPUT"),
        summary=_file(environment, "GITHUB_STEP_SUMMARY"),
        cache=_cache(environment),
    )


def _given(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise UsageFailure(f"{name} is not set. Run this in a GitHub Actions workflow.")
    return value


def _matching(environment: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = _given(environment, name)
    if not pattern.fullmatch(value):
        raise UsageFailure(f"{name} has an unexpected value. Do not change it; GitHub sets it.")
    return value


def _number(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    return value if _RUN_ID.fullmatch(value) else "0"


def _cache(environment: Mapping[str, str]) -> CacheAccess | None:
    """Return the access to the cache service. It is optional, so errors mean None."""
    url, token = environment.get("ACTIONS_RESULTS_URL", ""), environment.get("ACTIONS_RUNTIME_TOKEN", "")
    if not token or not url.startswith(("https://", "http://")):
        return None
    return CacheAccess(url=url, token=Secret(token), mode=environment.get("ACTIONS_CACHE_MODE", ""))


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    return Path(value) if value else None
