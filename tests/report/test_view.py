from __future__ import annotations

from pathlib import Path

from bot.report.view import view_of
from bot.settings import (
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
    view = view_of(settings(SelectionSettings(base="main", head="topic")))

    assert view.project == "shop"
    assert view.command == ("testsmith", "suggest", "--base", "main", "--head", "topic")


def test_view_of__repeats_the_folder_as_it_was_typed() -> None:
    view = view_of(settings(SelectionSettings(base="main")), repo="../shop")

    assert view.command == ("testsmith", "suggest", "--repo", "../shop", "--base", "main")


def test_view_of__repeats_the_paths_of_all() -> None:
    view = view_of(settings(SelectionSettings(all_paths=("src", "lib"))))

    assert view.command == ("testsmith", "suggest", "--all", "src", "lib")
