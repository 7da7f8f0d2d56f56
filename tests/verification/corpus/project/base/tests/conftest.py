"""Fixtures of the project's own tests."""

import pytest
from satchel.stores import Ledger


@pytest.fixture
def ledger():
    return Ledger(100)
