"""The offline engine on a kiosk: real processes, and the tests that it writes as golden files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine import answers, candidate, members_of, reason, run_pytest
from fakes.golden import check_golden
from fakes.workspaces import small_workspace
from testsmith.languages.python.explorer.generator import OfflineGenerator, own_file
from testsmith.model import (
    Candidate,
    Change,
    Context,
    ExistingTest,
    Member,
    MemberKind,
    Origin,
    Place,
    Request,
    Result,
    Skipped,
    SkipStage,
    TestFileChoice,
)

GOLDEN = Path(__file__).parent / "golden"
KIOSK = (GOLDEN / "kiosk.py.txt").read_text(encoding="utf-8")


def summary_of(made: Candidate) -> str:
    return made.summary({each.test for each in made.descriptions})


def witness_of(made: Candidate) -> str | None:
    return made.witness({each.test for each in made.descriptions})


def test_kiosk__tests_are_as_a_person_found_them_good_and_pass(tmp_path: Path) -> None:
    found = asyncio.run(answers(tmp_path / "work", {"kiosk.py": KIOSK}))
    written = {name: made for name, made in found.items() if isinstance(made, Candidate)}
    reasons = "".join(f"{name}: {reason(found[name])}\n" for name in found if name not in written)

    done = run_pytest(tmp_path, {"kiosk": KIOSK}, {name: made.code for name, made in written.items()})

    check_golden(GOLDEN / "skipped.txt", reasons)
    for name, made in written.items():
        check_golden(GOLDEN / f"{name}.py.txt", made.code)
    failed = [line for line in done.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert len(failed) == 1, done
    assert "test_in_euros.py::test_in_euros_five" in failed[0]


CENTS = '''def cents(text: str) -> int:
    """Read a price.

    >>> cents("2.50")
    250
    >>> cents("1.15")
    115
    """
    if not text:
        raise ValueError("there is no price")
    return int(float(text) * 100)
'''

TEE = '''
def tee_each(func, items):
    """Yield items, each given to a function first.

    >>> seen = []
    >>> func = lambda item: seen.append(item * 2)
    >>> list(tee_each(func, [1, 2]))
    [1, 2]
    >>> list(seen)
    [2, 4]
    """
    for item in items:
        func(item)
        yield item
'''

HANGING = """def hang(n: int) -> int:
    while True:
        n += 1


def fine(n: int) -> int:
    return n + 1
"""

PROJECT = {
    "m.py": CENTS,
    "n.py": "def low(word: str, times: int = 1) -> str:\n    return word.lower() * times\n",
    "tees.py": TEE,
    "sums.py": "def sum(items: list[int]) -> int:\n    return len(items)\n",
    "web.py": "import surely_not_installed\n\n\ndef lacking(name: str) -> str:\n    return name\n",
    "broken.py": "raise RuntimeError('never')\n\n\ndef failing(name: str) -> str:\n    return name\n",
    "hanging.py": HANGING,
}


@pytest.fixture(name="found", scope="module")
def _found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Result]:
    """What the engine says of the members of a project that has no base."""
    return asyncio.run(answers(tmp_path_factory.mktemp("found"), PROJECT))


@pytest.mark.xdist_group("found")
def test_contradicted_member__pins_what_is_documented_and_no_other_value(found: Mapping[str, Result]) -> None:
    made = candidate(found["cents"])

    assert 'assert cents("2.50") == 250' in made.code
    assert 'assert cents("1.15") == 115' in made.code
    assert made.code.count("assert ") == 2
    assert 'pytest.raises(ValueError, match="there is no price")' in made.code


@pytest.mark.xdist_group("found")
def test_example__stands_behind_all_lines_of_its_docstring_where_it_needs_them(
    found: Mapping[str, Result],
) -> None:
    made = candidate(found["tee_each"])

    first, second = "list(tee_each(func, [1, 2]))", "assert list(seen) == [2, 4]"
    assert f"assert {first} == [1, 2]" in made.code
    for test in made.code.split("def test_")[1:]:
        assert second not in test or f"    {first}\n    {second}" in test


@pytest.mark.xdist_group("found")
def test_engine__writes_the_same_again(found: Mapping[str, Result], tmp_path: Path) -> None:
    again = asyncio.run(answers(tmp_path, {path: PROJECT[path] for path in ("m.py", "n.py")}))

    assert again == {name: found[name] for name in ("cents", "low")}


@pytest.mark.xdist_group("found")
def test_candidate__says_where_it_comes_from_and_what_it_shows(found: Mapping[str, Result]) -> None:
    made = candidate(found["cents"])

    assert made.origin is Origin.OFFLINE
    assert (
        summary_of(made)
        == '`cents("2.50")` gives `250`; `cents("")` raises `ValueError("there is no price")`.'
    )
    assert witness_of(made) is None


@pytest.mark.xdist_group("found")
def test_missing_package__is_a_matter_of_the_environment(found: Mapping[str, Result]) -> None:
    result = found["lacking"]

    assert isinstance(result, Skipped)
    assert result.stage is SkipStage.ENVIRONMENT
    assert result.reason == (
        "its module cannot be imported: ModuleNotFoundError: No module named 'surely_not_installed'"
    )


@pytest.mark.xdist_group("found")
def test_module_that_fails__is_a_matter_of_generation(found: Mapping[str, Result]) -> None:
    result = found["failing"]

    assert isinstance(result, Skipped)
    assert result.stage is SkipStage.GENERATION
    assert result.reason == "its module cannot be imported: RuntimeError: never"


@pytest.mark.parametrize(
    ("source", "reason_given"),
    [
        (
            "def f(x):\n    return x + 1\n",
            "it is private; for private functions, the offline engine only varies your tests",
        ),
        (
            "class _A:\n    def f(self, x):\n        return x + 1\na = _A()\n",
            "its class is private; for private functions, the offline engine only varies your tests",
        ),
    ],
    ids=["a private function", "a method of a public instance"],
)
def test_member_of_a_private_name__gets_no_test(tmp_path: Path, source: str, reason_given: str) -> None:
    async def result() -> list[Result]:
        [member] = members_of({"m.py": source})
        member = replace(member, is_private=not member.instance)
        async with small_workspace(tmp_path, {"m.py": source}) as workspace:
            requests = [Request(member=member, test_path="tests/test_x.py")]
            return [one async for one in OfflineGenerator(workspace).generate_batch(requests)]

    (found,) = asyncio.run(result())
    assert reason(found) == reason_given


@pytest.mark.xdist_group("found")
def test_hanging_member__costs_its_own_time_and_no_more(found: Mapping[str, Result]) -> None:
    assert reason(found["hang"]).startswith("no input gave a result to compare")
    assert "fine(5) == 6" in candidate(found["fine"]).code or "5, 6" in candidate(found["fine"]).code


@pytest.mark.xdist_group("found")
def test_name_that_hides_a_built_in_one__is_reached_by_its_module(found: Mapping[str, Result]) -> None:
    code = candidate(found["sum"]).code
    assert "import sums\n" in code
    assert "sums.sum(items)" in code


CHUNKED = """def chunked(items: list[int], n: int, strict: bool = False) -> list[list[int]]:
    {}
    parts = [items[at : at + n] for at in range(0, len(items), n)]

    def whole_parts():
        if parts and len(parts[-1]) != n:
            raise ValueError("items do not divide evenly")
        return parts

    return whole_parts if strict else parts
"""

BAG = """class Bag:
    def __init__(self) -> None:
        self.items: list[str] = []

    def put(self, item: str) -> None:
        self.items.append({})
"""

BASE = {
    "fees.py": "def fee(total: int) -> int:\n    return 0 if total >= 100 else 5\n",
    "chunks.py": CHUNKED.format(""),
    "bags.py": BAG.format("item"),
    "new.py": "OTHER = 1\n",
}
HEAD = {
    "fees.py": "def fee(total: int) -> int:\n    return 0 if total > 100 else 5\n",
    "chunks.py": CHUNKED.format("if n < 0:\n        raise ValueError('n must be at least 0')"),
    "bags.py": BAG.format("item.upper()"),
    "new.py": "def added(total: int) -> int:\n    return total + 1\n",
}


@pytest.fixture(name="changed", scope="module")
def _changed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Candidate]:
    """What the engine makes for the members of a change."""
    found = asyncio.run(answers(tmp_path_factory.mktemp("changed"), HEAD, BASE))
    return {name: candidate(found[name]) for name in ("fee", "chunked", "Bag.put", "added")}


@pytest.mark.xdist_group("changed")
def test_changed_member__begins_with_what_base_does_otherwise(changed: Mapping[str, Candidate]) -> None:
    made = changed["fee"]

    assert witness_of(made) == "`fee(100)` gave `0` before this change and gives `5` now."
    assert [line.strip() for line in made.code.splitlines() if line.endswith("),") and "," in line[:-2]] == [
        '("total", "expected"),',
        "(99, 5),",
        "(100, 5),",
        "(101, 0),",
    ]


@pytest.mark.xdist_group("changed")
def test_exception_of_the_tests_own_call__is_not_what_base_did(changed: Mapping[str, Candidate]) -> None:
    """On base the list that it gives for -1 cannot be called; on head there is no list."""
    made = changed["chunked"]

    witnesses = [each.witness for each in made.descriptions if each.witness]
    assert witnesses == [
        (
            "`chunked([3], -1)` gave `[]` before this change and raises "
            '`ValueError("n must be at least 0")` now.'
        )
    ]
    assert "chunked([3, 1, 2], -1)()" not in made.code


@pytest.mark.xdist_group("changed")
def test_change_of_what_is_left_behind__is_a_witness(changed: Mapping[str, Candidate]) -> None:
    assert witness_of(changed["Bag.put"]) == (
        '`Bag().put("apple")` left `bag.items` as `["apple"]` before this change'
        ' and leaves `bag.items` as `["APPLE"]` now.'
    )


@pytest.mark.xdist_group("changed")
def test_member_that_base_has_not__has_no_witness(changed: Mapping[str, Candidate]) -> None:
    assert witness_of(changed["added"]) is None


def test_member_of_another_language__is_skipped(tmp_path: Path) -> None:
    (member,) = members_of({"m.py": "def f() -> int:\n    return 1\n"})
    foreign = Member(**{**{name: getattr(member, name) for name in Member.__slots__}, "language": "cobol"})

    async def answer() -> Result:
        async with small_workspace(tmp_path, {"m.py": ""}) as workspace:
            return await OfflineGenerator(workspace).generate(Request(member=foreign, test_path="t"))

    assert reason(asyncio.run(answer())) == "the offline engine supports Python only"


RATES = {
    "rates.py": """
def fee(weight: int) -> int:
    if weight > 10:
        return {dear}
    return 1


def doubled(text: str) -> str:
    '''Repeat a text.

    >>> doubled("a")
    'aaa'
    '''
    if not text:
        raise ValueError("empty")
    return text * 2


def now() -> float:
    import time
    return time.perf_counter()
"""
}


def test_observe__the_trials_of_the_tests_are_told_and_not_run_again(tmp_path: Path) -> None:
    head, base = ({name: text.format(dear=dear) for name, text in RATES.items()} for dear in (9, 7))
    requests = [
        Request(member=member, test_path="tests/test_rates.py") for member in members_of(head, Change.CHANGED)
    ]

    async def told() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
        async with small_workspace(tmp_path, head, base) as workspace:
            engine = OfflineGenerator(workspace)
            before = {member: told async for member, told in engine.observe(requests[:1])}
            results = [result async for result in engine.generate_batch(requests)]
            assert len(results) == len(requests)
            (workspace.head.root / "rates.py").unlink()
            return before, {member: told async for member, told in engine.observe(requests)}

    before, observed = asyncio.run(told())
    fee = observed["rates.py::fee"]
    assert before == {"rates.py::fee": fee}
    assert fee[0].endswith("gave `7` before this change and gives `9` now.")
    assert any(text.endswith("gives `1`") for text in fee)
    assert observed["rates.py::doubled"] == ('`doubled("")` raises `ValueError("empty")`',)
    assert "rates.py::now" not in observed


SCHEDULES = {
    "schedules.py": """\
class Schedule:
    def __init__(self, days: list[str]) -> None:
        self.days = days

    def rename(self, old: str, new: str) -> None:
        self.days = [new if day == old else day for day in self.days]


def hours(text: str) -> int:
    if not text.endswith("h"):
        raise ValueError("no hours")
    return int(text[:-1]) * {times}


def half(text: str) -> float:
    return int(text) / 2
"""
}


def test_observe__inputs_of_a_model_and_of_the_authors_are_run_on_both_sides(tmp_path: Path) -> None:
    head, base = (
        {name: text.replace("{times}", times) for name, text in SCHEDULES.items()} for times in "23"
    )
    probes = {
        "hours": (
            "hours('7h')",
            "text = '0h'\nhours(text)",
            "hours('7 h!')",
            "hours(",
            "import os",
            "boom()",
        ),
        "Schedule.rename": (
            "from schedules import Schedule as Plan\nplan = Plan(['mon', 'tue'])\nplan.rename('mon', 'sun')",
        ),
        "half": ("result = half('9')",),
    }
    intent = "Commit: Halve\n\n`half('11')` gives 5.5, and `boom(half('1'))` nothing; so far: `hours('3h')`."
    added = {"half"}
    requests = [
        Request(
            member=replace(member, change=Change.ADDED) if member.name in added else member,
            test_path="tests/test_schedules.py",
            context=Context(probes=probes.get(member.name, ())),
            intent=intent if member.name == "half" else "",
        )
        for member in members_of(head, Change.CHANGED)
    ]

    async def told() -> tuple[Mapping[str, tuple[str, ...]], list[Result]]:
        async with small_workspace(tmp_path, head, base) as workspace:
            engine = OfflineGenerator(workspace)
            told = {member: told async for member, told in engine.observe(requests)}
            return told, [result async for result in engine.generate_batch(requests)]

    observed, results = asyncio.run(told())
    assert observed["schedules.py::hours"][:3] == (
        "`hours('7h')` gave `21` before this change and gives `14` now.",
        "`text = '0h'; hours(text)` gives `0`, as before this change",
        "`hours('7 h!')` raises `ValueError(\"no hours\")`, as before this change",
    )
    assert observed["schedules.py::half"][:2] == ("`half('9')` gives `4.5`", "`half('11')` gives `5.5`")
    rename = observed["schedules.py::Schedule.rename"][0]
    assert rename == (
        "`plan = Plan(['mon', 'tue']); plan.rename('mon', 'sun')` leaves `plan.days` as "
        '`["sun", "tue"]`, as before this change'
    )
    codes = {result.member: result.code for result in results if isinstance(result, Candidate)}
    assert "hours" not in codes["schedules.py::half"]  # it says nothing about the member
    assert "7h" in codes["schedules.py::hours"]


def _answer(
    folder: Path, head: str, base: str, intent: str = "", *, tests: str = "", **changed: Any
) -> Result:
    """Return what the engine answers for the last member of a module that a change alters."""
    own = {"tests/test_m.py": tests} if tests else {}
    member = replace(members_of({"m.py": head}, Change.CHANGED)[-1], **changed)

    async def answer() -> Result:
        async with small_workspace(folder, {"m.py": head, **own}, {"m.py": base, **own}) as workspace:
            request = Request(member=member, test_path="tests/test_m.py", intent=intent)
            return await OfflineGenerator(workspace).generate(request)

    return asyncio.run(answer())


REFUSING = """def first(text: str) -> str:
    if not text:
        raise ValueError("{}")
    return text[0]
"""


def test_other_message__is_a_witness_only_if_the_change_raises_it(tmp_path: Path) -> None:
    head, base = REFUSING.format("the text is empty"), REFUSING.format("empty")

    raised = _answer(tmp_path / "raised", head, base, changed_lines=frozenset({3}))
    moved = _answer(tmp_path / "moved", head, base, changed_lines=frozenset({4}))

    assert "the text is empty" in candidate(raised).code
    assert reason(moved).startswith("only the message of an exception differs")


def test_difference_of_a_change_of_speed__is_told_and_not_asserted(tmp_path: Path) -> None:
    head, base = BASE["fees.py"], HEAD["fees.py"]

    answer = _answer(tmp_path, head, base, "perf: compare once\n\nIt was slow.")

    assert reason(answer) == (
        "the change is described as one of speed or structure, but `fee(100)` gave `5` before this change"
        " and gives `0` now."
    )


def test_new_class_of_fields_alone__has_no_code_of_its_own(tmp_path: Path) -> None:
    head = "from dataclasses import dataclass\n\n@dataclass\nclass Notes:\n    before: str = ''\n"

    answer = _answer(tmp_path, head, "", change=Change.ADDED)

    assert reason(answer) == "it has no code of its own"


STARTING = """import sys


def start(count: int) -> int:
    if count < 1:
        sys.exit({})
    return count
"""


def test_exit__is_shown_with_its_status(tmp_path: Path) -> None:
    answer = _answer(tmp_path, STARTING.format(3), STARTING.format(1), changed_lines=frozenset({6}))

    made = candidate(answer).code

    assert "    with pytest.raises(SystemExit) as exit_info:\n        start(0)\n" in made
    assert "assert exit_info.value.code == 3" in made


CONFIG = """from dataclasses import dataclass

VERSIONS = {}


@dataclass
class Config:
    version: str
    is_known: bool = False

    def __post_init__(self) -> None:
        self.is_known = self.version in VERSIONS
"""


def test_post_init__is_shown_by_a_text_of_the_constant_that_changed(tmp_path: Path) -> None:
    head, base = (CONFIG.format(each) for each in ('["3.14", "3.15"]', '["3.14"]'))
    place = Place(path="m.py", line=3, end_line=3, name="VERSIONS", changed_lines=frozenset({3}))
    changed: dict[str, Any] = {
        "name": "Config.__post_init__",
        "kind": MemberKind.METHOD,
        "change": Change.AFFECTED,
        "because_source": ("VERSIONS = ['3.14', '3.15']",),
        "because_places": (place,),
        "line": 11,
        "end_line": 12,
    }

    answer = _answer(tmp_path, head, base, **changed)

    assert 'config = Config("3.15")' in candidate(answer).code
    assert "assert config.is_known is True" in candidate(answer).code


JOINED = """class Words:
    def __init__(self, words: list[str | None]) -> None:
        self.words = words

    def joined(self) -> list[str]:
        return [{} if word is None else word for word in self.words]
"""


def test_list__has_only_the_item_that_shows_the_change(tmp_path: Path) -> None:
    made = candidate(_answer(tmp_path, JOINED.format('"*"'), JOINED.format('"None"'))).code

    assert 'Words([None]).joined() == ["*"]' in made


SESSION = """from contextlib import contextmanager


class Session:
    def __init__(self) -> None:
        self.is_open = False

    @contextmanager
    def opened(self):
        self.is_open = True
        yield self

    def optimize(self) -> str:
        {}return "done"
"""


def test_changed_method__is_called_inside_the_context_managers_of_its_object(tmp_path: Path) -> None:
    refused = 'if self.is_open:\n            raise RuntimeError("a session is open")\n        '

    made = candidate(_answer(tmp_path, SESSION.format(refused), SESSION.format(""))).code

    assert "        with session.opened():\n            session.optimize()\n" in made
    assert 'match="a session is open"' in made


HUMAN = """def human(size: int, digits: int = 0) -> str:
    return f"{{size:.{{digits}}f}}B" if size {compared} 1024 else f"{{size / 1024:.{{digits}}f}}K"
"""


def test_option__is_not_given_if_the_change_shows_without_it(tmp_path: Path) -> None:
    made = candidate(_answer(tmp_path, HUMAN.format(compared="<"), HUMAN.format(compared="<="))).code

    assert '(1024, "1K")' in made
    assert "1024, digits" not in made


SECURE = """def is_secure(uri: str):
    {}return uri.startswith(("https://", "http://localhost")) or {}
"""


def test_input_that_the_authors_state__shows_the_change_and_no_invented_one_is_added(tmp_path: Path) -> None:
    head = SECURE.format(
        'host = uri.partition("//")[2].partition("/")[0]\n    if "@" in host:\n        return False\n    ',
        "False",
    )
    intent = "Reject a userinfo component\n\n``http://localhost:80@attacker.test/`` was accepted."

    made = candidate(
        _answer(tmp_path, head, SECURE.format("", "''"), intent, changed_lines=frozenset({2, 3, 4}))
    ).code

    assert '("http://localhost:80@attacker.test/", False)' in made
    assert not any(invented in made for invented in ("text", "example", "Hello", '"one'))


CART = """class Cart:
    def __init__(self):
        self._counts = {{}}

    def count(self, item: str) -> int:
        return self._counts.get(item, 0)

    def add(self, item: str, count: int = 1):
        {}
"""
ADDS = """if count < 1:
            raise ValueError("count must be positive")
        self._counts[item] = self._counts.get(item, 0) + count
        return self._counts[item]"""
CART_TESTS = """from m import Cart

def test_add():
    cart = Cart()
    cart.add("tea")
    assert cart.count("tea") == 1
"""


def test_input_of_the_tests__shows_the_change_and_not_an_empty_one(tmp_path: Path) -> None:
    head, base = CART.format(ADDS), CART.format("self._counts[item] = count")

    made = candidate(_answer(tmp_path, head, base, tests=CART_TESTS)).code

    assert 'Cart().add("tea") == 1' in made
    assert 'Cart().add("tea", count=0)' in made
    assert 'add("")' not in made


INITIAL = """def initial(text: str) -> str:
    {}
"""
INITIAL_TESTS = """from m import initial

def test_initial():
    assert initial("tea")
"""


def test_empty_input__shows_a_change_that_is_about_emptiness(tmp_path: Path) -> None:
    head = INITIAL.format('return text[0].upper() if text else "-"')
    base = INITIAL.format("return text[:1]")

    made = candidate(_answer(tmp_path, head, base, tests=INITIAL_TESTS)).code

    assert '("tea", "T")' in made
    assert '("", "-")' in made


def test_own_file__of_what_no_test_calls_unless_a_file_surely_fits() -> None:
    member = members_of({"m.py": "def half(): ..."}, Change.CHANGED)[-1]
    request = Request(member=member, test_path="tests/test_users.py")
    paths = ("tests/test_users.py", "tests/test_m.py")
    files = TestFileChoice(
        paths=paths, new=paths[1], digest="", tests=lambda _: ((), 0, 0), request=request.in_file
    )
    near = ExistingTest(path=paths[0], suite="", name="test_a", line=1, end_line=2, source="")

    assert own_file(replace(request, files=files, existing=(near,))) == "tests/test_m.py"
    assert own_file(replace(request, existing=(near,))) == ""
    assert own_file(replace(request, files=files, existing=(replace(near, calls=("half()",)),))) == ""


LAZY = """def __getattr__(name: str) -> int:
    if name == "RATE":
        return {}
    raise AttributeError(name)


def rate() -> int:
    return 3
"""


def test_getattr_of_a_module__is_called_by_no_test(tmp_path: Path) -> None:
    of_module: dict[str, Any] = {"name": "__getattr__", "line": 1, "end_line": 4}

    answer = _answer(tmp_path, LAZY.format(3), LAZY.format(2), **of_module)

    assert reason(answer) == "no operation that calls `__getattr__` is known"


NOTES = """class Notes:
    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def __reduce__(self):
        return Notes, (self.texts{},)
"""


def test_method_that_copies_call__is_shown_by_a_copy(tmp_path: Path) -> None:
    method: dict[str, Any] = {"name": "Notes.__reduce__", "kind": MemberKind.METHOD, "line": 5, "end_line": 6}

    answer = _answer(tmp_path, NOTES.format(""), NOTES.format("[:1]"), **method)

    assert "from copy import copy\n" in candidate(answer).code
    assert "assert copy(Notes(" in candidate(answer).code
