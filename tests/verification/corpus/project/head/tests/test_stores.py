import pytest
from satchel.stores import Interval, RecentlyUsed, Ring


def test_withdraw(ledger):
    assert ledger.withdraw(30) == 70
    assert ledger.entries == [("withdrawal", -30)]


def test_balance(ledger):
    ledger.deposit(5)
    ledger.withdraw(3)
    assert ledger.balance == 102


def test_put_and_get():
    store = RecentlyUsed(2)
    store.put("a", 1)
    assert store.get("a") == 1
    assert store.get("b", 0) == 0


def test_interval():
    assert 3 in Interval(3, 5)


def test_ring_keeps_the_newest(ring):
    for number in range(5):
        ring.append(number)
    assert list(ring) == [2, 3, 4]
    ring.append(5)
    ring.append(6)
    ring.append(7)
    ring.append(8)
    assert list(ring) == [6, 7, 8]


def test_ring_is_full(ring):
    assert ring.is_full is False
    ring.append(1)
    ring.append(2)
    assert ring.is_full is False
    ring.append(3)
    assert ring.is_full is True
    ring.append(4)
    assert ring.is_full is True


def test_a_ring_of_one():
    ring = Ring(1)
    ring.append("a")
    ring.append("b")
    assert list(ring) == ["b"]


def test_recently_used_size():
    with pytest.raises(ValueError, match="at least 1"):
        RecentlyUsed(0)
