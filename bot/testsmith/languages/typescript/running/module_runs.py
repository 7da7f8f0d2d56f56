"""Run test modules under a setting: all tests of a module in one process, or each in its own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from testsmith.execution.jobs import (
    CRASHED,
    FAILED,
    NOT_RUN,
    PASSED,
    FunctionResult,
    JobResult,
    Reached,
    TestJob,
)
from testsmith.execution.sandbox.interface import without_controls
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import decode
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.running.flags import FlaggedText, Trace, flagged, read_trace
from testsmith.languages.typescript.running.frameworks import Framework, hook, passing_test
from testsmith.languages.typescript.running.processes import Ran, RunFolder, Wanted, left_by_tests, run_folder
from testsmith.languages.typescript.running.reports import (
    JOINT,
    late,
    name_of,
    names_error,
    results_of,
    words_of,
)
from testsmith.languages.typescript.running.run_settings import SHUFFLED, TOGETHER, TypeScriptSetting
from testsmith.languages.typescript.running.unbuilt import LACKING, advice_to_build
from testsmith.languages.typescript.running.workspace import TypeScriptWorkspace
from testsmith.languages.typescript.source.packages import TYPED_ENDINGS
from testsmith.tasks import in_thread

_SECONDS_TO_START = 10.0
_TIMES_AS_LONG = 3
_MOST_ALONE = 20
_ELSEWHERE = "another folder/below"
_NOT_THERE = re.compile(
    r"does not provide an export|Cannot find (?:module|package)|_MODULE_NOT_FOUND|Failed to (?:resolve|load)"
)
_IMPORTER = re.compile(
    r"""(?:imported from|Require stack:\s*-|\bfrom|\) in) ['"]?(?P<file>[^\s'"]+\.[cm]?[jt]sx?)\b"""
)
"""Names the file that imports what is not there."""

_NO_SUCH_TITLE = "its framework reports no test with this title"


@dataclass(slots=True)
class PlacedModule:
    """A test module in a folder of a run.

    Attributes:
        job: Its job.
        path: Its file, relative to the Git root.
        names: Its tests.
        framework: The framework that runs it.
        placed: The files that its processes see.
        member: The member's file with flags; None if they are not asked for.
        own: The module's own text with flags.
        trouble: Why it cannot be run; empty if it can.
        is_fault: Whether that is due to the environment.
        has_started: Whether a process has shown that the framework starts.
        has_other_titles: Whether its framework has reported tests under titles that are not in the module.
        functions: The results until now.
        reached: Lines of the member that each test reached.
        loaded: Lines of the member that were reached before.
        traces: What its processes noted.
        is_together: Whether all tests ran in one process.
    """

    job: TestJob
    path: str
    framework: Framework
    names: tuple[str, ...] = ()
    placed: dict[str, Path] = field(default_factory=dict)
    member: FlaggedText | None = None
    own: FlaggedText | None = None
    trouble: str = ""
    is_fault: bool = False
    has_started: bool = False
    has_other_titles: bool = False
    functions: dict[str, FunctionResult] = field(default_factory=dict)
    reached: dict[str, frozenset[int]] = field(default_factory=dict)
    loaded: frozenset[int] = frozenset()
    traces: list[Trace] = field(default_factory=list)
    is_together: bool = False

    @property
    def left(self) -> list[str]:
        """The tests that have no result yet."""
        return [name for name in self.names if name not in self.functions]

    def wanted(self, setting: TypeScriptSetting, names: Collection[str] | None) -> Wanted:
        """Return a process for some of its tests; None for all."""
        return Wanted(
            framework=self.framework,
            files=(self.path,),
            names=names,
            placed=self.placed,
            seconds=self.job.seconds + _SECONDS_TO_START,
            budget=str(self.job.number),
            seed=setting.seed,
            variables=setting.environment,
            traced=self.member is not None or self.own is not None,
        )


async def run_modules(
    workspace: TypeScriptWorkspace,
    setting: TypeScriptSetting,
    copy: ProjectCopy,
    jobs: Sequence[TestJob],
    tests: TestFiles,
) -> dict[int, JobResult]:
    """Run test modules under one setting, and return a result for each.

    Raises:
        CannotRun: The sandbox could not start a process.
    """
    async with run_folder(workspace, copy, _ELSEWHERE if setting.elsewhere else "project") as folder:
        modules = [await in_thread(module_of, folder, job, tests, setting) for job in jobs]
        runner = _Runner(folder, setting)
        usable = [module for module in modules if not module.trouble and module.left]
        if not setting.apart:
            await runner.together(usable)
            usable = [module for module in usable if not module.trouble or setting.on_base]
        if setting.on_base:
            for module in [one for one in usable if one.trouble]:
                await in_thread(_cut, folder, module, tests)
        alone = [(module, name) for module in usable for name in module.left]
        await runner.alone(alone)
        await runner.find_faults([one for one in modules if one.names and not one.has_started])
        return {module.job.number: _result(module, setting) for module in modules}


def module_of(folder: RunFolder, job: TestJob, tests: TestFiles, setting: TypeScriptSetting) -> PlacedModule:
    """Write the files of a module, and return it."""
    of_member = job.traced.path if job.traced else job.changed.path if job.changed else ""
    asked = job.test_path or _path_for(of_member)
    path = asked if setting.in_file else numbered(asked, job.number)
    module = PlacedModule(job=job, path=path, framework=folder.framework(path))
    module.trouble = module.framework.trouble
    module.is_fault = bool(module.trouble)
    try:
        module.names = tuple(name for name in tests.test_functions(job.code) if name not in job.without)
        text = _prepared(folder, module, setting)
    except CannotParse as error:
        module.trouble = f"it cannot be read: {error}"
        return module
    module.placed[path] = folder.text(text, path)
    return module


def _prepared(folder: RunFolder, module: PlacedModule, setting: TypeScriptSetting) -> str:
    """Return the text of a module, with flags if they are asked for, and place the member's file."""
    text, traced = module.job.code, module.job.traced
    if setting.watched:
        module.own = flagged(text, module.path)
        text = module.own.text
    if setting.traced and traced is not None:
        source = _source(folder.root / traced.path)
        if source is not None:
            module.member = flagged(source, traced.path, within=[range(traced.first, traced.last + 1)])
            changed = unchecked(module.member.text, traced.path)
            module.placed[traced.path] = folder.text(changed, traced.path)
            text = hook(module.framework.command.framework, module.path) + text
    return text if text == module.job.code else unchecked(text, module.path)


def unchecked(text: str, path: str) -> str:
    """Return a changed text whose types are not checked, because they need not fit any more."""
    is_script = text.startswith("#!")
    return f"// @ts-nocheck\n{text}" if path.endswith(TYPED_ENDINGS) and not is_script else text


def _source(place: Path) -> str | None:
    try:
        return decode(place.read_bytes())
    except (OSError, CannotParse):
        return None


def _path_for(path: str) -> str:
    place = PurePosixPath(path)
    return str(place.with_name(f"{place.stem}.test{place.suffix}"))


def numbered(path: str, number: int) -> str:
    """Return the path of a new test file next to another, which matches the same patterns."""
    place = PurePosixPath(path)
    stem, dot, rest = place.name.partition(".")
    return str(place.with_name(f"{stem}.testsmith{number}{dot}{rest}"))


def _cut(folder: RunFolder, module: PlacedModule, tests: TestFiles) -> None:
    """Give each test of a module that does not load on base a file of its own, with its imports only."""
    for name in module.left:
        try:
            text = tests.keep_tests(module.job.code, [name])
        except CannotParse:
            continue
        path = numbered(module.path, module.names.index(name))
        module.placed[path] = folder.text(text, path)


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs modules of one setting."""

    folder: RunFolder
    setting: TypeScriptSetting

    async def together(self, modules: Sequence[PlacedModule]) -> None:
        """Run all tests of each module in one process, and add the results."""
        wanted = [
            module.wanted(self.setting, module.left if module.job.without else None) for module in modules
        ]
        found, _ = await self.folder.take(wanted, _budgets(modules))
        for module, ran in zip(modules, found, strict=True):
            if ran.step is None:
                continue
            module.has_started = module.has_started or ran.report is not None
            reported = () if ran.report is None else ran.report.tests
            module.has_other_titles = any(name_of(one.name, module.names) is None for one in reported)
            results = results_of(module.left, ran.report, ran.step, is_alone=False)
            module.functions |= results
            module.is_together = bool(results)
            _add_trace(module, ran)
            if not results and is_not_loaded(ran):
                words = words_of(ran.step, ran.report)
                advice = "" if self.setting.on_base else advice_to_build(words, self.folder.root, module.path)
                module.trouble = advice or words
                module.is_fault = bool(advice) or (not self.setting.on_base and lacks_module(words, module))

    async def alone(self, waiting: Sequence[tuple[PlacedModule, str]]) -> None:
        """Run tests in a process each, and add the results; there is none of a test that does not exist."""
        modules = list({module.job.number: module for module, _ in waiting}.values())
        wanted = [self._alone(module, name) for module, name in waiting]
        found, trouble = await self.folder.take(wanted, _budgets(modules))
        late_ones = [number for number, ran in enumerate(found) if ran.step is None]
        ended: dict[int, str] = {}
        for number in late_ones[:_MOST_ALONE] if trouble else ():  # one of them ended everything
            [found[number]], ended[number] = await self.folder.take([wanted[number]], _budgets(modules))
        for number, ((module, name), ran) in enumerate(zip(waiting, found, strict=True)):
            if ran.step is None:
                reason = ended.get(number) or trouble or "other tests used up the time of its module"
                status = CRASHED if ended.get(number) else NOT_RUN
                module.functions[name] = FunctionResult(status=status, message=reason)
                continue
            module.has_started = module.has_started or ran.report is not None
            unnamed = module.has_other_titles and is_unnamed(name, ran)
            module.functions |= (
                {name: FunctionResult(status=NOT_RUN, message=_NO_SUCH_TITLE)}
                if unnamed
                else alone_result(name, ran, is_base=self.setting.on_base)
            )
            _add_trace(module, ran)

    async def find_faults(self, modules: Sequence[PlacedModule]) -> None:
        """Run a test that only passes next to modules without a report; if that has none either, say so."""
        waiting = [module for module in modules if not module.is_fault]
        wanted = [self._passing(module) for module in waiting]
        found, _ = await self.folder.take(wanted, _budgets(waiting))
        for module, ran in zip(waiting, found, strict=True):
            if ran.report is not None and any(one.status == PASSED for one in ran.report.tests):
                continue
            reason = "it did not end in time"
            if ran.step is not None and not ran.step.timed_out:
                reason = words_of(ran.step, ran.report)
            module.is_fault = True
            module.trouble = f"{module.framework.command.framework} does not start: {reason}"
            module.functions = {}

    def _passing(self, module: PlacedModule) -> Wanted:
        path = numbered(module.path, len(module.names))
        text = unchecked(passing_test(module.framework.command.framework), path)
        wanted = replace(module.wanted(self.setting, None), files=(path,), traced=False)
        return replace(wanted, placed={**wanted.placed, path: self.folder.text(text, path)})

    def _alone(self, module: PlacedModule, name: str) -> Wanted:
        cut = numbered(module.path, module.names.index(name))
        wanted = module.wanted(self.setting, [name])
        return replace(wanted, files=(cut,), names=None) if cut in module.placed else wanted


def _budgets(modules: Sequence[PlacedModule]) -> dict[str, float]:
    return {
        str(module.job.number): _TIMES_AS_LONG * (module.job.seconds + _SECONDS_TO_START)
        for module in modules
    }


def alone_result(name: str, ran: Ran, *, is_base: bool = False) -> dict[str, FunctionResult]:
    """Return the result of a test that ran in a process of its own; empty if there is no such test.

    On base, a file that imports what is not there does not have the test.
    """
    step, report = ran.step, ran.report
    if step is None:
        return {}
    if step.timed_out:
        return late([name])
    results = results_of([name], report, step, is_alone=True)
    if results:
        left = tuple(map(without_controls, left_by_tests(step.left)))
        return {
            one: replace(result, left=left) if result.status == PASSED else result
            for one, result in results.items()
        }
    is_loaded = report is not None and bool(report.tests)
    is_absent = report is not None and step.exit_code == 0
    if not is_loaded and (is_absent or (is_base and _NOT_THERE.search(words_of(step, report)))):
        return {}
    if report is not None and report.troubles:
        return {name: FunctionResult(status=FAILED, message=words_of(step, report))}
    return {name: FunctionResult(status=CRASHED, message=words_of(step, report))}


def is_unnamed(name: str, ran: Ran) -> bool:
    """Return whether a process ended well, and its framework reports no test with a title."""
    step, report = ran.step, ran.report
    if step is None or step.timed_out or step.exit_code != 0 or report is None:
        return False
    return not report.troubles and all(name_of(one.name, [name]) is None for one in report.tests)


def lacks_module(words: str, module: PlacedModule) -> bool:
    """Return whether a test module does not load because of an import that is not its own fault.

    That is one of another file, or the member's own module, which may have to be built first.
    """
    found = LACKING.search(words)
    if found is None:
        return False
    importer, name = _IMPORTER.search(words), found["name"]
    if importer is not None and PurePosixPath(importer["file"]).name != PurePosixPath(module.path).name:
        return True
    if not name.startswith((".", "/")):
        return name not in module.job.code
    traced = module.job.traced
    own = "" if traced is None else posixpath.splitext(traced.path)[0]
    target = posixpath.normpath(posixpath.join("/", posixpath.dirname(module.path), name))
    return bool(own) and posixpath.splitext(target)[0].endswith(f"/{own}")


def is_not_loaded(ran: Ran) -> bool:
    """Return whether a file could not be loaded: its framework reports that, or the process fails with it."""
    if ran.step is None or ran.step.timed_out:
        return False
    if ran.report is not None:
        return not ran.report.tests
    return ran.step.exit_code > 0 and names_error(ran.step.output)


def _add_trace(module: PlacedModule, ran: Ran) -> None:
    if ran.step is None or (module.member is None and module.own is None):
        return
    trace = read_trace(ran.step.trace)
    module.traces.append(trace)
    if module.member is None:
        return
    module.loaded |= module.member.lines(trace.loaded)
    for (_, title), flags in trace.tests.items():
        name = noted_name(title, module.names)
        if name is not None:
            module.reached[name] = module.reached.get(name, frozenset()) | module.member.lines(flags)


def noted_name(title: str, names: Collection[str]) -> str | None:
    """Return the test that began under a title, which is not the same everywhere.

    jest joins titles by spaces, some versions of vitest put the file before them, and node:test has tests
    inside of tests.
    """
    if found := name_of(title, names):
        return found
    spaced: Mapping[str, str] = {name.replace(JOINT, " "): name for name in names}
    found = spaced.get(name_of(title, spaced) or "") or name_of(title.partition(JOINT)[2], names)
    if found:
        return found
    around = (title[:at] for at in range(len(title) - 1, 0, -1) if title.startswith(JOINT, at))
    return next((name for one in around if (name := name_of(one, names))), None)


def _result(module: PlacedModule, setting: TypeScriptSetting) -> JobResult:
    functions = {
        name: replace(one, reached=Reached(lines=module.reached.get(name, frozenset())))
        for name, one in module.functions.items()
    }
    shuffled = {SHUFFLED} if setting.seed is not None and module.framework.shuffles else set()
    done = frozenset({TOGETHER} | shuffled if module.is_together else ())
    result = JobResult(
        functions=functions,
        problem=module.trouble,
        is_fault=module.is_fault,
        loaded=Reached(lines=module.loaded),
        done=done,
    )
    if module.own is None or not module.traces:
        return result
    everything = frozenset[int]().union(*(trace.everything for trace in module.traces))
    return replace(result, idle=module.own.idle(everything))
