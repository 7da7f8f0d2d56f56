from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import pytest
from annotated_types import Interval, MaxLen

from testsmith.decode import (
    IF_VALID,
    MOST_VALUES,
    NOTHING_ELSE,
    OTHERS_TOO,
    Malformed,
    Matches,
    OneOf,
    OrElse,
    Then,
    decode,
    decode_lines,
    decode_value,
)

_SHA = re.compile(r"[0-9a-f]{4}")


class Color(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    sha: Annotated[str, Matches(_SHA)]
    number: Annotated[int, Interval(ge=1, le=9)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    inner: Inner
    color: Color = Color.RED
    seconds: float = 0.0
    names: Annotated[tuple[str, ...], MaxLen(2)] = ()
    pairs: frozenset[tuple[int, int]] = frozenset()
    by_line: Mapping[int, str] | None = None
    is_new: Annotated[bool, OrElse(value=False)] = False
    valid: tuple[Annotated[int, IF_VALID], ...] = ()
    shown: Annotated[str, Then(str.strip)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    kind: Literal["start"]
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    kind: Literal["end"]


Line = Annotated[Start | End, OneOf("kind")]


def outer(**values: Any) -> str:
    return json.dumps({"inner": {"sha": "beef"}, **values})


def test_decode__builds_the_dataclasses() -> None:
    text = outer(
        color="red",
        seconds=1,
        names=["a"],
        pairs=[[1, 2]],
        by_line={"3": "x"},
        is_new=True,
        shown=" a ",
        other=1,
    )
    assert decode(Outer, text) == Outer(
        inner=Inner(sha="beef"),
        seconds=1.0,
        names=("a",),
        pairs=frozenset({(1, 2)}),
        by_line={3: "x"},
        is_new=True,
        shown="a",
    )


def test_decode__leaves_out_or_replaces_what_may_be_malformed() -> None:
    assert decode(Outer, outer(valid=[1, "a", True, None, 2.0, 3], is_new=1)) == Outer(
        inner=Inner(sha="beef"), valid=(1, 3)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "`inner` is missing"),
        ('{"inner": null}', "`inner` is missing"),
        ('{"inner": {}}', "`inner.sha` is missing"),
        ('{"inner": {"sha": "beefy"}}', "`inner.sha` is malformed"),
        ('{"inner": {"sha": "beef\\n"}}', "`inner.sha` is malformed"),
        ('{"inner": {"sha": 1}}', "`inner.sha` is malformed"),
        ('{"inner": {"sha": "beef", "number": "1"}}', "`inner.number` is malformed"),
        ('{"inner": {"sha": "beef", "number": true}}', "`inner.number` is malformed"),
        ('{"inner": {"sha": "beef", "number": 1.0}}', "`inner.number` is malformed"),
        ('{"inner": {"sha": "beef", "number": 10}}', "`inner.number` is malformed"),
        (outer(color="blue"), "`color` is malformed"),
        (outer(seconds=float("nan")), "`seconds` is malformed"),
        (outer(seconds=float("-inf")), "`seconds` is malformed"),
        (outer().replace("}}", '}, "seconds": 1e999}'), "`seconds` is malformed"),
        (outer(names=["a", "b", "c"]), "`names` is malformed"),
        (outer(pairs=[[1, 2], [3]]), "`pairs.1.1` is missing"),
        ("[]", "it is malformed"),
        ("", "it is malformed"),
        ("{", "it is malformed"),
        (outer() + "{", "it is malformed"),
        (outer(deep=0).replace("0", "[" * 100_000 + "]" * 100_000), "it is malformed"),
        (outer(seconds=0).replace("0", "9" * 10_000), "it is malformed"),
        (outer(names=["a"] * MOST_VALUES), "it is too large"),
    ],
)
def test_decode__says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(Malformed) as raised:
        decode(Outer, text)
    assert str(raised.value) == message


def test_decode__shows_nothing_of_the_text_but_short_plain_keys() -> None:
    with pytest.raises(Malformed) as raised:
        decode(dict[str, int], json.dumps({"\x1b[31mkey é" * 100: "secret"}))
    assert raised.value.path.startswith(r"\x1b[31mkey \xe9\x1b")
    assert len(raised.value.path) == 80
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_decode__limits_bytes() -> None:
    assert decode(str, '"abc"', most_bytes=5) == "abc"
    with pytest.raises(Malformed, match="too large"):
        decode(str, '"abcd"', most_bytes=5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"a\uDFFFb"', "a\ufffdb"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\\ud800"', r"\ud800"),
        (r'"\\\ud800"', "\\\ufffd"),
        (r'"\u0000"', "\0"),
        ('"\ud800"', "?"),
        ('"\U0001f600"', "\U0001f600"),
    ],
)
def test_decode__text_can_always_be_encoded(text: str, value: str) -> None:
    assert decode(str, text) == value


def test_decode__the_last_of_equal_keys_counts() -> None:
    assert decode(Inner, '{"sha": 1, "sha": "beef", "sha": "cafe"}') == Inner(sha="cafe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    __pydantic_config__: ClassVar = NOTHING_ELSE

    number: int


@dataclass(kw_only=True)
class Open:
    __pydantic_config__: ClassVar = OTHERS_TOO

    number: int


def test_decode__other_keys_are_refused_or_kept_where_a_class_says_so() -> None:
    text = '{"number": 1, "more": [2]}'
    assert decode(Closed, '{"number": 1}') == Closed(number=1)
    with pytest.raises(Malformed, match="`more` is malformed"):
        decode(Closed, text)
    assert vars(decode(Open, text)) == {"number": 1, "more": [2]}


def test_decode_value__what_is_parsed_already() -> None:
    assert decode_value(Inner, {"sha": "beef"}) == Inner(sha="beef")


@pytest.mark.parametrize(
    "value", [None, {}, {"sha": 1}, {"sha": "\ud800"}, {"sha": object()}, {"sha": math.nan}]
)
def test_decode_value__anything_else_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        decode_value(Inner, value)


def test_decode_lines__skips_what_is_malformed() -> None:
    output = (
        b'{"kind": "start", "number": 1}\nnoise\n[1]\n\xff\n{"kind"\n  {"kind": "end"}\r\n\n{"kind": "x"}\n{}'
    )
    assert decode_lines(Line, output) == ([Start(kind="start", number=1), End(kind="end")], True)


def test_decode_lines__stops_at_the_limit() -> None:
    many = b'{"kind": "end", "a": [' + b"1," * MOST_VALUES + b"1]}"
    assert decode_lines(Line, b'{"kind": "end"}\n' + many + b'\n{"kind": "end"}') == (
        [End(kind="end")],
        False,
    )


_MEASURED = """
import resource, sys
from testsmith.decode import Malformed, decode
kind, text = {
    "items": (frozenset[int], b'["a"' + b',"a"' * 1_900_000 + b"]"),
    "lists": (tuple[tuple[int, int], ...], b"[[]" + b",[]" * 900_000 + b"]"),
    "objects": (dict[str, int], b'{"":""' + b',"":""' * 1_900_000 + b"}"),
}[sys.argv[1]]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(kind, text)
except Malformed:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", ["items", "lists", "objects"])
def test_decode__many_errors_take_little_memory(kind: str) -> None:
    """Each error that pydantic collects takes 300 bytes, so that 2 million would take 600 MB."""
    done = subprocess.run((sys.executable, "-c", _MEASURED, kind), capture_output=True, check=True)
    assert json.loads(done.stdout) < 250


def test_decode__is_imported_without_pydantic() -> None:
    code = "import sys, testsmith.decode; assert 'pydantic' not in sys.modules"
    subprocess.run((sys.executable, "-c", code), check=True)
