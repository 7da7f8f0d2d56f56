"""What is known of exceptions by their names."""

from __future__ import annotations

import pytest

from testsmith.languages.python.judge.documentation.doc_contract import ancestors, are_related


@pytest.mark.parametrize(
    ("left", "right", "related"),
    [
        ("ValueError", "ValueError", True),
        ("UnicodeDecodeError", "ValueError", True),
        ("LookupError", "KeyError", True),
        ("IOError", "FileNotFoundError", True),
        ("json.JSONDecodeError", "ValueError", True),
        ("ZoneInfoNotFoundError", "LookupError", True),
        ("shop.CartError", "CartError", True),
        ("ValueError", "KeyError", False),
        ("CartError", "ValueError", False),
        ("JSONDecodeError", "KeyError", False),
    ],
)
def test_are_related__as_far_as_names_tell(left: str, right: str, related: bool) -> None:
    assert are_related(left, right) is related
    assert are_related(right, left) is related


def test_ancestors__of_what_is_not_known_are_none() -> None:
    assert ancestors("CartError") == frozenset()
    assert ancestors("print") == frozenset()
    assert ancestors("KeyError") == {"KeyError", "LookupError", "Exception", "BaseException"}
