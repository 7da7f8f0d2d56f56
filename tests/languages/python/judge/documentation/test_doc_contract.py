"""What a member's own text promises of what it returns and raises."""

from __future__ import annotations

import ast
import textwrap

import pytest

from fakes.busy_work import printed_in_time
from testsmith.languages.python.judge.documentation.doc_contract import (
    documented_exceptions,
    raised_exceptions,
    return_annotation,
    returns_nothing,
    suits_parameters,
)
from testsmith.model import Change, Member, MemberKind


def member(source: str, name: str = "f") -> Member:
    return Member(
        path="m.py",
        name=name,
        language="python",
        change=Change.ADDED,
        line=1,
        end_line=9,
        kind=MemberKind.FUNCTION,
        source=textwrap.dedent(source).lstrip("\n"),
        module="m",
    )


def documented(docstring: str) -> Member:
    text = textwrap.indent(textwrap.dedent(docstring).strip("\n"), "    ")
    return member(f'def f(x):\n    """Do it.\n\n{text}\n    """\n')


@pytest.mark.parametrize(
    ("docstring", "names"),
    [
        (
            "Raises:\n    ValueError: If so.\n    KeyError: Else,\n        or so.\n\nReturns:\n    int: x",
            "ValueError KeyError",
        ),
        ("Raises:\n    ValueError", "ValueError"),
        ("Raises:\n    :exc:`ValueError`: x\n    `shop.CartError`: y", "ValueError shop.CartError"),
        ("Raises:\n    ValueError, KeyError: x", "ValueError KeyError"),
        ("Raises:\n    ValueError or KeyError: x", "ValueError KeyError"),
        (
            "Raises\n------\nValueError\n    If so.\nKeyError\n    Else.\n\nSee Also\n--------\nother",
            "ValueError KeyError",
        ),
        ("Raises\n------\nValueError : If so.", "ValueError"),
        (
            ":param x: y\n:raises ValueError: z\n:raise KeyError: z\n:except OSError: z",
            "ValueError KeyError OSError",
        ),
        (":raises ~shop.CartError: z", "shop.CartError"),
        ("Raises ValueError if it is negative.", "ValueError"),
        ("Raises a ``ValueError`` or a KeyError.", "ValueError KeyError"),
        ("Look. Raises :class:`KeyError` where there is none.", "KeyError"),
        ("Raises ValueError, KeyError or OSError.", "ValueError KeyError OSError"),
        ("Raises ValueError if x,\n:class:`KeyError` if y.\n\nOSError is no matter.", "ValueError KeyError"),
        ("Never raises ValueError.", ""),
        ("It raises ValueError for debts.", ""),
        ("Raises an error if it is negative.", ""),
        ("Raises the price to Maximum.", ""),
        ("Raises:\n    None", ""),
        ("Raises:\n    ValueError: x\n    whatever the callback raises", ""),
        ("Returns:\n    ValueError: an exception", ""),
        ("Nothing.", ""),
    ],
)
def test_documented_exceptions__by_every_style(docstring: str, names: str) -> None:
    assert documented_exceptions(documented(docstring)) == tuple(names.split())


def test_documented_exceptions__of_a_class_and_its_constructor() -> None:
    source = '''
        class F:
            """It is.

            Raises:
                ValueError: x
            """
            def __init__(self):
                """Make it. Raises KeyError too."""
    '''
    assert documented_exceptions(member(source, "F")) == ("ValueError", "KeyError")


@pytest.mark.parametrize(
    ("body", "names", "others"),
    [
        ("raise ValueError('x')", {"ValueError"}, False),
        ("raise errors.CartError from None", {"CartError"}, False),
        ("raise KeyError", {"KeyError"}, False),
        ("return 1", set(), False),
        ("raise make()", set(), True),
        ("raise error", set(), True),
        ("try: g()\n    except (KeyError, OSError): raise", {"KeyError", "OSError"}, False),
        ("try: g()\n    except KeyError as error: raise error", {"KeyError"}, False),
        ("try: g()\n    except: raise", set(), True),
        ("raise", set(), True),
    ],
)
def test_raised_exceptions__by_name(body: str, names: set[str], others: bool) -> None:
    found = raised_exceptions(member(f"def f(x):\n    {body}\n"))
    assert (set(found.names), found.others) == (names, others)


@pytest.mark.parametrize(
    ("source", "annotation"),
    [
        ("def f(x) -> str: ...", "str"),
        ("async def f(x) -> 'str': ...", "'str'"),
        ("@functools.lru_cache(maxsize=1)\ndef f(x) -> str: ...", "str"),
        ("@property\ndef f(self) -> int: ...\n\n@f.setter\ndef f(self, x: int) -> None: ...", "int"),
        ("def f(x): ...", None),
        ("@contextmanager\ndef f(x) -> Iterator[int]: ...", None),
        ("@retry\ndef f(x) -> int: ...", None),
        ("async def f(x) -> AsyncIterator[int]:\n    yield 1", None),
        ("class F: ...", None),
        ("def f(x) -> int: ...\n\ndef f(x) -> str: ...", None),
        ("def f(", None),
    ],
)
def test_return_annotation__of_what_a_call_gives(source: str, annotation: str | None) -> None:
    found = return_annotation(member(source))
    assert (None if found is None else ast.unparse(found)) == annotation


TYPED = "def f(a: int, b: str = '', *, c: float | None = None, d=3): ..."


@pytest.mark.parametrize(
    ("call", "suits"),
    [
        ("f(1)", True),
        ("f(1, 'x', c=2)", True),
        ("f(a=1, c=None)", True),
        ("f('x')", False),
        ("f(1, b=2)", False),
        ("f()", False),
        ("f(1, 'x', 3)", False),
        ("f(1, z=3)", False),
        ("f(1, a=1)", False),
        ("f(1, d=5)", None),
        ("f(x)", None),
        ("f(*x)", None),
        ("f(1, **x)", True),
    ],
)
def test_suits_parameters__of_plain_values(call: str, suits: bool | None) -> None:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    assert suits_parameters(node, member(TYPED)) is suits


def test_suits_parameters__of_a_method_without_the_object() -> None:
    node = ast.parse("cart.f(1)", mode="eval").body
    assert isinstance(node, ast.Call)
    assert suits_parameters(node, member("def f(self, a: int): ...", "Cart.f")) is True
    assert suits_parameters(node, member("@staticmethod\ndef f(a: str): ...", "Cart.f")) is False


@pytest.mark.parametrize(
    ("body", "nothing"),
    [
        ("x.clear()", True),
        ("return", True),
        ("return None", True),
        ("return x", False),
        ("yield", False),
        ("raise ValueError", True),
    ],
)
def test_returns_nothing__by_its_returns(body: str, nothing: bool) -> None:
    assert returns_nothing(member(f"def f(x):\n    {body}\n")) is nothing


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("':raises A' + ' ' * 300_000 + 'B: x'", ""),
        ("':raises' + ' ' * 300_000", ""),
        ("'Raises ValueError ' + 'a.' * 150_000", "ValueError"),
        ("'Raises ValueError ' + 'a' * 300_000", "ValueError"),
        ("'Raises ValueError.\\n' + 'a.' * 300_000", "ValueError"),
    ],
)
def test_documented_exceptions__of_a_huge_docstring_are_read_in_time(text: str, names: str) -> None:
    code = f"""
from testsmith.languages.python.judge.documentation.doc_contract import documented_exceptions
from testsmith.model import Change, Member, MemberKind
source = 'def f(x):\\n    ' + repr({text}) + '\\n'
member = Member(path="m.py", name="f", language="python", change=Change.ADDED, line=1, end_line=9,
                kind=MemberKind.FUNCTION, source=source, module="m")
print(*documented_exceptions(member), end="")
"""
    assert printed_in_time(code) == names
