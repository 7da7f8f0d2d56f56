"""What a reader takes for noise."""

from __future__ import annotations

import pytest

from testsmith.languages.python.explorer.render.expressions import is_opaque


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('b"value.gHwWjYJfyMpGEHMTWrKG-QKaiEY"', id="signed"),
        pytest.param('"9b71d224bd62f3785d96d46ad3ea3d73"', id="digest"),
        pytest.param('["a", "9b71d224bd62f3785d96d46ad3ea3d73"]', id="digest in a list"),
        pytest.param('b"Q3VtIHNvY2lpcyBuYXRvcXVlIHBlbmF0aWJ1cw"', id="base64"),
        pytest.param('b"\\x1f\\x8b\\x08\\x00"', id="compressed"),
        pytest.param(repr("a long line " * 8), id="long line"),
    ],
)
def test_soup__is_past_reading(source: str) -> None:
    assert is_opaque(source)


@pytest.mark.parametrize(
    "source",
    [
        '"hello world"',
        '"aVeryLongCamelCaseNameForSomething"',
        '"a_long_snake_case_name_with_many_words"',
        '"https://example.org/path?key=value"',
        '"12345678-1234-5678-1234-567812345678"',
        '"2024-02-29T13:30:00+00:00"',
        '"1234567890123456789012345"',
        'b"aGVsbG8"',
        'b"\\x00\\xff"',
        repr("a line of some forty characters or more\n" * 3),
        "[1.5, None, date(2024, 1, 1)]",
        "no python at all",
    ],
)
def test_soup__is_not_what_can_be_read(source: str) -> None:
    assert not is_opaque(source)
