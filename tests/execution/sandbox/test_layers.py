from dataclasses import replace

import pytest

from testsmith.execution.sandbox.layers import (
    CannotIsolate,
    Isolation,
    Offer,
    Trouble,
    choose,
    layer_names,
    missing_words,
    require_all,
    weaken,
)
from testsmith.execution.sandbox.linux.plan import Layer

ROOT = Offer(landlock=7, seccomp=True, is_root=True, may_change_user=True, may_read_all=True)
DOCKER = replace(ROOT, may_read_all=False)
PERSON = Offer(landlock=7, seccomp=True, is_root=False, may_change_user=False, may_read_all=False)
UNREADABLE = Trouble(layer=None, reason="nobody but root can read it")


@pytest.mark.parametrize("offer", [ROOT, DOCKER, PERSON])
def test_choose__all_there_is(offer: Offer) -> None:
    isolation = choose(offer)
    require_all(isolation)
    assert isolation.own_uid == offer.is_root
    assert isolation.landlock == 7
    assert isolation.seccomp


@pytest.mark.parametrize(
    ("offer", "missing"),
    [
        (replace(ROOT, landlock=0), Layer.LANDLOCK),
        (replace(PERSON, seccomp=False), Layer.SECCOMP),
        (replace(ROOT, may_change_user=False), Layer.OWN_UID),
    ],
)
def test_require_all__names_what_is_missing(offer: Offer, missing: Layer) -> None:
    with pytest.raises(CannotIsolate, match=rf"No project code was run.*{missing} \(.*best-effort"):
        require_all(choose(offer))


def remedies(offer: Offer, trouble: Trouble) -> list[Isolation | None]:
    steps: list[Isolation | None] = [choose(offer)]
    while steps[-1] is not None:
        steps.append(weaken(steps[-1], offer, trouble))
    return steps[1:]


def test_weaken__an_unreadable_interpreter_with_all_of_roots_rights() -> None:
    another, reading, as_root, end = remedies(ROOT, UNREADABLE)
    assert another == replace(choose(ROOT), uses_replacement=True)
    assert reading == replace(choose(ROOT), reads_all=True)
    expected = {Layer.OWN_UID: "nobody but root can read it"}
    assert as_root == replace(choose(ROOT), own_uid=False, missing=expected)
    assert end is None


def test_weaken__an_unreadable_interpreter_in_docker() -> None:
    another, as_root, end = remedies(DOCKER, UNREADABLE)
    assert another == replace(choose(DOCKER), uses_replacement=True)
    assert as_root is not None
    assert not as_root.own_uid
    assert end is None


def test_weaken__an_interpreter_that_a_person_cannot_run() -> None:
    assert remedies(PERSON, UNREADABLE) == [None]


def test_weaken__reading_all_is_never_had_without_landlock() -> None:
    without = replace(ROOT, landlock=0)
    assert not any(step and step.reads_all for step in remedies(without, UNREADABLE))
    reading = replace(choose(ROOT), reads_all=True)
    weaker = weaken(reading, ROOT, Trouble(layer=Layer.LANDLOCK, reason="refused"))
    assert weaker is not None
    assert not weaker.reads_all


@pytest.mark.parametrize("layer", Layer)
def test_weaken__a_layer_is_given_up_once(layer: Layer) -> None:
    trouble = Trouble(layer=layer, reason="refused")
    *first, weaker, end = remedies(ROOT, trouble)
    assert first == ([replace(choose(ROOT), supervised=False)] if layer is Layer.SECCOMP else [])
    assert weaker is not None
    assert weaker.missing == {layer: "refused"}
    assert end is None


def test_weaken__a_filter_that_cannot_ask_still_refuses() -> None:
    refusing, without, end = remedies(PERSON, Trouble(layer=Layer.SECCOMP, reason="busy"))
    assert refusing == replace(choose(PERSON), supervised=False)
    assert without is not None
    assert without.missing == {Layer.SECCOMP: "busy"}
    assert end is None


def test_layer_names__active_ones_first_then_what_is_missing() -> None:
    names = layer_names(choose(replace(PERSON, landlock=0)))
    assert names[:3] == ("no_new_privs", "rlimits", "seccomp")
    assert names[-1] == "without Landlock: the kernel does not support it"
    assert "Landlock 7" in layer_names(choose(PERSON))
    assert "own user id" in layer_names(choose(ROOT))


def test_missing_words__nothing_unless_a_layer_is_missing() -> None:
    assert missing_words(choose(PERSON)) == missing_words(choose(ROOT)) == ()
    missing = missing_words(choose(replace(PERSON, landlock=0)))
    assert missing == ("without Landlock: the kernel does not support it",)
