"""What annotations say of plain values."""

from __future__ import annotations

import ast

import pytest

from testsmith.languages.python.judge.documentation.annotation_types import (
    UNKNOWN,
    classes_of,
    element_type,
    fits,
    never_returns,
    outline,
    read_annotation,
)


def annotation(text: str) -> ast.expr:
    found = read_annotation(text)
    assert found is not None
    return found


def value(text: str) -> object:
    return outline(ast.parse(text, mode="eval").body)


FITS = {
    "str": ("''", "'a'"),
    "int": ("1", "True", "-3", "2.0"),
    "float": ("1", "1.5", "False", "1 + 0j"),
    "bool": ("True", "1", "0.0"),
    "complex": ("1j", "1.5"),
    "bytes": ("b'a'",),
    "None": ("None",),
    "list": ("[]", "[1, 'a']", "[x]"),
    "list[int]": ("[]", "[1, 2.0]"),
    "List[str]": ("['a']",),
    "tuple": ("()", "(1,)"),
    "tuple[int, str]": ("(1, 'a')",),
    "tuple[int, ...]": ("()", "(1, 2, 3)"),
    "tuple[()]": ("()",),
    "set[int]": ("{1}",),
    "frozenset[str]": ("{'a'}",),
    "dict[str, int]": ("{}", "{'a': 1}"),
    "Mapping[str, list[int]]": ("{'a': [1]}",),
    "Sequence[int]": ("[1]", "(1,)"),
    "Iterable": ("'abc'", "{1: 2}", "[1]"),
    "collections.abc.Sequence[int]": ("[1]",),
    "Optional[str]": ("None", "'a'"),
    "Union[int, None]": ("None", "1"),
    "str | None": ("None", "'a'"),
    "'str | None'": ("None",),
    "Literal['a', -1, None]": ("'a'", "-1", "None"),
    "Annotated[int, 'meters']": ("3",),
    "Any": ("None", "[x]"),
    "object": ("None",),
    "Decimal": ("1", "0.5"),
    "OrderedDict[str, int]": ("{'a': 1}",),
}

REFUTES = {
    "str": ("None", "1", "b'a'", "['a']"),
    "int": ("None", "1.5", "'1'", "1j"),
    "float": ("None", "'1'", "1j"),
    "bool": ("None", "2", "'yes'"),
    "bytes": ("'a'",),
    "None": ("0", "''", "[]"),
    "list": ("()", "None"),
    "list[int]": ("['a']", "[1, None]", "[1, x, 'a']"),
    "tuple[int, str]": ("(1,)", "('a', 1)", "[1, 'a']"),
    "tuple[int, ...]": ("('a',)",),
    "set[int]": ("{'a'}", "[1]"),
    "dict[str, int]": ("{'a': 'b'}", "{1: 1}", "[]"),
    "Mapping[str, list[int]]": ("{'a': ['b']}",),
    "Sequence[int]": ("{1}", "['a']", "1"),
    "Iterable[int]": ("['a']", "None", "3"),
    "Iterator[int]": ("[1]", "None"),
    "Optional[str]": ("1", "False"),
    "str | None": ("0",),
    "Literal['a']": ("'b'", "None"),
    "NoReturn": ("None", "1"),
    "Decimal": ("'1'", "None"),
    "timedelta": ("1",),
    "type[int]": ("None",),
}

UNKNOWNS = {
    "Cart": ("None", "1"),
    "T": ("None",),
    "Self": ("None",),
    "str | Cart": ("None",),
    "shop.str": ("1",),
    "list[Cart]": ("[1]",),
    "list[int]": ("[x]",),
    "str": ("x", "f'{x}'", "f(1)"),
    "tuple[*Ts]": ("(1,)",),
    "Literal[Colour.RED]": ("1",),
    "Sequence[str]": ("'abc'",),
}


def rows(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(text, one) for text, values in table.items() for one in values]


@pytest.mark.parametrize(("text", "one"), rows(FITS))
def test_fits__what_can_be_of_the_type(text: str, one: str) -> None:
    assert fits(value(one), annotation(text)) is True or "x" in one


@pytest.mark.parametrize(("text", "one"), rows(REFUTES))
def test_fits__what_cannot_be_of_the_type(text: str, one: str) -> None:
    assert fits(value(one), annotation(text)) is False


@pytest.mark.parametrize(("text", "one"), rows(UNKNOWNS))
def test_fits__what_nobody_knows(text: str, one: str) -> None:
    assert fits(value(one), annotation(text)) is None


def test_outline__keeps_what_can_be_read_around_what_cannot() -> None:
    assert value("[1, x]") == [1, UNKNOWN]
    assert value("{'a': f(1)}") == {"a": UNKNOWN}
    assert value("(x, (1, 'a'))") == (UNKNOWN, (1, "a"))
    assert value("{x: 1}") is UNKNOWN
    assert value("{**x}") is UNKNOWN
    assert value("(*x,)") is UNKNOWN


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("str", {str}),
        ("float", {float, int}),
        ("int | None", {int, type(None)}),
        ("Optional['str']", {str, type(None)}),
        ("Union[list[int], bool]", {list, bool}),
        ("Literal['a', 1]", {str, int}),
        ("Annotated[bytes, 1]", {bytes}),
        ("Sequence[int]", None),
        ("str | Cart", None),
        ("Literal[Colour.RED]", None),
    ],
)
def test_classes_of__built_in_ones_alone(text: str, classes: set[type] | None) -> None:
    assert classes_of(annotation(text)) == classes


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("list[int]", "int"),
        ("'Iterator[str]'", "str"),
        ("dict[str, int]", "str"),
        ("Generator[int, None, str]", "int"),
        ("tuple[int, ...]", "int"),
        ("tuple[int, str]", None),
        ("Cart[int]", None),
        ("list", None),
    ],
)
def test_element_type__of_what_is_iterated_over(text: str, element: str | None) -> None:
    found = element_type(annotation(text))
    assert (None if found is None else ast.unparse(found)) == element


def test_never_returns__by_either_name() -> None:
    assert never_returns(annotation("typing.NoReturn"))
    assert never_returns(annotation("Never"))
    assert not never_returns(annotation("None"))


@pytest.mark.parametrize("text", ["", "str str", "(", "'('"])
def test_read_annotation__what_cannot_be_read(text: str) -> None:
    assert read_annotation(text) is None
