"""The nouns that cross seams: one word per thing, the same in code, docs and JSON.

Everything here is frozen and knows nothing of git, pytest, HTTP or a model. A room that needs more
about a noun than stands here keeps it to itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

_MOST_TOLD = 2

SCHEMA_VERSION = 1
"""The version of the JSON contract that `report/json.py` prints; keys may be added within it."""


class Change(StrEnum):
    """Why a member is looked at."""

    ADDED = "added"
    CHANGED = "changed"
    AFFECTED = "affected"


class SkipStage(StrEnum):
    """Where on the way a member or file was left without a suggestion."""

    CHANGES = "changes"
    ENVIRONMENT = "environment"
    GENERATION = "generation"
    VERIFICATION = "verification"
    GATE = "gate"
    BUDGET = "budget"
    INTERNAL = "internal"


class Label(StrEnum):
    """What a suggestion says about the change; see the contract in the architecture page."""

    NEW_BEHAVIOUR = "new-behaviour"
    UNCHANGED_BEHAVIOUR = "unchanged-behaviour"
    CATCHES = "catches"
    QUESTION = "question"


class Origin(StrEnum):
    """Which kind of generator made a candidate."""

    MODEL = "model"
    OFFLINE = "offline"


class BaseOutcome(StrEnum):
    """What a test does on the merge base."""

    ABSENT = "absent"
    FAILS = "fails"
    PASSES = "passes"
    NOT_RUN = "not-run"


class BaselineStatus(StrEnum):
    """How much is known of the baseline, the project's own test suite."""

    MEASURED = "measured"
    PARTLY = "partly"
    FAILED = "failed"
    NONE = "none"
    NOT_RUN = "not-run"


class MemberKind(StrEnum):
    """What a member is, as a generator needs to know it in order to call it."""

    FUNCTION = "function"
    METHOD = "method"
    STATIC_METHOD = "static method"
    CLASS_METHOD = "class method"
    PROPERTY = "property"
    CLASS = "class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Lines of a file on head, counted from 1, relative to the git root."""

    path: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A public function, method, property or class of a source file that a change adds, alters or affects.

    Attributes:
        path: The defining file, relative to the git root, with forward slashes.
        name: The dotted name inside the file, as `Cart.add`.
        language: The driver's identifier, as `python`.
        change: Why it is looked at.
        line: First line of the definition on head, decorators included, counted from 1.
        end_line: Last line of the definition on head.
        changed_lines: Those of its lines that the diff adds or alters on head; empty for affected ones.
        kind: What it is.
        is_async: Whether calling it gives something to await or to iterate asynchronously.
        source: Its text on head, dedented.
        module: The public module that tests import it from, as `shop.cart`.
        because: For an affected member the private things that changed, nearest first, as `_bounds`.
        because_source: The text on head of each of those, normalised as `Request.normalised_source` is.
        because_places: Where those stand on head, as far as they are there.
        steps: For an affected member how many references lie between it and the nearest of those.
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
    is_async: bool = False
    changed_lines: frozenset[int] = frozenset()
    because: tuple[str, ...] = ()
    because_source: tuple[str, ...] = ()
    because_places: tuple[Place, ...] = ()
    steps: int = 0

    @property
    def id(self) -> str:
        """The member's id in every output: `<path>::<name>`."""
        return f"{self.path}::{self.name}"

    @property
    def plain_name(self) -> str:
        """The last part of the dotted name, as `add`."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A member, or a whole file where `member` is None, that has no suggestion, and why.

    Attributes:
        path: The file, relative to the git root.
        stage: Where on the way it was left.
        reason: Why, in plain text.
        member: The member's id; None for a whole file.
        permanent: Whether the reason is a property of the content, so that asking again would end the same
            way; only such a result is kept in the result cache.
        traceback: Of stage `internal`: the exception and where it was raised, for `--verbose`.
    """

    path: str
    stage: SkipStage
    reason: str
    member: str | None = None
    permanent: bool = False
    traceback: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a generator is told about a member beside its own source, in tiers.

    Attributes:
        signatures: Tier 2: signatures of the things of this project that the member uses, a blank line
            between one and the next, the enclosing class's head and constructor first.
        style_sample: Tier 3: a part of a neighbouring test file, as a sample of style; may be empty.
        dependencies: Source of the private things that made it affected, normalised; part of the cache key.
        observations: What came of running the member, a clause or sentence each with code in backticks, the
            most telling first. Untrusted text.
    """

    signatures: str = ""
    style_sample: str = ""
    dependencies: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What was wrong with a candidate, for its generator to mend.

    Attributes:
        code: The test module as it was run, with the test functions that are to be mended alone.
        failures: Each of those test functions, and what was wrong with it; an empty name stands for the
            module as a whole. Untrusted text, cut.
        normalised_code: The code without comments and formatting. Part of the cache key.
    """

    code: str
    failures: tuple[tuple[str, str], ...]
    normalised_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of a generator for one member.

    Attributes:
        member: The member to test.
        test_path: Where its tests would stand, relative to the git root.
        framework: The test framework's name, as `pytest`.
        conventions: The text of the `TESTSMITH.md` files that apply, root first; may be empty.
        normalised_source: The member's source normalised by syntax tree (comments, formatting and place do
            not show in it; docstring and annotations do). Part of the cache key.
        context: Tiers 2 and 3.
        repair: What is to be mended, where the member is asked for again; None for the first time.
    """

    member: Member
    test_path: str
    framework: str = "pytest"
    conventions: str = ""
    normalised_source: str = ""
    context: Context = field(default_factory=Context)
    repair: Repair | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDescription:
    """What one test function of a candidate shows, in words, with code in backticks.

    Attributes:
        test: The function's name.
        shows: A clause, as "`f(1)` gives `2`"; empty where nothing short can be said.
        witness: What the change does, as a sentence; None where it shows no input on which base and head
            differ.
    """

    test: str
    shows: str = ""
    witness: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A generator's unproven answer for one member: one complete test module.

    Attributes:
        member: The member's id.
        code: The test module's whole text.
        origin: Which kind of generator made it.
        sayings: What its test functions show, the most telling first; may be empty.
    """

    member: str
    code: str
    origin: Origin
    sayings: tuple[TestDescription, ...] = ()

    def summary(self, tests: Collection[str]) -> str:
        """Return one sentence on what these test functions show; empty where nothing is to be said."""
        data = dict.fromkeys(each.shows for each in self.sayings if each.shows and each.test in tests)
        return "; ".join(list(data)[:_MOST_TOLD]) + "." if data else ""

    def witness(self, tests: Collection[str]) -> str | None:
        """Return what the change does, by the first of these test functions that shows it."""
        return next((each.witness for each in self.sayings if each.witness and each.test in tests), None)


Result = Candidate | Skipped
"""What a generator gives for one request: a candidate, or the member skipped with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What running a suggestion's test functions showed; None where it was not measured.

    Attributes:
        passes: How many runs on head its weakest function passed.
        runs: How many runs on head there were.
        base: What it does on the merge base.
        tests: How many test functions it has.
        fail_to_pass: How many of them run and fail on the merge base; None where they were not run there, or
            where the member is absent there.
        mutants: How many mutants the member has.
        mutants_killed: How many of them some function notices.
        mutants_gained: How many of those the project's own tests leave alive.
        killed: The killed mutants, in words; those that were gained come first.
        alive: The mutants that no function notices, in words.
        lines_gained: Lines of the member that it reaches and the project's own tests do not.
        branches_gained: Line-to-line arcs of the member, likewise.
        suite_is_whole: Whether all of the project's own tests were run; else what is gained is more than
            those show whose files import or name the member.
        failures: By a function's name what it says where it fails, on the merge base or else on head: foreign
            text, cut.
    """

    passes: int
    runs: int
    base: BaseOutcome = BaseOutcome.NOT_RUN
    tests: int = 1
    fail_to_pass: int | None = None
    mutants: int | None = None
    mutants_killed: int | None = None
    mutants_gained: int | None = None
    killed: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()
    lines_gained: int | None = None
    branches_gained: int | None = None
    suite_is_whole: bool = True
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What is left of a candidate after the gate, with its evidence.

    Attributes:
        member: The member's id.
        number: Counted from 1 in the order of the report.
        test_path: Where the tests would stand, relative to the git root.
        code: A complete test module that runs by plain `pytest FILE` with the source roots on PYTHONPATH, and
            by `python -m unittest FILE`, too, if that is its framework.
        tests: Names of its test functions, in order.
        origin: Which kind of generator made it.
        evidence: What running it showed; None with `--no-verify`.
        label: What it says about the change; None where base was not run.
        witness: An input on which base and head differ, in words; None where none is known.
        summary: One sentence that says what the tests show, in plain text; may be empty.
        observed: Those of its tests whose expected values were taken from what the code was seen to do, after
            the generator had expected something else.
        framework: What its code is written for, `pytest` or `unittest`.
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

    @property
    def run(self) -> str:
        """The command that runs its tests once they are in their place."""
        runner = "python -m unittest" if self.framework == "unittest" else self.framework
        return shlex.join((*runner.split(), self.test_path))

    @property
    def is_green(self) -> bool:
        """Whether it is a test to keep, rather than something to ask about."""
        return self.label not in {Label.CATCHES, Label.QUESTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """What the result cache did in this run: hits and misses count members, entries what it holds now."""

    hits: int = 0
    misses: int = 0
    entries: int = 0


class CacheStatsReporter(Protocol):
    """Anything that can say what the result cache did, without the asker importing the cache."""

    def cache_stats(self) -> CacheStats:
        """Return the figures of this run so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What model calls cost so far.

    Attributes:
        api_calls: HTTP requests, retries included.
        prompt_tokens: As the endpoint counts them.
        prefix_tokens: Those of them that are the same in every call, by their share of the characters; many
            endpoints charge them less from the second call on.
        completion_tokens: As the endpoint counts them.
        thinking_tokens: Those of them that the model only thought.
        cost: US dollars; None where no price is known for a model that was asked.
    """

    api_calls: int = 0
    prompt_tokens: int = 0
    prefix_tokens: int = 0
    completion_tokens: int = 0
    thinking_tokens: int = 0
    cost: float | None = 0.0


class SpendingReporter(Protocol):
    """Anything that can say what was spent, without the asker importing the providers."""

    def spending(self) -> Spending:
        """Return the figures of this run so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """How many test functions reached each point, from asked to posted.

    `asked` counts what the generators' answers to the requests hold, members without an answer as one. A test
    function that was mended counts once: by what became of it in the answer that is kept, the first or the
    mended one; what the kept answer has not any more counts as far as it had come.
    """

    asked: int = 0
    answered: int = 0
    ran: int = 0
    stable: int = 0
    gains: int = 0
    posted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The figures of one run.

    Attributes:
        spending: What model calls cost.
        cache: What the result cache did.
        funnel: How far the test functions came.
        seconds: How long it took.
        not_asked: Members that no model was asked for, since the offline engine's tests show all of them.
    """

    spending: Spending = Spending()
    cache: CacheStats = CacheStats()
    funnel: Funnel = Funnel()
    seconds: float = 0.0
    not_asked: int = 0


class StaleTestAction(StrEnum):
    """What is to become of a marked test whose member has changed or is gone."""

    REMOVE = "remove"  # its member is gone
    MEND = "mend"  # it was edited by hand, and fails: people mend it, or take it out


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedTest:
    """A test that the bot has made earlier and that somebody should look at.

    Attributes:
        path: Its file.
        name: Its name.
        member: What it was made for.
        fate: What is to become of it.
        is_edited: Whether somebody has edited it.
        fails: Whether it was seen to fail; None where it was not run.
    """

    path: str
    name: str
    member: str
    fate: StaleTestAction
    is_edited: bool
    fails: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was measured of the project's own test suite, as head has it.

    Attributes:
        status: `MEASURED` if all is known, `PARTLY` if some is, `FAILED` if no test could be run, `NONE` if
            the project has none.
        tests: How many tests were run; None if that is not known.
        fail_on_base: How many of those that pass, and reach a function or class of the report, fail with the
            merge base's source; None if they were not run there.
        known: For how many members of the report it is known what the tests do with them.
    """

    status: BaselineStatus = BaselineStatus.NOT_RUN
    tests: int | None = None
    fail_on_base: int | None = None
    known: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that one run found, proposes and left out.

    Attributes:
        members: The changed members, in the order of their files and lines.
        suggestions: Numbered from 1.
        skipped: Every member without a suggestion, and every file left out with a reason.
        statistics: The figures.
        base: The merge base's full object id, or None where `--all` took no base.
        head: The head's full object id, or None for the working tree.
        failure: Why the run ended early (a refused key, an empty quota); None for a complete report.
        notes: Lines a reader should know, as which sandbox layers are active.
        sources: By member id, the digest of all that the member's outcome was found from; a member with the
            same digest need not be looked at again. Without one it is to be looked at anew.
        unchanged: Ids of the members that were not looked at, since what is remembered of them still holds;
            each is in `skipped`, too.
        digests: By member id, the digest of what the member does on head, for the marks of its tests.
        failing: The project's own tests that do not pass on head, as `tests/test_cart.py::test_add`, and test
            files that do not load, as far as they are known; None where none of them was measured.
        earlier: Tests of earlier runs that somebody should look at.
        baseline: What was measured of the project's own tests.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """A call to the model that a run would make.

    Attributes:
        members: The ids of the members it would ask for.
        prompt_tokens: Reckoned from the prompt's length.
        completion_tokens: Reckoned from the number of members.
    """

    members: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int


class ExpectedCallsReporter(Protocol):
    """Anything that can say which calls a run would make, without the asker importing the generators."""

    def expected_calls(self) -> tuple[ExpectedCall, ...]:
        """Return the calls in the order in which they would be made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run would ask a model, and what that would cost; nobody was asked, and nothing was run.

    Attributes:
        members: As of a report.
        calls: The calls that the caps leave.
        cached: Ids of the members whose results are known already.
        skipped: Members and files that would not be asked for: under `budget` what the caps leave out.
        statistics: The figures that the calls would come to.
        base: As of a report.
        head: As of a report.
    """

    members: tuple[Member, ...]
    calls: tuple[ExpectedCall, ...]
    cached: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    statistics: Statistics
    base: str | None
    head: str | None


class EndsRun(Exception):
    """An exception that is meant to end a run, or one of its phases, for all members.

    Any other exception that a member's work raises costs that member alone, see `testsmith.faults`.
    """


class Failure(EndsRun):
    """The run cannot go on; the message says what could not be done and what to do next.

    Its subclasses decide the exit code: `UsageFailure` 2, everything else 1.
    """


class UsageFailure(Failure):
    """What the person typed or configured cannot be used: exit code 2."""


class Progress(Protocol):
    """Where a run tells how far it is; a terminal shows a bar, a log plain lines."""

    def phase(self, name: str, total: int) -> None:
        """Begin a phase of `total` steps; the one before is over."""
        ...

    def advance(self, steps: int = 1) -> None:
        """Count finished steps of the current phase."""
        ...

    def warn(self, message: str) -> None:
        """Tell the person something once, outside the result."""
        ...
