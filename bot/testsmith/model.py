"""Types shared by all layers: members, requests, candidates, evidence, suggestions and reports.

Everything here is frozen and independent of git, pytest, HTTP and models. Terms are the same in code, docs
and JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

_MOST_TOLD = 2

SCHEMA_VERSION = 1
"""Version of the JSON contract in `reporting/json_contract.py`. Keys may be added within a version."""


class Change(StrEnum):
    """Why a member is considered."""

    ADDED = "added"
    CHANGED = "changed"
    AFFECTED = "affected"


class SkipStage(StrEnum):
    """Phase in which a member or file was skipped."""

    CHANGES = "changes"
    ENVIRONMENT = "environment"
    GENERATION = "generation"
    VERIFICATION = "verification"
    GATE = "gate"
    BUDGET = "budget"
    INTERNAL = "internal"


class Label(StrEnum):
    """What a suggestion says about the change; see the contract in the architecture page."""

    NEW_BEHAVIOR = "new-behaviour"
    GUARDS_CHANGE = "guards-change"
    UNCHANGED_BEHAVIOR = "unchanged-behaviour"
    CATCHES = "catches"
    QUESTION = "question"


class Origin(StrEnum):
    """Kind of generator that produced a candidate."""

    MODEL = "model"
    OFFLINE = "offline"


class BaseOutcome(StrEnum):
    """Result of a test on the merge base."""

    ABSENT = "absent"
    FAILS = "fails"
    PASSES = "passes"
    NOT_RUN = "not-run"


class BaselineStatus(StrEnum):
    """How completely the baseline (the project's own test suite) was measured."""

    MEASURED = "measured"
    PARTLY = "partly"
    FAILED = "failed"
    NONE = "none"
    NOT_RUN = "not-run"


class MemberKind(StrEnum):
    """Kind of a member, which decides how a test calls it."""

    FUNCTION = "function"
    METHOD = "method"
    STATIC_METHOD = "static method"
    CLASS_METHOD = "class method"
    PROPERTY = "property"
    CLASS = "class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Definition in a file on head.

    Attributes:
        path: The file, relative to the git root.
        line: First line, counted from 1.
        end_line: Last line.
        name: Dotted name of what is defined there.
        changed_lines: Its lines that the diff adds or modifies.
    """

    path: str
    line: int
    end_line: int
    name: str = ""
    changed_lines: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """What a model sees of a change to a member, as unified diffs from base to head.

    Attributes:
        own: Diff of the member's own source, with comments and docstrings; empty unless it changed.
        private: Diffs of the private definitions that the member uses and the change adds or alters, nearest
            first.
        route: For an affected member: names of the definitions between it and the nearest one that changed.
        route_sources: Sources on head of the private functions on the routes to what changed.
        digest: Digest of the sources on both sides of the diffs, without comments and formatting. Part of the
            cache key; empty if there is no diff.
    """

    own: str = ""
    private: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    route_sources: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Function, method, property or class that a change adds, modifies or affects.

    It is public, or private and modified, and the project's own tests use it by its private name.

    Attributes:
        path: The defining file, relative to the git root, with forward slashes.
        name: The dotted name inside the file, for example `Cart.add`.
        language: The language's identifier, for example `python`.
        change: Why the member is considered.
        line: First line of the definition on head, including decorators, counted from 1.
        end_line: Last line of the definition on head.
        changed_lines: The member's lines on head that the diff adds or modifies; empty for affected members.
        kind: The kind of member.
        is_async: Whether calling it returns an awaitable or an asynchronous iterator.
        source: Its source on head, dedented.
        module: The module that tests import it from, for example `shop.cart`; public unless it is private.
        is_private: Whether it is private.
        instance: For a method of a private class: the public constant that tests call it on, for example
            `shop.cart`; empty for others.
        because: For an affected member: the private definitions that changed, nearest first, for example
            `_bounds`.
        because_source: The source on head of each of these definitions, normalized like
            `Request.normalized_source`.
        because_places: Locations of these definitions on head, if they exist there; for a changed member, of
            the private definitions that changed, too, and that it uses.
        steps: For an affected member: number of references to the nearest of these definitions.
        shown_change: Diffs of what changed, for prompts.
    """

    path: str
    name: str
    language: str
    change: Change
    line: int
    end_line: int
    kind: MemberKind
    source: str
    module: str
    is_private: bool = False
    instance: str = ""
    is_async: bool = False
    changed_lines: frozenset[int] = frozenset()
    because: tuple[str, ...] = ()
    because_source: tuple[str, ...] = ()
    because_places: tuple[Place, ...] = ()
    steps: int = 0
    shown_change: ShownChange = field(default_factory=ShownChange)

    @property
    def id(self) -> str:
        """Identifier in every output: `<path>::<name>`."""
        return f"{self.path}::{self.name}"

    @property
    def lines_of_change(self) -> frozenset[int]:
        """Changed lines of its file that it runs: its own, and those of the definitions that changed."""
        return self.changed_lines.union(*(place.changed_lines for place in self._places_of_causes))

    @property
    def causes(self) -> tuple[Member, ...]:
        """The private definitions in its own file that it uses and that changed, as if they were members."""
        return tuple(map(self._as_member, self._places_of_causes))

    @property
    def causes_elsewhere(self) -> tuple[Member, ...]:
        """The same for other files: what can be measured and mutated there, but not imported by a test."""
        places = (place for place in self.because_places if place.path != self.path and place.name)
        return tuple(replace(self._as_member(place), kind=MemberKind.FUNCTION) for place in places)

    def _as_member(self, place: Place) -> Member:
        return replace(
            self,
            path=place.path,
            name=place.name,
            change=Change.CHANGED,
            line=place.line,
            end_line=place.end_line,
            changed_lines=place.changed_lines,
            because_places=(),
        )

    @property
    def _places_of_causes(self) -> tuple[Place, ...]:
        return tuple(place for place in self.because_places if place.path == self.path and place.name)

    @property
    def plain_name(self) -> str:
        """Last part of the dotted name, for example `add`."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A member or file without a suggestion, and the reason.

    Attributes:
        path: The file, relative to the git root.
        stage: Phase in which it was skipped.
        reason: Explanation in plain text.
        member: The member's id; None for a whole file.
        permanent: Whether the reason depends only on the content, so that another attempt would end the same
            way. Only permanent results are kept in the result cache.
        traceback: For stage `internal`: the exception and its traceback, for `--verbose`.
    """

    path: str
    stage: SkipStage
    reason: str
    member: str | None = None
    permanent: bool = False
    traceback: str = field(default="", compare=False)

    @classmethod
    def of(cls, member: Member, stage: SkipStage, reason: str) -> Skipped:
        """Return a member as skipped."""
        return cls(path=member.path, stage=stage, reason=reason, member=member.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a generator knows about a member besides its source, in tiers.

    Attributes:
        signatures: Tier 2: signatures of the project's definitions that the member uses, separated by blank
            lines, beginning with the enclosing class's head and constructor.
        test_lines: Tier 3: lines of `Request.test_text` to show for each existing test of the member, nearest
            first, with what it uses of the file. Lines are counted from 1.
        fixtures: Tier 3: fixtures and helpers of other files that the shown tests use, each as source text.
        style_sample: Tier 3: excerpt of a nearby test file as a style sample, if no existing test is shown.
        observations: Results of running the member, one clause or sentence each, with code in backticks, most
            informative first. Untrusted text.
        probes: Source texts of inputs to run before others. Untrusted text.
        goals: Mutants of changed lines that none of the project's tests kills, in words. Untrusted text.
        broken: Names of the tests of `Request.test_text` that the change breaks. Untrusted text.
    """

    signatures: str = ""
    test_lines: tuple[frozenset[int], ...] = ()
    fixtures: tuple[str, ...] = ()
    style_sample: str = ""
    observations: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingTest:
    """A test function of the project that is about a member, or as close to it as there is.

    Attributes:
        path: Its file, relative to the git root.
        suite: Name of the class that contains it, outer classes first with `::`; empty for a function.
        name: The function's name.
        line: Its first line, including decorators, counted from 1.
        end_line: Its last line.
        source: Its source, dedented.
        calls: Source of the calls of the member that it makes, itself or by its fixtures and helpers; empty
            if it is only near the member: it tests the member's class or module, or is named after it.
        has_cases: Whether it runs over a table of cases.
    """

    path: str
    suite: str
    name: str
    line: int
    end_line: int
    source: str
    calls: tuple[str, ...] = ()
    has_cases: bool = False

    @property
    def id(self) -> str:
        """Its name in its file, as in `TestFiles.test_functions`: `Class::name`."""
        return f"{self.suite}::{self.name}" if self.suite else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPlace:
    """Where the project has its tests of a member, or would add the first.

    Attributes:
        path: The test file, relative to the git root.
        suite: Name of the class in it that tests go to; empty for none.
        after: Id of the test after which they go, as in `ExistingTest.id`; empty for the end.
        new_suite: Name of a class of their own, which is like `suite` and goes after it; empty for none.
        spelling: How the file names the member, or the class that contains it, such as `mi.chunked`; empty if
            it imports neither it nor its module.
        is_of_unittest: Whether the class is a `TestCase`.
    """

    __test__ = False

    path: str
    suite: str = ""
    after: str = ""
    new_suite: str = ""
    spelling: str = ""
    is_of_unittest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Errors of a candidate for its generator to fix.

    Attributes:
        code: The test module as it was run, reduced to the test functions to fix.
        failures: Pairs of a test function and its problem; an empty name means the whole module. Untrusted
            text, truncated.
        normalized_code: The code without comments and formatting. Part of the cache key.
    """

    code: str
    failures: tuple[tuple[str, str], ...]
    normalized_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """Proven tests of a member for a strict reviewer to improve.

    Attributes:
        code: Their test module.
        patch: The same tests as a diff of the test file; empty if they go into no file that exists.
        evidence: What running them showed, one clause each.
        normalized_code: The code without comments and formatting. Part of the cache key.
    """

    code: str
    patch: str = ""
    evidence: tuple[str, ...] = ()
    normalized_code: str = ""


TEST_NAMES = (
    "`test_trailing_dot_is_ignored`, not `test_parse_2` and not `test_parse_of_text_in_a_second_case`"
)
"""Examples of names in languages that write words with underscores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFileChoice:
    """Test files that may fit a member's tests, if it is not clear which one does.

    Attributes:
        paths: Their paths, the most likely first, and `new`.
        new: Path of the file that is made if none of them fits; empty if there is none.
        digest: Digest of their texts.
        tests: Returns the ids of a file's tests, those that call the member first, then those most like the
            change; how many call it; and how many others use other code of its file.
        request: Returns the request for tests in a file.
    """

    __test__ = False

    paths: tuple[str, ...]
    new: str = ""
    digest: str
    tests: Callable[[str], tuple[Sequence[str], int, int]]
    request: Callable[[str], Request]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Request to a generator for tests of one member.

    Attributes:
        member: The member to test.
        test_path: Path for its tests, relative to the git root.
        framework: The test framework's name, for example `pytest`.
        is_run_by_framework: Whether the project runs its tests by it; pytest may run methods of a `TestCase`.
        language: Name of the language in prompts; empty for its identifier.
        comment: What begins a comment in the language.
        rules: The prompt's rules for this framework.
        names: Examples of good and bad names of tests; the same for a language and framework.
        import_line: Statement that makes the member available to a test.
        conventions: What `TESTSMITH.md` and files for agents say about tests, root first; may be empty.
        normalized_source: The member's source normalized by syntax tree: independent of comments, formatting
            and position, but not of docstrings and annotations. Part of the cache key.
        context: Tiers 2 and 3.
        test_text: Text of the file at `test_path` on head if the generator may edit it; empty if not.
        place: Where in the file at `test_path` they go; None if it has no tests that are near the member.
        files: Test files that may fit as well; None if it is clear.
        existing: The project's tests of the member, nearest first; those that call it before others.
        entry_points: Calls by which the project's tests reach the member through another public function, if
            no test calls it.
        intent: What the authors of the change say about it; the same for all members. Untrusted text.
        hint: What someone with write access asks the tests to look at; may be empty.
        runtime: What runs the tests, such as `Python 3.12`; empty if they are not run.
        repair: Errors to fix if this is a repeated request; None for the first request.
        review: Proven tests to improve if this is a request for a review; None if not.
    """

    member: Member
    test_path: str
    framework: str = "pytest"
    is_run_by_framework: bool = True
    language: str = ""
    comment: str = "#"
    rules: str = ""
    names: str = TEST_NAMES
    import_line: str = ""
    conventions: str = ""
    normalized_source: str = ""
    context: Context = field(default_factory=Context)
    test_text: str = ""
    place: TestPlace | None = None
    files: TestFileChoice | None = field(default=None, compare=False)
    existing: tuple[ExistingTest, ...] = ()
    entry_points: tuple[str, ...] = ()
    intent: str = ""
    hint: str = ""
    runtime: str = ""
    repair: Repair | None = None
    review: ReviewRequest | None = None

    def in_file(self, path: str) -> Request:
        """Return the request for tests in another of the files that may fit; the same for any other path."""
        if self.files is None or path not in self.files.paths or path == self.test_path:
            return self
        there = self.files.request(path)
        shown = replace(
            self.context,
            test_lines=there.context.test_lines,
            fixtures=there.context.fixtures,
            style_sample=there.context.style_sample,
        )
        return replace(
            self,
            test_path=path,
            framework=there.framework,
            is_run_by_framework=there.is_run_by_framework,
            rules=there.rules,
            conventions=there.conventions,
            test_text=there.test_text,
            place=there.place,
            files=None,
            context=shown,
        )

    @property
    def given_code(self) -> str:
        """The test module to repair or to review; empty if there is none."""
        given = self.repair or self.review
        return "" if given is None else given.code


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDescription:
    """Description of what one test function of a candidate shows, with code in backticks.

    Attributes:
        test: The function's name.
        row: The row of its table that shows it, counted from 0; None if it has no table.
        shows: A clause, for example "`f(1)` gives `2`"; empty if there is no short description.
        witness: A sentence on what the change does; None if the test has no input on which base and head
            differ.
    """

    test: str
    row: int | None = None
    shows: str = ""
    witness: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A generator's unproven answer for one member: one complete test module.

    Attributes:
        member: The member's id.
        code: The test module's source.
        origin: Kind of generator that produced it.
        descriptions: Descriptions of its test functions, most informative first; may be empty.
        edited: Text of the whole test file if the generator edited `Request.test_text`; `code` then has the
            tests that it added or extended. Empty if it did not.
        test_path: The file that the generator chose among `Request.files`; empty for that of the request.
    """

    member: str
    code: str
    origin: Origin
    descriptions: tuple[TestDescription, ...] = ()
    edited: str = ""
    test_path: str = ""

    def summary(self, tests: Collection[str]) -> str:
        """Return one sentence on what these test functions show, or an empty string."""
        data = dict.fromkeys(each.shows for each in self.descriptions if each.shows and each.test in tests)
        return "; ".join(list(data)[:_MOST_TOLD]) + "." if data else ""

    def witness(self, tests: Collection[str]) -> str | None:
        """Return what the change does, from the first of these test functions that shows it."""
        return next((each.witness for each in self.descriptions if each.witness and each.test in tests), None)


Result = Candidate | Skipped
"""A generator's answer to one request: a candidate, or the skipped member with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Results of running a suggestion's test functions; None for anything that was not measured.

    Attributes:
        passes: Number of runs on head that the least stable test function passed.
        runs: Number of runs on head of that function, without those in which it was rightly skipped.
        base: Result on the merge base.
        tests: Number of test functions.
        fail_to_pass: Number of test functions that run and fail on the merge base; None if they were not run
            there or the member does not exist there.
        mutants: Number of mutants of the member that were tried.
        mutants_killed: Number of mutants that at least one test function kills.
        mutants_gained: Number of killed mutants that survive the project's own tests.
        mutants_guarded: Number of killed mutants on changed lines that survive the project's own tests; None
            for an added member.
        killed: Descriptions of the killed mutants, gained ones first.
        alive: Descriptions of the mutants that survived.
        lines_gained: Number of the member's lines that these tests reach and the project's own tests do not.
        branches_gained: Number of the member's branches (line-to-line arcs) gained in the same way.
        suite_is_whole: Whether all of the project's own tests were run. If not, gains are relative to the
            test files that name the member.
        failures: Pairs of a test function and its failure message on the merge base, or else on head.
            Untrusted text, truncated.
        seconds: Duration of the test functions in a run of the test suite: the sum of their fastest runs.
    """

    passes: int
    runs: int
    base: BaseOutcome = BaseOutcome.NOT_RUN
    tests: int = 1
    fail_to_pass: int | None = None
    mutants: int | None = None
    mutants_killed: int | None = None
    mutants_gained: int | None = None
    mutants_guarded: int | None = None
    killed: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()
    lines_gained: int | None = None
    branches_gained: int | None = None
    suite_is_whole: bool = True
    failures: tuple[tuple[str, str], ...] = ()
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The part of a candidate that passed the gate, with its evidence.

    Attributes:
        member: The member's id.
        number: Position in the report, counted from 1.
        test_path: Path for the tests, relative to the git root.
        code: A complete test module that runs with plain `pytest FILE` and the source roots on PYTHONPATH,
            and also with `python -m unittest FILE` if the project runs its tests so. In Go, a file of the
            package in the folder of `test_path`.
        tests: Names of its test functions, in order.
        origin: Kind of generator that produced it.
        evidence: Results of running it; None with `--no-verify`.
        label: What it says about the change; None if base was not run.
        witness: Description of an input on which base and head differ; None if none is known.
        summary: One sentence on what the tests show, in plain text; may be empty.
        observed: Tests whose expected values were replaced by observed values, because the generator had
            expected something else.
        framework: Framework of its code, for example `unittest`.
        run: Command that runs its tests once they are in the project; empty until the report is complete.
        patch: The same tests as a unified diff of the file at `test_path` against head; None if they go into
            no file that exists.
    """

    member: str
    number: int
    test_path: str
    code: str
    tests: tuple[str, ...]
    origin: Origin
    evidence: Evidence | None
    label: Label | None
    witness: str | None = None
    summary: str = ""
    observed: tuple[str, ...] = ()
    framework: str = "pytest"
    run: str = ""
    place: TestPlace | None = None
    patch: str | None = None

    @property
    def is_green(self) -> bool:
        """Whether this is a test to keep, rather than a question or a suspected bug."""
        return self.label not in {Label.CATCHES, Label.QUESTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """Result cache figures of this run: hits and misses count members; entries is the current total."""

    hits: int = 0
    misses: int = 0
    entries: int = 0


class CacheStatsReporter(Protocol):
    """Source of result cache figures. Lets callers avoid importing the cache."""

    def cache_stats(self) -> CacheStats:
        """Return this run's figures so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Cost of model calls so far.

    Attributes:
        api_calls: HTTP requests, including retries.
        prompt_tokens: Prompt tokens as counted by the endpoint.
        prefix_tokens: Prompt tokens that are the same in every call of a kind, estimated from their share
            of the characters. Many endpoints charge less for them from the second call on.
        completion_tokens: Completion tokens as counted by the endpoint.
        thinking_tokens: Completion tokens spent on reasoning.
        cost: US dollars; None if the price of a model in use is unknown.
    """

    api_calls: int = 0
    prompt_tokens: int = 0
    prefix_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0
    cost: float | None = 0.0


class SpendingReporter(Protocol):
    """Source of spending figures. Lets callers avoid importing the model clients."""

    def spending(self) -> Spending:
        """Return this run's figures so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """Number of test functions that reached each stage, from asked to posted.

    `asked` counts the test functions in the generators' answers, and 1 for each member without an answer. A
    repaired test function is counted once, by its result in the answer that was kept (the first or the
    repaired one). A function missing from that answer counts up to the last stage it reached.
    """

    asked: int = 0
    answered: int = 0
    ran: int = 0
    stable: int = 0
    gains: int = 0
    posted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Figures of one run.

    Attributes:
        spending: Cost of model calls.
        cache: Result cache figures.
        funnel: Number of test functions that reached each stage.
        seconds: Duration of the run.
        not_asked: Number of members for which no model was asked because the offline engine's tests cover
            them in full.
    """

    spending: Spending = Spending()
    cache: CacheStats = CacheStats()
    funnel: Funnel = Funnel()
    seconds: float = 0.0
    not_asked: int = 0


class StaleTestAction(StrEnum):
    """What to do with a marked test whose member was changed or removed."""

    REMOVE = "remove"  # its member was removed
    MEND = "mend"  # edited by hand and failing: a person should fix or delete it


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedTest:
    """Test from an earlier run that needs a person's attention.

    Attributes:
        path: Its file.
        name: Its name.
        member: The member it was generated for.
        fate: The recommended action.
        is_edited: Whether it was edited by hand.
        fails: Whether it failed when run; None if it was not run.
    """

    path: str
    name: str
    member: str
    fate: StaleTestAction
    is_edited: bool
    fails: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Measurements of the project's own test suite on head.

    Attributes:
        status: `MEASURED` if everything is known, `PARTLY` if some is, `FAILED` if no test could be run,
            `NONE` if the project has no tests.
        tests: Number of tests that were run; None if unknown.
        fail_on_base: Of the passing tests that reach a member of the report or are in a test file that the
            change adds or edits: number that fail with the merge base's source; None if they were not run
            there.
        known: Number of the report's members for which the tests' results are known.
    """

    status: BaselineStatus = BaselineStatus.NOT_RUN
    tests: int | None = None
    fail_on_base: int | None = None
    known: int = 0


class AuditVerdict(StrEnum):
    """What an audit says about a test that someone else wrote."""

    FAILS_WITHOUT_CHANGE = "fails-without-change"
    GUARDS_OTHER_BEHAVIOR = "guards-other-behavior"
    CANNOT_FAIL = "cannot-fail"
    FLAKY = "flaky"
    FAILS = "fails"

    @property
    def is_good(self) -> bool:
        """Whether the test protects something."""
        return self in {AuditVerdict.FAILS_WITHOUT_CHANGE, AuditVerdict.GUARDS_OTHER_BEHAVIOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTest:
    """A test function that someone else wrote, and what running it showed.

    Attributes:
        path: Its file, relative to the git root.
        name: Its name in the file, as in `TestFiles.test_functions`.
        line: Its first line; 0 if unknown.
        verdict: What it protects; None if that could not be found out.
        reason: Why, as a clause about the test, with code in backticks.
        passes: Number of runs on head that it passed.
        runs: Number of runs on head.
        base: Result with the source of the merge base.
        mutants: Number of mutants of the code it reaches that were tried; None if none could be.
        killed: Descriptions of the mutants of changed lines that it kills.
        killed_elsewhere: Description of a mutant of other lines that it kills; empty for none.
        weakness: How little it protects although it fails without the change, as a clause; empty if it
            protects something.
        smells: What makes it hard to trust or to maintain, as clauses.
        seconds: Its duration; None if unknown.
    """

    path: str
    name: str
    line: int = 0
    verdict: AuditVerdict | None = None
    reason: str = ""
    passes: int = 0
    runs: int = 0
    base: BaseOutcome = BaseOutcome.NOT_RUN
    mutants: int | None = None
    killed: tuple[str, ...] = ()
    killed_elsewhere: str = ""
    weakness: str = ""
    smells: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def id(self) -> str:
        """Identifier in every output: `<path>::<name>`."""
        return f"{self.path}::{self.name}"

    @property
    def is_sound(self) -> bool:
        """Whether it protects something, as far as was seen."""
        return self.verdict is not None and self.verdict.is_good and not self.weakness


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivingMutant:
    """A mutant of a changed line that no test of the project kills.

    Attributes:
        path: The source file, relative to the git root.
        line: The line.
        words: Description of the change.
        is_reached: Whether a test runs the line.
        is_proposed: Whether a proposed test kills it.
    """

    path: str
    line: int
    words: str
    is_reached: bool
    is_proposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The tests that a change adds or edits, judged, and what the whole suite leaves alive.

    Attributes:
        tests: The judged tests, by file and line.
        survived: Mutants of changed lines that survive; None if that is not known.
        mutants: Number of mutants of changed lines that were tried on the whole suite.
        left_out: Number of tests that were not looked at, because there are too many.
        notes: Remarks for the report.
    """

    tests: tuple[AuditedTest, ...] = ()
    survived: tuple[SurvivingMutant, ...] | None = None
    mutants: int = 0
    left_out: int = 0
    notes: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether no test fails, is flaky or cannot fail."""
        return all(one.verdict is None or one.verdict.is_good for one in self.tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that one run found, suggests and skipped.

    Attributes:
        members: The changed members, ordered by file and line.
        suggestions: Suggestions, numbered from 1.
        skipped: Every member without a suggestion and every skipped file, with the reason.
        statistics: Figures of the run.
        base: The merge base's full object id; None if `--all` was used without a base.
        head: The head's full object id; None for the working tree.
        failure: Why the run ended early (for example a rejected key or an exhausted quota); None for a
            complete report.
        notes: Lines for the reader, for example which sandbox layers are active.
        sources: Per member id, the digest of everything its result depends on. A member with the same digest
            can be skipped next time; one without a digest cannot.
        unchanged: Ids of members that were skipped because their earlier result is still valid. Each is also
            in `skipped`.
        digests: Per member id, the digest of its behavior on head, for the marks of its tests.
        failing: The project's own tests that do not pass on head, for example `tests/test_cart.py::test_add`,
            and test files that do not load, as far as known; None if the baseline was not measured.
        earlier: Tests from earlier runs that need attention.
        baseline: Measurements of the project's own tests.
        audit: The tests that the change itself adds or edits; None if they were not audited.
    """

    members: tuple[Member, ...]
    suggestions: tuple[Suggestion, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    statistics: Statistics = Statistics()
    base: str | None = None
    head: str | None = None
    failure: str | None = None
    notes: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    unchanged: frozenset[str] = frozenset()
    digests: Mapping[str, str] = field(default_factory=dict)
    failing: frozenset[str] | None = None
    earlier: tuple[GeneratedTest, ...] = ()
    baseline: Baseline = Baseline()
    audit: Audit | None = None

    @property
    def added_seconds(self) -> float | None:
        """Seconds that the proposed tests add to a run of the test suite; None if that is unknown."""
        every = [one.evidence for one in self.suggestions if one.is_green]
        known = [one.seconds for one in every if one is not None and one.seconds is not None]
        return sum(known) if known and len(known) == len(every) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """A model call that a run would make.

    Attributes:
        members: Ids of the members it would cover.
        prompt_tokens: Estimated from the prompt's length.
        completion_tokens: Estimated from the number of members.
    """

    members: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int


class ExpectedCallsReporter(Protocol):
    """Source of expected model calls. Lets callers avoid importing the generators."""

    def expected_calls(self) -> tuple[ExpectedCall, ...]:
        """Return the calls in the order in which they would be made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Expected model calls of a run and their cost. No model is called and no code is run.

    Attributes:
        members: See `Report.members`.
        calls: Calls within the configured limits.
        cached: Ids of members with a cached result.
        skipped: Members and files that would be skipped; stage `budget` for those beyond the limits.
        statistics: Expected figures.
        base: See `Report.base`.
        head: See `Report.head`.
    """

    members: tuple[Member, ...]
    calls: tuple[ExpectedCall, ...]
    cached: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    statistics: Statistics
    base: str | None
    head: str | None


class EndsRun(Exception):
    """Exception that ends a run, or one of its phases, for all members.

    Any other exception costs only the member whose work raised it; see `testsmith.faults`.
    """


class Failure(EndsRun):
    """The run cannot continue; the message says what failed and what to do next.

    The class decides the exit code: 2 for `UsageFailure`, otherwise 1.
    """


class UsageFailure(Failure):
    """Invalid command line or configuration: exit code 2."""


USUAL_SHARE = 0.25
"""The share of the remaining time that most phases take."""


class Progress(Protocol):
    """Progress display of a run: a bar on a terminal, plain lines in a log."""

    def phase(self, name: str, total: int, share: float = USUAL_SHARE) -> None:
        """End the current phase and begin one.

        Args:
            name: What is done, for example `running tests`.
            total: The number of its steps.
            share: The share of the remaining time that it usually takes, for the estimate of what is left.
        """
        ...

    def advance(self, steps: int = 1) -> None:
        """Count finished steps of the current phase."""
        ...

    def warn(self, message: str) -> None:
        """Show a warning once, separate from the result."""
        ...
