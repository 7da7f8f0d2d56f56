"""A whole small language: formulas such as `total(a, b) = a + b`, tests such as `test two: total(1, 1) == 2`.

It has all that a language must have, and its tests are run in a process of their own. Nothing of the bot
knows it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from testsmith.execution.jobs import FAILED, PASSED, FunctionResult, JobResult, Reached, RunSetting, TestJob
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.workspace import ProjectCopy, Workspace, WorkspaceOrder
from testsmith.languages.judge import Finding, Judge
from testsmith.languages.language import Language
from testsmith.languages.mutants import Edit, Mutant, Mutator, Operator, Replacement
from testsmith.languages.source import CannotParse, MemberFindings, SourceReader, SourceTree
from testsmith.languages.tests import TestFiles
from testsmith.languages.toolchain import Toolchain
from testsmith.model import Change, Member, MemberKind, Request

_FORMULA = re.compile(r"(?P<name>\w+)\((?P<arguments>[\w, ]*)\) = (?P<body>.+)")
_TEST = re.compile(r"test (?P<name>\w+): (?P<claim>.+)")


class _Source(SourceReader):
    def handles(self, path: str) -> bool:
        return path.endswith(".calc")

    def all_members(self, tree: SourceTree, paths: Sequence[str], _project: str) -> MemberFindings:
        return MemberFindings(members=tuple(self._members(tree, paths)))

    def _members(self, tree: SourceTree, paths: Sequence[str]) -> Iterator[Member]:
        for path in paths:
            lines = (tree.read(path) or b"").decode().splitlines()
            for line, found in ((line, _FORMULA.fullmatch(text)) for line, text in enumerate(lines, 1)):
                if found is not None:
                    yield Member(
                        path=path,
                        name=found["name"],
                        language="calc",
                        change=Change.ADDED,
                        line=line,
                        end_line=line,
                        kind=MemberKind.FUNCTION,
                        source=found[0],
                        module=path,
                    )

    def requests(
        self, _tree: SourceTree, members: Sequence[Member], _project: str, _intent: str
    ) -> Iterator[Request]:
        for member in members:
            path = PurePosixPath(member.path)
            yield Request(member=member, test_path=str(path.with_name(f"test_{path.name}")), framework="calc")


class _Tests(TestFiles):
    framework = "calc"

    def is_test(self, path: str) -> bool:
        return PurePosixPath(path).name.startswith("test_")

    def test_functions(self, code: str) -> tuple[str, ...]:
        return tuple(_claims(code))

    def keep_tests(self, code: str, names: Collection[str]) -> str:
        return "".join(f"test {name}: {claim}\n" for name, claim in _claims(code).items() if name in names)


def _claims(code: str) -> dict[str, str]:
    found = [(line, _TEST.fullmatch(line)) for line in code.splitlines()]
    if wrong := [line for line, test in found if test is None]:
        raise CannotParse(f"it is not a test: {wrong[0]}")
    return {test["name"]: test["claim"] for _, test in found if test is not None}


class _Judge(Judge):
    def findings(
        self, code: str, _member: Member, _test_path: str | None = None
    ) -> Mapping[str, Sequence[Finding]]:
        silent = [name for name, claim in _claims(code).items() if "==" not in claim]
        return {name: [Finding("asserts nothing", is_lack=True)] for name in silent}


class _Mutator(Mutator):
    def mutants(self, text: str, member: Member, most: int, _per_line: int = 2) -> tuple[Mutant, ...]:
        start = text.index(member.source)
        places = [start + place for place, sign in enumerate(member.source) if sign == "+"]
        return tuple(
            Mutant(
                line=member.line,
                words=f"`+` to `-` on line {member.line}",
                operator=Operator.ARITHMETIC,
                edit=Edit(start=place, end=place + 1, text="-"),
                statement=(member.line, member.line),
                function=None,
            )
            for place in places[:most]
        )

    def taken_away(self, text: str, member: Member) -> Replacement | None:
        end = text.index(member.source) + len(member.source)
        return Replacement(edit=Edit(start=end, end=end, text=" if is_gone() else 0"), function=None)


CALC = Language(name="calc", source=_Source(), tests=_Tests(), judge=_Judge(), mutator=_Mutator())

_PROGRAM = """
import json, sys
formulas, claims = json.load(sys.stdin)
reached, names = set(), {}
def defined(name, arguments, body):
    def call(*given):
        reached.add(name)
        return eval(body, names, dict(zip(arguments, given, strict=True)))
    names[name] = call
for each in formulas:
    defined(*each)
for name, claim in claims.items():
    reached.clear()
    try:
        says = "" if eval(claim, names) is not False else f"{claim} is false"
    except Exception as error:
        says = f"{type(error).__name__}: {error}"
    print(json.dumps([name, says, sorted(reached)]))
"""


@dataclass(frozen=True, kw_only=True)
class _Setting(RunSetting):
    number: int = 0


@dataclass(frozen=True)
class CalcRunner(TestRunner):
    """Runs tests in a process of their own, which is given the formulas and the claims."""

    workspace: Workspace

    def head_settings(self, runs: int) -> tuple[RunSetting, ...]:
        return tuple(_Setting(name=f"run {number}", number=number) for number in range(runs))

    def base_settings(self, _runs: int) -> tuple[RunSetting, ...]:
        return (_Setting(name="base", on_base=True),)

    def watched_setting(self) -> RunSetting:
        return _Setting(name="watched", number=-1)

    def words(self, setting: RunSetting, _done: frozenset[str]) -> tuple[str, ...]:
        return (setting.name,)

    def on_copy(self, _head: ProjectCopy) -> TestRunner:
        return self

    async def run(self, setting: RunSetting, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        copy = self.workspace.base if setting.on_base else self.workspace.head
        assert copy is not None
        text = (copy.root / "fees.calc").read_text()
        return {job.number: await self._result(job, text) for job in jobs}

    async def _result(self, job: TestJob, text: str) -> JobResult:
        line = 0 if job.traced is None else job.traced.first
        formula = _FORMULA.fullmatch("".join(text.splitlines()[line - 1 : line])) if line else None
        found = await _answers(text, job.code)
        functions = {
            name: FunctionResult(
                status=FAILED if says else PASSED,
                message=says,
                reached=Reached(lines=frozenset({line} if formula and formula["name"] in names else ())),
            )
            for name, says, names in found
        }
        return JobResult(functions=functions, idle=())

    async def run_changed(self, jobs: Sequence[TestJob]) -> Mapping[int, JobResult]:
        results = {}
        for job in jobs:
            assert job.changed is not None
            changed = {}
            for change in job.changed.changes:
                start, end, new = change.edit
                text = job.changed.source[:start] + new + job.changed.source[end:]
                found = await _answers(text, job.code)
                changed[change.number] = {name: FAILED if says else PASSED for name, says, _ in found}
            results[job.number] = JobResult(changed=changed)
        return results


async def _answers(text: str, code: str) -> list[tuple[str, str, list[str]]]:
    formulas = [_FORMULA.fullmatch(line) for line in text.splitlines()]
    parts = [(one["name"], one["arguments"].split(", "), one["body"]) for one in formulas if one is not None]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps([parts, _claims(code)]).encode())
    return [(name, says, names) for name, says, names in map(json.loads, out.splitlines())]


@asynccontextmanager
async def _opened(order: WorkspaceOrder) -> AsyncIterator[TestRunner]:
    with tempfile.TemporaryDirectory() as folder:
        copies = [
            _copied(tree, Path(folder) / name)
            for name, tree in (("head", order.head), ("base", order.base))
            if tree is not None
        ]
        head, base = [*copies, None][:2]
        assert head is not None
        yield CalcRunner(
            Workspace(
                head=head,
                base=base,
                scratch=Path(folder),
                sandbox=await order.build_sandbox(Path(sys.executable)),
                limits=Limits(seconds=10.0),
            )
        )


def _copied(tree: SourceTree, folder: Path) -> ProjectCopy:
    for path in tree.paths():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(tree.read(path) or b"")
    return ProjectCopy(root=folder, source_roots=(folder,))


CALC_TOOLCHAIN = Toolchain(open=_opened)
