from __future__ import annotations

import ast
import textwrap

import pytest

from testsmith.languages.python.source.parsing import comments, decode, parse, read_source, text_of
from testsmith.languages.source import CannotParse


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1\r\ny = 2\rz = 3\n", "x = 1\ny = 2\nz = 3\n"),
        ("\ufeffx = 'ä'\n".encode(), "x = 'ä'\n"),
        ("# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1"), "# -*- coding: latin-1 -*-\nx = 'ä'\n"),
        ("#!/bin/sh\n# vim: fileencoding=cp1252\nx = '€'\n".encode("cp1252"), None),
        (b"", ""),
    ],
)
def test_decode__as_the_file_says(data: bytes, text: str | None) -> None:
    assert decode(data) == (text if text is not None else "#!/bin/sh\n# vim: fileencoding=cp1252\nx = '€'\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x = 1\0", "binary"),
        (b"x = '\xff'\n", "encoding"),
        (b"y = 1\n\n\nx = '\xff'\n", "cannot be decoded as utf-8"),
        (b"# coding: no-such-thing\n", "encoding"),
        (b"# coding: rot13\nk = 1\n", "encoding"),
        ("x = 1\n".encode("utf-16"), "binary"),
    ],
)
def test_decode__what_is_no_text(data: bytes, reason: str) -> None:
    with pytest.raises(CannotParse, match=reason):
        decode(data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\ny = (\n", r"line 2"),
        ("print 'hello'\n", r"line 1"),
        ("x = " + "-" * 50_000 + "1\n", "nested too deeply"),
        ("x = 'secret\n", r"^it cannot be parsed as Python 3\.\d+: [^\n]*$"),
    ],
)
def test_parse__what_is_no_python(text: str, reason: str) -> None:
    with pytest.raises(CannotParse, match=reason) as refused:
        parse(text)
    assert "secret" not in str(refused.value)


def test_parse__warns_of_nothing() -> None:
    assert isinstance(parse("x = '\\d'\ny = 1 is 1\n"), ast.Module)


def _method_text(body: str) -> str:
    source = read_source("a.py", body.encode())
    outer = source.tree.body[0]
    assert isinstance(outer, ast.ClassDef)
    return text_of(source.text.split("\n"), outer.body[0])


def test_text_of__moved_to_the_left_margin_with_decorators() -> None:
    body = "class A:\n    @one\n    @two(\n        3)\n    def f(self):\n# left\n        return 1\n"
    assert _method_text(body) == "@one\n@two(\n    3)\ndef f(self):\n# left\n    return 1"


def test_text_of__strings_keep_their_lines() -> None:
    body = (
        "class A:\n    def f(self):\n"
        '        """Say.\n\n        More.\n        """\n'
        '        x = """\n        kept\n  too\n        """\n'
        "        return x + 'a\\\n        b'\n"
    )
    text = _method_text(body)
    assert text.startswith(
        'def f(self):\n    """Say.\n\n    More.\n    """\n    x = """\n        kept\n  too\n'
    )
    namespace: dict[str, object] = {}
    original: dict[str, object] = {}
    for source, names in ((text, namespace), (textwrap.dedent(body), original)):
        exec(source, names)  # noqa: S102 - the test's own text
    moved, in_class = namespace["f"], original["A"]
    assert callable(moved)
    assert moved(None) == in_class.f(None)  # type: ignore[attr-defined]  # made by exec


def test_text_of__tabs() -> None:
    assert _method_text("class A:\n\tdef f(self):\n\t\treturn 1\n") == "def f(self):\n\treturn 1"


def test_comments__by_line_and_never_inside_strings() -> None:
    assert comments('x = 1  # one\n"""\n# no\n"""\n# two\n') == {1: "# one", 5: "# two"}
    assert comments("x = (  # open\n") == {1: "# open"}
