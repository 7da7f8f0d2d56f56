from __future__ import annotations

from testsmith.languages.effects import MOST_CAUSES, ChangeInUse, effects

USERS = {"a": ["b", "x"], "b": ["c"], "c": ["a", "d"], "x": ["d"]}


def _users(name: str, _step: int) -> list[str]:
    return USERS.get(name, [])


def test_effects__over_a_limited_number_of_references() -> None:
    found = effects(["a"], _users, 2, bool)
    assert {name: one.steps for name, one in found.items()} == {"b": 1, "x": 1, "c": 2, "d": 2}
    assert found["c"] == ChangeInUse(causes=("a",), steps=2, route=("b",), between=("b",))


def test_effects__of_what_changed_itself_are_not_reported() -> None:
    found = effects(["a", "b"], _users, 3, bool)
    assert set(found) == {"c", "d", "x"}
    assert found["c"].causes == ("b",)
    assert found["d"].causes == ("a", "b")


def test_effects__most_causes() -> None:
    changed = [f"p{number}" for number in range(MOST_CAUSES + 3)]
    found = effects(changed, lambda name, _: ["user"] if name in changed else [], 1, bool)
    assert len(found["user"].causes) == MOST_CAUSES


def test_effects__the_first_reference_may_be_chosen() -> None:
    assert effects(["a"], lambda name, step: _users(name, step) if step > 1 else ["b"], 1, bool).keys() == {
        "b"
    }


def test_effects__the_nearest_member_if_there_is_none_so_near() -> None:
    users = {
        "_a": ["_b"],
        "_b": ["_c"],
        "_c": ["near", "_d"],
        "near": ["far"],
        "_d": ["far"],
        "_x": ["other"],
    }
    found = effects(["_a", "_x"], lambda name, _: users.get(name, []), 1, lambda name: name[0] != "_")
    assert {name: one.steps for name, one in found.items()} == {
        "_b": 1,
        "other": 1,
        "_c": 2,
        "near": 3,
        "_d": 3,
    }
    assert found["near"].route == ("_c", "_b")
