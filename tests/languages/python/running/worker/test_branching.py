from __future__ import annotations

import textwrap
from types import CodeType

import pytest

from testsmith.languages.python.running.worker.tracer import branching_lines


def code_of(body: str, head: str = "def") -> CodeType:
    source = f"{head} subject(a, b):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    (code,) = [
        constant
        for constant in compile(source, "subject.py", "exec").co_consts
        if isinstance(constant, CodeType)
    ]
    return code


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("return a", set()),
        ("x = 1 if a else 2\nreturn x", set()),
        ("if a:\n    return 1\nreturn 2", {2}),
        ("if a:\n    b = 1", {2}),
        ("if a and b:\n    return 1\nelif b:\n    return 2\nreturn 3", {2, 4}),
        ("for x in a:\n    b(x)", {2}),
        ("while a:\n    a = b()\nreturn a", {2}),
        ("while True:\n    pass", set()),
        ("while a:\n    if b:\n        a()", {2, 3}),
        ("try:\n    return a()\nexcept ValueError:\n    return b", set()),
        ("assert a, b", set()),
        ("with a:\n    b()\nreturn 1", set()),
    ],
)
def test_branching_lines__more_than_one_way_on(body: str, lines: set[int]) -> None:
    found = branching_lines(code_of(body))
    assert found == lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("await a\nreturn b", set()),
        ("x = await a\nif x:\n    return 1\nreturn 2", {3}),
        ("if await a:\n    return 1\nreturn 2", {2}),
        ("async with a:\n    if b:\n        return 1\nreturn 2", {3}),
        ("async for x in a:\n    if x:\n        b()\nif b:\n    return 1\nreturn 2", {3, 5}),
        ("for x in a:\n    await x\nreturn 2", {2}),
        ("return await a", set()),
    ],
)
def test_branching_lines__to_wait_is_no_decision(body: str, lines: set[int]) -> None:
    found = branching_lines(code_of(body, "async def"))
    assert found == lines
