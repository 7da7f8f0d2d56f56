"""The explorer as a program: jobs in, lines of JSON out."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import testsmith.languages.python.running.worker

START = Path(testsmith.languages.python.running.worker.__file__).parent / "start.py"

MODULE = """
import asyncio, datetime, os, random, socket, subprocess, sys, time
from contextlib import contextmanager

state = []

class Bag:
    def __init__(self):
        self.items = []
        self._secret = 1
    def put(self, item):
        self.items.append(item)
        return len(self.items)
    def take(self):
        return self.items.pop()
    def count(self, item):
        return self.items.count(item)
    @property
    def size(self):
        return len(self.items)

class Refused(Exception):
    pass

def double(x):
    if x < 0:
        raise ValueError("x must not be negative")
    return x * 2

def refuse():
    raise Refused(f"at {id(object()):#x}")

def wrap(text):
    try:
        return int(text)
    except ValueError as error:
        raise Refused(f"cannot read: {error}") from error

def remember(x):
    state.append(x)
    return list(state)

async def later(x):
    return x

async def many(n):
    for i in range(n):
        yield i

async def endless_later():
    while True:
        yield 1

class Door:
    def __init__(self):
        self.open = None
    def __enter__(self):
        self.open = True
        return self
    def __exit__(self, *error):
        self.open = False

@contextmanager
def inside():
    yield "in"

def endless():
    while True:
        yield 1

def say(text):
    print(text)

def write(name):
    with open(name, "w") as file:
        file.write("text")

def die():
    os._exit(3)

def leave(status):
    sys.exit(status)

def sleep():
    time.sleep(60)

def worked(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return seconds * 3


def spin():
    while True:
        pass

def eat():
    return bytearray(10 ** 12)

def connect():
    socket.create_connection(("127.0.0.1", 9))

def start():
    subprocess.run([sys.executable, "-c", ""])

def year():
    return datetime.datetime.now().year, datetime.date.today().year, time.gmtime().tm_year

def doze(seconds):
    time.sleep(seconds * 0)
    return seconds

from html.parser import HTMLParser

class Extractor(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.result = []
"""


def trial(call: str, **more: object) -> dict[str, Any]:
    plain = {"member": call, "imports": ["from subject import *"], "setup": [], "watched": [], "probes": []}
    unasked = {"inside": False, "in_loop": False, "enters": False, "allowed": ""}
    return {**plain, **unasked, "call": call, "expected": None, "exception": None, **more}


def explore(folder: Path, trials: Sequence[Mapping[str, Any]], **more: object) -> list[dict[str, Any]]:
    """Return the lines that the explorer tells."""
    project, work = folder / "project", folder / "work"
    project.mkdir(parents=True)
    work.mkdir()
    (project / "subject.py").write_text(MODULE)
    limits = {"seconds": 8.0, "cpu_seconds": 0.5, "memory": 2 * 1024**3, "longest": 200, "failures": 2}
    job = {
        "roots": [str(project)],
        "hidden": [],
        "owned": [],
        "refused": [],
        "module": "subject",
        "days": 0,
        "apart": True,
        "source": None,
        "changes": {},
        "describe": [],
        "file": str(project / "subject.py"),
        "limits": limits,
        "output_bytes": 32 * 1024**2,
        "trials": [{"number": number, **each} for number, each in enumerate(trials)],
        **more,
    }
    done = subprocess.run(
        (sys.executable, "-B", str(START), "explorer.explore"),
        input=json.dumps(job).encode(),
        cwd=work,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert not done.stderr, done.stderr.decode()
    assert done.stdout.endswith(b"\nend done\n"), done.stdout.decode()
    return [json.loads(line) for line in done.stdout.splitlines()[:-1] if line]


def outcomes(folder: Path, *trials: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [line["outcome"] for line in explore(folder, trials)[1:]]


def test_outcome__of_a_value(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("double(2)"))

    assert outcome == {
        "kind": "value",
        "form": "plain",
        "relation": "==",
        "text": "4",
        "imports": [],
        "agrees": None,
    }


def test_outcome__tells_how_a_value_is_brought_out(tmp_path: Path) -> None:
    calls = ["later(1)", "many(2)", "inside()", "iter([1, 2])", "endless()"]

    found = outcomes(tmp_path, *map(trial, calls))

    assert [(each["form"], each["text"]) for each in found] == [
        ("awaited", "1"),
        ("async listed", "[0, 1]"),
        ("entered", '"in"'),
        ("listed", "[1, 2]"),
        ("begun", "[1, 1, 1, 1, 1]"),
    ]


def test_outcome__of_an_exception_that_the_project_raises(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("double(-1)"))

    assert outcome["kind"] == "raised"
    assert outcome["home"] == ["builtins", "ValueError"]
    assert outcome["message"] == "x must not be negative"
    assert MODULE.splitlines()[outcome["line"] - 1].strip().startswith("raise")


def test_outcome__of_an_exit_of_the_project(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("leave(3)"))

    assert outcome["kind"] == "raised"
    assert (outcome["home"], outcome["message"]) == (["builtins", "SystemExit"], "3")


def test_outcome__of_an_exception_that_happens_to_the_project(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("double(None)"))

    assert outcome["kind"] == "none"
    assert outcome["error"] == "TypeError"


@pytest.mark.parametrize(
    ("member", "call", "is_of_the_member"),
    [
        ("double", "double(2)()", False),
        ("double", "double(2)[0]", False),
        ("double", "sorted(double(2))", False),
        ("double", "len([double(2).real, double(2).missing])", False),
        ("Bag.size", "Bag().size + []", False),
        ("Bag.put", "Bag().put(1)()", False),
        ("later", "(await later(1))()", False),
        ("double", "double(2, flag=True)", True),
        ("Bag.put", "Bag().put(1, flag=True)", True),
        ("Bag.missing", "Bag().missing()", True),
        ("double", "double(double(2), double(None))", True),
        ("many", "sorted(many(1))", False),
        ("Bag", "Bag().take()", True),
    ],
)
def test_outcome__of_an_exception_of_the_trials_own_expression_is_not_the_members(
    tmp_path: Path, member: str, call: str, *, is_of_the_member: bool
) -> None:
    (outcome,) = outcomes(tmp_path, trial(call, member=member, in_loop="await" in call))

    assert (outcome["kind"], bool(outcome["reason"])) == ("none", True)
    assert ("error" in outcome) is is_of_the_member


@pytest.mark.parametrize("call", ["refuse()", "wrap('x')"])
def test_outcome__has_no_message_that_is_not_the_projects_own(tmp_path: Path, call: str) -> None:
    (outcome,) = outcomes(tmp_path, trial(call))

    assert outcome["home"] == ["subject", "Refused"]
    assert outcome["message"] is None


def test_outcome__of_what_is_printed(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("say('hello')"))

    assert (outcome["kind"], outcome["text"]) == ("printed", '"hello\\n"')


def test_outcome__of_an_object_says_what_it_shows(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("Bag()"))

    assert outcome["home"] == ["subject", "Bag"]
    assert [(fact["of"], fact["text"]) for fact in outcome["facts"]] == [("{}.items", "[]"), ("{}.size", "0")]


@pytest.mark.parametrize(
    ("call", "documented", "agrees"),
    [
        ("double(2)", {"expected": "4"}, True),
        ("double(2)", {"expected": "5"}, False),
        ("double(2)", {"expected": "nobody_knows"}, None),
        ("__import__('datetime').date(2020, 1, 1)", {"expected": "datetime.date(2020, 1, 1)"}, True),
        ("double(1 / 3)", {"expected": "0.67"}, None),
        ("double(2)", {"exception": "ValueError"}, False),
        ("double(-1)", {"exception": "ValueError"}, True),
        ("double(None)", {"exception": "TypeError"}, True),
    ],
)
def test_outcome__is_compared_with_the_documentation(
    tmp_path: Path, call: str, documented: dict[str, str], agrees: bool | None
) -> None:
    (outcome,) = outcomes(tmp_path, trial(call, **documented))

    assert outcome["agrees"] is agrees


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("die()", "it ended the test process"),
        ("spin()", "it exceeded the time limit"),
        ("connect()", "it needs the network"),
        ("start()", "it starts another program"),
        ("write('/tmp/elsewhere')", "it writes files outside its folder"),
        ("os.remove('/tmp')", "it changes files outside its folder"),
        ("eat()", "MemoryError: "),
    ],
)
def test_hostile_trial__costs_itself_and_says_why(tmp_path: Path, call: str, reason: str) -> None:
    first, second = outcomes(tmp_path, trial(call), trial("double(1)"))

    assert first["reason"] == reason
    assert second["text"] == "2"


def test_member_whose_trials_hang__is_given_up(tmp_path: Path) -> None:
    hanging = [trial("spin()", member="m")] * 3

    found = outcomes(tmp_path, *hanging, trial("double(1)", member="n"))

    assert found[2]["reason"] == "other calls of it exceeded a limit"
    assert found[3]["text"] == "2"


def test_trials__do_not_see_each_other(tmp_path: Path) -> None:
    calls = ["remember(1)", "remember(2)", "write('a')", "os.listdir()"]

    found = outcomes(tmp_path, *map(trial, calls))

    assert [each["text"] for each in found] == ["[1]", "[2]", "None", "[]"]


def test_state__tells_what_was_there_before(tmp_path: Path) -> None:
    setup = ["bag = Bag()", "bag.put('a')"]
    asked = trial("bag.put('b')", setup=setup, watched=["bag"], probes=["bag.count('b')"])

    (line,) = explore(tmp_path, [asked])[1:]

    assert [(fact["of"], fact["before"], fact["text"]) for fact in line["state"]] == [
        ("bag.items", '["a"]', '["a", "b"]'),
        ("bag.size", "1", "2"),
        ("bag.count('b')", "0", "1"),
    ]


def test_state__leaves_out_probes_that_change_what_they_look_at(tmp_path: Path) -> None:
    asked = trial("bag.put('a')", setup=["bag = Bag()"], watched=["bag"], probes=["bag.take()"])

    (line,) = explore(tmp_path, [asked])[1:]

    assert [fact["of"] for fact in line["state"]] == ["bag.items", "bag.size"]


def test_state__tells_what_stands_in_files(tmp_path: Path) -> None:
    (line,) = explore(tmp_path, [trial("write('out.txt')")])[1:]

    assert line["writes"] is True
    (fact,) = line["state"]
    assert (fact["of"], fact["before"], fact["text"]) == ('Path("out.txt").read_text()', "", '"text"')


def test_lines__are_those_of_the_call_alone(tmp_path: Path) -> None:
    asked = trial("bag.put('b')", setup=["bag = Bag()", "double(1)"], watched=["bag"])

    (line,) = explore(tmp_path, [asked])[1:]

    texts = [MODULE.splitlines()[number - 1].strip() for number in line["lines"]]
    assert texts == ["self.items.append(item)", "return len(self.items)"]


def test_trial_in_a_loop__may_await_and_is_given_up_where_nothing_comes(tmp_path: Path) -> None:
    setup = ["queue = asyncio.Queue()", "await queue.put('a')"]
    calls = ["await queue.get()", "later(2)", "many(2)", "endless_later()", "asyncio.Event().wait()"]

    found = outcomes(tmp_path, *(trial(call, setup=setup, in_loop=True) for call in calls))

    assert [(each.get("form"), each.get("text")) for each in found] == [
        ("plain", '"a"'),
        ("await", "2"),
        ("async for", "[0, 1]"),
        ("async for, begun", "[1, 1, 1, 1, 1]"),
        (None, None),
    ]
    assert found[-1]["reason"] == "it waits forever"


def test_object_that_is_entered__is_told_of_from_inside_and_left(tmp_path: Path) -> None:
    asked = trial("door", setup=["door = Door()"], watched=["door"], enters=True, inside=True)

    (line,) = explore(tmp_path, [asked])[1:]

    assert line["outcome"]["form"] == "entered"
    assert [(fact["of"], fact["text"]) for fact in line["outcome"]["facts"]] == [("{}.open", "True")]
    assert [(fact["of"], fact["before"], fact["text"]) for fact in line["state"]] == [
        ("door.open", "None", "False")
    ]


def test_exception_of_the_tests_own_function__counts(tmp_path: Path) -> None:
    setup = ["def fail():\n    raise ValueError('no luck')", "def slip():\n    return [][1]"]

    raised, slipped = outcomes(tmp_path, trial("fail()", setup=setup), trial("slip()", setup=setup))

    assert (raised["kind"], raised["message"], raised["line"]) == ("raised", "no luck", 0)
    assert slipped["kind"] == "none"


def test_exception_that_is_allowed__may_happen_to_the_project(tmp_path: Path) -> None:
    call = "open(tmp_path / 'missing.txt')"

    allowed, other = outcomes(tmp_path, trial(call, allowed="FileNotFoundError"), trial(call))

    assert (allowed["kind"], allowed["message"]) == ("raised", None)
    assert other["kind"] == "none"


def test_fixtures_of_pytest__are_there_and_taken_back(tmp_path: Path) -> None:
    setup = ["path = tmp_path / 'out.txt'", "monkeypatch.setattr('subject.double', lambda x: 'patched')"]

    patched, plain = explore(
        tmp_path,
        [trial("path.write_text(subject.double(1))", setup=["import subject", *setup]), trial("double(1)")],
    )[1:]

    assert [(fact["of"], fact["text"]) for fact in patched["state"]] == [("path.read_text()", '"patched"')]
    assert patched["writes"] is False
    assert plain["outcome"]["text"] == "2"


def test_clock__is_moved(tmp_path: Path) -> None:
    (plain,) = explore(tmp_path / "a", [trial("year()")])[1:]
    (moved,) = explore(tmp_path / "b", [trial("year()")], days=3653)[1:]

    years = [eval(line["outcome"]["text"]) for line in (plain, moved)]  # noqa: S307 - three numbers
    assert [later - now for now, later in zip(*years, strict=True)] == [10, 10, 10]


def test_module_that_cannot_be_loaded__is_told(tmp_path: Path) -> None:
    assert explore(tmp_path, [], module="absent") == [
        {"problem": "ModuleNotFoundError: No module named 'absent'", "missing": "absent"}
    ]


def test_descriptions__come_before_the_trials(tmp_path: Path) -> None:
    lines = explore(tmp_path, [trial("double(1)")], describe=["double", "Bag.size", "nothing"])

    described = [line["description"] for line in lines[1:4]]
    assert [each["name"] for each in described] == ["double", "Bag.size", "nothing"]
    assert described[2]["problem"].startswith("AttributeError")
    assert lines[4]["outcome"]["text"] == "2"


def search(folder: Path, changes: Sequence[tuple[str, str]], trials: Sequence[Mapping[str, Any]]) -> Any:
    """Return what trials of the member `m` notice of changes of the module's text, and are compared with."""
    told = [
        {
            "number": number,
            "edit": (MODULE.index(old), MODULE.index(old) + len(old), new),
            "function": _function_around(old),
            "statement": (_line_of(old), _line_of(old)),
        }
        for number, (old, new) in enumerate(changes)
    ]
    lines = explore(folder, trials, apart=False, source=MODULE, changes={"m": told})
    noticed = {line["noticed"]["change"]: line["noticed"] for line in lines if "noticed" in line}
    compared = {line["compared"]: line["pairs"] for line in lines if "compared" in line}
    return noticed, compared


def _line_of(text: str) -> int:
    return MODULE[: MODULE.index(text)].count("\n") + 1


def _function_around(text: str) -> tuple[str, int]:
    before = MODULE[: MODULE.index(text)]
    head = before[before.rindex("def ") :]
    return head[4 : head.index("(")], before[: before.rindex("def ")].count("\n") + 1


def test_noticed__names_the_trials_by_what_comes_of_them(tmp_path: Path) -> None:
    trials = [trial(f"double({value})", member="m") for value in (0, 3)]

    noticed, _ = search(tmp_path, [("x * 2", "x * 3"), ("x < 0", "x <= 0"), ("x * 2", "2 * x")], trials)

    assert noticed == {
        0: {"change": 0, "outcome": [1], "state": []},
        1: {"change": 1, "outcome": [0], "state": []},
    }


def test_noticed__names_the_trials_by_what_they_leave_behind(tmp_path: Path) -> None:
    made = {"setup": ["bag = Bag()"], "watched": ["bag"], "member": "m"}

    noticed, _ = search(
        tmp_path, [("self.items.append(item)", "self.items.append(0)")], [trial("bag.put(3)", **made)]
    )

    assert noticed == {0: {"change": 0, "outcome": [], "state": [0]}}


def test_noticed__counts_a_change_that_never_ends(tmp_path: Path) -> None:
    changes = [("return x * 2", "\n    while 1: pass"), ("x * 2", "x * 3")]

    noticed, _ = search(tmp_path, changes, [trial("double(3)", member="m")])

    assert {number: each["outcome"] for number, each in noticed.items()} == {0: [0], 1: [0]}


def test_noticed__of_a_trial_that_takes_a_processor_for_a_while(tmp_path: Path) -> None:
    trials = [trial("worked(0.15)", member="m"), trial("double(3)", member="m")]

    noticed, _ = search(tmp_path, [("seconds * 3", "seconds * 4"), ("x * 2", "x * 3")], trials)

    assert {number: each["outcome"] for number, each in noticed.items()} == {0: [0], 1: [1]}


def test_noticed__says_nothing_of_what_depends_on_the_trials_before(tmp_path: Path) -> None:
    trials = [trial(f"remember({value})", member="m") for value in (1, 2)]

    noticed, _ = search(tmp_path, [("list(state)", "list(state)[::-1]")], trials)

    assert noticed == {}


def test_compared__tells_both_sides(tmp_path: Path) -> None:
    _, compared = search(tmp_path, [], [trial("double(3)", member="m"), trial("double(0.5)", member="m")])

    assert compared == {0: [["3", "0"]], 1: [["0.5", "0"]]}


def test_trials_of_one_process__find_folder_and_variables_as_new(tmp_path: Path) -> None:
    trials = [
        trial("write('here')", member="m"),
        trial("os.environ.update(LEFT='1')", member="m"),
        trial("(os.listdir(), os.environ.get('LEFT'))", member="m"),
    ]

    *_, last = [line["outcome"] for line in explore(tmp_path, trials, apart=False)[1:]]

    assert last["text"] == "([], None)"


def test_trials_of_one_process__go_on_after_one_that_ends_it(tmp_path: Path) -> None:
    trials = [trial("double(1)", member="m"), trial("die()", member="m"), trial("double(2)", member="m")]

    first, second, third = (line["outcome"] for line in explore(tmp_path, trials, apart=False)[1:])

    assert (first["text"], third["text"]) == ("2", "4")
    assert second["reason"] == "it ended the test process"


def test_warned__tells_whether_a_warning_was_given(tmp_path: Path) -> None:
    warning = trial("warnings.warn('old')", imports=["import warnings"])
    told = [line["warned"] for line in explore(tmp_path, [warning, trial("double(2)"), warning])[1:]]

    assert told == [True, False, True]


def test_facts__leave_out_what_a_foreign_base_keeps(tmp_path: Path) -> None:
    (outcome,) = outcomes(tmp_path, trial("Extractor()"))

    assert [fact["of"] for fact in outcome["facts"]] == ["{}.result"]


def test_noticed__a_change_that_makes_trials_wait_is_given_up(tmp_path: Path) -> None:
    trials = [trial(f"doze({number}.2)", member="m") for number in range(1, 16)]
    started = time.monotonic()

    noticed, _ = search(tmp_path, [("seconds * 0", "seconds * 1")], trials)

    assert noticed == {}
    assert time.monotonic() - started < 10
