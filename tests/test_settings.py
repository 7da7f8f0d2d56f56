"""What may be set, where, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from testsmith.model import UsageFailure
from testsmith.settings import (
    NEVER_FROM_A_FILE,
    OPTIONS,
    ModelFor,
    OutputFormat,
    ProviderChoice,
    SandboxChoice,
    Secret,
    Settings,
    SettingsSources,
    Strategy,
    file_values,
    parse,
)


def settings(
    *, file: dict[str, object] | None = None, environment: dict[str, str] | None = None, **arguments: Any
) -> Settings:
    typed = {"base": "main", **arguments}
    return parse(Path(), SettingsSources(arguments=typed, file=file or {}, environment=environment or {}))


def test_parse__defaults() -> None:
    parsed = settings()

    assert parsed.provider is ProviderChoice.OFFLINE
    assert parsed.verification.enabled
    assert parsed.verification.sandbox is SandboxChoice.BEST_EFFORT
    assert parsed.output_format is OutputFormat.TEXT
    assert parsed.folder == Path.cwd()
    assert (parsed.model.max_retry_attempts, parsed.model.max_concurrent_calls) == (3, 5)


def test_parse__the_command_line_wins_over_the_file() -> None:
    parsed = settings(file={"max-members": 7, "runs": 3}, max_members=9)

    assert parsed.selection.max_members == 9
    assert parsed.verification.runs == 3


def test_parse__a_word_is_one_of_those_that_are_known() -> None:
    assert settings().model.model_for is ModelFor.ALL
    assert settings(model_for="hard").model.model_for is ModelFor.HARD
    values = file_values("testsmith.toml", 'model-for = "hard"')
    assert values is not None
    assert settings(file=values).model.model_for is ModelFor.HARD


def test_parse__a_variable_wins_over_the_file_and_a_flag_over_both() -> None:
    environment = {"TESTSMITH_MAX_MEMBERS": "7", "TESTSMITH_RUNS": " ", "TESTSMITH_PROVIDER": "offline"}
    file: dict[str, object] = {"max-members": 5, "runs": 3}

    parsed = settings(file=file, environment={**environment, "TESTSMITH_API_KEY": "sk-1"})

    assert (parsed.selection.max_members, parsed.verification.runs) == (7, 3)
    assert parsed.provider is ProviderChoice.OFFLINE
    assert settings(file=file, environment=environment, max_members=9).selection.max_members == 9


def test_parse__a_variable_that_cannot_be_used() -> None:
    with pytest.raises(UsageFailure, match="variable TESTSMITH_RUNS: `runs` must be a whole number"):
        settings(environment={"TESTSMITH_RUNS": "many"})


@pytest.mark.parametrize("name", ["TESTSMITH_API_KEY", "OPENAI_API_KEY"])
def test_parse__a_key_makes_auto_ask_the_model(name: str) -> None:
    parsed = settings(environment={name: "sk-1"})

    assert parsed.provider is ProviderChoice.OPENAI
    assert parsed.model.api_key == Secret("sk-1")


def test_parse__the_own_key_wins() -> None:
    parsed = settings(environment={"TESTSMITH_API_KEY": "own", "OPENAI_API_KEY": "other"})

    assert parsed.model.api_key == Secret("own")


def test_parse__an_empty_key_is_no_key() -> None:
    parsed = settings(environment={"TESTSMITH_API_KEY": "", "OPENAI_API_KEY": ""})

    assert parsed.provider is ProviderChoice.OFFLINE


@pytest.mark.parametrize("provider", ["openai", "openai+offline"])
def test_parse__a_model_without_a_key(provider: str) -> None:
    with pytest.raises(UsageFailure, match="TESTSMITH_API_KEY"):
        settings(provider=provider)


def test_parse__an_endpoint_of_ones_own_needs_no_key() -> None:
    parsed = settings(base_url="http://127.0.0.1:1/v1", model="small", provider="openai")

    assert parsed.provider is ProviderChoice.OPENAI
    assert parsed.model.api_key is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": None}, "--base REV"),
        ({"base_url": "http://127.0.0.1/v1"}, "needs --model"),
        ({"base_url": "ftp://x", "model": "m"}, "http://"),
        ({"record": "a", "replay": "b"}, "cannot be used together"),
        ({"python": "/usr/bin/python3", "python_version": "3.12"}, "cannot be used together"),
        ({"max_members": 0}, "at least 1"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"model_for": "easy"}, "`model-for` must be one of all, hard"),
    ],
)
def test_parse__what_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageFailure, match=message):
        settings(**arguments)


def test_parse__whole_files_need_no_base() -> None:
    assert settings(base=None, all=["src"]).selection.all_paths == ("src",)


def test_parse__a_setup_command_installs() -> None:
    assert not settings().verification.installs
    assert settings(install=True).verification.installs
    assert settings(setup_command="make deps").verification.installs
    assert not settings(setup_command="").verification.installs


def test_parse__nothing_is_probed_or_edited_unless_tests_are_proven() -> None:
    assert settings(strategy="probe+edit").model.strategy is Strategy.PROBE_AND_EDIT
    assert settings(strategy="probe+edit", verify=False).model.strategy is Strategy.WRITE


def test_secret__is_never_shown() -> None:
    secret = Secret("sk-very-secret")

    assert (
        "secret" not in f"{secret} {secret!r} {settings(environment={'OPENAI_API_KEY': 'sk-very-secret'})!r}"
    )


def test_file_values__both_files() -> None:
    own = file_values("testsmith.toml", 'model = "m"\nexclude = ["a/**"]\ntemperature = 1\n')
    shared = file_values("pyproject.toml", "[tool.testsmith]\nruns = 7\n")

    assert own == {"model": "m", "exclude": ("a/**",), "temperature": 1}
    assert shared == {"runs": 7}


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "[tool.other]\nruns = 1\n", "tool = 1\n"])
def test_file_values__a_project_without_settings(text: str) -> None:
    assert file_values("pyproject.toml", text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs = ", "not valid TOML"),
        ("speed = 1", "`speed`, which is not a setting. docs/settings.md lists"),
        ("max-member = 1", "Did you mean `max-members`?"),
        ("runs = '5'", "must be a whole number"),
        ("runs = true", "must be a whole number"),
        ("runs = 0", "at least 1"),
        ("exclude = 'a'", "must be a list of strings"),
        ("exclude = [1]", "must be a list of strings"),
    ],
)
def test_file_values__a_broken_file(text: str, message: str) -> None:
    with pytest.raises(UsageFailure, match=message):
        file_values("testsmith.toml", text)


def test_file_values__an_own_table_that_is_none() -> None:
    with pytest.raises(UsageFailure, match="must be a table"):
        file_values("pyproject.toml", "[tool]\ntestsmith = 3\n")


@pytest.mark.parametrize("name", sorted(NEVER_FROM_A_FILE))
def test_file_values__what_a_repository_may_not_set(name: str) -> None:
    with pytest.raises(UsageFailure, match="never read from a repository's file"):
        file_values("testsmith.toml", f'{name} = "x"\n')


def test_options__each_sets_a_field_that_exists() -> None:
    parsed = settings()
    for option in OPTIONS:
        assert hasattr(getattr(parsed, option.group), option.field), option.name


def test_parse__a_coverage_file() -> None:
    arguments = {"base": "main", "coverage": "out/coverage.xml"}
    settings = parse(Path("repo"), SettingsSources(arguments=arguments))
    assert settings.verification.coverage == Path("out/coverage.xml")
    assert parse(Path("repo"), SettingsSources(arguments={"base": "main"})).verification.coverage is None


def test_parse__installing_is_typed_and_never_else() -> None:
    assert not settings().verification.install
    parsed = settings(install=True, install_seconds=20.0)
    assert (parsed.verification.install, parsed.verification.install_seconds) == (True, 20.0)
    with pytest.raises(UsageFailure, match="sets `install`, which is never read"):
        file_values("testsmith.toml", "install = true\n")
