"""Fixtures of the project's own tests."""

import pytest
from satchel.stores import Ledger, Ring


@pytest.fixture
def ledger():
    return Ledger(100)


@pytest.fixture
def ring():
    return Ring(3)
