"""Judge tests that someone else wrote: those of a change, and those that are named (`prove`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.changes.members import MemberSearch, find_members
from testsmith.changes.selection import PathBase, is_at_or_below, nearest
from testsmith.deadline import Deadline, TimeIsOver
from testsmith.execution.runner import TestRunner
from testsmith.execution.sandbox.interface import CannotRun
from testsmith.execution.sandbox.layers import CannotIsolate
from testsmith.execution.workspace import CannotPrepare
from testsmith.git.repository import Repository
from testsmith.languages.language import Language, language_of, of_project
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.model import Audit, Report, Statistics, Suggestion, UsageFailure
from testsmith.pipeline.prepare import runner_of, workspace_order
from testsmith.pipeline.state import RunDependencies, RunState
from testsmith.reporting.report_assembly import joined_audits
from testsmith.settings import AuditMode, Settings
from testsmith.verification.audit import AuditContext, AuditedFunction, audit_tests, known_of_suite
from testsmith.verification.baseline_mutants import OwnTests

SHARE_OF_TIME = 0.5
"""Share of the time left that an audit may use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTests:
    """The test functions to judge in one project.

    Attributes:
        language: Their language.
        project: The project's folder, relative to the git root.
        functions: The functions.
    """

    language: Language
    project: str
    functions: tuple[AuditedFunction, ...]


def changed_tests(search: MemberSearch, languages: Sequence[Language]) -> list[NamedTests]:
    """Return the test functions that a change adds or edits, without those that the bot has added."""
    found: list[AuditedFunction] = []
    for file in search.test_files:
        path = file.head_path or ""
        language = language_of(path, languages)
        after = _text(search.head_tree, path)
        if language is None or after is None or language.tests.framework == "":
            continue
        before = "" if search.base_tree is None else _text(search.base_tree, file.base_path or path) or ""
        try:
            own = {one.name for one in language.tests.marked_tests(after) if not one.is_edited}
            names = language.tests.changed_tests(before, after)
        except CannotParse:
            continue
        found += [
            AuditedFunction(path=path, name=name) for name in names if name.partition("::")[0] not in own
        ]
    return _by_project(found, search, languages)


def _text(tree: SourceTree, path: str) -> str | None:
    data = tree.read(path)
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return None


def _by_project(
    functions: Iterable[AuditedFunction], search: MemberSearch, languages: Sequence[Language]
) -> list[NamedTests]:
    found: dict[tuple[str, str], NamedTests] = {}
    for function in functions:
        language = language_of(function.path, languages)
        if language is not None:
            project = search.projects.of(function.path)
            empty = NamedTests(language=language, project=project, functions=())
            known = found.get((language.name, project), empty)
            functions_of_it = (*known.functions, function)
            found[language.name, project] = replace(known, functions=functions_of_it)
    return list(found.values())


def named_tests(
    paths: Sequence[str], search: MemberSearch, repository: Repository, languages: Sequence[Language]
) -> list[NamedTests]:
    """Return the test functions in files and folders, or those that are named.

    Args:
        paths: Files, folders, or `FILE::NAME`, relative to the opened folder or to the git root.
        search: The trees of head and base.
        repository: The repository.
        languages: The languages.

    Raises:
        UsageFailure: There is no such file, folder or test.
    """
    place = PathBase(root=repository.root, project=repository.project)
    languages = of_project(languages, search.head_tree)
    found: dict[str, AuditedFunction] = {}
    for asked in paths:
        path, _, name = asked.partition("::")
        tests = list(_tests_at(path, place, search.head_tree, languages))
        chosen = [one for one in tests if not name or one.name == name or one.name.startswith(f"{name}::")]
        if not chosen:
            near = nearest(name, [one.name for one in tests]) if name else ""
            what = f"no test function `{name}` in {path}" if name else "no test functions there"
            raise UsageFailure(f"{asked}: {what}{near}")
        found |= {one.id: one for one in chosen}
    return _by_project(found.values(), search, languages)


def _tests_at(
    path: str, place: PathBase, tree: SourceTree, languages: Sequence[Language]
) -> Iterator[AuditedFunction]:
    """Yield the test functions of a file, or of all test files in a folder.

    Raises:
        UsageFailure: There is no such file or folder.
    """
    known = tree.paths()
    forms = place.forms(path)
    form = next((form for form in forms if any(is_at_or_below(each, form) for each in known)), None)
    if form is None:
        raise UsageFailure(f"{path}: no such file or folder{nearest(path, known)}")
    for each in known:
        language = language_of(each, languages)
        if (
            language is None
            or not is_at_or_below(each, form)
            or not (each == form or language.tests.is_test(each))
        ):
            continue
        text = _text(tree, each)
        try:
            names = () if text is None else language.tests.changed_tests("", text)
        except CannotParse as error:
            raise UsageFailure(f"{each}: cannot be parsed: {error}") from error
        yield from (AuditedFunction(path=each, name=name) for name in names)


def tests_to_audit(run: RunState) -> list[NamedTests]:
    """Return the test functions of the change that a run judges; none if it only looks at some functions."""
    return changed_tests(run.search, run.clients.languages) if _audits(run) else []


def _audits(run: RunState) -> bool:
    options, settings = run.options, run.settings
    is_whole = not (options.paths or options.only or settings.selection.only or settings.selection.all_paths)
    is_wanted = settings.review.audit is not AuditMode.OFF and settings.verification.enabled
    return is_wanted and is_whole and options.audits and run.search.base_tree is not None


async def audit_change(
    run: RunState, runner: TestRunner, named: NamedTests | None, own_tests: OwnTests | None = None
) -> tuple[Audit | None, tuple[str, ...]]:
    """Judge the tests of a change in one project; return the audit, or None and a note on why there is none.

    Without tests, nothing is run: the audit is about the mutants whose fate is known anyway.

    Args:
        run: The run's state.
        runner: Runs the project's tests.
        named: The test functions; None for none.
        own_tests: What the project's own tests do with mutants; None if they were not measured.
    """
    if named is None and not (run.members and _audits(run)):
        return None, ()
    seconds = run.deadline.at_most(run.settings.verification.suite_seconds, SHARE_OF_TIME)
    language = run.language_of(run.members[0].id) if named is None else named.language
    context = AuditContext(
        runner=runner,
        language=language.of_project(run.search.head_tree),
        seconds=seconds,
        progress=run.progress,
        changed_lines=_changed_lines(run.search),
        members=run.members,
        own_tests=own_tests,
    )
    try:
        if named is None:
            return known_of_suite(context), ()
        return await run.deadline.within(audit_tests(named.functions, context), SHARE_OF_TIME), ()
    except TimeIsOver:
        return None, (run.deadline.reason("the tests of the change were judged"),)
    except CannotRun as failure:
        return None, (f"the tests of the change were not judged: {failure}",)
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        run.warn_of_fault("the tests of the change were not judged", error)
        return None, ()


def with_proposals(audit: Audit | None, suggestions: Sequence[Suggestion]) -> Audit | None:
    """Return an audit that says which of the surviving mutants proposed tests kill."""
    if audit is None or audit.survived is None:
        return audit
    killed = {
        (one.member.partition("::")[0], words)
        for one in suggestions
        if one.is_green and one.evidence is not None
        for words in one.evidence.killed
    }
    survived = (replace(one, is_proposed=(one.path, one.words) in killed) for one in audit.survived)
    return replace(audit, survived=tuple(survived))


async def audit_alone(run: RunState, named: NamedTests) -> Report:
    """Judge the tests of a change in a project that has nothing else to look at, and return a report."""
    try:
        async with runner_of(run, named.language.name) as runner:
            audit, notes = await audit_change(run, runner, named)
    except (CannotPrepare, CannotIsolate, CannotRun) as failure:
        audit, notes = None, (f"the tests of the change were not judged: {failure}",)
    except TimeIsOver:
        audit, notes = None, (run.deadline.reason("the tests of the change were judged"),)
    return Report(members=run.search.found, audit=audit, notes=notes)


async def prove(settings: Settings, tools: RunDependencies, paths: Sequence[str]) -> Report:
    """Judge test functions that are named, and return a report with nothing but the audit.

    Args:
        settings: The settings of the run; `selection.base` is what they are compared with.
        tools: The clients. No generator is called.
        paths: See `named_tests`.

    Raises:
        UsageFailure: The folder is not in a repository, or a revision, file or test does not exist.
        CannotPrepare, CannotIsolate, CannotRun: The project cannot be run, or nothing was judged in time.
    """
    started = tools.clock()
    repository = Repository.open(settings.folder)
    search = find_members(repository, settings.selection, tools.languages)
    deadline = Deadline.after(settings.budget.max_minutes, tools.clock)
    audits: list[Audit] = []
    notes: list[str] = []
    late: list[str] = []
    for named in named_tests(paths, search, repository, tools.languages):
        toolchain = tools.toolchains.get(named.language.name)
        if toolchain is None:
            notes.append(
                f"tests in {named.language.title or named.language.name} cannot be run on this machine"
            )
            continue
        order = workspace_order(settings, tools, replace(repository, project=named.project), search)
        async with toolchain.open(order) as runner:
            context = AuditContext(
                runner=runner,
                language=named.language.of_project(search.head_tree),
                seconds=deadline.at_most(settings.verification.suite_seconds, 1.0),
                progress=tools.progress,
                changed_lines=_changed_lines(search),
            )
            try:
                audits.append(await deadline.within(audit_tests(named.functions, context)))
            except TimeIsOver:
                late.append(deadline.reason(f"the tests in {named.project or 'the project'} were judged"))
            notes += runner.workspace.notes
    if late and not audits:
        raise CannotRun(late[0])
    return Report(
        members=(),
        audit=joined_audits(audits) or Audit(),
        notes=tuple(dict.fromkeys((*late, *notes))),
        base=search.base,
        head=search.head,
        statistics=Statistics(seconds=tools.clock() - started),
    )


def _changed_lines(search: MemberSearch) -> Mapping[str, frozenset[int]]:
    return {file.head_path: file.added_lines for file in search.files if file.head_path}
