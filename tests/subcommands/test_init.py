from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fakes.command_line import CommandLine
from fakes.git_repository import GitRepository
from testsmith.settings import file_values

WORKFLOW = ".github/workflows/testsmith.yml"
UV_PROJECT: dict[str, str | bytes | None] = {
    "uv.lock": "",
    "pyproject.toml": '[project]\nname = "shop"\nrequires-python = ">=3.11"\n[tool.pytest.ini_options]\n',
    "tests/test_cart.py": "import pytest\n",
    ".github/workflows/tests.yml": "on: push\n",
}


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    repository = GitRepository.create(tmp_path / "project")
    repository.git("remote", "add", "origin", "https://someone:secret@github.com/octo/shop.git")
    return repository


def init(command_line: CommandLine, made: GitRepository, *arguments: str) -> str:
    ran = command_line.run("init", "--repo", str(made.folder), *arguments)
    assert ran.code == 0, ran.stderr
    return ran.stdout


def test_init__says_what_it_found_and_what_comes_next(command_line: CommandLine, made: GitRepository) -> None:
    made.commit(UV_PROJECT)
    assert init(command_line, made) == (
        """\
Found:
  remote           https://github.com/octo/shop.git
  default branch   main
  package manager  uv (uv.lock)
  language         Python >=3.11
  tests            pytest (pyproject.toml), 1 test file
  workflows        tests.yml

Wrote .github/workflows/testsmith.yml
Wrote testsmith.toml

Next:
  To use a model, store its key. Without one, the offline engine writes the tests.
    gh secret set TESTSMITH_API_KEY
  Commit the files, push, and open a pull request.
    git add .github/workflows/testsmith.yml testsmith.toml
    git commit -m 'Review pull requests with TestSmith Bot'
  Check that everything works here, and try it on your current change.
    testsmith doctor
    testsmith suggest
"""
    )


@pytest.mark.parametrize(
    ("path", "content", "is_python"),
    [("pyproject.toml", "[project]\nname = 'shop'\n", True), ("package.json", "{}", False)],
)
def test_init__only_what_is_in_python_is_said_to_be(
    command_line: CommandLine, made: GitRepository, path: str, content: str, *, is_python: bool
) -> None:
    made.commit({path: content})
    assert ("language         Python, any version\n" in init(command_line, made)) is is_python


def test_init__its_workflow_is_valid_and_its_settings_are_the_defaults(
    command_line: CommandLine, made: GitRepository
) -> None:
    made.commit(UV_PROJECT)
    init(command_line, made)
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows")
    subprocess.run((*check, str(made.folder / WORKFLOW)), check=True)
    settings = (made.folder / "testsmith.toml").read_text()
    assert file_values("testsmith.toml", settings) == {}
    head, *others = settings.split("\n\n")
    assert all(line.startswith("#") for line in head.splitlines())
    for block in others:
        summary, *lines = block.splitlines()
        assert summary.startswith("# ")
        [name] = file_values("testsmith.toml", "\n".join(line.removeprefix("# ") for line in lines)) or {}
        assert name in lines[0]


def test_init__dry_run_writes_nothing(command_line: CommandLine, made: GitRepository) -> None:
    made.commit(UV_PROJECT)
    printed = init(command_line, made, "--dry-run")
    assert f"Would write {WORKFLOW}:\n\n    # Reviews pull requests with TestSmith Bot." in printed
    assert "    # max-members = 40\n" in printed
    assert made.git("status", "--porcelain") == ""


def test_init__replaces_a_file_only_if_forced(command_line: CommandLine, made: GitRepository) -> None:
    made.commit({**UV_PROJECT, WORKFLOW: "name: mine\n"})
    assert f"{WORKFLOW} exists and is kept; --force replaces it.\nWrote testsmith.toml" in init(
        command_line, made
    )
    assert (made.folder / WORKFLOW).read_text() == "name: mine\n"
    assert f"Wrote {WORKFLOW}\ntestsmith.toml is up to date." in init(command_line, made, "--force")
    assert (made.folder / WORKFLOW).read_text() != "name: mine\n"


def test_init__never_writes_through_a_link(
    command_line: CommandLine, made: GitRepository, tmp_path: Path
) -> None:
    made.commit(UV_PROJECT)
    (tmp_path / "elsewhere").mkdir()
    (made.folder / ".github" / "workflows" / "tests.yml").unlink()
    (made.folder / ".github" / "workflows").rmdir()
    (made.folder / ".github" / "workflows").symlink_to(tmp_path / "elsewhere")
    ran = command_line.run("init", "--repo", str(made.folder))
    assert ran.code == 1
    assert f"{WORKFLOW} was not written" in ran.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_init__leaves_settings_in_pyproject_alone(command_line: CommandLine, made: GitRepository) -> None:
    made.commit({**UV_PROJECT, "pyproject.toml": "[tool.testsmith]\nmax-members = 3\n"})
    init(command_line, made)
    assert not (made.folder / "testsmith.toml").exists()


def test_init__uses_a_secret_that_workflows_already_use(
    command_line: CommandLine, made: GitRepository
) -> None:
    made.commit({**UV_PROJECT, ".github/workflows/ai.yml": "env: {K: '${{ secrets.OPENAI_API_KEY }}'}\n"})
    assert "gh secret set" not in init(command_line, made)
    [step] = [one for one in steps(made) if "testsmith-bot" in one["uses"]]
    assert step["with"] == {"api-key": "${{ secrets.OPENAI_API_KEY }}"}


def test_init__names_the_projects_of_a_monorepo(command_line: CommandLine, made: GitRepository) -> None:
    project = "[project]\nname = 'x'\n"
    made.commit({"packages/a/pyproject.toml": project, "packages/b/pyproject.toml": project, "docs/x": ""})
    said = init(command_line, made)
    assert "projects         packages/a, packages/b\n" in said
    assert "The ones that a pull request changes are installed and tested." in said
    [step] = [one for one in steps(made) if "testsmith-bot" in one["uses"]]
    assert set(step["with"]) == {"api-key"}


def test_init__says_that_the_workflow_needs_github(command_line: CommandLine, made: GitRepository) -> None:
    made.commit({"a.py": ""})
    made.git("remote", "set-url", "origin", "git@gitlab.com:octo/shop.git")
    assert "The remote is not on GitHub, where the workflow runs" in init(command_line, made)


def steps(made: GitRepository) -> list[dict[str, dict[str, str]]]:
    document = YAML(typ="safe").load((made.folder / WORKFLOW).read_text())
    found: list[dict[str, dict[str, str]]] = document["jobs"]["testsmith"]["steps"]
    return found
