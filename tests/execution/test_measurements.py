from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.workspaces import function_member
from testsmith.execution.baseline import MemberBaseline, OwnSuite
from testsmith.execution.jobs import Reached
from testsmith.execution.measurements import Kept, keep, kept_suite
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.python.running.project_tests.suite_key import suite_key
from testsmith.languages.python.running.workspace import Interpreter, PythonWorkspace
from testsmith.model import BaselineStatus
from testsmith.settings import CacheSettings
from testsmith.storage.keys import MEASUREMENTS_FILE_NAME
from testsmith.storage.store import ResultStore

SOURCE = "def clamp(value):\n    if value:\n        return 1\n    return 2\n\n\ndef other():\n    return 3\n"
MEMBERS = [function_member(SOURCE, "clamp"), function_member(SOURCE, "other")]
BASELINE = MemberBaseline(
    reached=Reached(lines=frozenset({2, 3, 4}), branches=frozenset({(2, 3), (2, -1)})),
    tests={2: ("t.py::test_b", "t.py::test_a"), 3: ("t.py::test_b",), 4: ("t.py::test_b",)},
)
OTHER = MemberBaseline(reached=Reached(lines=frozenset({8})), tests={8: ("t.py::test_c",)}, is_whole=False)
SUITE = OwnSuite(
    status=BaselineStatus.PARTLY,
    tests=4,
    passed=frozenset({"t.py::test_a", "t.py::test_c"}),
    passing={"t.py": 3},
    failed=frozenset({"tests/test_a.py::test_b", "tests/test_c.py"}),
    members={MEMBERS[0].id: BASELINE},
    partly={MEMBERS[1].id: OTHER},
    notes=("1 of 2 own tests do not pass",),
    blamed={MEMBERS[1].id: frozenset({"t.py::test_b", "tests/test_c.py::"})},
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResultStore]:
    settings = CacheSettings(folder=tmp_path / "cache")
    with ResultStore.open(settings, warn=pytest.fail, file_name=MEASUREMENTS_FILE_NAME) as opened:
        yield opened


def test_kept_suite__is_what_was_kept(store: ResultStore) -> None:
    keep(store, "k", Kept(suite=SUITE))
    assert kept_suite(store, "k", MEMBERS, 10.0) == SUITE
    assert kept_suite(store, "other", MEMBERS, 10.0) is None


def test_kept_suite__what_was_late_counts_for_no_more_time(store: ResultStore) -> None:
    late = OwnSuite(notes=("too slow",))
    keep(store, "k", Kept(suite=late, seconds=5.0))
    assert kept_suite(store, "k", MEMBERS, 5.0) == late
    assert kept_suite(store, "k", MEMBERS, 5.1) is None


@pytest.mark.parametrize(("tests", "seconds", "is_kept"), [(0, 0.0, False), (0, 5.0, True), (3, 0.0, True)])
def test_keep__what_failed_without_a_test_is_measured_again(
    store: ResultStore, tests: int, seconds: float, is_kept: bool
) -> None:
    failed = OwnSuite(status=BaselineStatus.FAILED, tests=tests)
    keep(store, "k", Kept(suite=failed, seconds=seconds))
    assert (kept_suite(store, "k", [], 5.0) is not None) is is_kept


def spoil_head(change: dict[str, Any]) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    return lambda key, value: {**value, **change} if key == "k" else value


def spoil_member(change: dict[str, Any]) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    return lambda key, value: value if key == "k" else {**value, **change}


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_head({"schema": 0}),
        spoil_head({"kind": "candidate"}),
        spoil_head({"members": None}),
        spoil_head({"members": ["shop.py::nobody"]}),
        spoil_head({"members": [["x"]]}),
        spoil_head({"partly": None}),
        spoil_head({"partly": ["shop.py::nobody"]}),
        spoil_head({"notes": ["\x1b[2J"]}),
        spoil_head({"notes": ["x"] * 11}),
        spoil_head({"notes": "x"}),
        spoil_head({"seconds": "5"}),
        spoil_head({"status": "excellent"}),
        spoil_head({"tests": "4"}),
        spoil_head({"not_passed": "t.py::test_b"}),
        spoil_head({"not_passed": [3]}),
        spoil_head({"passing": {"t.py": -1}}),
        spoil_head({"passing": ["t.py"]}),
        spoil_head({"blamed": ["t.py::test_b"]}),
        spoil_head({"blamed": {"shop.py::nobody": []}}),
        spoil_head({"blamed": {MEMBERS[1].id: [""]}}),
        spoil_member({"schema": 0}),
        spoil_member({"lines": [99]}),
        spoil_member({"lines": [True]}),
        spoil_member({"lines": "2"}),
        spoil_member({"branches": [[2]]}),
        spoil_member({"branches": [[2, "3"]]}),
        spoil_member({"ids": ["a\0b", "c"]}),
        spoil_member({"ids": {}}),
        spoil_member({"sets": [[7]]}),
        spoil_member({"sets": [[-1]]}),
        spoil_member({"tests": [[2, 9]]}),
        spoil_member({"tests": 3}),
    ],
)
def test_kept_suite__what_has_not_the_right_shape_is_a_miss(
    store: ResultStore, spoil: Callable[[str, dict[str, Any]], dict[str, Any]]
) -> None:
    class Spoiling:
        def get_many(self, keys: Any) -> dict[str, dict[str, object]]:
            found = store.get_many(keys)
            return {key: spoil(key, json.loads(json.dumps(value))) for key, value in found.items()}

        def put(self, key: str, value: Any) -> None:
            store.put(key, value)

    keep(store, "k", Kept(suite=SUITE))
    assert kept_suite(Spoiling(), "k", MEMBERS, 1.0) is None


def workspace(folder: Path) -> PythonWorkspace:
    return PythonWorkspace(
        head=ProjectCopy(root=folder / "head", source_roots=(folder / "head",)),
        base=None,
        interpreter=Interpreter(path=folder / "env" / "bin" / "python", version=(3, 13)),
        scratch=folder,
        sandbox=ProcessSandbox(),
        limits=Limits(),
    )


def test_suite_key__files_interpreter_and_what_is_installed(tmp_path: Path) -> None:
    head, site = tmp_path / "head", tmp_path / "env" / "lib" / "python3.13" / "site-packages"
    for folder in (head / "tests", site, tmp_path / "env" / "bin"):
        folder.mkdir(parents=True)
    (head / "shop.py").write_text(SOURCE)
    place = workspace(tmp_path)
    keys = [suite_key(place, MEMBERS)]
    assert suite_key(place, MEMBERS[::-1]) == keys[0]

    (head / "tests" / "test_shop.py").write_text("x = 1")
    keys.append(suite_key(place, MEMBERS))
    (head / "tests" / "test_shop.py").write_text("x = 2")
    keys.append(suite_key(place, MEMBERS))
    (head / "tests" / "test_shop.py").chmod(0o755)
    keys.append(suite_key(place, MEMBERS))
    (head / "link").symlink_to("tests")
    keys.append(suite_key(place, MEMBERS))
    (head / "link").unlink()
    (head / "link").symlink_to("shop.py")
    keys.append(suite_key(place, MEMBERS))
    (site / "pytest-9.0.dist-info").mkdir()
    keys.append(suite_key(place, MEMBERS))
    keys.append(suite_key(place, MEMBERS[:1]))
    older = replace(place.interpreter, version=(3, 12))
    keys.append(suite_key(replace(place, interpreter=older), MEMBERS))
    assert len(set(keys)) == len(keys) == 9


def test_suite_key__an_interpreter_that_is_installed_anew_in_each_run(tmp_path: Path) -> None:
    keys = []
    for name, python in (("one", "/usr/bin/env"), ("other", "/usr/bin/env"), ("newer", "/usr/bin/true")):
        link = tmp_path / name / "env" / "bin" / "python"
        link.parent.mkdir(parents=True)
        (tmp_path / name / "head").mkdir()
        link.symlink_to(python)
        keys.append(suite_key(workspace(tmp_path / name), MEMBERS))

    assert keys[0] == keys[1] != keys[2]


def test_known_to_fail__nothing_measured_is_not_nothing_failing() -> None:
    assert OwnSuite().known_to_fail is None
    assert SUITE.known_to_fail == SUITE.failed
    assert replace(SUITE, failed=None).known_to_fail == frozenset()
    assert OwnSuite(failed=frozenset()).known_to_fail == frozenset()
