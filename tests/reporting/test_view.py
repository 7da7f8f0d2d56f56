from __future__ import annotations

from pathlib import Path

from testsmith.reporting.rendering import view_of
from testsmith.settings import (
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)


def settings(selection: SelectionSettings) -> Settings:
    return Settings(
        folder=Path("/home/me/shop"),
        provider=ProviderChoice.OFFLINE,
        selection=selection,
        model=ModelSettings(),
        cache=CacheSettings(folder=Path("/cache")),
        verification=VerificationSettings(),
    )


def test_view_of__repeats_base_and_head() -> None:
    view = view_of(settings(SelectionSettings(base="main", head="topic")), {})

    assert view.project == "shop"
    assert view.command == ("testsmith", "suggest", "--base", "main", "--head", "topic")


def test_view_of__names_a_folder_elsewhere_so_that_it_is_found_from_anywhere() -> None:
    typed = {"repo": "../shop", "python": "/usr/bin/python3", "node": "node", "coverage": "cov.xml"}
    view = view_of(settings(SelectionSettings(base="main")), typed)

    place = ("--repo", "/home/me/shop", "--base", "main")
    node = ("--node", str(Path("node").absolute()))
    proof = ("--python", "/usr/bin/python3", *node, "--coverage", str(Path("cov.xml").absolute()))
    assert view.command == ("testsmith", "suggest", *place, *proof)


def test_view_of__repeats_what_the_proof_hangs_on() -> None:
    typed = {
        "repo": ".",
        "install": True,
        "setup_command": "pip install -e '.[dev]'",
        "test_command": "pytest -m 'not slow'",
        "python_version": "3.12",
        "sandbox": "strict",
        "python": ".venv/bin/python",
        "include": ["src/*", "lib/*"],
        "runs": 3,
        "mark_tests": False,
        "max_members": 7,
        "write": True,
        "format": "json",
        "model": "m",
        "provider": "openai",
        "base_url": None,
    }
    view = view_of(settings(SelectionSettings(base="main")), typed)

    assert " ".join(map(repr, view.command[4:])).replace("'--", "--") == (
        """--sandbox' 'strict' --python' '.venv/bin/python' --install' """
        """--setup-command' "pip install -e '.[dev]'" --test-command' "pytest -m 'not slow'" """
        """--python-version' '3.12' --include' 'src/*' --include' 'lib/*' --runs' '3'"""
    )
    assert view.for_model == ("--provider", "openai", "--model", "m")


def test_view_of__repeats_the_paths_of_all() -> None:
    view = view_of(settings(SelectionSettings(all_paths=("src", "lib"))), {})

    assert view.command == ("testsmith", "suggest", "--all", "src", "lib")
