"""What the runs of test modules read and write, without a process."""

from __future__ import annotations

import pytest

from testsmith.languages.typescript.running.module_runs import noted_name, numbered, unchecked


@pytest.mark.parametrize("title", ["suite > adds", "suite adds", "test/a.test.ts > suite > adds"])
def test_noted_name__however_a_framework_joins_titles(title: str) -> None:
    assert noted_name(title, ("adds", "suite > adds")) == "suite > adds"


def test_noted_name__of_another_test() -> None:
    assert noted_name("other", ("adds",)) is None


def test_numbered__the_name_matches_the_same_patterns() -> None:
    assert numbered("test/a.test.ts", 3) == "test/a.testsmith3.test.ts"
    assert numbered("test/a.js", 3) == "test/a.testsmith3.js"


def test_unchecked__only_text_with_types() -> None:
    assert unchecked("a", "a.ts") == "// @ts-nocheck\na"
    assert unchecked("a", "a.js") == "a"
