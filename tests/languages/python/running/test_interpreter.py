from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.git.repository import Repository
from testsmith.languages.python.running.interpreter import (
    _own_environment,
    choose_interpreter,
    environment_home,
    hidden_modules,
    installed_folders,
    normal,
    tracks_environment,
)
from testsmith.model import UsageFailure


def fake_environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    return python


def test_choose_interpreter__the_named_one_comes_first(tmp_path: Path) -> None:
    active = fake_environment(tmp_path / "active")
    named = fake_environment(tmp_path / "named")
    environment = {"VIRTUAL_ENV": str(active.parent.parent)}
    assert choose_interpreter(named, environment, tmp_path).path == named


def test_choose_interpreter__a_named_environment_stands_for_its_python(tmp_path: Path) -> None:
    named = fake_environment(tmp_path / "named")
    assert choose_interpreter(tmp_path / "named", {}, tmp_path).path == named


def test_choose_interpreter__a_name_for_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="--python"):
        choose_interpreter(tmp_path / "nothing", {}, tmp_path)


def test_choose_interpreter__the_active_environment_before_the_projects_own(tmp_path: Path) -> None:
    active = fake_environment(tmp_path / "active")
    own = fake_environment(tmp_path / ".venv")
    assert choose_interpreter(None, {"VIRTUAL_ENV": str(tmp_path / "active")}, tmp_path).path == active
    assert choose_interpreter(None, {"VIRTUAL_ENV": str(tmp_path / "gone")}, tmp_path).path == own
    assert choose_interpreter(None, {}, tmp_path).path == own
    assert choose_interpreter(None, {}, tmp_path, installs=True).path == Path(sys.executable)


@pytest.mark.parametrize("tracked", [".venv/pyvenv.cfg", ".venv", "part/.venv/bin/python"])
def test_tracks_environment__whatever_of_it_came_with_a_commit(tmp_path: Path, tracked: str) -> None:
    made = GitRepository.create(tmp_path)
    (tmp_path / "part").mkdir()
    made.commit({"a.py": "", ".gitignore": ""})
    project = Repository.open(tmp_path / tracked.partition(".venv")[0])
    assert not tracks_environment(project)
    made.commit({tracked: ""})
    assert tracks_environment(project)


@pytest.mark.parametrize(("at", "home"), [(("", "in"), "in"), (("",), ""), (("in",), "in"), ((), "")])
def test_environment_home__the_project_before_the_opened_folder(
    at: tuple[str, ...], home: str, tmp_path: Path
) -> None:
    GitRepository.create(tmp_path).commit({"in/a.py": ""})
    for folder in at:
        fake_environment(tmp_path / folder / ".venv")
    assert environment_home(Repository.open(tmp_path / "in"), "").project == home


def test_choose_interpreter__one_that_git_tracks_is_not_used(tmp_path: Path) -> None:
    fake_environment(tmp_path / ".venv")
    choice = choose_interpreter(None, {}, tmp_path, is_tracked=True)
    assert choice.path == Path(sys.executable)
    assert "git tracks it" in choice.note
    assert choose_interpreter(None, {}, tmp_path / "other", is_tracked=True).note == ""


def test_choose_interpreter__names_the_real_folder(tmp_path: Path) -> None:
    named = fake_environment(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert choose_interpreter(tmp_path / "link", {}, tmp_path).path == named
    assert choose_interpreter(None, {"VIRTUAL_ENV": str(tmp_path / "link")}, tmp_path).path == named


def test_installed_folders__are_not_links(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "lib" / "python3").mkdir()
    (tmp_path / "lib" / "python3" / "dist-packages").symlink_to("/")
    (tmp_path / "lib" / "python3.9").symlink_to("python3.12")
    assert installed_folders(tmp_path) == (packages,)


def test_choose_interpreter__else_the_running_one(tmp_path: Path) -> None:
    assert choose_interpreter(None, {"VIRTUAL_ENV": ""}, tmp_path).path == Path(sys.executable)


def test_hidden_modules__nothing_in_a_foreign_environment(tmp_path: Path) -> None:
    assert hidden_modules(tmp_path, []) == ()


def test_hidden_modules__the_bot_and_what_only_it_needs() -> None:
    hidden = hidden_modules(Path(sys.prefix), [])
    assert {"testsmith", "openai", "tenacity", "unidiff"} <= set(hidden)
    assert not {"pytest", "_pytest", "pluggy", "packaging", "iniconfig", "pygments"} & set(hidden)


def test_own_environment__is_as_the_standard_library_finds_it() -> None:
    providers, installed = _own_environment()
    wanted = metadata.packages_distributions()
    assert {name: sorted(found) for name, found in providers.items()} == {
        name: sorted(found) for name, found in wanted.items()
    }
    assert installed.names == {normal(one.name) for one in metadata.distributions()}
    assert installed.with_requirements(["jinja2"]) == {"jinja2", "markupsafe"}


def test_hidden_modules__what_the_project_imports_is_its_own_need(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "a.py").write_text(
        "import os, tenacity\n\ndef f():\n    from openai.types import x\n"
    )
    hidden = hidden_modules(Path(sys.prefix), [tmp_path])
    assert not {"tenacity", "openai", "httpx2", "pydantic"} & set(hidden)
    assert {"testsmith", "unidiff"} <= set(hidden)


def test_normal__names_as_they_are_compared() -> None:
    assert normal("Ruamel.YAML_clib") == "ruamel-yaml-clib"
