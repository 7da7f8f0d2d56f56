from __future__ import annotations

import pytest

from testsmith.languages.python.test_files.style import (
    LineLayout,
    are_annotated,
    black_layout,
    lowest_python,
    refuse_newer_syntax,
    sample,
    with_own_table_names,
)
from testsmith.languages.source import CannotParse


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (">=3.9", (3, 9)),
        (">= 3.10, <4", (3, 10)),
        ("<4,>=3.8", (3, 8)),
        ("~=3.9.2", (3, 9)),
        ("==3.12.*", (3, 12)),
        (">3.7", (3, 7)),
        (">=3.8,!=3.9.1,>=3.10", (3, 10)),
        ("^3.11", (3, 11)),
        (">=3", None),
        ("<4", None),
        ("", None),
    ],
)
def test_lowest_python__from_pyproject(requirement: str, expected: tuple[int, int] | None) -> None:
    assert lowest_python(f'[project]\nname = "shop"\nrequires-python = "{requirement}"\n', None) == expected


@pytest.mark.parametrize("text", ["a = [", f"a = {'1' * 5000}", f"a = {'[' * 30_000}"])
def test_style__of_an_invalid_pyproject_is_unknown(text: str) -> None:
    assert (lowest_python(text, None), black_layout(text)) == (None, None)


@pytest.mark.parametrize(
    ("pyproject", "hooks", "expected"),
    [
        ("[tool.black]\nline-length = 100\n", None, LineLayout(100)),
        ("[tool.black]\npreview = true\n", None, LineLayout(88)),
        (
            '[dependency-groups]\ndev = ["black>=26"]\n[tool.ruff]\nline-length = 120\n',
            None,
            LineLayout(88),
        ),
        ('[dependency-groups]\ndev = ["black>=26"]\n[tool.ruff.format]\n', None, None),
        ('[dependency-groups]\ndev = ["black>=26"]\n', "hooks:\n  - id: ruff-format\n", None),
        ("", "hooks:\n  - id: black\n", LineLayout(88)),
        ('keywords = ["blacklist"]\n', "hooks:\n  - id: isort\n", None),
        (None, None, None),
        (
            "[tool.black]\nskip-string-normalization = true\nskip-magic-trailing-comma = true\n",
            "hooks:\n  - id: black\n",
            LineLayout(88, keeps_quotes=True, ignores_commas=True),
        ),
        ("[tool]\nblack = 7\n", None, None),
    ],
)
def test_black_layout__if_black_formats(
    pyproject: str | None, hooks: str | None, expected: LineLayout | None
) -> None:
    assert black_layout(pyproject, hooks) == expected


def test_lowest_python__from_poetry_and_setup_cfg() -> None:
    poetry = '[tool.poetry.dependencies]\npython = "^3.9"\n'
    setup_cfg = "[options]\npython_requires = >=3.8\n"
    assert lowest_python(poetry, None) == (3, 9)
    assert lowest_python(None, setup_cfg) == (3, 8)
    assert lowest_python("[project]\nname = 'shop'\n", setup_cfg) == (3, 8)
    assert lowest_python(poetry, setup_cfg) == (3, 9)


@pytest.mark.parametrize(
    "text", ["[project", "project = 1", "[project]\nrequires-python = 3", "[tool]\npoetry = []"]
)
def test_lowest_python__broken_files_say_nothing(text: str) -> None:
    assert lowest_python(text, "no section\n") is None
    assert lowest_python(None, None) is None


@pytest.mark.parametrize(
    ("code", "version"),
    [
        ("match x:\n    case 1:\n        pass\n", (3, 9)),
        ("try:\n    pass\nexcept* ValueError:\n    pass\n", (3, 10)),
        ("if (n := 1):\n    pass\n", (3, 7)),
    ],
)
def test_refuse_newer_syntax(code: str, version: tuple[int, int]) -> None:
    with pytest.raises(CannotParse, match=rf"line \d.*Python 3\.{version[1]}$"):
        refuse_newer_syntax(code, version)


def test_refuse_newer_syntax__what_is_old_enough_passes() -> None:
    refuse_newer_syntax("def test_a(x, /):\n    assert (y := x)\n", (3, 8))


def test_are_annotated__by_most_test_functions() -> None:
    with_type = "def test_a() -> None:\n    pass\n\n\nclass TestB:\n    async def test_b(self) -> None: ...\n"
    without = "def test_c():\n    pass\n\n\ndef helper() -> int:\n    return 1\n"
    assert are_annotated([with_type])
    assert are_annotated([with_type, without])
    assert not are_annotated([without])
    assert not are_annotated([without, "def test_d() -> None: ..."])
    assert not are_annotated(["def (:"])
    assert not are_annotated([])


def test_sample__the_imports_and_first_three_tests_that_are_short() -> None:
    long = "def test_long():\n" + "    assert 1\n" * 100
    tests = "".join(f"# Number {n}.\ndef test_{n}():\n    assert {n}\n\n\n" for n in range(40))
    text = f'"""Tests."""\n\nimport re\nfrom shop import (\n    Cart,\n)\n\nX = 1\n\n\n{long}\n\n{tests}'
    assert sample(text.encode()).split("\n\n") == [
        "import re\nfrom shop import (\n    Cart,\n)",
        *(f"def test_{n}():\n    assert {n}" for n in range(3)),
    ]


def test_sample__of_a_class_its_head_and_tests() -> None:
    suite = (
        "@final\nclass TestCart(\n    TestCase\n):\n    def helper(self): ...\n\n    @staticmethod\n"
        "    def test_a(): ...\n\n    def test_b(self): ...\n"
    )
    assert sample(suite.encode()) == (
        "@final\nclass TestCart(\n    TestCase\n):\n    @staticmethod\n    def test_a(): ...\n\n"
        "    def test_b(self): ..."
    )


def test_sample__a_form_feed_is_no_line_end() -> None:
    text = "def test_a():\n    x = 1\n\x0c\n    y = '\u2028'"
    assert sample(f"{text}\n".encode()) == text


@pytest.mark.parametrize("data", [b"", b"def (:", b"\0", b"x = '\xff'", b"import re\n\nX = 1\n"])
def test_sample__none_without_a_test_that_can_be_read(data: bytes) -> None:
    assert sample(data) == ""


@pytest.mark.parametrize(
    ("own", "new", "expected"),
    [
        (['"a,b"'], '("a", "b")', '"a, b"'),
        (['["a", "b"]'], '"a,b"', '["a", "b"]'),
        (['("a", "b")', '"a"'], '["a",\n    "b"]', '("a", "b")'),
        (['"a, b"', '("a", "b")'], '["a", "b"]', '["a", "b"]'),
        (['"a"'], '("a", "b")', '("a", "b")'),
        ([], '("a", "b")', '("a", "b")'),
    ],
)
def test_with_own_table_names__as_all_tables_of_the_file(own: list[str], new: str, expected: str) -> None:
    table = "@pytest.mark.parametrize({}, [])\ndef test_{}(a, b): ...\n"
    existing = "import pytest\n" + "".join(table.format(names, n) for n, names in enumerate(own))
    text = with_own_table_names(existing + table.format(new, "new"), existing)
    assert text == existing + table.format(expected, "new")
