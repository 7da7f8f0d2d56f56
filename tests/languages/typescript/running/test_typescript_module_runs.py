"""What the runs of test modules read and write, without a process."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from testsmith.execution.jobs import SKIPPED, TestJob, TracedMember
from testsmith.execution.steps import StepResult
from testsmith.languages.typescript.running.frameworks import Framework
from testsmith.languages.typescript.running.module_runs import (
    PlacedModule,
    is_unnamed,
    lacks_module,
    noted_name,
    numbered,
    unchecked,
)
from testsmith.languages.typescript.running.processes import Ran
from testsmith.languages.typescript.running.reports import FrameworkReport, ReportedTest


@pytest.mark.parametrize(
    "title", ["suite > adds", "suite adds", "test/a.test.ts > suite > adds", "suite > adds > ones > late"]
)
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


def placed(code: str, path: str = "test/a.test.ts", member: str = "src/a.ts") -> PlacedModule:
    """Return a test module that has not been run."""
    traced = TracedMember(path=member, first=1, last=3)
    job = TestJob(number=0, code=code, seconds=1.0, traced=traced)
    return PlacedModule(job=job, path=path, framework=cast(Framework, None))


@pytest.mark.parametrize(
    "words",
    [
        "Error: Cannot find module 'lodash'\nRequire stack:\n- /p/src/a.js",
        "Cannot find package 'lodash' imported from /p/src/a.js",
        'Failed to resolve import "lodash/get" from "src/a.ts". Does the file exist?',
        "Failed to load url lodash (resolved id: lodash) in /p/src/a.ts",
        "Cannot find module '@scope/tools' from 'src/a.js'",
        "Cannot find module '/p/src/built.js' imported from /p/src/a.ts",
    ],
)
def test_lacks_module__that_another_file_imports(words: str) -> None:
    module = placed('import { a } from "../src/a";\n')
    module.placed["src/a.ts"] = Path("/texts/a.ts")  # the member's file with flags
    assert lacks_module(words, module)
    own = words.replace("/p/src/a.js", "/p/test/a.test.ts").replace("/p/src/a.ts", "/p/test/a.test.ts")
    own = own.replace("src/a.js", "test/a.test.ts").replace("src/a.ts", "test/a.test.ts")
    imports = 'import "lodash/get"; import "@scope/tools"; import "../src/built.js";\n'
    assert not lacks_module(own, placed(imports))


def test_lacks_module__an_unknown_importer() -> None:
    assert lacks_module("Cannot find package 'lodash'", placed('import "./a";\n'))
    assert not lacks_module("Cannot find package 'lodash'", placed('import "lodash";\n'))


@pytest.mark.parametrize("name", ["../src/a.js", "/p/src/a.js"])
def test_lacks_module__the_members_own_that_has_to_be_built(name: str) -> None:
    words = f"Error: Cannot find module '{name}'\nRequire stack:\n- /p/test/a.test.ts"
    assert lacks_module(words, placed('import { a } from "../src/a.js";\n'))
    assert not lacks_module(words.replace("src/a", "src/b"), placed('import { a } from "../src/b.js";\n'))


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
