"""Calls before and after the one for tests: the whole program, a real endpoint, real runs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from fakes import many_members
from fakes.command_line import CommandLine
from fakes.endpoint import Body, Endpoint, members_in
from fakes.faults import refusal
from fakes.git_repository import GitRepository
from fakes.guessing_model import GuessingModel

pytestmark = pytest.mark.slow

PROBES = {"fee": ["fee(10)", "fee(17)"], "tax": ["tax(100)", "rate = 0\ntax(50, rate)"]}

QUICKLY = ("--suite-seconds", "0", "--runs", "1", "--repairs", "0")


def prompts(endpoint: Endpoint) -> list[str]:
    return [str(call.body["messages"][1]["content"]) for call in endpoint.requests]


def answer(body: Body) -> str:
    """Choose inputs, and then write a test that is wrong for one function."""
    prompt = str(body["messages"][1]["content"])
    if prompt.startswith("Choose inputs"):
        inputs = ((member, PROBES[member.rpartition("::")[2]]) for member in members_in(body))
        return json.dumps({"probes": [{"name": member, "inputs": each} for member, each in inputs]})
    tests = json.loads(GuessingModel(many_members.INPUTS, many_members.namespace())(body))["tests"]
    wrong = {"code": "from many_members.pricing import fee\n\n\ndef test_fee():\n    assert fee(17) == 1\n"}
    return json.dumps({"tests": [one | (wrong if one["name"].endswith("fee") else {}) for one in tests]})


def test_probe__results_on_both_sides_are_facts_and_inputs_for_the_engine_and_are_asked_for_once(
    tmp_path: Path, command_line: CommandLine
) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({**many_members.base()})
    project.git("switch", "-qc", "change")
    project.commit({**many_members.HEAD})
    with Endpoint(answer=answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "guessing", "--only", "fee", "--only", "tax")
        both = (*model, "--provider", "openai+offline", "--strategy", "probe")
        suggest = partial(command_line.suggest, project.folder, "--base", "main", *both, *QUICKLY)
        ran, warm = suggest(key="sk-test"), suggest(key="sk-test")
        probe, write = prompts(endpoint)
    assert probe.startswith("Choose inputs")
    assert "`fee(17)` gave" in write
    assert "before this change and gives" in write
    assert "`rate = 0; tax(50, rate)` gave `1` before this change and gives `0` now." in write
    assert (ran.report["stats"]["api_calls"], warm.report["stats"]["api_calls"]) == (2, 0)
    by_model, again = (
        [(one["code"], one["evidence"]) for one in each.report["suggestions"] if one["origin"] == "model"]
        for each in (ran, warm)
    )
    assert by_model == again != []
    green = [one for one in ran.report["suggestions"] if one["label"] not in {"catches", "question"}]
    of = {one["member"].rpartition("::")[2]: one for one in green}
    assert {name: one["origin"] for name, one in of.items()} == {"fee": "offline", "tax": "model"}
    assert "(17" in of["fee"]["code"]


FARE = 'def fare(zones):\n    if zones < 0:\n        raise ValueError("no zones")\n    return 2 + zones\n'
FARE_BEFORE = "def fare(zones):\n    return 2 + zones\n"
FARE_TESTS = """\
import pytest

from prices import fare


@pytest.mark.parametrize(("zones", "expected"), [(0, 2), (1, 3)])
def test_fare(zones, expected):
    assert fare(zones) == expected


def test_fare__of_many_zones():
    assert fare(98) == 100
"""
WRITTEN = """\
@@
     assert fare(zones) == expected
<BLANK>
<BLANK>
+def test_fare__1():
+    with pytest.raises(ValueError):
+        fare(-1)
+
+
 def test_fare__of_many_zones():
""".replace("<BLANK>", " ")
RENAMED = WRITTEN.replace("fare__1", "fare__refuses_negative_zones")
WRONG = RENAMED.replace("fare(-1)", "fare(1)")


ALSO_WRONG = WRITTEN.replace(
    " def test_fare__of", "+def test_fare__2():\n+    assert fare(2) == 5\n+\n+\n def test_fare__of"
)
ROWS = (
    WRITTEN.replace("+def", '+@pytest.mark.parametrize("zones", [-1, 2])\n+def')
    .replace("1():", "1(zones):")
    .replace("fare(-1)", "fare(zones)")
)
FIRST = {"renamed": WRITTEN, "wrong": WRITTEN, "empty": ALSO_WRONG, "prose": ROWS}
"""By the module of a function, what the model proposes."""

EDITS = {"renamed": RENAMED, "wrong": WRONG, "empty": "", "prose": "no diff at all"}
"""By the module of a function, what the model answers when it reviews the function's tests."""


def test_edit__a_review_is_used_only_if_it_is_proven_to_show_as_much(
    tmp_path: Path, command_line: CommandLine
) -> None:
    project = GitRepository.create(tmp_path / "project")
    tests = {f"tests/test_{name}.py": FARE_TESTS.replace("prices", name) for name in EDITS}
    project.commit({**{f"{name}.py": FARE_BEFORE for name in EDITS}, **tests})
    project.git("switch", "-qc", "change")
    project.commit({f"{name}.py": FARE for name in EDITS})

    def answer(body: Body) -> str:
        edits = EDITS if "Review the tests" in str(body) else FIRST
        named = ((member, member.partition(".")[0]) for member in members_in(body))
        return json.dumps({"tests": [{"name": one, "code": "", "patch": edits[name]} for one, name in named]})

    with Endpoint(answer=answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "a-model", "--strategy", "edit")
        ran = command_line.suggest(project.folder, "--base", "main", *model, *QUICKLY, key="sk-test")
    assert ran.code == 0
    write, read = prompts(endpoint)
    assert write.startswith("Write")
    assert read.count("+def test_fare__1(") == len(EDITS)
    assert "`test_fare__2` was proposed, too, and fails on head: assert 4 == 5" in read
    assert (
        "of the rows that were proposed for `test_fare__1`, these failed: 2; Failed: DID NOT RAISE ValueError"
        in read
    )
    assert read.count("1 of 1 test functions fail on the code before the change") == len(EDITS)
    found = {one["member"].partition(".")[0]: one for one in ran.report["suggestions"]}
    assert {name: one["tests"] for name, one in found.items()} == {
        **{name: ["test_fare__1"] for name in EDITS},
        "renamed": ["test_fare__refuses_negative_zones"],
    }
    assert found["renamed"]["evidence"]["fail_to_pass"] == 1
    assert "review: the model reviewed the tests of 4 functions and changed 1" in ran.report["notes"]


def test_edit__a_call_that_fails_is_not_called_a_review(tmp_path: Path, command_line: CommandLine) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"prices.py": FARE_BEFORE, "tests/test_prices.py": FARE_TESTS})
    project.git("switch", "-qc", "change")
    project.commit({"prices.py": FARE})
    patch = {"name": "prices.py::fare", "code": "", "patch": WRITTEN}
    refused = refusal(400, "this account has no such model")

    with Endpoint(answer=lambda _: json.dumps({"tests": [patch]}), faults=[None, refused]) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "a-model", "--strategy", "edit")
        ran = command_line.suggest(project.folder, "--base", "main", *model, *QUICKLY, key="sk-test")

    assert [one["tests"] for one in ran.report["suggestions"]] == [["test_fare__1"]]
    [note] = [note for note in ran.report["notes"] if note.startswith("review: ")]
    assert note.startswith("review: the tests of 1 function were proven but not reviewed: ")
    assert "this account has no such model" in note


REGISTRY = "\n\nnames = set()\n\n\ndef register(name):\n    assert name not in names\n    names.add(name)\n"
ZONE_TESTS = """\
import pytest

from prices import fare, register

register("zones")


def test_zero_zones():
    assert fare(0) == 2


def test_one_zone():
    assert fare(1) == 3
"""
ONE_MORE = """\
@@
 def test_one_zone():
     assert fare(1) == 3
+
+
+def test_negative_zones():
+    with pytest.raises(ValueError):
+        fare(-1)
"""


ONE_ASSERTION_MORE = """\
@@
 def test_one_zone():
     assert fare(1) == 3
+    with pytest.raises(ValueError):
+        fare(-1)
"""


SHARED_TESTS = """\
from unittest import TestCase

from prices import fare


class _FareTests(TestCase):
    def test_one_zone(self):
        self.assertEqual(fare(self.one), 3)


class _WholeZones(_FareTests):
    one = 1


class _HalfZones(_FareTests):
    one = 1.0


del _FareTests
"""
SHARED = """\
@@
         self.assertEqual(fare(self.one), 3)
+
+    def test_negative_zones(self):
+        with self.assertRaises(ValueError):
+            fare(-self.one)
"""


PRIVATE = "def _fare(zones):\n    return 2 + zones\n\n\ndef label(zones):\n    return f'{_fare(zones)} EUR'\n"
OF_PRIVATE = "import prices\n\n\ndef test_fare():\n    assert prices._fare(0) == 2\n"


OF_FAR_ZONES = OF_PRIVATE.replace("test_fare", "test_fare__of_far_zones").replace("(0) == 2", "(9) == 10")
OWN = "from prices import fare\n\n\ndef test_fare():\n    assert fare(0) == 2\n"
PLACED = {
    "prices.py::fare": {"patch": ONE_MORE},
    "rides.py::fare": {"patch": ONE_ASSERTION_MORE},
    "taxis.py::fare": {"patch": SHARED},
    "trains.py::_fare": {"code": OF_FAR_ZONES.replace("prices", "trains")},
}
"""By function, what a model answers once it has chosen the test file for the first one."""


def test_place__is_the_chosen_file_a_test_that_is_there_a_shared_class_or_next_to_a_private_function(
    tmp_path: Path, command_line: CommandLine
) -> None:
    own = {
        "zones": ZONE_TESTS,
        "tickets": FARE_TESTS,
        **{name: OWN.replace("test_fare", "test_one") for name in ("children", "dogs")},
        "rides": ZONE_TESTS.replace("prices", "rides"),
        "taxis": SHARED_TESTS.replace("prices", "taxis"),
        "trains": OF_PRIVATE.replace("prices", "trains"),
    }
    sources = {"prices.py": FARE + REGISTRY, "rides.py": FARE + REGISTRY, "taxis.py": FARE}
    project = GitRepository.create(tmp_path / "project")
    project.commit({f"tests/test_{name}.py": text for name, text in own.items()})
    project.commit({path: text.replace(FARE, FARE_BEFORE) for path, text in sources.items()})
    project.commit({"trains.py": PRIVATE})
    project.git("switch", "-qc", "change")
    project.commit({**sources, "trains.py": PRIVATE.replace("2 + zones", "2 + min(zones, 8)")})

    def answer(body: Body) -> str:
        if "Choose the test file" in str(body):
            return json.dumps({"files": [{"name": "prices.py::fare", "file": "tests/test_zones.py"}]})
        tests = [{"name": name, "code": "", "patch": "", **PLACED[name]} for name in members_in(body)]
        return json.dumps({"tests": tests})

    with Endpoint(answer=answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "a-model", "--strategy", "write")
        ran = command_line.suggest(project.folder, "--base", "main", *model, *QUICKLY, key="sk-test")
        choice, *write = prompts(endpoint)
    assert "tests/test_tickets.py, which calls a member in 2 tests: test_fare" in choice
    assert "Existing tests, in tests/test_zones.py" in "".join(write)
    assert "from trains import _fare" in "".join(write)
    found = {one["member"]: one for one in ran.report["suggestions"]}
    assert {name: (one["test_path"], one["tests"]) for name, one in found.items()} == {
        "prices.py::fare": ("tests/test_zones.py", ["test_negative_zones"]),
        "rides.py::fare": ("tests/test_rides.py", ["test_one_zone"]),
        "taxis.py::fare": ("tests/test_taxis.py", ["_FareTests::test_negative_zones"]),
        "trains.py::_fare": ("tests/test_trains.py", ["test_fare__of_far_zones"]),
    }
    for one in found.values():
        assert one["patch"].startswith(f"--- a/{one['test_path']}\n")
        assert one["evidence"]["fail_to_pass"] == 1


CAPPED = "def fare(zones):\n    if zones > 8:\n        return 9\n    return 2 + zones\n"
OWN_AFTER = f"{OWN}\n\ndef test_fare__far():\n    assert fare(20) == 9\n"
SAME_AS_OWN = "from prices import fare\n\n\ndef test_fare__is_capped():\n    assert fare(30) == 9\n"
AT_THE_EDGE = SAME_AS_OWN.replace("fare(30) == 9", "(fare(8), fare(9)) == (10, 9)")
GOAL = "line 2: `if zones > 8:` becomes `if (zones >= 8):`"


def test_goals__what_no_test_notices_is_in_the_probe_and_sends_an_idle_test_back(
    tmp_path: Path, command_line: CommandLine
) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"prices.py": FARE_BEFORE, "tests/test_prices.py": OWN})
    project.git("switch", "-qc", "change")
    project.commit({"prices.py": CAPPED, "tests/test_prices.py": OWN_AFTER})

    def answer(body: Body) -> str:
        if "Choose inputs" in str(body):
            return json.dumps({"probes": [{"name": "prices.py::fare", "inputs": ["fare(30)"]}]})
        code = AT_THE_EDGE if "Fix the test module" in str(body) else SAME_AS_OWN
        return json.dumps({"tests": [{"name": "prices.py::fare", "code": code, "patch": ""}]})

    with Endpoint(answer=answer) as endpoint:
        model = ("--base-url", endpoint.url, "--model", "a-model", "--strategy", "probe", "--runs", "1")
        ran = command_line.suggest(project.folder, "--base", "main", *model, key="sk-test")
    assert ran.code == 0
    probe, write, retry = prompts(endpoint)
    assert [each.split(" ", 1)[0] for each in (probe, write, retry)] == ["Choose", "Write", "Fix"]
    assert [each.count(GOAL) for each in (probe, write, retry)] == [1, 1, 1]
    assert "fails without this change, but so do your tests" in retry
    (found,) = ran.report["suggestions"]
    assert (found["label"], found["code"].count("fare(8)")) == ("new-behaviour", 1)
    assert "`>` to `>=` on line 2" in found["evidence"]["killed"]
    assert found["evidence"]["mutants_guarded"] == 1
    assert 0 < ran.report["stats"]["added_seconds"] < 1
