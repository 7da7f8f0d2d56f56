from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.conventions import (
    CUT_MARK,
    MOST_AGENT_CHARACTERS,
    MOST_BYTES,
    Conventions,
    parts_on_tests,
)

SOURCE = "src/shop/cart.py"
TESTS = "tests/shop/test_cart.py"


def test_of__none() -> None:
    assert Conventions(MemoryTree({SOURCE: ""})).of(SOURCE, TESTS) == ""


def test_of__the_root_first_then_deeper_folders_of_source_and_test() -> None:
    tree = MemoryTree(
        {
            "tests/shop/TESTSMITH.md": "deep\n",
            "tests/TESTSMITH.md": "tests\n",
            "src/TESTSMITH.md": "\nsource\n\n",
            "TESTSMITH.md": "# root\n",
            "docs/TESTSMITH.md": "elsewhere\n",
            "tests/shop/other/TESTSMITH.md": "below\n",
            "src/shop/TESTSMITH.md": "  \n",
        },
    )
    assert Conventions(tree).of(SOURCE, TESTS) == "# root\n\nsource\n\ntests\n\ndeep"


def test_of__all_of_them_together_are_cut_with_a_mark() -> None:
    tree = MemoryTree({"TESTSMITH.md": "é" * 6_000, "tests/TESTSMITH.md": "ü" * 6_000})
    text = Conventions(tree).of(SOURCE, TESTS)
    assert MOST_BYTES - 2 <= len(text.encode()) <= MOST_BYTES
    assert text.startswith("é" * 6_000 + "\n\n" + "ü" * 2_000)
    assert text.endswith("ü" + CUT_MARK)


def test_of__what_just_fits_is_whole() -> None:
    tree = MemoryTree({"TESTSMITH.md": "a" * MOST_BYTES})
    assert Conventions(tree).of(SOURCE, TESTS) == "a" * MOST_BYTES


def test_of__bytes_that_are_no_text_do_no_harm() -> None:
    tree = MemoryTree({"TESTSMITH.md": b"ab\xff\xfec"})
    assert Conventions(tree).of(SOURCE, TESTS) == "ab\ufffd\ufffdc"


AGENTS = """\
# Shop

Run `make` before you commit.

- Keep functions short.
- Every test has annotations.
  Also its fixtures.
1. Never mock the clock.

## Testing

Use tables.

```bash
make test
```

```python
def test_a(): ...
```

### Names

State the behavior.

## Release

Tag it.
"""


def test_parts_on_tests__sections_paragraphs_and_items() -> None:
    assert parts_on_tests(AGENTS) == (
        "# Shop\n\n- Every test has annotations.\n  Also its fixtures.\n1. Never mock the clock.\n\n"
        "## Testing\n\nUse tables.\n\n```python\ndef test_a(): ...\n```\n\n### Names\n\nState the behavior."
    )


@pytest.mark.parametrize(
    "text", ["", "Be kind.\n\nThe latest contest.", "# Test\n", "## Tests\n\n```\nmake test\n"]
)
def test_parts_on_tests__nothing_about_tests(text: str) -> None:
    assert parts_on_tests(text) == ""


def test_of__files_for_agents_are_read_for_their_parts_on_tests() -> None:
    about, other = "Test with tables.\n", "Commit often.\n"
    tree = MemoryTree(
        {
            "TESTSMITH.md": other,
            "AGENTS.md": f"{about}\n{other}",
            "CLAUDE.md": about,
            ".github/copilot-instructions.md": f"{other}\nTests are short.\n",
            "tests/AGENTS.md": "No mocks.\n",
            "docs/AGENTS.md": "Elsewhere, tests too.\n",
            "src/copilot-instructions.md": "No such tests.\n",
        }
    )
    said = "Test with tables.\n\nCommit often.\n\nTests are short.\n\nNo mocks."
    assert Conventions(tree).of(SOURCE, TESTS) == said


def test_of__what_agents_are_told_is_bounded() -> None:
    text = "".join(f"Test {number} carefully.\n\n" for number in range(1_000))
    said = Conventions(MemoryTree({"AGENTS.md": text, "CLAUDE.md": text})).of(SOURCE, TESTS)
    assert MOST_AGENT_CHARACTERS - 50 < len(said) <= MOST_AGENT_CHARACTERS + 2
    assert said.endswith("carefully.")


@pytest.mark.parametrize("mark", ["go", "ts", "js", "typescript", "python"])
def test_parts_on_tests__examples_but_no_commands(mark: str) -> None:
    example = f"## Testing\n\n```{mark}\ncode\n```"
    assert parts_on_tests(f"{example}\n\n```sh\nmake test\n```\n") == example


def test_parts_on_tests__nothing_leads_to_commands_that_are_left_out() -> None:
    command = "```bash\npytest\n```"
    text = f"- Use fakes.\n- While you write:\n  {command}\n\nUse anyio. Run it so:\n\n{command}\n"
    assert parts_on_tests(f"## Testing\n\n{text}") == "## Testing\n\n- Use fakes.\n\nUse anyio."
    assert parts_on_tests(f"# Tests\n\n1. Run:\n{command}\n\nThat is all: no\n{command}") == (
        "# Tests\n\nThat is all: no"
    )
    assert parts_on_tests(f"Tests are short:\n\n## Run\n\n{command}") == "Tests are short:"
    assert parts_on_tests(f"Write:\n\n{command}\n\nTests have:\n\n- a name for tests:\n") == (
        "Tests have:\n\n- a name for tests:"
    )
