"""Data types for audits: how test functions of the project end under several conditions.

A test function is named by its file, relative to the git root, `::`, and its name as in
`TestFiles.test_functions`. It has one test, or several if it runs over a table of cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedRun:
    """How one test function ended in one run.

    Attributes:
        status: One of `jobs.STATUSES`; the worst of its tests.
        message: Why it did not pass. Untrusted text.
        wants_network: Whether it failed because no network was available.
        seconds: Duration of all its tests.
        tests: Ids of its tests.
        lines: Lines of source files that it reached, with its fixtures; empty if that was not traced.
        is_traced: Whether `lines` has all of them, if it was to be traced.
    """

    status: str
    message: str = ""
    wants_network: bool = False
    seconds: float = 0.0
    tests: frozenset[str] = frozenset()
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    is_traced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRun:
    """One run of some test functions.

    Attributes:
        words: What is special about it, in a few words each.
        functions: How each function ended. One that is missing did not run.
        broken: Reasons why files could not be loaded, by path.
        trouble: Why not all of them ran; empty if they did.
    """

    words: tuple[str, ...] = ()
    functions: Mapping[str, AuditedRun] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRuns:
    """The runs of some test functions on head and on base.

    Attributes:
        head: Runs on head, the traced one first; the others are of functions that failed in one.
        base: Run of head's tests on base's source; None if there is no base or it could not be run.
    """

    head: tuple[AuditRun, ...] = ()
    base: AuditRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutProject:
    """How the tests of one function end by themselves, in reverse order, and without the project.

    Attributes:
        alone: How they end in a process of their own: `passed`, `failed` or `skipped`; empty if unknown.
        words: What is special about that run.
        backwards: How they end with other tests in reverse order, in the same way.
        backwards_words: What is special about that run.
        passes: Whether they also pass without the project; None if that was not tried, because they kill a
            mutant or do not pass by themselves.
        ignores_results: Whether they pass whatever the project's functions return.
        in_setup: Whether only fixtures fail without the project.
        uncertain: Why it is not certain that they pass without the project; empty if it is. Untrusted text.
    """

    alone: str
    words: tuple[str, ...] = ()
    backwards: str = ""
    backwards_words: tuple[str, ...] = ()
    passes: bool | None = None
    ignores_results: bool = False
    in_setup: bool = False
    uncertain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedMutants:
    """Results of mutants, by file and number, and of test functions by number.

    Attributes:
        killed: Whether tests fail with a mutant; one without a result is missing.
        in_setup: The killed mutants that only fixtures notice.
        functions: What was found out about each function.
    """

    killed: Mapping[tuple[str, int], bool] = field(default_factory=dict)
    in_setup: frozenset[tuple[str, int]] = frozenset()
    functions: Mapping[int, WithoutProject] = field(default_factory=dict)
