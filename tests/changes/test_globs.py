from __future__ import annotations

import sys
from pathlib import PurePosixPath

import pytest

from testsmith.changes.globs import compile_globs
from testsmith.model import UsageFailure
from testsmith.settings import DEFAULT_EXCLUDE


def _matches(glob: str, path: str) -> bool:
    return compile_globs([glob]).fullmatch(path) is not None


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("**", ["a.py", "a/b/c.py", "new\nline.py"], []),
        ("*.py", ["a.py"], ["b/a.py", "a.pyc", "a_py"]),
        ("**/*.py", ["a.py", "b/a.py", "c/b/a.py"], ["a.txt"]),
        ("docs/**", ["docs/a.py", "docs/b/a.py"], ["mydocs/a.py", "b/docs/a.py", "docs.py"]),
        ("docs/", ["docs/a.py", "docs/b/a.py"], ["docs"]),
        ("./docs/**", ["docs/a.py"], ["a.py"]),
        ("**/vendor/**", ["vendor/a.py", "b/vendor/c/a.py"], ["vendors/a.py", "b/vendor.py"]),
        ("src/*/api.py", ["src/shop/api.py"], ["src/api.py", "src/a/b/api.py"]),
        ("src/**/api.py", ["src/api.py", "src/a/b/api.py"], ["src/a/xapi.py"]),
        ("a?.py", ["ab.py"], ["a.py", "a/.py"]),
        ("[ab].py", ["a.py", "b.py"], ["c.py"]),
        ("[!ab].py", ["c.py"], ["a.py", "/.py"]),
        ("[]].py", ["].py"], ["[.py"]),
        ("a[b.py", ["a[b.py"], ["ab.py"]),
        ("a+(b).py", ["a+(b).py"], ["aab.py"]),
    ],
)
def test_compile_globs__whole_paths(glob: str, matching: list[str], others: list[str]) -> None:
    assert [path for path in matching + others if _matches(glob, path)] == matching


def test_compile_globs__any_of_several_and_none_of_none() -> None:
    assert compile_globs(["a.py", "b.py"]).fullmatch("b.py")
    assert compile_globs([]).fullmatch("") is None


def test_compile_globs__range_that_makes_no_sense() -> None:
    with pytest.raises(UsageFailure, match=r"\[z-a\]"):
        compile_globs(["[z-a].py"])


if sys.version_info >= (3, 13):  # where the standard library can be asked

    @pytest.mark.parametrize("glob", [*DEFAULT_EXCLUDE, "*.py", "**", "a/**/c.py", "**/[ab]/*"])
    def test_compile_globs__agrees_with_the_standard_library(glob: str) -> None:
        paths = ["a.py", "a/c.py", "a/b/c.py", "docs/a.py", "x/vendor/a.py", "x/_version.py", "build/a/b.py"]
        agreed = [path for path in paths if PurePosixPath(path).full_match(glob)]
        assert [path for path in paths if _matches(glob, path)] == agreed
