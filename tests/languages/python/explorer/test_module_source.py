"""Documented calls, made ready to run."""

from __future__ import annotations

from testsmith.languages.python.explorer.module_source import (
    Around,
    Documentation,
    ShownExample,
    read_documentation,
    read_module,
)
from testsmith.languages.python.explorer.render.expressions import Expression, Import, InputSource
from testsmith.model import Change, Member, MemberKind

SOURCE = "import datetime as dt\nfrom ._parts import Part\nLIMIT = 3\ndef other(x): ...\ndef f(x, y=1): ...\n"


def read(*shown: ShownExample, kind: MemberKind = MemberKind.FUNCTION, name: str = "f") -> Documentation:
    member = Member(
        path="pkg/mod.py",
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=1,
        kind=kind,
        source="",
        module="pkg.mod",
    )
    return read_documentation(member, read_module(SOURCE, "pkg.mod"), shown)


def test_call_of_the_member__is_taken_apart() -> None:
    (call,) = read(ShownExample((), "str(f(1, y=[2]))", None)).calls

    assert call.around == Around("str(", "f", "))")
    assert call.arguments == (("", Expression("1")), ("y", Expression("[2]")))
    assert call.imports == {Import("pkg.mod", "f")}


def test_arguments__are_inputs_by_place_and_name() -> None:
    documentation = read(ShownExample((), "f(1, y=2)", None), ShownExample(("z = 5",), "f(z)", None))

    assert documentation.arguments_for(0, "x") == [Expression("1", layer=InputSource.DOCUMENTED)]
    assert documentation.arguments_for(1, "y") == [Expression("2", layer=InputSource.DOCUMENTED)]


def test_names__come_from_where_the_module_has_them() -> None:
    (call,) = read(ShownExample((), "f(dt.date(2024, 1, 1), Part(other(LIMIT)))", None)).calls

    assert call.imports == {
        Import("pkg.mod", "f"),
        Import("datetime", "", "dt"),
        Import("pkg._parts", "Part"),
        Import("pkg.mod", "other"),
        Import("pkg.mod", "LIMIT"),
    }


def test_imports_of_the_docstring__are_lifted_out_of_the_setup() -> None:
    setup = ("from decimal import Decimal", "import pkg", "d = Decimal(1)")

    (call,) = read(ShownExample(setup, "pkg.f(d)", None)).calls

    assert call.setup == ("d = Decimal(1)",)
    assert call.imports == {Import("decimal", "Decimal"), Import("pkg")}


def test_call_with_a_name_of_unknown_origin__is_left_out() -> None:
    assert read(ShownExample((), "f(nobody_knows)", None)).calls == ()


def test_call_of_a_method__keeps_its_object() -> None:
    setup = ("box = Part()",)

    (call,) = read(ShownExample(setup, "box.put(1)", None), kind=MemberKind.METHOD, name="Part.put").calls

    assert call.around == Around("", "box.put", ")")
    assert call.arguments == (("", Expression("1")),)


def test_call_that_holds_the_member_twice__stays_whole() -> None:
    (call,) = read(ShownExample((), "f(f(1))", None)).calls

    assert call.around is None
    assert call.arguments == ()
