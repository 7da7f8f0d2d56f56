from __future__ import annotations

import pytest

from testsmith.forge.github.payload import Unreadable, entries, maybe, taken


def test_maybe__what_is_there_or_null() -> None:
    told = {"head": {"repo": None, "sha": "abc", "n": 3}}
    assert maybe(told, "head.sha", str) == "abc"
    assert maybe(told, "head.n", int) == 3
    assert maybe(told, "head.repo.full_name", str) is None
    assert maybe(told, "base.sha", str) is None


@pytest.mark.parametrize(
    ("told", "path"), [({"a": []}, "a.b"), ({"a": 7}, "a"), ({"a": True}, "a"), (None, "a"), ([], "a")]
)
def test_taken__another_kind_or_nothing(told: object, path: str) -> None:
    kind = int if told == {"a": True} else str
    with pytest.raises(Unreadable, match=r"a\.b|a"):
        taken(told, path, kind)


def test_entries__without_nulls() -> None:
    assert entries([{"a": 1}, None]) == [{"a": 1}]
    no_lists: tuple[object, ...] = (None, {}, [7], "text")
    for told in no_lists:
        with pytest.raises(Unreadable):
            entries(told)
