"""What GitHub's runner tells a step."""

from pathlib import Path

import pytest
from action.given import environment

from testsmith.action.runner import runner_of
from testsmith.model import UsageFailure
from testsmith.settings import CacheAccess, Secret


def test_runner_of__github() -> None:
    runner = runner_of(environment(GITHUB_OUTPUT="/github/file_commands/o"))

    assert (runner.repository, runner.event_name) == ("octo/shop", "pull_request")
    assert (runner.api_url, runner.graphql_url) == (
        "https://api.github.com",
        "https://api.github.com/graphql",
    )
    assert (runner.output, runner.summary) == (Path("/github/file_commands/o"), None)


def test_runner_of__an_enterprise_server() -> None:
    runner = runner_of(
        environment(
            GITHUB_API_URL="https://git.example.org/api/v3/",
            GITHUB_GRAPHQL_URL="https://git.example.org/api/graphql",
            GITHUB_SERVER_URL="https://git.example.org",
        )
    )

    assert runner.api_url == "https://git.example.org/api/v3"
    assert runner.graphql_url == "https://git.example.org/api/graphql"
    assert runner.server_url == "https://git.example.org"


@pytest.mark.parametrize(
    "name",
    ["GITHUB_REPOSITORY", "GITHUB_WORKSPACE", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "RUNNER_TEMP"],
)
def test_runner_of__missing_variables_are_named(name: str) -> None:
    with pytest.raises(UsageFailure, match=f"{name} is not set"):
        runner_of(environment(**{name: ""}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "octo"),
        ("GITHUB_REPOSITORY", "octo/shop/../other"),
        ("GITHUB_REPOSITORY", "octo/shop\n::error::"),
        ("GITHUB_API_URL", "file:///etc"),
        ("GITHUB_SERVER_URL", "github.com"),
    ],
)
def test_runner_of__odd_values_are_named(name: str, value: str) -> None:
    with pytest.raises(UsageFailure, match=name):
        runner_of(environment(**{name: value}))


def test_runner_of__a_run_without_a_number() -> None:
    assert runner_of(environment(GITHUB_RUN_ID="../x")).run.startswith("0-")


def test_runner_of__the_run_and_its_attempt() -> None:
    assert runner_of(environment(GITHUB_RUN_ID="4711", GITHUB_RUN_ATTEMPT="2")).run == "4711-2"
    assert runner_of(environment(GITHUB_RUN_ID="x-1", GITHUB_RUN_ATTEMPT="")).run == "0-0"


def test_runner_of__the_cache_service() -> None:
    given = {"ACTIONS_RESULTS_URL": "https://results.example.org/", "ACTIONS_RUNTIME_TOKEN": "eyJ.secret"}

    cache = runner_of(environment(**given, ACTIONS_CACHE_MODE="read")).cache

    assert cache == CacheAccess(url="https://results.example.org/", token=Secret("eyJ.secret"), mode="read")
    assert "secret" not in repr(cache)
    for missing in (
        {"ACTIONS_RESULTS_URL": ""},
        {"ACTIONS_RESULTS_URL": "ftp://a"},
        {"ACTIONS_RUNTIME_TOKEN": ""},
    ):
        assert runner_of(environment(**{**given, **missing})).cache is None
