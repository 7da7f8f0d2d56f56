from __future__ import annotations

import random

import pytest

from testsmith.forge.comment_markers import BODY_LIMIT, CUT_NOTE, composed

HIDDEN = "<!-- hidden -->\n<!-- marks -->"


def length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_composed__short_texts_are_kept() -> None:
    assert composed("one\r\ntwo\n\n", HIDDEN) == f"one\ntwo\n\n{HIDDEN}"
    assert composed("", HIDDEN) == HIDDEN


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f600"])
def test_composed__exactly_the_limit_is_kept(letter: str) -> None:
    room = BODY_LIMIT - len(HIDDEN) - 2
    text = letter * (room // length(letter)) + "y" * (room % length(letter))
    assert composed(text, HIDDEN) == f"{text}\n\n{HIDDEN}"


def test_composed__long_texts_are_cut_between_lines_and_keep_the_last() -> None:
    text = "\n".join((*(f"| row {n} | of a table |" for n in range(5_000)), "", "the last line"))
    body = composed(text, HIDDEN)
    assert BODY_LIMIT - 500 < length(body) <= BODY_LIMIT
    rows, rest = body.split(f"\n\n{CUT_NOTE}\n\n")
    assert rest == f"the last line\n\n{HIDDEN}"
    assert rows == "\n".join(text.split("\n")[: len(rows.split("\n"))])


def test_composed__one_endless_line() -> None:
    assert composed("x" * 100_000, HIDDEN) == f"\n{CUT_NOTE}\n\n{HIDDEN}"


@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [
        ("```python", "x = 1", "```"),
        ("`````python", "```\ntext", "`````"),
        ("~~~", "```", "~~~"),
        ("<details><summary>a fold</summary>\n", "text", "\n</details>"),
        ("<details>\n\n```python", "</details>", "```\n\n</details>"),
        ('<pre lang="python"><code>', "x &lt; 1", "</pre>"),
        ("<details>\n\n<pre>", "a", "</pre>\n\n</details>"),
        ("<details>\n\n</details>\n\n```\ncode\n```", "text", "text"),
        ("``` not ` a fence", "text", "text"),
        ("    ```", "text", "text"),
    ],
)
def test_composed__what_is_open_is_closed(opening: str, inner: str, closing: str) -> None:
    text = "\n".join((opening, *([inner] * 40_000), "end"))
    kept, rest = composed(text, HIDDEN).split(f"\n\n{CUT_NOTE}\n\n")
    assert kept.startswith(opening)
    assert kept.endswith(f"\n{closing}")
    assert kept.removesuffix(closing).rstrip().rpartition("\n")[2] in inner
    assert rest == f"end\n\n{HIDDEN}"


@pytest.mark.parametrize(
    "text", ["<details>\n" * 30_000, f"{'`' * 60_000}\n" * 3, "<pre>" * 50_000, "\U0001f600\n" * 60_000]
)
def test_composed__hostile_texts_stay_within_the_limit(text: str) -> None:
    body = composed(text + "end", HIDDEN)
    assert length(body) <= BODY_LIMIT
    assert body.endswith(f"\n\n{HIDDEN}")


def test_composed__random_texts_stay_within_any_limit() -> None:
    seeded = random.Random(8)  # noqa: S311 (a test's numbers, no secret)
    parts = [
        "```",
        "~~~~",
        "<details>",
        "</details>",
        "<pre>",
        "</pre>",
        "word",
        "\n",
        "\n\n",
        "\U0001f600",
        "`````",
    ]
    for _ in range(400):
        text = "".join(seeded.choice(parts) for _ in range(seeded.randint(0, 1_500)))
        limit = seeded.randint(1_000, 4_000)
        body = composed(text, HIDDEN, limit)
        assert length(body) <= limit
        assert body.endswith(HIDDEN)
