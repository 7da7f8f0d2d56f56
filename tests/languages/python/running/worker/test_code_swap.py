"""Replacing the code of functions that are already loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from testsmith.languages.python.running.worker.code_swap import LoadedModule

SOURCE = """\
def limited(function):
    def called(n):
        return function(n) < 3
    return called


def pair():
    return (lambda: 1), (lambda: 2)


@limited
def low(n):
    return n
"""


def loaded(folder: Path) -> tuple[LoadedModule, dict[str, Any]]:
    file = str(folder / "m.py")
    names: dict[str, Any] = {}
    exec(compile(SOURCE, file, "exec"), names)  # noqa: S102 - it is ours
    return LoadedModule(file, SOURCE), names


def exchange(module: LoadedModule, old: str, new: str, place: tuple[str, int]) -> None:
    start = SOURCE.index(old)
    found = module.exchange((start, start + len(old), new), place)
    assert found is not None
    for function, code in found:
        function.__code__ = code


def test_exchange__reaches_what_a_decorator_has_returned_before(tmp_path: Path) -> None:
    module, names = loaded(tmp_path)
    exchange(module, "<", "<=", ("limited", 1))
    assert names["low"](3)
    assert not names["low"](4)


def test_exchange__does_not_confuse_functions_at_one_place(tmp_path: Path) -> None:
    module, names = loaded(tmp_path)
    first, second = names["pair"]()
    exchange(module, "lambda: 2", "lambda: 5", ("pair", 7))
    assert (first(), second()) == (1, 2)
    assert [one() for one in names["pair"]()] == [1, 5]
