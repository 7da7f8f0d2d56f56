from __future__ import annotations

import pytest

from testsmith.execution.jobs import FAILED, PASSED, SKIPPED, TIMED_OUT, ChangedModule, ChangedModules
from testsmith.languages.go.running.mutant_runs import Target, kills


def target(package: str, *tests: str) -> Target:
    change = ChangedModule(number=7, edit=(0, 1, ""), function=None, tests=frozenset(tests))
    changed = ChangedModules(path="calc.go", source="x", names=frozenset(), changes=(change,))
    return Target(package=package, files={}, changed=changed, budget="own", seconds=1.0)


@pytest.mark.parametrize(
    ("ended", "in_other_package", "killed"),
    [
        ({"TestAdd": PASSED, "TestLess": PASSED}, {"TestUser": SKIPPED}, {7: False}),
        ({"TestAdd": PASSED}, {"TestUser": PASSED}, {}),
        ({"TestAdd": PASSED, "TestLess": PASSED}, None, {}),
        ({"TestAdd": FAILED}, {"TestUser": PASSED}, {7: True}),
        ({"TestAdd": PASSED}, {"TestUser": TIMED_OUT}, {7: True}),
        (None, None, {}),
    ],
    ids=["all pass", "one did not end", "other package not built", "others left out", "one fails", "untried"],
)
def test_kills__a_mutant_survives_only_if_all_tests_have_ended_with_it(
    ended: dict[str, str] | None, in_other_package: dict[str, str] | None, killed: dict[int, bool]
) -> None:
    targets = [target("calc", "TestAdd", "TestLess"), target("user", "TestUser")]
    found = [{} if one is None else {7: one} for one in (ended, in_other_package)]
    assert kills(targets, found) == killed
