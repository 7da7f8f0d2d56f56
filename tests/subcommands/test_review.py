"""`testsmith review 123`: where the pull request and the token come from, and what a fork may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.git.repository import Repository
from testsmith.model import UsageFailure
from testsmith.settings import SandboxChoice, SettingsSources, VerificationSettings, parse
from testsmith.subcommands.review import repository_of, safe_for_fork, token_for

GITHUB = "https://github.com"


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    return Repository.open(GitRepository.create(tmp_path / "shop").folder)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/octo/shop",
        "https://github.com/octo/shop.git",
        "https://ada@GitHub.com/octo/shop.git/",
        "git@github.com:octo/shop.git",
        "github.com:octo/shop",
        "ssh://git@github.com:22/octo/shop.git",
    ],
)
def test_repository_of__reads_every_form_of_address(checkout: Repository, url: str) -> None:
    checkout.git.run("remote", "add", "origin", url)

    assert repository_of(checkout, GITHUB) == "octo/shop"


@pytest.mark.parametrize(
    "url", ["git@gitlab.com:octo/shop.git", "https://github.com.evil.example/o/s", "/srv/shop"]
)
def test_repository_of__another_server_is_given_no_token(checkout: Repository, url: str) -> None:
    checkout.git.run("remote", "add", "origin", url)

    with pytest.raises(
        UsageFailure, match=r"not on https://github\.com: name the repository with --repository"
    ):
        repository_of(checkout, GITHUB)


def test_repository_of__without_a_remote_asks_for_the_name(checkout: Repository) -> None:
    with pytest.raises(UsageFailure, match="--repository OWNER/NAME"):
        repository_of(checkout, GITHUB)


def test_token_for__prefers_the_environment_as_gh_does(tmp_path: Path) -> None:
    both = {"GITHUB_TOKEN": "github", "GH_TOKEN": "gh", "PATH": str(tmp_path)}

    assert token_for(GITHUB, both).value == "gh"
    assert token_for(GITHUB, {**both, "GH_TOKEN": ""}).value == "github"


@pytest.mark.parametrize(
    ("script", "token"), [('echo "token of $4"', "token of github.com"), ("exit 1", None)]
)
def test_token_for__asks_gh(tmp_path: Path, script: str, token: str | None) -> None:
    program = tmp_path / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)

    if token is None:
        with pytest.raises(UsageFailure, match="set GH_TOKEN to a personal token, or run `gh auth login`"):
            token_for(GITHUB, {"PATH": str(tmp_path)})
    else:
        assert token_for(GITHUB, {"PATH": str(tmp_path)}).value == token


def test_safe_for_fork__neither_installs_nor_leaves_the_strict_sandbox(tmp_path: Path) -> None:
    asked = VerificationSettings(
        sandbox=SandboxChoice.OFF, install=True, offer_install=True, setup_command="make setup"
    )
    sources = SettingsSources(arguments={"base": "main"}, file={}, environment={}, cache_folder=tmp_path)
    parsed = parse(tmp_path, sources)
    settings = replace(parsed, verification=asked)

    proof = safe_for_fork(settings).verification

    assert (proof.sandbox, proof.installs, proof.offer_install) == (SandboxChoice.STRICT, False, False)
