"""Claims that contradict a promise, in the forms that a call of the member takes."""

from __future__ import annotations

import textwrap

import pytest

from testsmith.languages.python.judge.documentation.contradictions import Contradiction, contradictions
from testsmith.languages.python.judge.documentation.promised_tests import promised_test
from testsmith.model import Change, Member, MemberKind


def member(source: str, name: str, kind: MemberKind, *, is_async: bool = False) -> Member:
    return Member(
        path="shop/money.py",
        name=name,
        language="python",
        change=Change.CHANGED,
        line=1,
        end_line=20,
        kind=kind,
        source=source,
        module="shop.money",
        is_async=is_async,
    )


TITLE = member("def title(text: str) -> str: ...\n", "title", MemberKind.FUNCTION)
FETCH = member("async def fetch(key) -> str: ...\n", "fetch", MemberKind.FUNCTION, is_async=True)
LAST = member("def last(self) -> str: ...\n", "Cart.last", MemberKind.METHOD)
SIZE = member("@property\ndef size(self) -> int: ...\n", "Cart.size", MemberKind.PROPERTY)
MAKE = member("@classmethod\ndef make(cls) -> int: ...\n", "Cart.make", MemberKind.CLASS_METHOD)
LOOK = member(
    'def look(key: str) -> int:\n    """Look.\n\n    Raises:\n        ValueError: no\n    """\n',
    "look",
    MemberKind.FUNCTION,
)


def found(code: str, subject: Member) -> tuple[Contradiction, ...]:
    return contradictions(textwrap.dedent(code), subject)


def of_body(imports: str, body: str, subject: Member, arguments: str = "") -> tuple[Contradiction, ...]:
    indented = textwrap.indent(textwrap.dedent(body), "    ")
    return found(f"import pytest\n{imports}\n\ndef test_x({arguments}):\n{indented}", subject)


@pytest.mark.parametrize(
    ("imports", "body"),
    [
        ("from shop.money import title", "assert title(None) is None"),
        ("from shop.money import title", "assert None == title(None)"),
        ("from shop.money import title as t", "result = t(None)\nassert result is None"),
        ("from shop import title", "assert title(None) is None"),
        ("import shop.money", "assert shop.money.title(None) is None"),
        ("from shop import money as m", "assert m.title(None) is None"),
        ("from shop.money import title", "assert title(None) is None and True"),
        ("from shop.money import title", "expected = None\nassert title(None) == expected"),
        ("from shop.money import title", "for x in (None,):\n    assert title(x) is None"),
        ("from shop.money import title", "assert isinstance(title(None), int)"),
        ("from shop.money import title", "assert isinstance(title(None), (int, type(None)))"),
        ("from shop.money import title", "assert type(title(None)) is int"),
        ("from shop.money import title", "assert title(1) == pytest.approx(1)"),
        ("from shop.money import title", "with monkeypatch.context():\n    assert title(None) is None"),
    ],
)
def test_contradictions__forms_of_a_claim_of_a_function(imports: str, body: str) -> None:
    (one,) = of_body(imports, body, TITLE, "monkeypatch")
    assert one.promise.annotation == "str"


@pytest.mark.parametrize(
    ("imports", "body"),
    [
        ("from shop.money import title", "assert title('a') == 'A'"),
        ("from shop.money import title", "assert title(None) is not None"),
        ("from shop.money import title", "assert title('a') == other()"),
        ("from shop.money import title", "assert title('a') == f'{1}'"),
        ("from shop.money import title", "assert title('a').strip() is None"),
        ("from shop.money import title", "assert isinstance(title('a'), (int, str))"),
        ("from shop.money import title", "assert isinstance(title('a'), Name)"),
        ("from shop.money import title", "assert type(title('a')) is str"),
        ("from shop.money import title", "assert title('a')"),
        ("from shop.money import title", "assert not title('')"),
        ("from shop.money import title", "title = str\nassert title(None) is None"),
        ("from other import title", "assert title(None) is None"),
        ("", "assert title(None) is None"),
        ("from shop.money import title", "result = title(None)\nresult = None\nassert result is None"),
        ("from shop.money import other", "assert other(title) is None"),
    ],
)
def test_contradictions__none_where_nothing_is_known_to_contradict(imports: str, body: str) -> None:
    assert of_body(imports, body, TITLE) == ()


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("assert asyncio.run(fetch('')) is None", 1),
        ("result = asyncio.run(fetch(''))\nassert result is None", 1),
        ("async def main():\n    assert await fetch('') is None\nasyncio.run(main())", 1),
        ("assert fetch('') is None", 0),
        ("assert asyncio.run(fetch('')) == 'a'", 0),
    ],
)
def test_contradictions__of_a_coroutine_by_what_is_awaited(body: str, count: int) -> None:
    assert len(of_body("import asyncio\nfrom shop.money import fetch", body, FETCH)) == count


@pytest.mark.parametrize(
    ("subject", "body", "count"),
    [
        (LAST, "assert Cart().last() is None", 1),
        (LAST, "cart = Cart(3)\ncart.add(1)\nassert cart.last() is None", 1),
        (LAST, "assert cart.last() is None", 0),
        (LAST, "cart = make_cart()\nassert cart.last() is None", 0),
        (LAST, "assert Other().last() is None", 0),
        (SIZE, "cart = Cart()\nassert cart.size is None", 1),
        (SIZE, "cart = Cart()\nassert cart.size == 3", 0),
        (SIZE, "cart = Cart()\nassert cart.size() is None", 0),
        (MAKE, "assert Cart.make() == 'a'", 1),
        (MAKE, "assert Cart().make() == 'a'", 1),
        (MAKE, "assert cls.make() == 'a'", 0),
    ],
)
def test_contradictions__of_objects_that_are_made_in_sight(subject: Member, body: str, count: int) -> None:
    assert len(of_body("from shop.money import Cart, Other", body, subject, "cls")) == count


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("with pytest.raises(KeyError):\n    look('a')", 1),
        ("with pytest.raises(KeyError, match='a') as caught:\n    result = look('a')", 1),
        ("with open('x') as file, pytest.raises(KeyError):\n    look('a')", 1),
        ("pytest.raises(KeyError, look, 'a')", 1),
        ("with pytest.raises(ValueError):\n    look('a')", 0),
        ("with pytest.raises(UnicodeDecodeError):\n    look('a')", 0),
        ("with pytest.raises(Exception):\n    look('a')", 0),
        ("with pytest.raises(CartError):\n    look('a')", 0),
        ("with pytest.raises(KeyError):\n    prepare()\n    look('a')", 0),
        ("with pytest.raises(KeyError):\n    other(look)", 0),
        ("with pytest.raises(TypeError):\n    look(None)", 0),
        ("with pytest.raises(TypeError):\n    look()", 0),
        ("with pytest.raises(AttributeError):\n    look(3)", 0),
        ("with pytest.raises(AttributeError):\n    look(thing)", 1),
        ("with pytest.raises(TypeError):\n    look(thing)", 0),
    ],
)
def test_contradictions__of_exceptions_that_are_not_documented(body: str, count: int) -> None:
    assert len(of_body("from shop.money import look", body, LOOK)) == count


def written(code: str, subject: Member, which: int = 0) -> str:
    code = textwrap.dedent(code).lstrip("\n")
    made = promised_test(code, subject, contradictions(code, subject)[which], "test_as_documented")
    assert made is not None
    text, name = made
    compile(text, "test.py", "exec")
    assert name.rpartition("::")[2] == "test_as_documented"
    return text


def test_promised_test__exchanges_the_claim_and_leaves_the_rest() -> None:
    code = """
        import pytest
        from shop.money import cents, title

        NAME = None

        @pytest.fixture
        def unused():
            return cents(1)

        def test_title(tmp_path):
            # of nothing
            before = title("a")
            assert before == "A"
            assert title(NAME) is None
            assert cents(3) == 4

        def test_other():
            assert cents(1) == 2
    """
    assert written(code, TITLE) == textwrap.dedent("""\
        from shop.money import title

        NAME = None

        def test_as_documented(tmp_path):
            # of nothing
            before = title("a")
            assert before == "A"
            assert isinstance(title(NAME), str)
    """)


def test_promised_test__keeps_the_row_alone() -> None:
    code = """
        import pytest
        from shop.money import title

        class TestTitle:
            @pytest.mark.parametrize("text, expected", [("a", "A"), (None, None), ("b", "B")])
            def test_title(self, text, expected):
                assert title(text) == expected
    """
    text = written(code, TITLE)
    assert "[(None, None)]" in text
    assert "assert isinstance(title(text), str)" in text


@pytest.mark.parametrize(
    ("annotation", "claim", "expected"),
    [
        ("str", "is None", "assert isinstance(f(), str)"),
        ("None", "== 1", "assert f() is None"),
        ("int | None", "== 'a'", "assert isinstance(f(), (int, type(None)))"),
        ("list[int]", "== ['a']", "assert all(isinstance(item, int) for item in f())"),
        ("dict[str, int]", "== {'a': 'b'}", "assert f() != {'a': 'b'}"),
        ("Sequence[int]", "is None", "assert f() is not None"),
        ("Literal['a']", "== 'b'", "assert f() != 'b'"),
        ("NoReturn", "is None", "with pytest.raises(BaseException):\n        f()"),
    ],
)
def test_promised_test__claims_what_the_annotation_says(annotation: str, claim: str, expected: str) -> None:
    subject = member(f"def f() -> {annotation}: ...\n", "f", MemberKind.FUNCTION)
    text = written(f"from shop.money import f\n\ndef test_f():\n    assert f() {claim}\n", subject)
    assert text.endswith(f"def test_as_documented():\n    {expected}\n")
    assert ("import pytest" in text) == ("pytest." in text)


def test_promised_test__claims_the_documented_exceptions() -> None:
    source = 'def f(x):\n    """Do.\n\n    Raises:\n        CartError: a\n        ValueError: b\n    """\n'
    subject = member(source, "f", MemberKind.FUNCTION)
    code = """
        import pytest
        from shop.money import f

        def test_f():
            with pytest.raises(KeyError, match="x") as caught:
                f("x")
            assert caught.value.args
    """
    assert written(code, subject) == textwrap.dedent("""\
        from shop.money import CartError
        import pytest
        from shop.money import f

        def test_as_documented():
            with pytest.raises((CartError, ValueError)):
                f("x")
    """)


def test_promised_test__none_where_the_claim_is_about_something_from_elsewhere() -> None:
    code = textwrap.dedent("""
        from shop.money import title
        def check(actual, expected):
            assert actual == expected
        def test_title():
            check(title(None), None)
    """)
    (one,) = contradictions(code, TITLE)
    assert promised_test(code, TITLE, one, "test_as_documented") is None
