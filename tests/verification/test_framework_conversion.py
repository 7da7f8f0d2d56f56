from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from fakes.workspaces import function_member, proof_context, small_workspace
from testsmith.languages.python.language import PYTHON
from testsmith.model import Candidate, Change, Origin
from testsmith.settings import VerificationSettings
from testsmith.verification.evidence import RunSubject
from testsmith.verification.framework_conversion import prove_in_framework
from testsmith.verification.gate import Verdict

BASE = "def twice(x):\n    return x\n"
HEAD = "def twice(x):\n    return 2 * x\n"
CODE = """\
import sys
import unittest

from shop import twice


class TestTwice(unittest.TestCase):
    def test_twice(self):
        self.assertEqual(twice(4), 8 if "pytest" in sys.modules else 4)
"""


def test_prove_in_framework__runs_it_by_unittest_only_if_the_project_does(tmp_path: Path) -> None:
    member = replace(function_member(HEAD, "twice"), change=Change.CHANGED)
    subject = RunSubject(
        member=member,
        candidate=Candidate(member=member.id, code=CODE, origin=Origin.MODEL),
        framework="unittest",
    )
    in_a_class_of_pytest = CODE.replace("(unittest.TestCase)", "").replace("self.assertEqual", "self.check")
    in_a_class_of_pytest += "\n    def check(self, found, wanted):\n        assert found == wanted\n"
    edit = replace(subject.candidate, code=in_a_class_of_pytest, edited=in_a_class_of_pytest)
    subjects = [
        subject,
        replace(subject, is_run_by_framework=False),
        replace(subject, is_run_by_framework=False, candidate=edit, test_path="test_shop.py"),
    ]

    async def scenario() -> list[Verdict]:
        async with small_workspace(tmp_path, {"shop.py": HEAD}, {"shop.py": BASE}) as workspace:
            context = proof_context(workspace, VerificationSettings(runs=1))
            return await prove_in_framework(subjects, PYTHON, context)

    by_unittest, by_pytest, edited = asyncio.run(scenario())
    assert by_unittest.green is None
    assert "does not pass under `python -m unittest`" in by_unittest.cuts[-1].reason
    assert by_pytest.green is not None
    assert edited.green is not None
    assert edited.green.candidate.code == in_a_class_of_pytest


WITH_FILE = """\
import unittest
from pathlib import Path

from shop import twice


class TestTwice(unittest.TestCase):
    def test_twice(self):
        expected = (Path(__file__).parent / "expected.txt").read_text()
        self.assertEqual(twice(4), int(expected))
        self.assertEqual(Path("shop.py").exists(), True)
"""


def test_prove_in_framework__runs_what_needs_the_project_next_to_its_tests(tmp_path: Path) -> None:
    member = replace(function_member(HEAD, "twice"), change=Change.CHANGED)
    subject = RunSubject(
        member=member,
        candidate=Candidate(member=member.id, code=WITH_FILE, origin=Origin.MODEL),
        framework="unittest",
        test_path="tests/unit/test_shop.py",
    )

    async def scenario() -> list[Verdict]:
        head = {"shop.py": HEAD, "tests/unit/expected.txt": "8"}
        async with small_workspace(tmp_path, head, {"shop.py": BASE}) as workspace:
            context = proof_context(workspace, VerificationSettings(runs=3))
            return await prove_in_framework([subject], PYTHON, context)

    (verdict,) = asyncio.run(scenario())
    assert verdict.cuts == ()
    assert verdict.green is not None
