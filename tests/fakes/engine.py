"""The offline engine at work on a small project, with what it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from fakes.trees import MemoryTree
from fakes.workspaces import small_workspace
from testsmith.execution.shell import OWN_PYTHON
from testsmith.generation.interface import BatchTestGenerator
from testsmith.languages.python.explorer.generator import OfflineGenerator
from testsmith.languages.registry import languages
from testsmith.model import Candidate, Change, Member, Request, Result, Skipped
from testsmith.settings import VerificationSettings


def members_of(files: Mapping[str, str], change: Change = Change.ADDED) -> list[Member]:
    """Return all members as the language finds them, with another reason to be looked at; tests have none."""
    language = languages()[0]
    paths = [path for path in sorted(files) if not language.tests.is_test(path)]
    found = language.source.all_members(MemoryTree(files), paths, "").members
    fields = Member.__slots__
    return [Member(**{**{name: getattr(each, name) for name in fields}, "change": change}) for each in found]


async def answers(
    folder: Path,
    head: Mapping[str, str],
    base: Mapping[str, str] | None = None,
    added: Collection[str] = (),
) -> dict[str, Result]:
    """Return what the engine says of every member of a project, by the member's name."""
    members = members_of(head, Change.ADDED if base is None else Change.CHANGED)
    members = [replace(one, change=Change.ADDED) if one.name in added else one for one in members]
    requests = [Request(member=member, test_path="tests/test_x.py") for member in members]
    # The interpreter that has the packages which some of the projects use.
    async with small_workspace(folder, head, base, VerificationSettings(python=OWN_PYTHON)) as workspace:
        generator = OfflineGenerator(workspace)
        assert isinstance(generator, BatchTestGenerator)
        results = [result async for result in generator.generate_batch(requests)]
    by_id = {result.member: result for result in results}  # one module may be done before another
    assert by_id.keys() == {member.id for member in members}
    assert len(results) == len(members)
    return {member.name: by_id[member.id] for member in members}


def candidate(result: Result) -> Candidate:
    assert isinstance(result, Candidate), result
    return result


def reason(result: Result) -> str:
    assert isinstance(result, Skipped), result
    return result.reason


def run_pytest(folder: Path, modules: Mapping[str, str], tests: Mapping[str, str]) -> str:
    """Run plain pytest as a person would: in a folder of tests alone, with the source roots on the path."""
    for place, files in (("roots", modules), ("tests", tests)):
        (folder / place).mkdir()
        for name, text in files.items():
            file = name if place == "roots" else f"test_{name.replace('.', '_')}"
            (folder / place / f"{file}.py").write_text(text)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "roots")}
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    done = subprocess.run(
        command, cwd=folder / "tests", env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout
