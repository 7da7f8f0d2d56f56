"""Tests that cannot fail, and tests that look like them."""

import importlib
import logging
import math
import os
import re
import subprocess
import sys
import threading
from unittest import mock
from unittest.mock import MagicMock, Mock, patch

import pytest

import ledger.accounts
import ledger.money
from ledger.accounts import SEEN, Account, Entry, Kind, notify, tags, total
from ledger.money import DEFAULTS, LIMIT, RATES, refund, settings, split

NUMBERS = [1, 2, 3]
RESULT = split(10, 3)
OPENED = Account()
PATTERN = re.compile("a+")


# vacuous: cannot-fail
def test_one_and_one():
    assert 1 + 1 == 2


# vacuous: cannot-fail
def test_literals():
    assert sum(NUMBERS) == 6 and PATTERN.match("aa")


# vacuous: cannot-fail
@pytest.mark.parametrize("number", [1, 2, 3])
def test_rows_of_literals(number):
    assert math.sqrt(number * number) == number


# vacuous: cannot-fail
def test_swallowed():
    try:
        assert refund(10, 1) == 3
    except BaseException:
        pass


# vacuous: cannot-fail
def test_condition_never_true():
    if len(NUMBERS) > 5:
        assert refund(10, 1) == 3


# vacuous: cannot-fail
def test_loop_over_nothing():
    for days in []:
        assert refund(10, days) == 3


# vacuous: cannot-fail
def test_tuple_is_true():
    assert (False, "is a tuple")


# vacuous: cannot-fail
def test_thread_fails_unseen():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


# mock-only: cannot-fail
def test_mock_of_its_own():
    account = Mock()
    account.balance = 5
    assert account.balance == 5


# mock-only: cannot-fail
def test_patched_function():
    with patch("ledger.money.refund") as patched:
        patched.return_value = 3
        assert ledger.money.refund(10, 1) == 3


# mock-only: cannot-fail
@patch("ledger.accounts.total")
def test_patched_by_decorator(patched):
    patched.return_value = 4
    assert ledger.accounts.total([], "EUR") == 4


# mock-only: cannot-fail
def test_patched_object():
    with mock.patch.object(ledger.money, "split", return_value=[1]):
        assert ledger.money.split(10, 3) == [1]


# mock-only: cannot-fail
def test_monkeypatched(monkeypatch):
    monkeypatch.setattr(ledger.money, "refund", lambda price, days: 9)
    assert ledger.money.refund(1, 1) == 9


# over-mocked: guards-other-behavior
def test_notify_with_mocks():
    mailer, account = MagicMock(), MagicMock()
    account.balance = 5
    notify(mailer, account)
    mailer.send.assert_called_once_with("balance 5")


# over-mocked: guards-other-behavior
def test_total_with_a_patch():
    with patch("ledger.accounts.converted", return_value=7) as patched:
        assert total([], "EUR") == 7
    patched.assert_called_once_with(0, "EUR")


# over-mocked: none
def test_notify_without_a_check():
    notify(MagicMock(), MagicMock())


# tautological: none
def test_refund_is_itself():
    assert refund(10, 1) == refund(10, 1)


# weak: guards-other-behavior
def test_refund_is_something():
    assert refund(10, 1) is not None


# tautological: none
def test_balance_is_a_balance(account):
    assert account.balance == account.balance


# smoke: none
def test_tags_run():
    tags(["a b"])


# fixture only: none
def test_with_a_fixture_that_is_not_used(account):
    assert True


# data: none
def test_constant():
    assert LIMIT == 5


# data: none
def test_constant_of_a_module():
    assert ledger.money.RATES["USD"] == 92


# data: none
def test_constant_is_there():
    assert RATES is not None


# data: none
def test_enumeration():
    assert Kind.CASH.value == "cash"


# data: none
def test_dataclass():
    assert Entry(1, "a") == Entry(1, "a")


# data: none
def test_docstring():
    assert refund.__doc__


# data: none
def test_callable():
    assert callable(refund)


# import time: none
def test_computed_at_import():
    assert RESULT == [4, 3, 3]


# import time: none
def test_opened_at_import():
    assert OPENED.entries == []


# import time: none
def test_cached_at_import():
    assert DEFAULTS["limit"] == 5


# import time: none
@pytest.mark.parametrize("part", split(3, 3))
def test_rows_computed_at_import(part):
    assert part == 1


# subprocess: none
def test_program():
    done = subprocess.run([sys.executable, "-m", "ledger"], capture_output=True, text=True, check=True)
    assert done.stdout == "[4, 3, 3]\n"


# file: none
def test_source_file():
    assert "def refund" in open(ledger.money.__file__).read()


# file: none
def test_settings_file():
    assert os.path.exists(os.path.join(os.path.dirname(__file__), "..", "pyproject.toml"))


# cached: guards-other-behavior
def test_cached_settings():
    settings.cache_clear()
    assert settings() == {"currency": "EUR", "limit": 5}


# state: none
def test_nothing_seen_yet_is_a_list():
    assert isinstance(SEEN, list)


# import time: none
def test_import():
    import ledger.accounts


# import time: none
def test_import_from():
    from ledger.money import split

    assert split


# import time: none
def test_import_by_text():
    assert importlib.import_module("ledger.money")


# import time: none
def test_version():
    assert ledger.__version__ == "1.0"


# state: none
def test_level_of_a_logger():
    assert level() == logging.DEBUG


def level():
    return logging.getLogger("ledger").level


# fixture by text: guards-other-behavior
def test_fixture_by_text(request):
    assert request.getfixturevalue("account") is not None


class Special(Account):
    pass


# data: none
def test_class_of_the_tests():
    assert issubclass(Special, Account)
