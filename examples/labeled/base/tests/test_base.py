from ledger.money import split


def test_split_of_nothing():
    assert split(0, 2) == [0, 0]
