"""Requests for members of a small shop, as a language would make them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from testsmith.languages.python.source.context import import_line, prompt_rules
from testsmith.model import Change, Context, Member, MemberKind, Repair, Request


def make_member(member_id: str = "src/shop/cart.py::add", source: str | None = None) -> Member:
    path, _, name = member_id.partition("::")
    text = source if source is not None else f"def {name.rpartition('.')[2]}(a, b):\n    return a + b\n"
    parts = PurePosixPath(path).with_suffix("").parts
    return Member(
        path=path,
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=text.count("\n"),
        kind=MemberKind.METHOD if "." in name else MemberKind.FUNCTION,
        source=text,
        module=".".join(part for part in parts if part != "src"),
    )


def make_request(
    member_id: str = "src/shop/cart.py::add",
    *,
    source: str | None = None,
    conventions: str = "",
    context: Context | None = None,
) -> Request:
    member = make_member(member_id, source)
    return Request(
        member=member,
        test_path=f"tests/test_{PurePosixPath(member.path).name}",
        rules=prompt_rules("pytest"),
        import_line=import_line(member),
        conventions=conventions,
        normalized_source=member.source,
        context=context or Context(),
    )


def make_requests(files: int, members_each: int) -> list[Request]:
    """Requests for functions `f0`, `f1`, ... of modules `m0`, `m1`, ..."""
    return [
        make_request(f"src/shop/m{file}.py::f{number}")
        for file in range(files)
        for number in range(members_each)
    ]


def make_repair(member_id: str = "src/shop/cart.py::add", code: str | None = None) -> Request:
    """A request to mend a test module whose one test fails."""
    wrong = "from shop.cart import add\n\n\ndef test_add():\n    assert add(1, 2) == 4\n"
    repair = Repair(
        code=wrong if code is None else code,
        failures=(("test_add", "fails on head: assert 3 == 4\n +  where 3 = add(1, 2)"),),
    )
    return replace(make_request(member_id), repair=repair)
