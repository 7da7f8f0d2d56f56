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
    subjects = [subject, replace(subject, is_run_by_framework=False)]

    async def scenario() -> list[Verdict]:
        async with small_workspace(tmp_path, {"shop.py": HEAD}, {"shop.py": BASE}) as workspace:
            context = proof_context(workspace, VerificationSettings(runs=1))
            return await prove_in_framework(subjects, PYTHON, context)

    by_unittest, by_pytest = asyncio.run(scenario())
    assert by_unittest.green is None
    assert "does not pass under `python -m unittest`" in by_unittest.cuts[-1].reason
    assert by_pytest.green is not None
