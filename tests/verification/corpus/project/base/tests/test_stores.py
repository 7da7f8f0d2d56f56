import pytest
from satchel.stores import Interval, RecentlyUsed


def test_put_and_get():
    store = RecentlyUsed(2)
    store.put("a", 1)
    assert store.get("a") == 1
    assert store.get("b", 0) == 0


def test_interval():
    assert 3 in Interval(3, 5)


def test_recently_used_size():
    with pytest.raises(ValueError, match="at least 1"):
        RecentlyUsed(0)
