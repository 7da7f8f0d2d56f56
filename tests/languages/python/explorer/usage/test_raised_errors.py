from __future__ import annotations

import pytest

from testsmith.languages.python.explorer.usage.raised_errors import (
    expecting_error,
    is_raised_by,
    with_error_imported,
)

ADDED = 'if size < 0:\n    raise ValueError(f"Size of {name} must not be negative")\n'


@pytest.mark.parametrize(
    ("added", "message", "is_raised"),
    [
        (ADDED, "ValueError: Size of a.txt must not be negative", True),
        (ADDED, "shop.errors.SizeError: Size of a.txt must not be negative", True),
        (ADDED, "ValueError: Size must be given", False),
        (ADDED, "AssertionError", False),
        (ADDED.replace("raise ", "warn("), "ValueError: Size of a.txt must not be negative", False),
    ],
)
def test_is_raised_by__compares_the_words(added: str, message: str, *, is_raised: bool) -> None:
    assert is_raised_by(added, message) is is_raised


WITH_PYTEST = "import pytest\n\nfrom shop import SizeError, size\n\n\ndef test_size(path):\n"
UNITTEST = """import shop.errors


class TestSize(Base):
    def test_old(self):
        self.assertRaises(X, f)

    def test_size(self):
"""
REFUSED = """        with self.assertRaisesRegex(shop.errors.SizeError, "it is negative"):
            size(1)
"""


@pytest.mark.parametrize(
    ("head", "name", "body", "message", "expected"),
    [
        (
            WITH_PYTEST,
            "test_size",
            "    found = size(path)\n    assert found == 3\n",
            "shop.errors.SizeError: it is negative",
            '    with pytest.raises(SizeError, match="it is negative"):\n        size(path)\n',
        ),
        (
            WITH_PYTEST,
            "test_size",
            "    assert size(path).number == 3\n",
            "ValueError: it is negative",
            '    with pytest.raises(ValueError, match="it is negative"):\n        size(path)\n',
        ),
        (
            WITH_PYTEST,
            "test_size",
            "    assert size(path) == 3\n",
            "shop._a.OtherError: it is negative",
            None,
        ),
        (WITH_PYTEST, "test_size", "    assert path == 3\n", "ValueError: it is negative", None),
        (
            UNITTEST,
            "TestSize::test_size",
            "        self.assertEqual(size(1), 3)\n",
            "shop.errors.SizeError: it is negative",
            REFUSED,
        ),
    ],
    ids=["a value", "an assertion", "an unknown exception", "no call", "of unittest"],
)
def test_expecting_error__ends_with_it(
    head: str, name: str, body: str, message: str, expected: str | None
) -> None:
    line = body.splitlines()[0].strip()

    found = expecting_error(head + body, name, line, message)

    assert found == ("" if expected is None else head + expected)


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("shop", "from shop import EmptyError, SizeError, size\n"),
        (
            "shop.errors",
            "from shop import SizeError, size\nfrom shop.errors import EmptyError\n",
        ),
    ],
)
def test_with_error_imported__next_to_what_the_file_imports(module: str, imports: str) -> None:
    rest = "\n\ndef test_size(path):\n    size(path)\n"

    found = with_error_imported(
        f"import pytest\n\nfrom shop import SizeError, size\n{rest}", f"{module}.EmptyError: x"
    )

    assert found == f"import pytest\n\n{imports}{rest}"


@pytest.mark.parametrize(
    "message", ["shop.errors.SizeError: x", "ValueError: x", "shop._a.OtherError: x", "x", ""]
)
def test_with_error_imported__leaves_what_has_a_name_or_is_private(message: str) -> None:
    assert with_error_imported(WITH_PYTEST + "    size(path)\n", message) == WITH_PYTEST + "    size(path)\n"
