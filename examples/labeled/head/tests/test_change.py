"""Tests of what the change does. Above each test is its kind, and the verdict that is right."""

import unittest

import pytest

from ledger.accounts import Account
from ledger.money import refund, split


# real: fails-without-change
def test_refund_after_three_weeks():
    assert refund(100, 21) == 50


# real: fails-without-change
@pytest.mark.parametrize(("days", "paid"), [(1, 100), (15, 50), (31, 0)])
def test_refund_by_days(days, paid):
    assert refund(100, days) == paid


class TestRefund:
    # real: fails-without-change
    def test_half(self):
        assert refund(10, 20) == 5

    # real: guards-other-behavior
    def test_nothing(self):
        assert refund(10, 40) == 0


class RefundCase(unittest.TestCase):
    # real: fails-without-change
    def test_half_of_an_odd_price(self):
        self.assertEqual(refund(11, 20), 5)

    # real: guards-other-behavior
    def test_whole(self):
        self.assertEqual(refund(11, 1), 11)

    # vacuous: cannot-fail
    def test_true(self):
        self.assertTrue(True)


# real: guards-other-behavior
def test_split_in_three():
    assert split(10, 3) == [4, 3, 3]


# real: guards-other-behavior
def test_split_sums_up():
    assert sum(split(11, 4)) == 11


# real: guards-other-behavior
def test_balance():
    account = Account()
    account.add(5)
    account.add(7)
    assert account.balance == 12


# real: guards-other-behavior
def test_balance_with_a_fixture(account):
    account.add(2)
    assert account.balance == 7


# real: guards-other-behavior
def test_report(account):
    assert account.report() == "       5 tea"


# real: guards-other-behavior
def test_negative_amounts_are_refused():
    with pytest.raises(ValueError):
        Account().add(-1)


# real: guards-other-behavior
def test_anything_is_raised():
    with pytest.raises(Exception):
        Account().add(-1)


# real: guards-other-behavior
def test_save(tmp_path, account):
    account.save(tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "[5]"


# real: guards-other-behavior
def test_refused_by_hand():
    try:
        Account().add(-1)
    except Exception:
        return
    pytest.fail("not refused")
