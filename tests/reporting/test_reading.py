"""Code that is read back from comments: to the letter, or not at all."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import pytest

from fakes.reports import VIEW, a_member, a_suggestion
from testsmith.model import Label, Origin
from testsmith.reporting.pull_requests.comments import (
    CODE_LIMIT,
    code_in,
    folds_in,
    hidden_code,
    listed_fold,
    origin_in,
    shows_change,
    suggestion_comment,
)

MEMBER = a_member("f")
CODES = (
    "def test_f():\n    assert f(1) == 2\n",
    'def test_f():\n    assert f("```") == """\n````\n"""\n',
    "def test_f():\n    assert f('<!-- x -->') == '::error::&amp;'\n",
    "def test_f():\n    print('##[group]')\n    assert f('é') == '<b>'\n",
)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("label", [Label.NEW_BEHAVIOR, Label.QUESTION])
def test_comment__its_code_is_read_back(code: str, label: Label) -> None:
    comment = suggestion_comment(a_suggestion(MEMBER, code=code, label=label), MEMBER, VIEW)
    assert (code_in(comment), shows_change(comment)) == (code.strip("\n"), False)
    assert code_in(comment.replace("\n", "\r\n")) == code.strip("\n")


@pytest.mark.parametrize("code", CODES)
def test_fold__its_code_is_read_back(code: str) -> None:
    whole, short = listed_fold(a_suggestion(MEMBER, code=code), MEMBER, VIEW, "a" * 16)
    (fold,) = folds_in(f"before\n\n```python\nx = 1\n```\n\n{whole}\n\nafter").values()
    assert (code_in(fold), code_in(short)) == (code.strip("\n"), None)


def test_comment__of_a_suggested_change_hides_the_code_that_was_proven() -> None:
    change = "import f\n\n\ndef test_f():\n    pass"
    comment = suggestion_comment(a_suggestion(MEMBER, code=CODES[0]), MEMBER, VIEW, change)
    assert shows_change(comment)
    assert code_in(comment) == CODES[0]


@pytest.mark.parametrize("origin", list(Origin))
def test_comment__tells_who_made_the_tests(origin: Origin) -> None:
    view = replace(VIEW, commands=True)
    comment = suggestion_comment(a_suggestion(MEMBER, origin=origin), MEMBER, view)
    assert origin_in(comment) is origin


@pytest.mark.parametrize("hidden", ["", "AAAA", "!", base64.b64encode(zlib.compress(b"\xff")).decode()])
def test_hidden_code__that_is_damaged_is_none(hidden: str) -> None:
    assert code_in(f"```suggestion\nx\n```\n\n<!-- testsmith:code {hidden} -->") is None


def test_hidden_code__that_would_grow_without_end_is_none() -> None:
    bomb = hidden_code("x" * (CODE_LIMIT + 1))
    assert len(bomb) < 1000
    assert code_in(f"```suggestion\nx\n```\n\n{bomb}") is None


@pytest.mark.parametrize(
    "text", ["", "words", "```python\nnever closed", '<pre lang="python"><code>never closed']
)
def test_text__without_code(text: str) -> None:
    assert (code_in(text), shows_change(text)) == (None, False)
