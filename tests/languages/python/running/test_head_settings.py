from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.languages.python.running.run_settings import (
    AS_USUAL,
    BESIDE_OWN_TESTS,
    LEAP_EVENING,
    MOVED_CLOCK,
    UNDER_CONFTEST,
    WITHOUT_ADDOPTS,
    PythonSetting,
    head_settings,
    variable_of_zone,
    words_of,
)


@pytest.mark.parametrize(
    "field",
    [
        *("order_seed", "hash_seed", "instant", "time_zone", "locale", "place"),
        *("twice", "apart", "in_project_session", "with_ini"),
    ],
)
def test_head_settings__each_field_differs_in_some_run(field: str) -> None:
    assert len({getattr(setting, field) for setting in head_settings(5)}) > 1


def test_variable_of_zone__by_name_where_the_system_knows_it(tmp_path: Path) -> None:
    """Libraries that look the value up in a database refuse a rule."""
    assert variable_of_zone("JST-9", tmp_path) == "JST-9"
    (tmp_path / "Asia").mkdir()
    (tmp_path / "Asia/Tokyo").touch()
    zones = {setting.time_zone for setting in head_settings(5)}
    assert {variable_of_zone(one, tmp_path) for one in zones} == (zones - {"JST-9"}) | {"Asia/Tokyo"}


def test_head_settings__another_interpreter_only_where_one_is_at_hand() -> None:
    assert not any(setting.other_python for setting in head_settings(5))
    assert [setting.other_python for setting in head_settings(5, other_python=True)].count(True) == 1


def test_head_settings__another_locale_only_where_the_system_has_one() -> None:
    assert {setting.locale for setting in head_settings(5)} == {"C", "C.UTF-8"}
    assert {setting.locale for setting in head_settings(5, other_locale="de_DE.UTF-8")} == {
        *("C", "C.UTF-8", "de_DE.UTF-8")
    }


def test_head_settings__texts_without_an_encoding_never_meet_a_folder_that_needs_one() -> None:
    assert not any(setting.locale == "C" and setting.place for setting in head_settings(9))


@pytest.mark.parametrize("runs", [1, 2, 3, 5, 8])
def test_head_settings__one_run_is_always_as_in_an_empty_folder(runs: int) -> None:
    settings = head_settings(runs)
    assert len(settings) == runs
    assert [setting.with_ini for setting in settings].count(False) == 1
    assert len(set(settings)) == runs


def test_head_settings__the_first_keeps_the_order_of_the_file() -> None:
    assert head_settings(5)[0].order_seed is None


@pytest.mark.parametrize(
    ("setting", "done", "words"),
    [
        (PythonSetting(name="", hash_seed=1), (), "hash seed 1, order of the file"),
        (
            PythonSetting(name="", hash_seed=2, time_zone="JST-9", locale="C", apart=True, with_ini=False),
            (),
            (
                "hash seed 2, each function in its own process, time zone UTC+9, locale C,"
                " without the project's pytest settings"
            ),
        ),
        (
            PythonSetting(name="", locale="fr_FR.UTF-8"),
            (),
            "hash seed 0, order of the file, locale fr_FR.UTF-8",
        ),
        (PythonSetting(name="", locale="C"), (AS_USUAL,), "hash seed 0, order of the file"),
        (
            PythonSetting(name="", order_seed=1, instant=LEAP_EVENING, twice=True),
            (MOVED_CLOCK,),
            "hash seed 0, shuffled with seed 1, clock at 2032-02-29, two runs in one folder",
        ),
        (PythonSetting(name="", instant=LEAP_EVENING), (), "hash seed 0, order of the file"),
        (
            PythonSetting(name="", in_project_session=True),
            (BESIDE_OWN_TESTS,),
            "hash seed 0, order of the file, next to the project's tests",
        ),
        (
            PythonSetting(name="", in_project_session=True),
            (UNDER_CONFTEST, WITHOUT_ADDOPTS),
            "hash seed 0, order of the file, with the project's conftest but without its addopts",
        ),
        (PythonSetting(name="", in_project_session=True), (), "hash seed 0, order of the file"),
        (
            PythonSetting(name="", place="a b/c", other_python=True),
            (),
            "hash seed 0, order of the file, another working folder, Python 3.11",
        ),
    ],
)
def test_words_of__claim_only_what_was_done(
    setting: PythonSetting, done: tuple[str, ...], words: str
) -> None:
    assert ", ".join(words_of(setting, frozenset(done), (3, 11))) == words
