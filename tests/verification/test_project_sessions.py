"""Candidates that need what the project sets up for its tests: conftest fixtures, files next to the tests."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.trees import MemoryTree
from fakes.workspaces import CountingProgress, function_member, proof_context, small_workspace
from testsmith.languages.python.language import PYTHON
from testsmith.languages.python.test_files.existing.conftest_fixtures import in_place, self_contained
from testsmith.languages.python.test_files.file_edits import edited_tests
from testsmith.languages.results import TestStatus
from testsmith.model import BaseOutcome, Candidate, Label, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import NOTHING_ABOUT_CHANGE, Verdict
from testsmith.verification.prove import prove

BASE = """\
def price(amount, rates):
    return amount * rates["tax"]
"""

HEAD = """\
def price(amount, rates):
    if amount < 0:
        return 0
    return amount * rates["tax"]
"""

APP = """\
import pytest

class App:
    rates = {"tax": 2}

@pytest.fixture(autouse=True)
def with_app(request):
    if request.cls is not None:
        request.cls.app = App()
"""

RATES = """\
import json, pathlib
import pytest

FILE = pathlib.Path(__file__).parent / "data" / "rates.json"

@pytest.fixture
def rates():
    return json.loads(FILE.read_text())
"""

DATA = '{"tax": 2}'
OWN = "from shop import price\n\ndef test_own():\n    assert price(1, {'tax': 1}) == 1\n"

OF_CLASS = """
    from shop import price

    class TestPrice:
        def test_negative(self):
            assert price(-1, self.app.rates) == 0

        def test_positive(self):
            assert price(2, self.app.rates) == 4
"""

WITH_FIXTURE = """
    from shop import price

    def test_negative(rates):
        assert price(-1, rates) == 0

    def test_positive(rates):
        assert price(2, rates) == 4
"""

WITH_FILE = """
    import json
    from pathlib import Path

    from shop import price

    def test_negative():
        rates = json.loads((Path(__file__).parent / "data" / "rates.json").read_text())
        assert price(-1, rates) == 0

    def test_positive():
        rates = json.loads((Path(__file__).parent / "data" / "rates.json").read_text())
        assert price(2, rates) == 4
"""

WITH_FILE_AT_LOAD = """
    import json
    from pathlib import Path

    from shop import price

    RATES = json.loads((Path(__file__).parent / "data" / "rates.json").read_text())

    def test_negative():
        assert price(-1, RATES) == 0

    def test_positive():
        assert price(2, RATES) == 4
"""

FROM_FOLDER_OF_PROJECT = """
    import json

    from shop import price

    def test_negative():
        with open("tests/unit/data/rates.json") as file:
            assert price(-1, json.load(file)) == 0

    def test_positive():
        with open("tests/unit/data/rates.json") as file:
            assert price(2, json.load(file)) == 4
"""


def verdicts_of(  # noqa: PLR0913 - each of them changes what is proven
    folder: Path,
    candidates: Mapping[str, Candidate],
    files: Mapping[str, str],
    *,
    only_on_head: Collection[str] = (),
    changed_lines: Collection[int] = (),
    progress: CountingProgress | None = None,
) -> dict[str, Verdict]:
    """Prove candidates for `tests/unit/test_shop.py` of a project."""
    member = replace(function_member(HEAD, "price"), changed_lines=frozenset(changed_lines))
    subjects = [
        RunSubject(member=member, candidate=one, test_path="tests/unit/test_shop.py")
        for one in candidates.values()
    ]

    async def scenario() -> dict[str, Verdict]:
        head = {"shop.py": HEAD, "tests/unit/test_shop.py": OWN, **files}
        base = {path: text for path, text in head.items() if path not in only_on_head}
        async with small_workspace(folder, head, {**base, "shop.py": BASE}) as workspace:
            context = proof_context(workspace, VerificationSettings(test_seconds=20))
            context = replace(context, progress=progress or context.progress)
            return dict(zip(candidates, await prove(subjects, PYTHON, context), strict=True))

    return asyncio.run(scenario())


def candidate(code: str, edited: str = "") -> Candidate:
    member = function_member(HEAD, "price")
    return Candidate(member=member.id, code=textwrap.dedent(code), origin=Origin.MODEL, edited=edited)


def reasons_of(verdict: Verdict) -> dict[str, str]:
    return {cut.function.rpartition("::")[2]: cut.reason for cut in verdict.cuts}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        (OF_CLASS, {"tests/conftest.py": APP}),
        (WITH_FIXTURE, {"tests/unit/conftest.py": RATES, "tests/unit/data/rates.json": DATA}),
        (WITH_FILE, {"tests/unit/data/rates.json": DATA}),
        (WITH_FILE_AT_LOAD, {"tests/unit/data/rates.json": DATA}),
    ],
    ids=["autouse fixture", "fixture of a folder", "file", "file at load"],
)
def test_prove__a_test_that_needs_what_the_project_sets_up(
    code: str, files: Mapping[str, str], tmp_path: Path
) -> None:
    (verdict,) = verdicts_of(tmp_path, {"x": candidate(code)}, files).values()
    assert verdict.green
    assert verdict.green.label is Label.NEW_BEHAVIOR
    assert reasons_of(verdict) == {"test_positive": NOTHING_ABOUT_CHANGE}
    evidence = verdict.green.evidence
    assert (evidence.passes, evidence.runs, evidence.base, evidence.fail_to_pass) == (
        *(5, 5),
        *(BaseOutcome.FAILS, 1),
    )
    assert evidence.mutants_killed
    for function in verdict.proof.functions:
        sessions = [run.session for run in function.head]
        assert sorted(sessions) == [*["next to the project's tests"], *["with the project's conftest"] * 4]
        assert {run.status for run in function.head} == {TestStatus.PASSED}
        assert {"clock at 2032-02-29", "hash seed 5", "time zone UTC+9"} <= {
            words for run in function.head for words in run.settings
        }
    assert [sorted(one.lines) for one in verdict.proof.functions] == [[2, 3], [2, 4]]


def test_prove__a_file_that_is_only_found_from_the_projects_folder(tmp_path: Path) -> None:
    files = {"tests/unit/data/rates.json": DATA}
    (verdict,) = verdicts_of(tmp_path, {"x": candidate(FROM_FOLDER_OF_PROJECT)}, files).values()
    assert verdict.green is None
    reason = reasons_of(verdict)["test_negative"]
    assert reason.startswith("is flaky: failed in 1 of 5 runs")
    assert "another working folder" in reason


@pytest.mark.parametrize(
    "result",
    [
        "json.loads(FILE.read_text())",
        "type('', (dict,), {'__missing__': lambda *_: len(FILE.read_text())})()",
    ],
    ids=["in its setup", "when it is used"],
)
def test_prove__a_fixture_that_only_finds_its_file_from_the_projects_folder(
    result: str, tmp_path: Path
) -> None:
    fixture = (
        "import json, pathlib, pytest\n\nFILE = pathlib.Path('tests/unit/data/rates.json')\n\n"
        f"@pytest.fixture\ndef rates():\n    return {result}\n"
    )
    own = f"{OWN}\n\ndef test_rates(rates):\n    assert rates['tax']\n"
    code = WITH_FIXTURE.replace("== 4", "> 0").replace("price(-1, rates)", "price(-1, rates) * rates['tax']")
    files = {"tests/unit/conftest.py": fixture, "tests/unit/data/rates.json": DATA}
    files["tests/unit/test_shop.py"] = own
    (verdict,) = verdicts_of(tmp_path, {"x": candidate(code)}, files).values()
    assert verdict.green
    settings = {words for one in verdict.proof.functions for run in one.head for words in run.settings}
    assert "another working folder" not in settings


def test_prove__the_fixture_of_a_folder_above_is_run_from_its_own_file(tmp_path: Path) -> None:
    files = {"tests/conftest.py": RATES, "tests/data/rates.json": DATA}
    edited = OWN + textwrap.dedent(WITH_FIXTURE).replace("from shop import price\n", "")
    tests = edited_tests(OWN, edited)
    code = self_contained(tests, "tests/unit/test_shop.py", MemoryTree(files))
    assert "FILE = " not in code
    (verdict,) = verdicts_of(tmp_path, {"x": candidate(code, edited)}, files).values()
    assert verdict.green
    assert reasons_of(verdict) == {"test_positive": NOTHING_ABOUT_CHANGE}


def test_in_place__leaves_out_what_is_from_other_files_on_the_same_lines() -> None:
    edited = "LIMIT = 3\na, b = 1, 2\n\ndef helper():\n    pass\n\ndef test_x(rates):\n    assert rates\n"
    rates = RATES.replace("__file__", '"tests/conftest.py"')
    code = self_contained(edited, "tests/test_x.py", MemoryTree({"tests/conftest.py": rates}))
    assert "def rates" in code
    assert "FILE = " in code
    placed = in_place(code, edited)
    assert "def rates" not in placed
    assert "FILE = " not in placed
    assert placed.splitlines().index("LIMIT = 3") == code.splitlines().index("LIMIT = 3")
    assert [line for line in placed.splitlines() if line and "import" not in line] == [
        line for line in edited.splitlines() if line
    ]
    assert in_place(edited, edited) == edited


def test_prove__on_base_the_setup_is_that_of_the_tests_on_head(tmp_path: Path) -> None:
    progress = CountingProgress()
    files, only_on_head = {"tests/conftest.py": APP}, {"tests/conftest.py"}
    found = verdicts_of(
        tmp_path, {"x": candidate(OF_CLASS)}, files, only_on_head=only_on_head, progress=progress
    )
    green = found["x"].green
    assert green
    assert (green.tests, green.evidence.fail_to_pass) == (("TestPrice::test_negative",), 1)
    assert reasons_of(found["x"]) == {"test_positive": NOTHING_ABOUT_CHANGE}
    assert progress.phases[:2] == [("running tests", 7), ("running tests in the project", 6)]
    assert ("running tests", 7) in progress.phases[2:]
    assert len([name for name, _ in progress.phases if name == "running tests in the project"]) == 1


SETTING_UP = """\
import pytest
from shop import price

class App:
    rates = {"tax": 2}

    def save(self):
        open("made.txt", "w").close()

@pytest.fixture(autouse=True)
def with_app(request):
    assert price(2, App.rates) == 4
    assert price(-2, App.rates) in (0, -4)
    request.cls.app = App()
"""


def in_class(*lines: str) -> str:
    body = "".join(f"        {line}\n" for line in lines)
    return f"import os\nfrom shop import price\n\nclass TestPrice:\n    def test_x(self):\n{body}"


CUT = {
    "never reaches the function": in_class("assert self.app.rates == {'tax': 2}"),
    "shows nothing about this change": in_class(
        "found = price(2, self.app.rates)", "assert self.app.rates == {'tax': 2}", "assert found is not self"
    ),
    "leaves files outside tmp_path: made.txt": in_class(
        "assert price(-1, self.app.rates) == 0", "self.app.save()"
    ),
    "is flaky: failed in 1 of 5 runs, with hash seed 5": in_class(
        "assert price(-1, self.app.rates) == 0", "assert os.environ['PYTHONHASHSEED'] != '5'"
    ),
    "has a call that was not executed: `os.getcwd()`": in_class(
        "assert self.app and price(-1, self.app.rates) == 0 or os.getcwd()"
    ),
}


def test_prove__a_test_that_needs_the_project_is_judged_as_any_other(tmp_path: Path) -> None:
    candidates = {reason: candidate(code) for reason, code in CUT.items()}
    files = {"tests/unit/conftest.py": SETTING_UP}
    found = verdicts_of(tmp_path, candidates, files, changed_lines={2, 3})
    assert {name for name, one in found.items() if one.green} == set()
    reasons = {expected: reasons_of(one)["test_x"] for expected, one in found.items()}
    assert {expected: reason for expected, reason in reasons.items() if expected not in reason} == {}


def test_prove__files_that_git_ignores_may_be_left(tmp_path: Path) -> None:
    code = in_class("assert price(-1, self.app.rates) == 0", "self.app.save()")
    files = {"tests/unit/conftest.py": SETTING_UP, ".gitignore": "*.txt\n"}
    (verdict,) = verdicts_of(tmp_path, {"x": candidate(code)}, files, changed_lines={2, 3}).values()
    assert verdict.green


def test_prove__a_setup_that_fails_in_a_locale_is_made_in_another(tmp_path: Path) -> None:
    reading = APP + "\nimport pathlib\n(pathlib.Path(__file__).parent / 'name.txt').read_text()\n"
    files = {"tests/conftest.py": reading, "tests/name.txt": "na\u00efve"}
    (verdict,) = verdicts_of(tmp_path, {"x": candidate(OF_CLASS)}, files).values()
    assert verdict.green
    for function in verdict.proof.functions:
        assert [run.session for run in function.head].count("with the project's conftest") == 4
        assert "locale C" not in {words for run in function.head for words in run.settings}
