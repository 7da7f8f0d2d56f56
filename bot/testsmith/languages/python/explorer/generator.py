"""Offline generator: runs members on its own inputs and asserts the repeatable results.

There is one explorer per module and setting. Members are first described; their trials then run on head,
again in another setting, and for changed and affected members also on base. All budgets are counts, so that
results do not depend on the speed of the machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from testsmith.changes.intent import keeps_behavior
from testsmith.execution.workspace import ProjectCopy
from testsmith.generation.fan_out import SideBySide, closing
from testsmith.languages.python.explorer.case_selection import Focus, choose
from testsmith.languages.python.explorer.cases import Case, ExplorerAnswer, says_something, signature
from testsmith.languages.python.explorer.exploration import DIFFERS, ExploredMember, TestInputs, Work, explore
from testsmith.languages.python.explorer.guidance import MOST_OWN, mutants_around
from testsmith.languages.python.explorer.inputs.stated_values import stated_texts, stated_values
from testsmith.languages.python.explorer.inputs.static_hints import literals_of_change, read_hints
from testsmith.languages.python.explorer.module_source import (
    ModuleSource,
    ShownExample,
    is_bare,
    read_documentation,
    read_module,
)
from testsmith.languages.python.explorer.probes import (
    StatedNames,
    probe_facts,
    probe_trials,
    stated_inputs,
)
from testsmith.languages.python.explorer.render.summaries import (
    Test,
    described_tests,
    facts,
    in_words,
    tests_of,
)
from testsmith.languages.python.explorer.render.test_module import CannotRender, write_module
from testsmith.languages.python.explorer.render.test_names import TestNames
from testsmith.languages.python.explorer.runner import FIRST, Explorer, ExplorerJob
from testsmith.languages.python.explorer.subjects import Description, Subject
from testsmith.languages.python.explorer.trials import plan, trials_through
from testsmith.languages.python.explorer.usage.project_files import Usages
from testsmith.languages.python.explorer.usage.recorded_calls import recorded_expressions
from testsmith.languages.python.explorer.variant_search import search_variants
from testsmith.languages.python.judge.documentation.docstring_examples import documented_examples, shown_calls
from testsmith.languages.python.mutation.mutants import plain_text
from testsmith.languages.python.running.project_tests.run import record_calls
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.source.package import is_dunder
from testsmith.languages.source import CannotParse
from testsmith.model import (
    Candidate,
    Change,
    Member,
    Origin,
    Request,
    Result,
    Skipped,
    SkipStage,
)
from testsmith.tasks import in_thread

_MOST_SOURCE_BYTES = 4 * 1024**2
_MOST_MUTANTS = 1200
_FEWEST_MUTANTS = 24
_MOST_UNCHANGED = 2
"""Maximum number of inputs that an added function gives back as they are."""

_MOST_VARIED_FILES = 8
"""Maximum number of test files whose tests are varied, counted once for each cause of change."""

_Explored = tuple[Work, ExploredMember] | Skipped
"""Trials and result of one member, or why there are none."""


class _Ground(NamedTuple):
    """Information about the members of one module.

    Attributes:
        data: The explorer's descriptions.
        sources: Source texts of the module.
        company: Number of members of the module that are explored.
        existing: Names of the project's tests.
    """

    data: ExplorerAnswer
    sources: _Sources
    company: int
    existing: frozenset[str]


class _Sources(NamedTuple):
    """Source text of a module on head, and on base if available."""

    head: ModuleSource
    base: ModuleSource | None


class OfflineGenerator:
    """Generates tests by running members; a `BatchTestGenerator`, a `TestGenerator` and an `Observer`.

    Each member is run once; its tests and its observations come from the same trials.

    Args:
        workspace: PythonWorkspace to run the project in.
        seed: Seed for random inputs; different seeds give different tests.
    """

    def __init__(self, workspace: PythonWorkspace, seed: int = 0) -> None:
        self._workspace = workspace
        self._explorer = Explorer(workspace)
        self._seed = seed
        self._known: dict[str, _Explored] = {}
        self._requests: dict[str, Request] = {}
        self._varied: set[tuple[str, tuple[str, ...]]] = set()
        head = workspace.head
        self._usages = Usages(head.root, head.source_roots, workspace.owned_modules)

    async def generate(self, request: Request) -> Result:
        """Return a candidate, or the member skipped with the reason.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncIterator[Result]:
        """Yield one result per request, grouped by module, with modules running concurrently.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        for request in requests:
            if not _is_importable(request.member):
                it = "its class" if request.member.instance else "it"
                reason = f"{it} is private; for private functions, the offline engine only varies your tests"
                yield await self._by_variants(request, _skip(request.member, SkipStage.GENERATION, reason))
        public = [request for request in requests if _is_importable(request.member)]
        async with closing(self._explored(public)) as stream:
            async for explored in stream:
                if isinstance(explored, Skipped):
                    yield await self._by_variants(self._requests[explored.member or ""], explored)
                    continue
                answer, request = _answer(*explored), self._requests[explored[0].subject.member.id]
                yield (
                    replace(answer, test_path=own_file(request))
                    if isinstance(answer, Candidate)
                    else await self._by_variants(request, answer)
                )

    async def _by_variants(self, request: Request, skipped: Skipped) -> Result:
        """Return a variant of the project's tests for a member that has no tests of the engine's own."""
        member = request.member
        causes = member.because or (member.id,)
        if member.change is Change.ADDED or self._workspace.recording_seconds <= 0:
            return skipped
        if (request.test_path, causes) in self._varied or len(self._varied) == _MOST_VARIED_FILES:
            return skipped
        self._varied.add((request.test_path, causes))
        return await search_variants(self._workspace, request) or skipped

    async def observe(self, requests: Sequence[Request]) -> AsyncIterator[tuple[str, tuple[str, ...]]]:
        """See `Observer.observe`.

        Raises:
            CannotRun: The sandbox could not start a process.
        """
        async with closing(self._explored(requests)) as stream:
            async for explored in stream:
                if isinstance(explored, Skipped):
                    continue
                work, findings = explored
                member = work.subject.member
                probed = [case for case in findings.cases if case.trial in work.probes]
                others = [case for case in findings.cases if case.trial not in work.probes]
                data = (*probe_facts(probed, member), *facts(_chosen(work, others)))
                if data:
                    yield member.id, tuple(dict.fromkeys(data))

    async def _explored(self, requests: Sequence[Request]) -> AsyncIterator[_Explored]:
        """Yield each request's exploration, grouped by module, with modules running concurrently."""
        modules: dict[tuple[str, str], list[Member]] = {}
        for request in requests:
            member = request.member
            self._requests.setdefault(member.id, request)
            modules.setdefault((member.path, member.module), []).append(member)
        async with SideBySide[list[_Explored]]() as running:
            for group in modules.values():
                running.start(self._module(group))
            async for results in running:
                for result in results:
                    yield result

    async def _module(self, members: Sequence[Member]) -> list[_Explored]:
        """Run the members of a module that have not run yet, and return all results in order."""
        new = [member for member in members if member.id not in self._known]
        if new:
            found = await self._explore(new)
            self._known |= {member.id: each for member, each in zip(new, found, strict=True)}
        return [self._known[member.id] for member in members]

    async def _explore(self, members: Sequence[Member]) -> list[_Explored]:
        if any(member.language != "python" for member in members):
            reason = "the offline engine supports Python only"
            return [replace(_skip(each, SkipStage.GENERATION, reason), permanent=True) for each in members]
        names = tuple(dict.fromkeys(member.name for member in members))
        sources = self._sources(members[0])
        data = await self._explorer.run(ExplorerJob(module=members[0].module, describe=names), FIRST)
        problem = self._problem(data)
        if problem is not None:
            return [_skip(member, *problem) for member in members]
        existing = await in_thread(lambda: self._usages.test_names(members))
        ground = _Ground(data, sources, company=len(members), existing=existing)
        prepared = await in_thread(lambda: [self._prepared(each, ground) for each in members])
        work = [each for each in prepared if isinstance(each, Work)]
        found = iter(await explore(self._explorer, work, partial(self._through_tests, work)))
        return [(each, next(found)) if isinstance(each, Work) else each for each in prepared]

    async def _through_tests(self, work: Sequence[Work]) -> TestInputs:
        """Return the calls that the project's tests make while they run, what they check, and their texts."""
        members = [each.subject.member for each in work]
        calls = await record_calls(self._workspace, members)
        recorded = recorded_expressions(calls, self._workspace.owned_modules)
        imported = _imported(work[0].subject.source)
        checked = await in_thread(lambda: self._usages.checked(members, imported))
        texts = await in_thread(lambda: self._usages.texts(members))
        return TestInputs(trials_through([*recorded, *checked]), texts)

    def _problem(self, data: ExplorerAnswer) -> tuple[SkipStage, str] | None:
        """Return why a module's members cannot be explored, with the stage, or None."""
        if not data.loaded:
            return SkipStage.GENERATION, "loading its module takes too long"
        if data.problem is None:
            return None
        top = (data.missing or "").partition(".")[0]
        foreign = bool(top) and top not in self._workspace.owned_modules
        stage = SkipStage.ENVIRONMENT if foreign else SkipStage.GENERATION
        return stage, f"its module cannot be imported: {data.problem}"

    def _sources(self, member: Member) -> _Sources:
        """Read the module's source texts from the copies of the project."""
        base = self._workspace.base
        return _Sources(
            head=_source(self._workspace.head, member),
            base=None if base is None else _source(base, member),
        )

    def _prepared(self, member: Member, ground: _Ground) -> Work | Skipped:
        """Plan the trials of a member, or return why there are none."""
        descriptions = ground.data.descriptions
        description = descriptions.get(member.name)
        if description is None:
            return _skip(member, SkipStage.GENERATION, "no description of it came from the sandbox")
        if member.plain_name == "__post_init__" and description.owner is not None:
            callee = replace(description.callee, parameters=description.owner.parameters)
            description = replace(description, callee=callee)
        if description.problem is not None:
            why = f"it could not be imported by its public name: {description.problem}"
            return _skip(member, SkipStage.GENERATION, why)
        try:
            return self._planned(member, description, ground)
        except RecursionError:
            return _skip(member, SkipStage.GENERATION, "its source is nested too deeply")

    def _planned(self, member: Member, description: Description, ground: _Ground) -> Work | Skipped:
        source = ground.sources.head
        base = None if member.change is Change.ADDED else ground.sources.base
        intent = self._requests[member.id].intent
        stated = [] if base is None else stated_values(member, intent)
        if member.because_source:  # constants, which calls may be about
            stated += literals_of_change(member, source)
        subject = Subject(
            member=member,
            description=description,
            source=source,
            hints=replace(read_hints(member, source, base), stated=stated),
            documentation=read_documentation(member, source, _shown(member)),
            company=ground.company,
            usage=self._usages.of(member, others=_other_methods(description), allowed=_imported(source)),
        )
        is_new = member.change is Change.ADDED and self._explorer.has_base
        if is_bare(source.definitions.get(member.name), with_fields=is_new):
            return _skip(member, SkipStage.GENERATION, "it has no code of its own")
        equality = member.name.replace("__hash__", "__eq__")
        if member.plain_name == "__hash__" and equality not in source.definitions:
            return _skip(member, SkipStage.GENERATION, "its hash is not stable, because it has no `__eq__`")
        probes = tuple(probe_trials(self._inputs(member, source), member))
        planned = {trial.key: trial for trial in (*plan(subject, self._seed), *probes)}
        trials = tuple({**{trial.key: trial for trial in probes}, **planned}.values())
        if not trials:
            return _skip(member, SkipStage.GENERATION, _why_no_trials(description))
        mutants = mutants_around(member, source, subject.share(_MOST_MUTANTS, _FEWEST_MUTANTS, MOST_OWN))
        return Work(
            subject=subject,
            trials=trials,
            mutants=mutants,
            probes=probes,
            texts=tuple(stated_texts(member, intent)),
            title=intent.partition("\n")[0],
            existing=ground.existing,
            is_new=is_new,
            is_on_base=base is not None and member.name in base.definitions,
        )

    def _inputs(self, member: Member, source: ModuleSource) -> tuple[str, ...]:
        """Return the inputs that a model chose, and those that the authors state.

        Examples of the docstring are run as such, because their values may contradict it.
        """
        request = self._requests[member.id]
        names = StatedNames(member=member, source=source, owned=self._workspace.owned_modules)
        return (*request.context.probes, *stated_inputs(request.intent, names))


def _source(copy: ProjectCopy, member: Member) -> ModuleSource:
    path = copy.root / member.path
    try:
        data = path.read_bytes()[:_MOST_SOURCE_BYTES]
    except OSError:
        data = b""
    is_package = path.name == "__init__.py"
    try:
        text = plain_text(data)
    except CannotParse:
        return read_module(data.decode("utf-8", "replace"), member.module, is_package=is_package)
    return replace(read_module(text, member.module, is_package=is_package), text=text)


def _other_methods(description: Description) -> list[str]:
    owner = description.owner
    methods = (*owner.methods, *owner.factories) if owner else ()
    return [method.name for method in methods if method.name != description.callee.name]


def _imported(source: ModuleSource) -> set[str]:
    """Return the top-level modules that a module imports."""
    return {each.module.partition(".")[0] for each in source.imports.values()}


def _is_importable(member: Member) -> bool:
    """Return whether a test can import a member, or its class, by a public name."""
    return not member.is_private and not member.instance


def _skip(member: Member, stage: SkipStage, reason: str) -> Skipped:
    return Skipped(path=member.path, member=member.id, stage=stage, reason=reason)


def _shown(member: Member) -> list[ShownExample]:
    """Return the calls in a docstring that have a readable result.

    Each appears twice: with the statements it appears to need, and with everything doctest runs before it.
    """
    examples = {example.line: example for example in documented_examples(member)}
    return [
        ShownExample(setup, call.call, examples.get(call.line), is_shortened=setup != call.setup)
        for call in shown_calls(member)
        for setup in dict.fromkeys([call.needed, call.setup])
    ]


def _why_no_trials(description: Description) -> str:
    owner = description.owner
    if owner is not None and owner.abstract:
        return f"the abstract class {owner.path} has no instances"
    needed = [each.name for each in description.callee.parameters or () if each.required]
    if owner is not None:
        needed += [each.name for each in owner.parameters or () if each.required]
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(needed))
    return f"no value is known for its arguments ({names})" if names else "its signature is unknown"


def _chosen(work: Work, cases: Iterable[Case], focus: Focus | None = None) -> list[Case]:
    """Return the cases of a member that describe it, or its change, best."""
    nothing = work.subject.gives_nothing
    return choose([case for case in cases if says_something(case, member_gives_nothing=nothing)], focus)


def _for_tests(work: Work, findings: ExploredMember) -> list[Case]:
    """Return the cases to write; of a member that base has too, those that show the change."""
    member = work.subject.member
    cases = [case for case in findings.cases if case.trial not in work.probes or _is_about(member, case)]
    if all(case.base is None for case in cases):
        says_nothing = work.is_on_base or (work.is_new and all(map(_gives_its_input, cases)))
        same = [case for case in cases if _gives_its_input(case)][_MOST_UNCHANGED:] if work.is_new else []
        return [] if says_nothing else _chosen(work, [case for case in cases if case not in same])
    witnesses = [case for case in cases if _is_of_change(work.subject, case, cases)]
    if not witnesses:
        return _chosen(work, cases) if any(case.contradicts for case in cases) else []
    if any(case.is_of_project for case in witnesses):
        witnesses = [case for case in witnesses if not _is_made_up(case, cases)]
    lines = member.lines_of_change
    guarding = {number for number, mutant in enumerate(work.mutants) if mutant.line in lines}
    plain = [case for case in cases if not case.is_witness and not case.is_documented]
    others = [case for case in plain if _guards(case, guarding) and not case.has_made_up_values]
    focus = Focus(lines, guarding) if guarding else None
    return _chosen(work, [*_without_options(witnesses), *others], focus)


def _gives_its_input(case: Case) -> bool:
    """Return whether a call gives back its only argument, as a function that does nothing would."""
    given = [argument.value.text for argument in case.trial.arguments]
    value = case.outcome.value
    return value is not None and [value.text] == given and not case.changes


def _is_made_up(case: Case, cases: Sequence[Case]) -> bool:
    is_empty = not case.is_of_project and any(map(case.is_needlessly_empty, cases))
    return is_empty or case.has_made_up_values


def _without_options(witnesses: Sequence[Case]) -> Iterator[Case]:
    """Yield the witnesses without those that only add arguments to one that says as much."""
    given = [frozenset((each.name, each.value.text) for each in case.trial.arguments) for case in witnesses]
    for case, own in zip(witnesses, given, strict=True):
        simpler = (other for other, less in zip(witnesses, given, strict=True) if less < own)
        if not any(_says_as_much(other, case) for other in simpler):
            yield case


def _says_as_much(one: Case, other: Case) -> bool:
    is_alike = (one.trial.setup, one.trial.pieces, one.outcome.kind) == (
        other.trial.setup,
        other.trial.pieces,
        other.outcome.kind,
    )
    return is_alike and (one.base_failed, one.is_soup) <= (other.base_failed, other.is_soup)


def _is_of_change(subject: Subject, case: Case, cases: Sequence[Case]) -> bool:
    """Return whether a difference says something: more than success, or another message of unchanged code.

    That base does not know an argument says nothing, unless the result is another one without it.
    """
    if not case.is_witness or case.shows_no_more_than_success:
        return False
    if case.has_new_arguments and not any(_matters(case, other) for other in cases):
        return False
    return not case.differs_in_message or _is_raised_by_change(subject, case)


def _is_raised_by_change(subject: Subject, case: Case) -> bool:
    return case.outcome.kind == "raised" and case.outcome.line in subject.changed_raises


def _matters(case: Case, other: Case) -> bool:
    """Return whether a case has a value that is another one in a case with fewer arguments."""
    given, less = ({(each.name, each.value.text) for each in one.trial.arguments} for one in (case, other))
    is_alike = less < given and (case.trial.setup, case.trial.receiver) == (
        other.trial.setup,
        other.trial.receiver,
    )
    return is_alike and case.outcome.kind != "raised" and signature(case.outcome) != signature(other.outcome)


def _is_about(member: Member, case: Case) -> bool:
    """Return whether an input that a text states runs or names the member, and says more than that."""
    lines = range(member.line + 1, member.end_line + 1)
    is_used = member.plain_name in case.trial.text or not case.seen.lines.isdisjoint(lines)
    return is_used and not case.has_unrelated_facts


def _guards(case: Case, mutants: AbstractSet[int]) -> bool:
    return not case.contradicts and not mutants.isdisjoint(case.seen.notices | case.seen.notices_state)


def _answer(work: Work, findings: ExploredMember) -> Result:
    """Write the tests of a member, or return why there are none."""
    subject = work.subject
    member = subject.member
    cases = _for_tests(work, findings)
    if not cases:
        return _skip(member, SkipStage.GENERATION, _why_no_cases(findings))
    if keeps_behavior(work.title) and cases[0].is_witness:
        raised = [case for case in cases if _is_raised_by_change(subject, case)]
        if not raised:
            reason = f"the change is described as one of speed or structure, but {in_words(cases[0])}"
            return _skip(member, SkipStage.GENERATION, reason)
        cases = raised
    written = _written(work, cases)
    if written is None:
        return _skip(member, SkipStage.GENERATION, "its tests do not fit into one module")
    code, tests = written
    name = member.plain_name
    if is_dunder(name) and re.search(rf"(?<!def ){name}\(", code):
        return _skip(member, SkipStage.GENERATION, f"no operation that calls `{name}` is known")
    return Candidate(
        member=member.id, code=code, origin=Origin.OFFLINE, descriptions=described_tests(cases, tests)
    )


def own_file(request: Request) -> str:
    """Return a new file for tests of a member that no test calls, if no file surely fits; empty if not.

    Who reads the tests of another module there would look for these elsewhere.
    """
    is_called = any(test.calls for test in request.existing)
    return "" if request.files is None or is_called else request.files.new


def _written(work: Work, cases: Sequence[Case]) -> tuple[str, Sequence[tuple[str, Test]]] | None:
    """Return the test module and its tests, leaving out as few conflicting cases as possible."""
    package = work.subject.member.module.partition(".")[0]
    for count in range(len(cases), 0, -1):
        tests = tests_of(cases[:count])
        shown = [case for test in tests for case in test.cases]
        names = TestNames(work.subject, shown, work.existing, work.title)
        named = [(name, test) for test in tests if (name := names.of(test)) is not None]
        try:
            return write_module(named, package), named
        except CannotRender:
            continue
    return None


def _why_nothing_shows(cases: Sequence[Case]) -> str:
    """Return why no case shows anything; empty if there are none, or one of them might."""
    witnesses = [case for case in cases if case.is_witness]
    if not cases:
        return ""
    if all(case.base is None for case in cases):
        return "every input is given back as it is" if all(map(_gives_its_input, cases)) else ""
    if not witnesses:
        return "no input behaves differently from the merge base"
    if all(case.shows_no_more_than_success for case in witnesses):
        return "the inputs only show that it no longer raises"
    if all(case.differs_in_message for case in witnesses):
        return "only the message of an exception differs, which the change does not raise itself"
    return ""


def _why_no_cases(findings: ExploredMember) -> str:
    """Return the most common reason."""
    counts = Counter(findings.reasons)
    if why := _why_nothing_shows(findings.cases):
        return why
    if counts[DIFFERS] and not findings.cases:
        return "no input gave a reproducible result"
    reason, count = (
        counts.most_common(1)[0] if counts else ("no call returns or changes anything to compare", 0)
    )
    needs = next(
        (each for each in counts if each.startswith(("it needs", "it starts", "it changes", "it writes"))), ""
    )
    if needs:
        return needs.removeprefix("it ")
    return f"no input gave a result to compare: {reason}" if count else reason
