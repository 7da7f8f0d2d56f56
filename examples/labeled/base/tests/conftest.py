import pytest

from ledger.accounts import Account


@pytest.fixture
def account():
    found = Account()
    found.add(5, "tea")
    return found


@pytest.fixture(autouse=True)
def forgotten(request):
    yield
