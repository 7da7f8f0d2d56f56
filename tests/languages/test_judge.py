from __future__ import annotations

from testsmith.languages.judge import Finding, added_smells

WAITS = Finding("sleeps", "time.sleep(1)")
LONGER = Finding("sleeps", "time.sleep(2)")
LACKS = Finding("asserts nothing", is_lack=True)
SHARED = Finding("runs a program", "git('init')", is_shared=True)


def test_added_smells__a_test_may_have_what_it_had_as_often_as_it_had_it() -> None:
    known = {"test_a": [WAITS], "test_b": [SHARED]}
    assert added_smells({"test_a": [WAITS]}, {}) == {"test_a": "sleeps"}
    assert added_smells({"test_a": [WAITS]}, known) == {}
    assert added_smells({"test_a": [WAITS, WAITS]}, known) == {"test_a": "sleeps"}
    assert added_smells({"test_a": [WAITS, LONGER]}, known) == {"test_a": "sleeps"}
    assert added_smells({"test_new": [WAITS]}, known) == {"test_new": "sleeps"}


def test_added_smells__a_new_test_may_have_what_it_shares_with_those_of_its_file() -> None:
    known = {"test_a": [SHARED]}
    assert added_smells({"test_new": [SHARED, SHARED]}, known) == {}
    own = SHARED._replace(is_shared=False)
    assert added_smells({"test_new": [own]}, known) == {"test_new": "runs a program"}


def test_added_smells__each_version_of_a_test_must_assert_something() -> None:
    assert added_smells({"test_a": [WAITS, LACKS]}, {"test_a": [WAITS, LACKS]}) == {
        "test_a": "asserts nothing"
    }
