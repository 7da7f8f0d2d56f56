from __future__ import annotations

import pytest

from testsmith.execution.answers import BESIDE_OWN_TESTS, MOVED_CLOCK, UNDER_CONFTEST, WITHOUT_ADDOPTS
from testsmith.execution.harness import Setting
from testsmith.verification.runs import (
    LEAP_EVENING,
    READABLE,
    Factor,
    cause_in_words,
    differing,
    head_settings,
    with_factor,
    words_of,
)


@pytest.mark.parametrize("factor", [factor for factor in Factor if factor is not Factor.PYTHON])
def test_head_settings__each_factor_differs_in_some_run(factor: Factor) -> None:
    first, *others = head_settings(5)
    assert any(factor in differing(first, other) for other in others)


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


def test_with_factor__takes_that_factor_and_no_other() -> None:
    first, apart, *_ = head_settings(5)
    mixed = with_factor(first, Factor.TIME_ZONE, apart)
    assert differing(first, mixed) == (Factor.TIME_ZONE,)
    assert differing(first, first) == ()


@pytest.mark.parametrize(
    ("setting", "done", "words"),
    [
        (Setting(name="", hash_seed=1), (), "hash seed 1, order of the file"),
        (
            Setting(name="", hash_seed=2, time_zone="JST-9", locale="C", apart=True, with_ini=False),
            (),
            (
                "hash seed 2, each function apart, time zone UTC+9, locale C,"
                " without the project's pytest settings"
            ),
        ),
        (Setting(name="", locale="fr_FR.UTF-8"), (), "hash seed 0, order of the file, locale fr_FR.UTF-8"),
        (Setting(name="", locale="C"), (READABLE,), "hash seed 0, order of the file"),
        (
            Setting(name="", order_seed=1, instant=LEAP_EVENING, twice=True),
            (MOVED_CLOCK,),
            "hash seed 0, random order, clock at 2032-02-29, twice in one folder",
        ),
        (Setting(name="", instant=LEAP_EVENING), (), "hash seed 0, order of the file"),
        (
            Setting(name="", beside=True),
            (BESIDE_OWN_TESTS,),
            "hash seed 0, order of the file, beside the project's own tests",
        ),
        (
            Setting(name="", beside=True),
            (UNDER_CONFTEST, WITHOUT_ADDOPTS),
            "hash seed 0, order of the file, under the project's conftest but without its addopts",
        ),
        (Setting(name="", beside=True), (), "hash seed 0, order of the file"),
        (
            Setting(name="", place="a b/c", other_python=True),
            (),
            "hash seed 0, order of the file, another working folder, Python 3.11",
        ),
    ],
)
def test_words_of__claim_only_what_was_done(setting: Setting, done: tuple[str, ...], words: str) -> None:
    assert words_of(setting, frozenset(done), (3, 11)) == words


@pytest.mark.parametrize(
    ("factor", "failing", "done", "words"),
    [
        (Factor.CLOCK, Setting(name=""), (), "depends on the clock"),
        (Factor.NEIGHBOURS, Setting(name="", apart=True), (), "passes only after its neighbours"),
        (Factor.NEIGHBOURS, Setting(name=""), (), "passes only without its neighbours"),
        (Factor.PYTHON, Setting(name="", other_python=True), (), "fails on Python 3.11"),
        (Factor.PYTHON, Setting(name=""), (), "depends on the interpreter"),
        (
            Factor.PROJECT,
            Setting(name="", beside=True),
            (BESIDE_OWN_TESTS,),
            "does not pass beside the project's own tests",
        ),
        (
            Factor.PROJECT,
            Setting(name="", beside=True),
            (UNDER_CONFTEST,),
            "does not pass under the project's conftest",
        ),
        (Factor.PROJECT, Setting(name=""), (), "depends on what the project sets up for its own tests"),
    ],
)
def test_cause_in_words__says_what_the_test_does(
    factor: Factor, failing: Setting, done: tuple[str, ...], words: str
) -> None:
    assert cause_in_words(factor, failing, frozenset(done), (3, 11)) == words


@pytest.mark.parametrize("factor", Factor)
def test_cause_in_words__there_are_words_for_each(factor: Factor) -> None:
    assert cause_in_words(factor, Setting(name=""), frozenset(), None)
