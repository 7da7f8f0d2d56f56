"""The action's inputs: what each sets, and how a wrong one is told."""

from pathlib import Path

import pytest
from action.given import TOKEN, context, inputs, task

from testsmith.action.inputs import (
    ActionContext,
    NoToken,
    context_of,
    settings_of,
    sweep_settings_of,
)
from testsmith.action.runner import runner_of
from testsmith.events import HandleCommentCommands, SweepRepository
from testsmith.forge.slash_commands import ParsedComment
from testsmith.model import UsageFailure
from testsmith.settings import (
    ActionSettings,
    ModelFor,
    ProviderChoice,
    SandboxChoice,
    Secret,
    SweepSettings,
    SweepStep,
)

BASE, HEAD = "b" * 40, "a" * 40


def test_context__without_inputs() -> None:
    given = context()

    assert (given.token, given.api_key) == (Secret(TOKEN), None)
    assert given.action == ActionSettings()
    assert given.notes == ()
    assert TOKEN not in repr(given)


def test_settings__without_inputs() -> None:
    settings = settings_of(context(), base=BASE, head=HEAD)

    assert (settings.selection.base, settings.selection.head) == (BASE, HEAD)
    assert settings.provider is ProviderChoice.OFFLINE
    assert settings.verification.sandbox is SandboxChoice.STRICT
    assert settings.verification.install
    assert settings.folder == Path("/github/workspace")
    assert settings.cache.folder == Path("/github/runner_temp/testsmith-cache")


def test_settings__each_input_arrives() -> None:
    given = {
        "api_key": "sk-1",
        "base_url": "https://models.example.org/v1",
        "model": "small",
        "model_for": "hard",
        "include": "src/**\n\n  lib/** ",
        "exclude": "a.py, b.py",
        "max_members": "7",
        "max_minutes": "2.5",
        "max_concurrent_calls": "2",
        "max_retry_attempts": "4",
        "setup_command": "pip install -e .\nmake",
        "test_command": "pytest -q",
        "python_version": "3.12",
        "sandbox": "best-effort",
        "cache_dir": ".cache/testsmith",
    }

    made = context(given)
    settings = settings_of(made, base=BASE, head=HEAD)

    assert settings.provider is ProviderChoice.OPENAI
    assert (settings.model.api_key, settings.model.model) == (Secret("sk-1"), "small")
    assert settings.model.model_for is ModelFor.HARD
    assert settings.model.base_url == "https://models.example.org/v1"
    assert settings.selection.include == ("src/**", "lib/**")
    assert settings.selection.exclude == ("a.py", "b.py")
    assert (settings.selection.max_members, settings.budget.max_minutes) == (7, 2.5)
    assert (settings.model.max_concurrent_calls, settings.model.max_retry_attempts) == (2, 4)
    verification = settings.verification
    assert verification.setup_command == "pip install -e .\nmake"
    assert (verification.test_command, verification.python_version) == ("pytest -q", "3.12")
    assert verification.sandbox is SandboxChoice.BEST_EFFORT
    assert made.archives == Path("/github/workspace/.cache/testsmith")
    assert settings.cache.folder == made.cache_folder == made.runner.temp / "testsmith-cache"


def test_action__each_input_arrives() -> None:
    given = context({"fail_on_error": "True", "install_forks": "true"})

    assert given.action == ActionSettings(fail_on_error=True, install_forks=True)


def test_settings__what_is_no_input_comes_by_the_environment_or_the_file() -> None:
    given = context({"max_comments": "25", "max_calls": "3"})
    settings = settings_of(given, file={"max-calls": 7, "runs": 2}, base=BASE, head=HEAD)

    assert (settings.review.max_comments, settings.budget.max_calls) == (25, 3)
    assert settings.verification.runs == 2


def test_settings__inputs_win_over_the_file() -> None:
    file = {"max-members": 3, "runs": 2, "model": "theirs"}

    settings = settings_of(context({"max_members": "9"}), file=file, base=BASE, head=HEAD)

    assert (settings.selection.max_members, settings.verification.runs) == (9, 2)
    assert settings.model.model == "theirs"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("provider", "gpt", "`provider` must be one of auto, openai, offline, openai"),
        ("model-for", "easy", "the variable TESTSMITH_MODEL_FOR: `model-for` must be one of all, hard"),
        ("sandbox", "none", "`sandbox` must be one of strict, best-effort, off, not `none`"),
        ("max-members", "many", "`max-members` must be a whole number, at least 1, not `many`"),
        ("max-members", "0", "the action's inputs: `max-members` must be a whole number, at least 1, not 0"),
        ("max-minutes", "nan", "`max-minutes` must be a number, at least 0.01"),
        ("max-minutes", "inf", "`max-minutes` must be a number, at least 0.01"),
        ("max-minutes", "1h", "`max-minutes` must be a number, at least 0.01, not `1h`"),
        ("max-comments", "26", "`max-comments` must be a whole number, from 0 to 25, not 26"),
        ("max-comments", "-1", "`max-comments` must be a whole number"),
        ("max-comments", "²", "`max-comments` must be a whole number"),
        ("fail-on-error", "yes", "`fail-on-error` must be true or false, not `yes`"),
        ("python-version", "3.1", '`python-version` must be a version such as "3.12", in quotes'),
        ("python-version", "/usr/bin/python", "`python-version` must be"),
        ("cache-dir", "../cache", "`cache-dir` must be a folder inside the workspace"),
        ("cache-dir", "/var/cache", "`cache-dir` must be"),
        ("cache-dir", "/github/workspace/../x", "`cache-dir` must be"),
        ("cache-dir", ".", "`cache-dir` must be"),
        ("cache-dir", ".git/x", "`cache-dir` must be"),
    ],
)
def test_context__a_wrong_value_is_told_by_its_name(name: str, text: str, told: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        context({name.replace("-", "_"): text})

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"base_url": "https://x"}, "base-url needs model, because"),
        ({"base_url": "ftp://x", "model": "m"}, "base-url must begin with"),
        ({"provider": "openai"}, "`provider: openai` needs an API key"),
    ],
)
def test_settings__what_contradicts_is_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        settings_of(context(given), base=BASE, head=HEAD)

    assert told in str(caught.value)
    assert "--" not in str(caught.value)


def test_context__a_cache_folder_named_from_the_root() -> None:
    given = context({"cache_dir": "/github/workspace/.cache"})

    assert given.archives == Path("/github/workspace/.cache")


@pytest.mark.parametrize("small", [False, True])
def test_context__without_a_token(*, small: bool) -> None:
    with pytest.raises(NoToken, match="The input `token` is empty"):
        context({"token": " "}, small=small)


@pytest.mark.parametrize("provider", ["openai", "openai+offline"])
def test_context__a_fork_gets_no_key_and_no_model(provider: str) -> None:
    given = context({"provider": provider, "api_key": ""}, small=True)

    assert settings_of(given, base=BASE, head=HEAD).provider is ProviderChoice.OFFLINE
    assert given.notes


def test_context__a_small_token_with_a_key_asks_the_model() -> None:
    given = context({"provider": "openai", "api_key": "sk-dependabot"}, small=True)

    assert settings_of(given, base=BASE, head=HEAD).provider is ProviderChoice.OPENAI
    assert given.notes == ()


def test_context__other_keys_of_the_environment_do_not_count() -> None:
    variables = {**inputs(), "OPENAI_API_KEY": "sk-of-another-step"}
    given = context_of(variables, runner_of(variables), task())

    assert settings_of(given, base=BASE, head=HEAD).provider is ProviderChoice.OFFLINE


def test_comments__run_in_the_strict_sandbox_alone() -> None:
    commands = HandleCommentCommands(
        repository="octo/shop", number=1, comment=2, commander="ada", orders=ParsedComment()
    )
    variables = inputs(sandbox="off")
    given = context_of(variables, runner_of(variables), commands)
    assert given.arguments["sandbox"] is SandboxChoice.STRICT
    assert "the sandbox is always strict" in given.notes[0]


def test_comments__on_a_fork_nothing_of_it_is_installed_unless_set() -> None:
    commands = HandleCommentCommands(
        repository="octo/shop", number=1, comment=2, commander="ada", orders=ParsedComment()
    )
    variables = inputs(setup_command="pip install .")
    given = context_of(variables, runner_of(variables), commands)
    assert not given.installs_forks
    without = settings_of(given, base="b", head="h", installs=given.installs_forks).verification
    assert (without.installs, without.setup_command) == (False, None)
    assert settings_of(given, base="b", head="h").verification.setup_command == "pip install ."
    variables = inputs(install_forks="true")
    assert context_of(variables, runner_of(variables), commands).installs_forks


def swept(**given: str) -> ActionContext:
    variables = inputs(**given)
    return context_of(variables, runner_of(variables), SweepRepository())


def test_sweep__what_its_inputs_say() -> None:
    told = swept(paths="src, lib/a.py\nlib/b.py", sweep_step="shard", shard="2/4", shards="4", dry_run="TRUE")
    assert told.sweep == SweepSettings(
        paths=("src", "lib/a.py", "lib/b.py"), step=SweepStep.SHARD, shards=4, shard="2/4", dry_run=True
    )
    assert swept().sweep == SweepSettings()
    settings = sweep_settings_of(told, head=HEAD)
    assert (settings.selection.all_paths, settings.selection.head) == (("src", "lib/a.py", "lib/b.py"), HEAD)
    assert sweep_settings_of(swept(), head=HEAD).selection.all_paths == (".",)


@pytest.mark.parametrize(
    "given",
    [
        {"sweep_step": "prove"},
        {"sweep_step": "shard"},
        {"sweep_step": "shard", "shard": "5/4"},
        {"shards": "0"},
        {"shards": "257"},
        {"shards": "²"},
        {"dry_run": "perhaps"},
    ],
)
def test_sweep__inputs_that_cannot_be_used(given: dict[str, str]) -> None:
    with pytest.raises(UsageFailure):
        swept(**given)


def test_sweep__a_job_that_asks_nobody_needs_no_key() -> None:
    for step in ("plan", "collect"):
        given = swept(provider="openai", sweep_step=step)
        assert sweep_settings_of(given, head=HEAD).provider is ProviderChoice.OFFLINE
    with pytest.raises(UsageFailure, match="api-key"):
        swept(provider="openai", sweep_step="shard", shard="1/2")
