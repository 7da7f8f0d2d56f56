from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path

from bot.languages.python.test_modules import test_functions as names_of_tests
from bot.model import Candidate, Member, Origin
from bot.settings import VerificationSettings
from bot.verification.evidence import Subject, gather_evidence
from bot.verification.mutation import Mutation, gather_mutants
from bot.verification.proof import Proof
from fakes.workspaces import CountingProgress, function_member, small_workspace

CLAMP = """\
def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)
"""

SETTINGS = VerificationSettings(test_seconds=10.0, runs=2)


def subject(code: str, member: Member) -> Subject:
    candidate = Candidate(member=member.id, code=textwrap.dedent(code), origin=Origin.OFFLINE)
    return Subject(member=member, candidate=candidate)


def tried(
    folder: Path, source: str, *subjects: Subject, progress: CountingProgress | None = None
) -> tuple[Mutation, ...]:
    """Run candidates as they are, then with their members changed."""

    async def scenario() -> tuple[Mutation, ...]:
        async with small_workspace(folder, {"shop.py": source}) as workspace:
            proofs: tuple[Proof, ...] = await gather_evidence(
                subjects, workspace, names_of_tests, SETTINGS, CountingProgress()
            )
            return await gather_mutants(proofs, workspace, SETTINGS, progress or CountingProgress())

    return asyncio.run(scenario())


def test_gather_mutants__a_hand_made_function_with_known_verdicts(tmp_path: Path) -> None:
    member = function_member(CLAMP, "clamp")
    strong = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) == 1

        def test_high():
            assert clamp(5, 1, 3) == 3

        def test_between():
            assert clamp(2, 1, 3) == 2
    """
    weak = """
        from shop import clamp

        def test_low():
            assert clamp(0, 1, 3) is not None
    """
    elsewhere = """
        import shop

        def test_there():
            assert shop.clamp
    """
    subjects = [subject(code, member) for code in (strong, weak, elsewhere)]
    progress = CountingProgress()
    good, poor, none = tried(tmp_path, CLAMP, *subjects, progress=progress)
    assert good == Mutation(
        mutants=4,
        killed=(
            "`<` to `>=` on line 2",
            "`return low` to `return None` on line 3",
            "`return min(value, high)` to `return None` on line 4",
        ),
    )
    assert poor == Mutation(mutants=4, killed=("`return low` to `return None` on line 3",))
    assert none == Mutation(mutants=4, empty=frozenset({"test_there"}))
    assert (progress.phases, progress.steps) == ([("trying mutants", 3)], 3)
