"""What groups, extras, environments, sessions and files are for, by their names. Pure."""

from __future__ import annotations

import re

_TEST_WORDS = frozenset({"test", "tests", "testing", "pytest", "unittest", "unittests", "unit"})
_OTHER_WORDS = frozenset(
    {
        *("doc", "docs", "documentation", "sphinx", "doctest", "linkcheck"),
        *("lint", "linting", "linter", "linters", "style", "format", "fmt", "flake8", "ruff", "black"),
        *("mypy", "type", "types", "typing", "typecheck", "pyright", "pylint", "precommit", "pre", "check"),
        *("bench", "benchmark", "benchmarks", "benchmarking", "profile", "profiling", "perf"),
        *(
            "release",
            "publish",
            "build",
            "package",
            "packaging",
            "changelog",
            "coverage",
            "cover",
            "clean",
            "report",
        ),
        *("downstream", "nightly", "mutation", "fuzz", "audit", "security"),
    }
)


def normal(name: str) -> str:
    """Return a name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_for_tests(name: str) -> bool:
    """Tell whether a name is one of tests alone, such as `tests` or `crypto-test`, but not `test-docs`."""
    words = _words(name)
    return bool(words & _TEST_WORDS) and not is_for_something_else(name)


def is_for_something_else(name: str) -> bool:
    """Tell whether a name is that of documentation, a linter, a benchmark or a release."""
    return bool(_words(name) & _OTHER_WORDS)


def _words(name: str) -> set[str]:
    return set(normal(name).split("-"))
