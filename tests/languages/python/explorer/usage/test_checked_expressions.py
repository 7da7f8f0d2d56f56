"""What the tests of a small project check, as expressions that stand alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from testsmith.languages.python.explorer.render.expressions import Expression
from testsmith.languages.python.explorer.trials import trials_through
from testsmith.languages.python.explorer.usage.checked_expressions import CheckedCode, around_literals, turned
from testsmith.languages.python.explorer.usage.project_files import Usages
from testsmith.model import Change, Member, MemberKind


def checked(folder: Path, text: str, source: str = "") -> list[str]:
    for path, content in {"src/shop/cart.py": source, "tests/test_cart.py": text}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    usages = Usages(folder, (folder, folder / "src"), frozenset({"shop"}))
    member = Member(
        path="src/shop/cart.py",
        name="total",
        language="python",
        change=Change.CHANGED,
        line=1,
        end_line=len(source.splitlines()),
        kind=MemberKind.FUNCTION,
        source=source,
        module="shop.cart",
        changed_lines=frozenset({2}),
    )
    return [each.text for each in usages.checked([member])]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["assert total(1).tax == 2"], ["total(1).tax"]),
        (["assert 2 == total(1)"], ["total(1)"]),
        (["assert total(1) < total(2)"], ["total(1) < total(2)"]),
        (
            ["cart = total(1)", "assert isinstance(cart.lines[0], str)"],
            ["isinstance(total(1).lines[0], str)"],
        ),
        (["self.assertEqual(total(1), 2)"], ["total(1)"]),
        (["code = ''", "assert total(code.strip()) == 2"], []),
        (["assert total('a b'.split()) == 2"], ['total("a b".split())']),
        (["with pytest.raises(ValueError):", "    total(-1)"], ["total(-1)"]),
        (["options = {'rate': 2}", "assert total(1, **options)"], ["total(1, rate=2)"]),
        (["for price in (1, 2):", "    assert total(price)"], ["total(1)", "total(2)"]),
        (["assert total", "assert len('ab') == 2"], []),
        (["def local(): ...", "assert total(local)"], []),
        (["of = lambda price: total(price, 2)", "assert of('a') == 2"], ['total("a", 2)']),
        (
            ["cart = total(1)", "other = total(2)", "del cart['a']", "assert cart.lines == []"],
            ['cart = total(1)\ndel cart["a"]\ncart.lines'],
        ),
        (
            ["for price in (1, 2):", "    pass", "cart = total(3)", "cart += price", "assert str(cart)"],
            [f"cart = total(3)\ncart += {price}\nstr(cart)" for price in (1, 2)],
        ),
    ],
)
def test_checked__is_what_an_assertion_looks_at(tmp_path: Path, lines: list[str], found: list[str]) -> None:
    body = "\n".join(f"    {line}" for line in lines)
    text = f"import pytest\nfrom shop.cart import total\n\n\ndef test_it(self):\n{body}\n"

    assert checked(tmp_path, text) == found


def test_checked__what_mentions_the_change_comes_first(tmp_path: Path) -> None:
    source = 'def total(code):\n    return 0 if code == "FREE" else 1'
    text = (
        "from shop.cart import total\n\n\ndef test_it():\n    assert total('x')\n    assert total('free')\n"
    )

    assert checked(tmp_path, text, source) == ['total("free")', 'total("x")']


@pytest.mark.parametrize(
    ("text", "pieces", "arguments"),
    [
        ('parse("é", 2)[0].name', ("parse(", 0, ", ", 1, ")[0].name"), [("text", '"é"'), ("number", "2")]),
        (
            'f("a", "b", end="c")',
            ("f(", 0, ", ", 1, ", end=", 2, ")"),
            [("text", '"a"'), ("text_2", '"b"'), ("end", '"c"')],
        ),
        ('f({"a": g("b")}, [1])', ('f({"a": g(', 0, ")}, ", 1, ")"), [("text", '"b"'), ("value", "[1]")]),
        ("f(True, None, -1)", ("f(True, None, ", 0, ")"), [("number", "-1")]),
    ],
)
def test_around_literals(text: str, pieces: tuple[str | int, ...], arguments: list[tuple[str, str]]) -> None:
    found, given = around_literals(text)

    assert found == pieces
    assert [(each.name, each.value.text) for each in given] == arguments


@pytest.mark.parametrize(
    ("text", "called"),
    [('shop.format("a")', "format"), ('len(parse("a").lines)', "parse"), ('parse("a").text()', "text")],
)
def test_trials_through__say_what_is_called(text: str, called: str) -> None:
    (made,) = trials_through([CheckedCode((), Expression(text))])

    assert (made.call, made.through) == (text, called)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("f(1) <= f(2)", ["f(1) > f(2)"]),
        ("not f(1) > 2", ["not f(1) <= 2"]),
        ("f(1) == 2", []),
        ("1 < f(1) < 2", []),
    ],
)
def test_turned__asks_for_the_opposite_order(text: str, found: list[str]) -> None:
    assert [each.text for each in turned(CheckedCode((), Expression(text)))] == found
