"""What the runs of test modules read and write, without a process."""

from __future__ import annotations

import pytest

from testsmith.execution.jobs import SKIPPED
from testsmith.execution.steps import StepResult
from testsmith.languages.typescript.running.module_runs import (
    is_unnamed,
    lacks_package,
    noted_name,
    numbered,
    unchecked,
)
from testsmith.languages.typescript.running.processes import Ran
from testsmith.languages.typescript.running.reports import FrameworkReport, ReportedTest


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


@pytest.mark.parametrize(
    "words",
    [
        "Error: Cannot find module 'lodash'\nRequire stack:\n- /p/src/a.js",
        "Cannot find package 'lodash' imported from /p/src/a.js",
        'Failed to resolve import "lodash/get" from "src/a.ts". Does the file exist?',
        "Failed to load url lodash (resolved id: lodash) in /p/src/a.ts",
        "Cannot find module '@scope/tools' from 'src/a.js'",
    ],
)
def test_lacks_package__that_the_test_does_not_import(words: str) -> None:
    assert lacks_package(words, 'import { a } from "./a";\n')
    assert not lacks_package(words, 'import "lodash/get"; import "@scope/tools";\n')


@pytest.mark.parametrize("name", ["./b", "../src/b.js", "/p/src/b.js", "node:nothing"])
def test_lacks_package__a_file_that_is_not_there_is_the_tests_own_fault(name: str) -> None:
    assert not lacks_package(f"Cannot find module '{name}'", f'import "{name}";\n')


def test_is_unnamed__only_if_all_went_well() -> None:
    def ran(exit_code: int = 0, timed_out: bool = False, **report: object) -> Ran:
        step = StepResult(number=0, exit_code=exit_code, timed_out=timed_out)
        return Ran(step=step, report=FrameworkReport(**report))  # type: ignore[arg-type]

    other = ReportedTest(file="/a.test.ts", name="Adds", status=SKIPPED)
    assert is_unnamed("adds", ran(tests=(other,)))
    assert is_unnamed("adds", ran())
    assert not is_unnamed("Adds", ran(tests=(other,)))
    assert not is_unnamed("adds", ran(troubles={"/a.test.ts": "SyntaxError"}))
    assert not is_unnamed("adds", ran(exit_code=1))
    assert not is_unnamed("adds", ran(timed_out=True))
    assert not is_unnamed("adds", Ran(step=StepResult(number=0, exit_code=0)))
