"""Annotations and classes, described as plain JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from testsmith.languages.python.running.worker.explorer.describe import describe

SOURCE = '''
from __future__ import annotations
import enum, os, re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, IO, Annotated, Literal, NamedTuple, NewType, Optional
from typing import Protocol, Self, TypedDict, TypeVar, Union

T = TypeVar("T")
N = TypeVar("N", int, str)
Id = NewType("Id", int)

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

@dataclass
class Point:
    x: int
    y: int = 0

class Options(TypedDict):
    name: str

D0 = int
for deep in range(1, 6):
    keys = {key: globals()[f"D{deep - 1}"] for key in "abcdefgh"}
    globals()[f"D{deep}"] = TypedDict(f"D{deep}", keys)

class Talks(Protocol):
    def talk(self) -> str: ...

class Shelf(dict):
    """Holds things."""
    def __init__(self, width: int, *, label: str = "") -> None: ...
    def put(self, item: str) -> None: ...
    def find(self, item: str) -> bool: return False
    async def later(self) -> None: ...
    def _hidden(self) -> None: ...
    @property
    def size(self) -> int: return 0
    @classmethod
    def wide(cls) -> Self: return cls(9)
    @staticmethod
    def of(n: int) -> Shelf: return Shelf(n)
    @size.setter
    def size(self, size: int) -> None: ...
    def __len__(self) -> int: return 0
    def __enter__(self) -> Shelf: return self
    def __exit__(self, *error) -> None: ...

def f(p: ANNOTATION, /, q=1, *rest, k: str, **more) -> str: ...
'''


@pytest.fixture(name="subject", scope="module", autouse=True)
def _subject() -> None:
    make("str")


def make(annotation: str) -> None:
    module = ModuleType("described")
    sys.modules["described"] = module
    exec(SOURCE.replace("ANNOTATION", annotation), vars(module))  # noqa: S102 - a module made up for this test


def shape(annotation: str) -> dict[str, Any]:
    make(annotation)
    found: dict[str, Any] = describe("described", "f")["parameters"][0]["shape"]
    return found


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("int", "int"),
        ("Any", "any"),
        ("object", "any"),
        ("None", "none"),
        ("list", "list"),
        ("Sequence", "list"),
        ("Id", "int"),
        ("T", "any"),
        ("N", "union"),
        ("Annotated[int, 'x']", "int"),
        ("'str'", "str"),
        ("os.PathLike[str]", "path"),
        ("IO[bytes]", "binary file"),
        ("IO[str]", "text file"),
        ("Callable", "callable"),
        ("type[int]", "class"),
        ("Options", "typed dict"),
        ("Talks", "namespace"),
        ("nobody.knows", "unknown"),
        ("1 + 1", "unknown"),
        ("re.Pattern[str]", "known"),
        ("timedelta", "known"),
    ],
)
def test_shape__kind_of(annotation: str, kind: str) -> None:
    assert shape(annotation)["kind"] == kind


def test_shape__of_what_is_imported_for_type_checkers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import decimal as dec\n"
    (tmp_path / "checked_module.py").write_text(f"{imported}def f(p: 'dec.Decimal'): ...\n")
    monkeypatch.syspath_prepend(tmp_path)

    (parameter,) = describe("checked_module", "f")["parameters"]

    assert parameter["shape"] == {"kind": "known", "home": ["decimal", "Decimal"]}


@pytest.mark.parametrize("annotation", ["int | None", "Optional[int]", "Union[int, None]"])
def test_shape__of_a_union(annotation: str) -> None:
    assert shape(annotation) == {"kind": "union", "parts": [{"kind": "int"}, {"kind": "none"}]}


@pytest.mark.parametrize(
    ("annotation", "kind", "parts"),
    [
        ("list[int]", "list", ["int"]),
        ("Mapping[str, int]", "dict", ["str", "int"]),
        ("Iterable[str]", "iterable", ["str"]),
        ("Iterator[str]", "iterator", ["str"]),
        ("tuple[int, str]", "tuple", ["int", "str"]),
        ("tuple[int, ...]", "tuple of", ["int"]),
        ("Callable[[int], str]", "callable", ["int", "str"]),
    ],
)
def test_shape__of_what_it_holds(annotation: str, kind: str, parts: list[str]) -> None:
    found = shape(annotation)

    assert (found["kind"], [part["kind"] for part in found["parts"]]) == (kind, parts)


def test_shape__of_choices() -> None:
    assert shape("Literal['a', 1]") == {"kind": "literal", "values": ['"a"', "1"]}
    assert shape("Colour") == {"kind": "enum", "home": ["described", "Colour"], "values": ["RED", "BLUE"]}


def test_shape__of_a_class_of_the_project() -> None:
    found = shape("Point")

    assert found["home"] == ["described", "Point"]
    assert [(each["name"], each["required"], each["shape"]["kind"]) for each in found["parameters"]] == [
        ("x", True, "int"),
        ("y", False, "int"),
    ]


def test_shape__of_wide_and_deep_types_is_limited() -> None:
    assert str(shape("D5")).count("kind") < 1_000
    assert [part["shape"]["kind"] for part in shape("D1")["parameters"]] == ["int"] * 8


def test_description__of_a_function() -> None:
    make("int")
    description = describe("described", "f")

    assert [(each["name"], each["mode"], each["required"]) for each in description["parameters"]] == [
        ("p", "positional", True),
        ("q", "either", False),
        ("rest", "rest", False),
        ("k", "keyword", True),
        ("more", "keywords", False),
    ]
    assert description["parameters"][1]["default"] == {"text": "1", "imports": []}
    assert description["returns"] == {"kind": "str"}


def test_description__of_a_class() -> None:
    make("int")
    owner = describe("described", "Shelf.put")["owner"]

    assert owner["home"] == ["described", "Shelf"]
    assert owner["builtin"] == "dict"
    assert [each["name"] for each in owner["parameters"]] == ["width", "label"]
    assert [each["name"] for each in owner["methods"]] == ["put", "find"]
    assert [each["name"] for each in owner["factories"]] == ["wide", "of"]
    assert [each["name"] for each in owner["awaited"]] == ["later"]
    assert owner["asynchronous"] is True
    assert owner["special"] == ["__enter__", "__exit__"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Shelf.put", ["item"]),
        ("Shelf.wide", []),
        ("Shelf.of", ["n"]),
        ("Shelf.size", []),
        ("Shelf", ["width", "label"]),
    ],
)
def test_description__leaves_out_the_object_itself(name: str, parameters: list[str]) -> None:
    make("int")

    assert [each["name"] for each in describe("described", name)["parameters"]] == parameters


def test_description__of_what_is_not_there() -> None:
    assert describe("described", "Shelf.absent")["problem"] == "AttributeError: absent"


def test_property__says_what_it_is_set_to() -> None:
    (parameter,) = describe("described", "Shelf.size")["set_to"]

    assert (parameter["name"], parameter["shape"]) == ("size", {"kind": "int"})
