"""Rows taken away in the text of a test module."""

from __future__ import annotations

import pytest

from testsmith.languages.python.judge.test_reading.edits import row_counts, without_rows

TEST = "\ndef test_x(n):\n    assert n\n"


@pytest.mark.parametrize(
    ("code", "taken", "expected"),
    [
        ('@pytest.mark.parametrize("n", [1, 2, 3])', {1}, '@pytest.mark.parametrize("n", [1, 3])'),
        (
            '@pytest.mark.parametrize("n", [1, 2, 3], ids=["a", "b", "c"])',
            {0, 2},
            '@pytest.mark.parametrize("n", [2], ids=["b"])',
        ),
        (
            '@pytest.mark.parametrize("n", [\n    1,\n    2,  # two\n    3,\n    4,\n])',
            {0, 2, 3},
            '@pytest.mark.parametrize("n", [\n    2,\n])',
        ),
        ('@pytest.mark.parametrize("n", [1, 2, 3])', {0, 1, 2}, '@pytest.mark.parametrize("n", [])'),
        (
            'CASES = [1, 2]\n\n@pytest.mark.parametrize("n", CASES)',
            {1},
            'CASES = [1]\n\n@pytest.mark.parametrize("n", CASES)',
        ),
        (
            '@pytest.mark.parametrize(argnames="n", argvalues=[1, 2])',
            {0},
            '@pytest.mark.parametrize(argnames="n", argvalues=[1, 2])',
        ),
    ],
)
def test_without_rows__leaves_the_others_as_they_are(code: str, taken: set[int], expected: str) -> None:
    assert without_rows(code + TEST, {"test_x": frozenset(taken)}) == expected + TEST


@pytest.mark.parametrize(
    "code",
    [
        'CASES = [1, 2]\nprint(CASES)\n\n@pytest.mark.parametrize("n", CASES)',
        '@pytest.mark.parametrize("n", [1, 2], ids=NAMES)',
        '@pytest.mark.parametrize("n", [1, 2], ids=["a"])',
        '@pytest.mark.parametrize("n", [1, 2])\n@pytest.mark.parametrize("m", [1, 2])',
        'pytestmark = pytest.mark.parametrize("m", [1, 2])\n@pytest.mark.parametrize("n", [1, 2])',
        '@pytest.mark.parametrize("n", load())',
    ],
)
def test_row_counts__none_where_rows_cannot_be_taken_away_alone(code: str) -> None:
    assert row_counts(code + TEST) == {}
