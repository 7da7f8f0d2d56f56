"""Measure the baseline: what the project's own tests reach of the members, and which mutants they kill.

Each test runs in a process of its own, in a writable copy of the project: its coverage is that of the
process. The tests are those of the members' packages and of the packages whose tests import them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.execution.baseline import MemberBaseline, OnBase, OwnSuite
from testsmith.execution.jobs import FAILED, PASSED, SKIPPED, ChangedModules, Reached
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.steps import Outcome, Plan, Step, StepResult
from testsmith.execution.workspace import ProjectCopy, remove_folder
from testsmith.languages.go.running.builds import Build, Builder, Built
from testsmith.languages.go.running.coverage_profile import lines_run, read_profile
from testsmith.languages.go.running.module_runs import profile_name, run_root
from testsmith.languages.go.running.mutant_runs import MutantRuns, Target, kills
from testsmith.languages.go.running.project_tests.own_files import (
    GoTest,
    import_path,
    own_tests_of,
    test_files_in,
    test_packages,
    text_at,
)
from testsmith.languages.go.running.steps import run_steps
from testsmith.languages.go.running.test_names import names_at, pattern_of, test_lines
from testsmith.languages.go.running.test_output import TEST_ARGUMENTS, function_result
from testsmith.languages.go.running.workspace import (
    GoWorkspace,
    folder_of,
    module_folder,
    test_variables,
)
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import TestFiles
from testsmith.model import BaselineStatus, Member
from testsmith.settings import VerificationSettings
from testsmith.tasks import gather, in_thread

_MOST_PACKAGES = 20
_MOST_SECONDS = 30.0
_MOST_TESTS_A_LINE = 1_000
_MOST_NAMED = 5
_MOST_BUILDS = 5
_BUDGET = "all"


@dataclass(slots=True)
class _Ran:
    """How a test ended, and what its process reached."""

    test: GoTest
    status: str
    message: str
    seconds: float
    profile: str = ""
    lines: dict[str, frozenset[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Suite:
    """What came of running tests.

    Attributes:
        ran: The tests that ran.
        loaded: Coverage profile of a process that ran no test, by package.
        broken: Why test files could not be built, by package.
        left: Number of tests that were not run.
        is_whole: Whether all packages with tests of the project were run.
    """

    ran: list[_Ran] = field(default_factory=list)
    loaded: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    left: int = 0
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class ProjectTests:
    """The project's own tests.

    Attributes:
        workspace: Where they run.
        builder: Builds test binaries.
        files: Cuts test files.
    """

    workspace: GoWorkspace
    builder: Builder
    files: TestFiles

    async def measure(self, members: Sequence[Member], settings: VerificationSettings) -> OwnSuite:
        """Run them once and return what they reach of the members."""
        if not members:
            return OwnSuite()
        if settings.suite_seconds <= 0:
            return OwnSuite(notes=("the project's tests were not run: suite-seconds is 0",))
        if settings.coverage is not None:
            return OwnSuite(notes=("coverage files of Go are not read: leave out --coverage",))
        try:
            suite = await self._run(members, settings.suite_seconds)
        except (CannotRun, OSError) as error:
            note = f"the project's tests were not run: {error}"
            return OwnSuite(status=BaselineStatus.FAILED, notes=(note,))
        return await in_thread(_concluded, self.workspace.head, members, suite, settings.suite_seconds)

    async def on_base(self, suite: OwnSuite, seconds: float) -> OwnSuite:
        """Run those that pass and reach a member on base's source, and add the results to the baseline.

        A function that does not compile there has failed.
        """
        base = self.workspace.base
        if base is None or not suite.is_run or not suite.passed or seconds <= 0:
            return suite
        try:
            return await self._on_base(base, suite, seconds)
        except (CannotRun, OSError) as error:
            note = f"the project's tests were not run on the merge base: {error}"
            return replace(suite, notes=(*suite.notes, note))

    async def changed(
        self, changed: Mapping[str, ChangedModules], seconds: float
    ) -> dict[str, dict[int, bool]]:
        """Run them against mutants by file or member; return whether each was killed, also by number.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        targets = {
            member: [
                Target(
                    package=package,
                    files={},
                    changed=of_package(modules, package),
                    budget=_BUDGET,
                    seconds=seconds,
                )
                for package in sorted({folder_of(test) for one in modules.changes for test in one.tests})
            ]
            for member, modules in changed.items()
        }
        runs = MutantRuns(self.workspace, self.builder, copies=True)
        found = iter(await runs.run([one for some in targets.values() for one in some]))
        return {member: kills(some, [next(found) for _ in some]) for member, some in targets.items()}

    async def _run(self, members: Sequence[Member], seconds: float) -> _Suite:
        head = self.workspace.head
        packages, is_whole = await in_thread(_packages, head, members)
        orders = [
            Build(copy=head, package=package, covered=await in_thread(_covered, head, package, members))
            for package in packages
        ]
        suite = _Suite(is_whole=is_whole)
        tests: list[tuple[GoTest | None, Built]] = []
        for order, built in zip(orders, await self.builder.build(orders), strict=True):
            if built.binary is None:
                suite.broken[order.package] = built.trouble
                continue
            own = await in_thread(own_tests_of, head, order.package)
            tests += [(None, built), *((test, built) for test in own)]
        parallel = max(1, min(self.workspace.parallel, len(tests)))
        shares = [tests[start::parallel] for start in range(parallel)] if tests else []
        running = (self.run_share(head, share, seconds, profiles=True) for share in shares)
        for share, outcome in zip(shares, await gather(*running), strict=True):
            _add(suite, head, share, outcome)
        for ran in suite.ran:
            ran.lines = await in_thread(_lines, head, suite, ran, members)
        return suite

    async def run_share(
        self,
        copy: ProjectCopy,
        share: Sequence[tuple[GoTest | None, Built]],
        seconds: float,
        *,
        profiles: bool,
        variables: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run some tests one after the other, in a writable copy of the project if there is space for one.

        Args:
            copy: Copy that they were built from.
            share: The tests with their binaries; None for a process that runs no test.
            seconds: Time limit for all of them.
            profiles: Whether to return their coverage.
            variables: Additional environment variables.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        workspace = self.workspace
        folder = workspace.new_folder("own")
        try:
            root = await in_thread(run_root, copy, folder)
            steps = [
                Step(
                    number=number,
                    argv=(
                        str(built.binary),
                        *TEST_ARGUMENTS,
                        *("-test.run", pattern_of([] if test is None else [test.name])),
                        *((f"-test.coverprofile={folder}/profile",) if profiles else ()),
                    ),
                    variables={**test_variables(workspace.toolchain, folder), **(variables or {})},
                    folder=root / built.working_folder.relative_to(copy.root),
                    seconds=min(seconds, _MOST_SECONDS),
                    budget=_BUDGET,
                    profile=folder / "profile" if profiles else None,
                )
                for number, (test, built) in enumerate(share)
            ]
            binaries = {built.binary.parent for _, built in share if built.binary is not None}
            readable = (*sorted(binaries), copy.root, workspace.toolchain.root / "lib")
            plan = Plan(steps=steps, budgets={_BUDGET: seconds}, folder=folder, readable=readable)
            return await run_steps(workspace, plan)
        finally:
            await in_thread(remove_folder, folder)

    async def _on_base(self, base: ProjectCopy, suite: OwnSuite, seconds: float) -> OwnSuite:
        passed, failed = set[str](), set[str]()
        ended: dict[str, tuple[str, str]] = {}
        for package in sorted({folder_of(test) for test in suite.passed}):
            wanted = [
                test
                for test in await in_thread(own_tests_of, self.workspace.head, package)
                if test.id in suite.passed
            ]
            built, lost = await self.built_on_base(base, package)
            failed |= {test.id for test in wanted if test.id in lost}
            ended |= {test: (FAILED, why) for test, why in lost.items() if test in failed}
            if built.binary is None:
                continue
            share: list[tuple[GoTest | None, Built]] = [(one, built) for one in wanted if one.id not in lost]
            outcome = await self.run_share(base, share, seconds, profiles=False)
            for number, (test, _) in enumerate(share):
                result = outcome.results.get(number)
                if test is None or result is None:
                    continue
                found = function_result(test.name, result, ())
                ended[test.id] = (found.status, found.message)
                (passed if found.status in {PASSED, SKIPPED} else failed).add(test.id)
        on_base = OnBase(passed=frozenset(passed), failed=frozenset(failed))
        return replace(suite, on_base=on_base, on_base_ended={**suite.on_base_ended, **ended})

    async def built_on_base(self, base: ProjectCopy, package: str) -> tuple[Built, dict[str, str]]:
        """Build head's tests of a package on base, without the functions that do not compile there."""
        head = self.workspace.head
        texts: dict[str, str | None] = {
            path: await in_thread(text_at, head.root / path) for path in test_files_in(head, package)
        }
        texts |= {path: None for path in test_files_in(base, package) if path not in texts}
        lost: dict[str, str] = {}
        built = Built(binary=None, working_folder=base.root)
        for _ in range(_MOST_BUILDS):
            [built] = await self.builder.build([Build(copy=base, package=package, files=texts)])
            broken = {} if built.binary is not None else dict(self._broken(texts, built))
            if not broken:
                break
            for path, names in broken.items():
                lost |= {f"{path}::{name}": built.trouble for name in names}
                text = texts[path] or ""
                kept = [name for name in test_lines(text) if name not in names]
                texts[path] = self._cut(text, kept)
        return built, lost

    def _cut(self, text: str, kept: Sequence[str]) -> str | None:
        """Return a test file with only some functions; None if nothing is left or it cannot be cut."""
        try:
            return self.files.keep_tests(text, kept) if kept else None
        except CannotParse:
            return None

    def _broken(self, texts: Mapping[str, str | None], built: Built) -> Iterator[tuple[str, frozenset[str]]]:
        for path, text in texts.items():
            name = path.rpartition("/")[2]
            lines = {error.line for error in built.errors if error.file == name}
            names = names_at(text or "", lines)
            if names:
                yield path, names


def _packages(copy: ProjectCopy, members: Sequence[Member]) -> tuple[list[str], bool]:
    """Return the folders of packages whose tests may reach a member, and whether these are all tests."""
    own = {folder_of(member.path) for member in members}
    imports = {import_path(copy, folder) for folder in own}
    quoted = [f'"{path}"' for path in imports if path]
    near, others = [], []
    for folder, texts in test_packages(copy.root):
        if folder in own:
            near.append(folder)
        elif any(path in text for text in texts for path in quoted):
            others.append(folder)
        else:
            others.append("")
    users = [folder for folder in others if folder]
    chosen = (near + users)[:_MOST_PACKAGES]
    return chosen, len(chosen) == len(near) + len(others)


def _covered(copy: ProjectCopy, package: str, members: Sequence[Member]) -> tuple[str, ...]:
    """Return the folders of the members that are in the same module as a package."""
    module = module_folder(copy.root, package)
    folders = sorted({folder_of(member.path) for member in members})
    return tuple(one for one in folders if module_folder(copy.root, one) == module)


def _add(
    suite: _Suite, copy: ProjectCopy, share: Sequence[tuple[GoTest | None, Built]], outcome: Outcome
) -> None:
    for number, (test, built) in enumerate(share):
        result = outcome.results.get(number)
        package = str(built.working_folder.relative_to(copy.root))
        if test is None:
            suite.loaded["" if package == "." else package] = (result.profile if result else None) or ""
        elif result is None:
            suite.left += 1
        elif not _is_absent(result):
            found = function_result(test.name, result, ())
            status = found.status if result.profile is not None or found.status != PASSED else FAILED
            suite.ran.append(_Ran(test, status, found.message, result.seconds, result.profile or ""))


def _is_absent(result: StepResult) -> bool:
    """Return whether the binary does not have the function, or does not run it: build tags, no output."""
    return result.exit_code == 0 and "testing: warning: no tests to run" in result.output


def _lines(
    copy: ProjectCopy, suite: _Suite, ran: _Ran, members: Sequence[Member]
) -> dict[str, frozenset[int]]:
    """Return the lines that a test reaches, by the path of a member's file."""
    counts, loaded = read_profile(ran.profile), read_profile(suite.loaded.get(ran.test.package, ""))
    return {
        path: lines_run(counts, profile_name(copy, path), text_at(copy.root / path), loaded)
        for path in {member.path for member in members}
    }


def _concluded(copy: ProjectCopy, members: Sequence[Member], suite: _Suite, seconds: float) -> OwnSuite:
    """Return the baseline according to a run of the tests."""
    blamed = {member.id: _blamed(member, suite) for member in members}
    is_late = suite.left > 0
    unknown = {member.id for member in members if is_late or blamed[member.id]}
    found = {member.id: _baseline(copy, member, suite) for member in members}
    passing = {ran.test.id for ran in suite.ran if ran.status == PASSED}
    failing = {ran.test.id for ran in suite.ran if ran.status not in {PASSED, SKIPPED}}
    broken = {path for package in suite.broken for path in test_files_in(copy, package)}
    whole = suite.is_whole and not is_late
    result = OwnSuite(
        status=_status(suite, unknown),
        tests=len(suite.ran),
        members={one: baseline for one, baseline in found.items() if one not in unknown},
        partly={one: baseline for one, baseline in found.items() if one in unknown and baseline.tests},
        notes=tuple(_notes(suite, failing, seconds)),
        failed=frozenset(failing | broken) if whole else None,
        blamed={one: tests for one, tests in blamed.items() if tests},
        is_cut_short=is_late,
    )
    passed = result.reaching & passing
    files = {test.partition("::")[0] for test in passed}
    counts = Counter(test.partition("::")[0] for test in passing)
    return replace(result, passed=passed, passing={file: counts[file] for file in files})


def _status(suite: _Suite, unknown: Iterable[str]) -> BaselineStatus:
    if not suite.ran:
        return BaselineStatus.FAILED if suite.broken or suite.left else BaselineStatus.NONE
    return BaselineStatus.PARTLY if [*unknown] or suite.left else BaselineStatus.MEASURED


def _notes(suite: _Suite, failing: set[str], seconds: float) -> Iterator[str]:
    if suite.broken:
        package, why = next(iter(suite.broken.items()))
        yield f"the tests of {package or 'the package'} do not compile: {why.splitlines()[0]}"
    if failing:
        named = ", ".join(sorted(failing)[:_MOST_NAMED])
        count = "1 test" if len(failing) == 1 else f"{len(failing)} tests"
        yield f"{count} of the project did not pass in the sandbox: {named}"
    if suite.left:
        yield f"the project's tests took more than {seconds:.0f} s, so {suite.left} were not run"


def _blamed(member: Member, suite: _Suite) -> frozenset[str]:
    """Return the tests because of which it is unknown what the project's tests show of a member."""
    word = re.compile(rf"\b{re.escape(member.name.rpartition('.')[2])}\b")
    failing = (ran for ran in suite.ran if ran.status not in {PASSED, SKIPPED})
    tests = {ran.test.id for ran in failing if _within(member, ran) or word.search(ran.test.text)}
    package = folder_of(member.path)
    return frozenset(tests | ({f"{package}::"} if package in suite.broken else set()))


def _within(member: Member, ran: _Ran) -> frozenset[int]:
    lines = ran.lines.get(member.path, frozenset[int]())
    return frozenset(line for line in lines if member.line <= line <= member.end_line)


def _baseline(copy: ProjectCopy, member: Member, suite: _Suite) -> MemberBaseline:
    reaching: dict[int, list[_Ran]] = {}
    for ran in suite.ran:
        for line in _within(member, ran):
            reaching.setdefault(line, []).append(ran)
    profile = read_profile(suite.loaded.get(folder_of(member.path), ""))
    source = text_at(copy.root / member.path)
    loaded = {
        line
        for line in lines_run(profile, profile_name(copy, member.path), source, {})
        if member.line <= line <= member.end_line
    }
    of_loaded = [ran for ran in suite.ran if _within(member, ran)]
    return MemberBaseline(
        reached=Reached(lines=frozenset(loaded.union(reaching))),
        tests={
            line: _quickest(of_loaded if line in loaded else reaching[line])
            for line in sorted(loaded.union(reaching))
        },
        branches_known=False,
        is_whole=suite.is_whole,
    )


def _quickest(tests: Iterable[_Ran]) -> tuple[str, ...]:
    ordered = sorted(tests, key=lambda ran: (ran.seconds, ran.test.id))
    return tuple(ran.test.id for ran in ordered[:_MOST_TESTS_A_LINE])


def of_package(modules: ChangedModules, package: str) -> ChangedModules:
    """Return mutants with the names of their tests in one package."""
    changes = []
    for one in modules.changes:
        names = {test.partition("::")[2] for test in one.tests if folder_of(test) == package}
        if names:
            changes.append(replace(one, tests=frozenset(names)))
    return replace(modules, changes=tuple(changes), direct=None)
