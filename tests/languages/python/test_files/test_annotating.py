from __future__ import annotations

import pytest

from testsmith.languages.python.test_files.formatting import with_argument_types
from testsmith.languages.source import CannotParse


def annotated(names: str, rows: str, arguments: str) -> str:
    """The head of a test function after its arguments were given types."""
    code = (
        f"import pytest\n\n@pytest.mark.parametrize({names}, {rows})\n"
        f"def test_it({arguments}):\n    assert True\n"
    )
    return next(line for line in with_argument_types(code).splitlines() if line.startswith("def"))


@pytest.mark.parametrize(
    ("names", "rows", "arguments", "head"),
    [
        ('("a", "b")', "[(1, 'x'), (-2, 'y')]", "a, b", "def test_it(a: int, b: str):"),
        ('"a, b"', "[(1.5, b''), (2.5, b'')]", "a, b", "def test_it(a: float, b: bytes):"),
        ('"a"', "[True, False]", "a", "def test_it(a: bool):"),
        ('"a"', "[pytest.param(1, id='one')]", "a", "def test_it(a: int):"),
        ('("a",)', "[pytest.param(1)]", "a", "def test_it(a: int):"),
        ('"a"', "[1, 'x']", "a", "def test_it(a: object):"),
        ('"a"', "[None, 1]", "a", "def test_it(a: object):"),
        ('"a"', "[[1], [2]]", "a", "def test_it(a: object):"),
        ('"a"', "[1, True]", "a", "def test_it(a: object):"),
        ('"größe, a"', "[(1, 'ä')]", "größe, a", "def test_it(größe: int, a: str):"),
        ('"a"', "[1]", "a, tmp_path", "def test_it(a: int, tmp_path):"),
        ('"a"', "[1]", "a: float", "def test_it(a: float):"),
        ('"a"', "ROWS", "a", "def test_it(a):"),
        ("NAMES", "[1]", "a", "def test_it(a):"),
        ('"a, b"', "[1]", "a, b", "def test_it(a, b):"),
    ],
)
def test_with_argument_types__tells_them_by_the_rows(
    names: str, rows: str, arguments: str, head: str
) -> None:
    assert annotated(names, rows, arguments) == head


FUTURE = "from __future__ import annotations\nimport datetime as dt\nfrom datetime import timedelta\n"


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ("[timedelta(1), 0.5]", "timedelta | float"),
        ("[-timedelta(1), dt.timedelta.max]", "object"),
        ("[-timedelta(1), timedelta(2)]", "timedelta"),
        ("[dt.datetime(2024, 1, 1), 'x']", "dt.datetime | str"),
        ("[None, 1]", "int | None"),
        ("[1, 'x', b'', 1.5]", "object"),
        ("[frozenset(), 1]", "object"),
        ("[unknown(), 1]", "object"),
    ],
)
def test_with_argument_types__joins_them_where_annotations_are_postponed(rows: str, kind: str) -> None:
    code = f"{FUTURE}@pytest.mark.parametrize('a', {rows})\ndef test_it(a): ...\n"

    assert with_argument_types(code).splitlines()[-1] == f"def test_it(a: {kind}): ..."


def test_with_argument_types__joins_none_where_annotations_are_evaluated() -> None:
    code = (
        "from datetime import timedelta\n"
        "@pytest.mark.parametrize('a', [timedelta(1), 1])\n"
        "def test_it(a): ...\n"
    )

    assert with_argument_types(code).splitlines()[-1] == "def test_it(a: object): ..."


def test_with_argument_types__several_marks_and_lines() -> None:
    code = (
        "import pytest\n\n\n"
        "class TestIt:\n"
        "    @pytest.mark.parametrize('a', [1])\n"
        "    @pytest.mark.parametrize('b', ['x'])\n"
        "    async def test_it(\n"
        "        self,\n"
        "        a,\n"
        "        *,\n"
        "        b,\n"
        "    ): ...\n"
    )

    assert with_argument_types(code) == code.replace("a,\n", "a: int,\n").replace("b,\n", "b: str,\n")


def test_with_argument_types__what_is_not_parametrized_stays() -> None:
    code = "def test_it(tmp_path):\n    assert tmp_path\n"

    assert with_argument_types(code) == code


def test_with_argument_types__no_python() -> None:
    with pytest.raises(CannotParse):
        with_argument_types("def (:\n")
