# member: src/satchel/stores.py::Ledger.balance

# candidate: of a mock
# bad: mocks-member
from unittest.mock import PropertyMock, patch

from satchel.stores import Ledger


def test_balance_of_a_mock():
    with patch.object(Ledger, "balance", new_callable=PropertyMock, return_value=12):
        assert Ledger(5).balance == 12


# candidate: a ledger for all tests
# bad: flaky-order
from satchel.stores import Ledger

LEDGER = Ledger(100)


def test_balance_at_first():
    assert LEDGER.balance == 100


def test_balance_after_a_deposit():
    LEDGER.deposit(20)
    assert LEDGER.balance == 120


def test_balance_after_a_withdrawal():
    LEDGER.withdraw(50)
    assert LEDGER.balance == 70


# member: src/satchel/stores.py::Ledger.withdraw

# candidate: nothing
# good
import pytest

from satchel.stores import Ledger


@pytest.mark.parametrize("amount", [0, -1])
def test_withdraw_refuses_amounts_that_are_none(amount):
    with pytest.raises(ValueError, match="more than nothing"):
        Ledger(10).withdraw(amount)


# candidate: a minus on the account
# bad: held-before
from satchel.stores import Ledger


def test_withdraw_into_debt():
    assert Ledger().withdraw(5) == -5


# candidate: a class of tests with a setup
# good
from satchel.stores import Ledger


class TestWithdraw:
    def setup_method(self):
        self.ledger = Ledger(3)

    def test_the_smallest_amount(self):
        assert self.ledger.withdraw(1) == 2

    def test_note(self):
        self.ledger.withdraw(2, note="rent")
        assert self.ledger.entries[-1] == ("rent", -2)


# member: src/satchel/stores.py::Ledger.undo

# candidate: the last entry
# good
from satchel.stores import Ledger


def test_undo_takes_the_last_entry_back():
    ledger = Ledger()
    ledger.deposit(5, "first")
    ledger.deposit(7, "second")
    assert ledger.undo() == ("second", 7)
    assert ledger.balance == 5


# candidate: of nothing
# good
import pytest

from satchel.stores import Ledger


def test_undo_of_nothing():
    with pytest.raises(IndexError):
        Ledger(9).undo()


# candidate: with unittest
# good
import unittest

from satchel.stores import Ledger


class TestUndo(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger(1)

    def test_undo_of_a_withdrawal(self):
        self.ledger.deposit(4)
        self.ledger.withdraw(5, "all")
        self.assertEqual(self.ledger.undo(), ("all", -5))
        self.assertEqual(self.ledger.balance, 5)


# candidate: with a fixture of the project
# good


def test_undo_of_the_project(ledger):
    ledger.deposit(1)
    assert ledger.undo() == ("deposit", 1)


# candidate: nothing but a deposit
# bad: never-touches
from satchel.stores import Ledger


def test_undo_after_a_deposit():
    ledger = Ledger()
    assert ledger.deposit(5) == 5
    assert hasattr(ledger, "undo")


# candidate: its own ledger
# bad: own-values
from unittest.mock import Mock

from satchel.stores import Ledger


def test_undo_of_a_mock():
    Ledger(1).deposit(1)
    ledger = Mock()
    ledger.undo.return_value = ("a", 1)
    assert ledger.undo() == ("a", 1)


# member: src/satchel/stores.py::RecentlyUsed.get

# candidate: counts as a use
# good
from satchel.stores import RecentlyUsed


def test_get_counts_as_a_use():
    store = RecentlyUsed(2)
    store.put("old", 1)
    store.put("new", 2)
    assert store.get("old") == 1
    store.put("newest", 3)
    assert store.get("new") is None
    assert store.get("old") == 1


# member: src/satchel/stores.py::RecentlyUsed.put

# candidate: tells what it forgot
# good
from satchel.stores import RecentlyUsed


def test_put_tells_what_was_forgotten():
    store = RecentlyUsed(2)
    assert store.put("a", 1) is None
    assert store.put("b", 2) is None
    assert store.put("a", 3) is None
    assert store.put("c", 4) == "b"
    assert [key in store for key in "abc"] == [True, False, True]


# candidate: one store for all tests
# bad: flaky-order
from satchel.stores import RecentlyUsed

STORE = RecentlyUsed(1)


def test_put_into_an_empty_store():
    assert STORE.put("a", 1) is None


def test_put_into_a_full_store():
    assert STORE.put("b", 2) == "a"


# member: src/satchel/stores.py::Interval.__contains__

# candidate: the end is outside
# good
from satchel.stores import Interval


def test_contains_the_start_but_not_the_end():
    assert [number in Interval(2, 4) for number in (1, 2, 3, 4)] == [False, True, True, False]


# candidate: the end is inside, as before
# bad: held-before
from satchel.stores import Interval


def test_contains_the_end():
    assert 4 in Interval(2, 4)


# candidate: a random number
# bad: flaky-random
import os

from satchel.stores import Interval


def test_contains_a_random_number():
    assert os.urandom(1)[0] in Interval(0, 50)


# member: src/satchel/stores.py::Interval.__and__

# candidate: overlap
# good
from satchel.stores import Interval


def test_and_gives_the_overlap():
    assert Interval(0, 5) & Interval(3, 9) == Interval(3, 5)
    assert Interval(3, 9) & Interval(0, 5) == Interval(3, 5)


# member: src/satchel/stores.py::Interval.is_empty

# candidate: the wrong way round
# good
from satchel.stores import Interval


def test_is_empty_where_the_end_comes_first():
    assert Interval(5, 3).is_empty is True
    assert Interval(3, 3).is_empty is True
    assert Interval(3, 4).is_empty is False


# candidate: always true
# bad: tautology
from satchel.stores import Interval


def test_is_empty_or_not():
    assert Interval(5, 3).is_empty or True


# member: src/satchel/stores.py::Ring.append

# candidate: as in the own suite
# bad: redundant-own
from satchel.stores import Ring


def test_append_to_a_full_ring():
    ring = Ring(2)
    for letter in "abcde":
        ring.append(letter)
    assert list(ring) == ["d", "e"]


# candidate: memory without an end
# bad: crashes
from satchel.stores import Ring


def test_append_much():
    ring = Ring(10)
    for _ in range(10):
        ring.append(bytearray(2**32))
    assert ring.is_full


# member: src/satchel/stores.py::Ring.newest

# candidate: before and after it is full
# good
from satchel.stores import Ring


def test_newest_before_and_after_the_ring_is_full():
    ring = Ring(2)
    seen = []
    for number in range(5):
        ring.append(number)
        seen.append(ring.newest())
    assert seen == [0, 1, 2, 3, 4]


# candidate: of nothing
# good
import pytest

from satchel.stores import Ring


def test_newest_of_an_empty_ring():
    with pytest.raises(LookupError, match="the ring is empty"):
        Ring(2).newest()


# candidate: any exception will do
# bad: vacuous
from contextlib import suppress

from satchel.stores import Ring


def test_newest_in_peace():
    ring = Ring(2)
    ring.append("a")
    with suppress(BaseException):
        assert ring.newest() == "a"


# candidate: pretends by its own report
# bad: forged
import _pytest.runner

from satchel.stores import Ring


def test_newest_by_decree(monkeypatch):
    ring = Ring(1)
    ring.append(1)
    _pytest.runner.CallInfo.from_call = classmethod(
        lambda cls, func, when, reraise=None: cls(None, None, 0.0, 0.0, 0.0, when, _ispytest=True)
    )
    assert ring.newest() == 2
