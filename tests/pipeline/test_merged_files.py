from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.requests import make_member
from fakes.trees import MemoryTree
from testsmith.execution.baseline import OwnSuite
from testsmith.execution.jobs import FAILED, PASSED, SKIPPED, FunctionResult, JobResult, TestJob
from testsmith.languages.go.language import GO
from testsmith.languages.python.language import PYTHON
from testsmith.model import Candidate, Funnel, Label, Origin, Report, Statistics, Suggestion
from testsmith.pipeline.merged_files import (
    JobInFile,
    _broken_by,
    _has_place,
    _in_new_file,
    _trouble,
    file_diff,
    new_test_file,
    patch_of_head,
    prove_in_files,
    repeated_tests,
)
from testsmith.test_files.plan import Marking


@pytest.mark.parametrize(
    ("path", "member", "new"),
    [
        ("tests/test_prices.py", "prices.py::label", "tests/test_label.py"),
        ("tests/test_definition.py", "a.py::GraphQLEnumType.__init__", "tests/test_graph_ql_enum_type.py"),
        ("tests/test_cart.py", "cart.py::Cart.add", "tests/test_cart_add.py"),
        ("cart/cart_test.go", "cart/cart.go::Add", "cart/add_test.go"),
        ("src/cart.test.ts", "src/cart.ts::addItem", "src/add_item.test.ts"),
        ("tests/regressions.py", "prices.py::label", "tests/regressions_label.py"),
    ],
)
def test_new_test_file__is_named_for_the_member(path: str, member: str, new: str) -> None:
    assert new_test_file(path, member, [path]) == new


def test_new_test_file__has_a_number_if_the_name_is_taken() -> None:
    taken = ["tests/test_label.py", "tests/unit/test_label_2.py"]
    assert new_test_file("tests/test_label.py", "prices.py::label", taken) == "tests/test_label_3.py"


def test_new_test_file__its_name_fits_the_language() -> None:
    path = new_test_file("a/x_test.go", "a/x.go::ParseWindows", [], GO.tests.is_run_anywhere)
    assert path == "a/parse_windows_2_test.go"


@pytest.mark.parametrize(
    ("file", "has_place"),
    [
        (None, True),
        ("package a\n", True),
        ("package a\n\nfunc TestB(t *testing.T) { if }\n", False),
        ('package a\n\nimport "testing"\n\nfunc TestRate(t *testing.T) {}\n', False),
    ],
    ids=["new", "readable", "not readable", "nothing would be added"],
)
def test_has_place__in_a_file_that_can_be_read(file: str | None, *, has_place: bool) -> None:
    tree = MemoryTree({"go.mod": "module a\n", **({} if file is None else {"x_test.go": file})})
    run: Any = SimpleNamespace(language_of=lambda _: GO, search=SimpleNamespace(head_tree=tree))
    suggestion: Any = SimpleNamespace(
        member="x.go::Rate",
        test_path="x_test.go",
        code='package a\n\nimport "testing"\n\nfunc TestRate(t *testing.T) {}\n',
        patch=None,
        is_green=True,
    )
    assert _has_place(run, suggestion) is has_place


def test_in_new_file__names_of_a_package_are_unique() -> None:
    file = "package a\n\nfunc TestRate(t *testing.T) {}\n"
    tree = MemoryTree({"go.mod": "module a\n", "x.go": "package a\n", "x_test.go": file})
    run: Any = SimpleNamespace(language_of=lambda _: GO, search=SimpleNamespace(head_tree=tree))
    suggestion = Suggestion(
        member="x.go::Rate",
        number=1,
        test_path="x_test.go",
        code=file,
        tests=("TestRate",),
        origin=Origin.MODEL,
        evidence=None,
        label=None,
        patch="a patch",
    )
    moved = _in_new_file(run, suggestion, tree.paths())
    assert (moved.test_path, moved.patch, moved.tests) == ("rate_test.go", None, ("TestRate2",))
    assert moved.code == file.replace("TestRate", "TestRate2")


def test_patch_of_head__what_repairs_an_edit_may_have_other_tests() -> None:
    file = "import shop\n\n\nclass TestShop:\n    def test_a(self):\n        assert shop.a() == 1\n"
    edited = f"{file}\n    def test_b(self):\n        assert shop.a() == 2\n"
    repaired = "from shop import a\n\n\ndef test_c():\n    assert a() == 1\n"
    tree = MemoryTree({"shop.py": "def a(): return 1\n", "tests/test_shop.py": file})
    request = SimpleNamespace(
        test_path="tests/test_shop.py", place=None, test_text=file, existing=(), member=None
    )
    run: Any = SimpleNamespace(
        language_of=lambda _: PYTHON,
        search=SimpleNamespace(head_tree=tree),
        requests={"shop.py::a": request},
        clients=SimpleNamespace(languages=(PYTHON,)),
    )
    candidate = Candidate(member="shop.py::a", code=repaired, origin=Origin.MODEL, edited=edited)
    patch = patch_of_head(run, candidate, Marking)
    assert patch is not None
    assert "+def test_c():" in patch
    assert "test_b" not in patch


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_file_diff__git_applies_it_to_the_file_on_head(ending: str, last: str, tmp_path: Path) -> None:
    before = "import shop\n\n\ndef test_a():\n    assert shop.a() == 1\f\n\n\nEND = 1"
    after = f"{before.replace('== 1', '== 2')}\n\n\ndef test_b():\n    assert shop.a()\n"
    on_head = f"{before}{last}".replace("\n", ending)
    diff = file_diff(MemoryTree({"test_shop.py": on_head}), "test_shop.py", f"{before}{last}", after)
    (tmp_path / "test_shop.py").write_bytes(on_head.encode())
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff.encode(), check=True)
    assert (tmp_path / "test_shop.py").read_bytes() == after.replace("\n", ending).encode()


@pytest.mark.parametrize(
    ("on_head", "on_base", "trouble"),
    [
        ({"A::test_x": PASSED, "B::test_x": PASSED, "B::test_old": FAILED}, {"A::test_x": FAILED}, ""),
        ({"A::test_x": PASSED}, {"A::test_x": FAILED, "B::test_x": FAILED}, ""),
        ({"A::test_x": PASSED, "B::test_x": FAILED}, {"A::test_x": FAILED}, "where it fails"),
        (
            {"A::test_x": PASSED},
            {"A::test_x": PASSED},
            "where 0 of its tests fail on the merge base instead of 1",
        ),
        ({"B::test_old": PASSED}, {}, "where it was not run"),
    ],
    ids=["an old test fails", "twice on base", "not in the other class", "not on base", "was not run"],
)
def test_trouble__what_other_classes_inherit_counts_if_it_is_new(
    on_head: dict[str, str], on_base: dict[str, str], trouble: str
) -> None:
    suggestion: Any = SimpleNamespace(evidence=SimpleNamespace(fail_to_pass=1))
    results = [
        {0: JobResult(functions={name: FunctionResult(status=status) for name, status in found.items()})}
        for found in (on_head, on_base)
    ]
    assert _trouble(0, suggestion, results, {"A::test_x"}) == trouble


def test_broken_by__tests_that_share_a_helper_and_passed_before() -> None:
    job = TestJob(number=0, code="", seconds=1.0, test_path="tests/test_a.py")
    one = JobInFile(job, frozenset({"test_x"}), frozenset({"test_old", "test_known"}))

    def broken(**statuses: str) -> str:
        found = {name: FunctionResult(status=status, message="no") for name, status in statuses.items()}
        return _broken_by(one, JobResult(functions=found), {"tests/test_a.py::test_known"})

    assert broken(test_old=FAILED, test_x=PASSED) == "where `test_old` fails with it (`no`)"
    assert broken(test_old=PASSED, test_known=FAILED, test_x=FAILED, test_other=FAILED) == ""
    assert _broken_by(one, None, ()) == ""


HELPER = "def make(price):\n    cart = {}\n    cart[price] = 1\n    return cart\n"


@pytest.mark.parametrize(
    ("failed", "how"),
    [
        (FunctionResult(status=FAILED, message="assert 1 == 2"), "it fails (`assert 1 == 2`)"),
        (FunctionResult(status=SKIPPED, message="no dot"), "its tests are skipped (`no dot`)"),
    ],
)
@pytest.mark.parametrize("uses_helper", [True, False])
def test_prove_in_files__a_new_file_has_no_copies_of_helpers(
    *, uses_helper: bool, failed: FunctionResult, how: str
) -> None:
    file = f"from shop import total\n\n\n{HELPER}\n\ndef test_old():\n    assert total(make(1)) == 1\n"
    test = f"def test_new():\n    assert total({'make(2)' if uses_helper else '{2: 1}'}) == 1\n"
    code = f"from shop import total\n\n\n{HELPER if uses_helper else ''}\n\n{test}"
    member = make_member("shop.py::total", "def total(x): return 1")
    suggestion = Suggestion(
        member=member.id,
        number=1,
        test_path="tests/test_shop.py",
        code=code,
        tests=("test_new",),
        origin=Origin.MODEL,
        evidence=None,
        label=Label.NEW_BEHAVIOR,
        patch=file_diff(MemoryTree({}), "tests/test_shop.py", file, f"{file}\n\n{test}"),
    )

    async def failing(_setting: Any, jobs: Any) -> dict[int, JobResult]:
        return {job.number: JobResult(functions={"test_new": failed}) for job in jobs}

    async def within(running: Any) -> Any:
        return await running

    tree = MemoryTree({"shop.py": "def total(x): return 1\n", "tests/test_shop.py": file})
    language = PYTHON.of_project(tree)
    run: Any = SimpleNamespace(
        language_of=lambda _: language,
        search=SimpleNamespace(head_tree=tree),
        options=SimpleNamespace(candidates=[]),
        settings=SimpleNamespace(verification=SimpleNamespace(test_seconds=1.0)),
        deadline=SimpleNamespace(within=within),
        requests={member.id: SimpleNamespace(member=member)},
    )
    runner = SimpleNamespace(settings_in_file=lambda: ("head",), run=failing)
    context: Any = SimpleNamespace(runner=runner, own_suite=OwnSuite())
    report = Report(
        members=(member,), suggestions=(suggestion,), statistics=Statistics(funnel=Funnel(posted=1))
    )
    found = asyncio.run(prove_in_files(run, context, report))
    assert [one.test_path for one in found.suggestions] == ([] if uses_helper else ["tests/test_total.py"])
    path = "`tests/test_shop.py`"
    reason = (
        f"not proven in {path}, where {how}, and a new file copies `make` from {path} instead of using it"
    )
    assert [one.reason for one in found.skipped] == ([reason] if uses_helper else [])
    note = f"the test of `total` is in a new file, because it is not proven in {path}, where {how}"
    assert list(found.notes) == ([] if uses_helper else [note])
    assert found.statistics.funnel.posted == len(found.suggestions)


def test_repeated_tests__are_equal_ones_for_the_same_file() -> None:
    load = Suggestion(
        member="shop.py::load",
        number=1,
        test_path="tests/test_shop.py",
        code="def test_load(): ...\n",
        tests=("test_load",),
        origin=Origin.OFFLINE,
        evidence=None,
        label=Label.NEW_BEHAVIOR,
    )
    find = replace(load, member="shop.py::find")
    others = [
        replace(find, test_path="tests/test_other.py"),
        replace(find, code="def test_find(): ...\n"),
        replace(find, label=Label.QUESTION),
    ]

    assert repeated_tests([load, find]) == {"shop.py::find": "its tests are those of `load`"}
    assert all(repeated_tests([load, other]) == {} for other in others)
