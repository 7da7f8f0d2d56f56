"""The project's own tests of tables."""

from ledger.tables import as_lines, grouped, ranked, totals, transposed


def test_grouped() -> None:
    assert grouped([{"a": 1}, {"a": 2}, {}], "a") == {1: [{"a": 1}], 2: [{"a": 2}]}


def test_totals() -> None:
    assert totals([{"a": 1}, {"a": 2, "b": 0}]) == {"a": 3}


def test_ranked() -> None:
    assert ranked({"a": 1, "b": 2, "c": 2}) == [(1, "b"), (1, "c"), (3, "a")]


def test_transposed() -> None:
    assert transposed([[1, 2], [3]]) == [[1, 3], [2, None]]


def test_as_lines() -> None:
    assert as_lines([{"b": 1, "a": 2}, {}]) == '{"a": 2, "b": 1}\n{}\n'
