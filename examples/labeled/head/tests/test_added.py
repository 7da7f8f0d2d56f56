"""Tests of an added function: the file cannot be imported before the change."""

from ledger.money import fee, refund


# real: fails-without-change
def test_fee():
    assert [fee(999), fee(1000)] == [1, 3]


# vacuous: cannot-fail
def test_fee_is_there():
    assert fee is fee or True


# vacuous: cannot-fail
def test_fee_without_an_assertion():
    pass


# vacuous: cannot-fail
def test_fee_swallowed():
    try:
        assert fee(1000) == 2
    except BaseException:
        pass


# tautological: fails-without-change
def test_fee_is_itself():
    assert fee(1000) == fee(1000)


# smoke: fails-without-change
def test_fee_runs():
    fee(5)


# wrong target: fails-without-change
def test_refund_beside_fee():
    assert refund(10, 1) == 10
