from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from textwrap import dedent

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.python.language import PYTHON
from testsmith.model import GeneratedTest, Label, Origin, StaleTestAction, Suggestion
from testsmith.test_files.plan import EditPlan, Marking, plan_edits, with_removals
from testsmith.test_files.write import within_bounds, write_edits

TEST_PATH = "tests/test_cart.py"

IMPORTS = "import pytest\n\nfrom shop.cart import Cart\n"

EXISTING = "from shop.cart import Cart\n\n\ndef test_add():\n    assert Cart\n"


def suggestion(
    name: str = "test_add",
    *,
    test_path: str = TEST_PATH,
    label: Label | None = Label.NEW_BEHAVIOR,
    code: str | None = None,
) -> Suggestion:
    own_code = f"{IMPORTS}\n\ndef {name}():\n    assert pytest and Cart.{name}\n"
    return Suggestion(
        member=f"src/shop/cart.py::{name}",
        number=1,
        test_path=test_path,
        code=code or own_code,
        tests=(name,),
        origin=Origin.OFFLINE,
        evidence=None,
        label=label,
    )


def planned(*suggestions: Suggestion, files: dict[str, str | bytes] | None = None) -> EditPlan:
    return plan_edits(suggestions, MemoryTree({"src/shop/cart.py": b"", **(files or {})}), [PYTHON])


def test_plan_edits__a_new_file() -> None:
    plan = planned(suggestion())
    assert [edit.path for edit in plan.edits] == [TEST_PATH]
    (edit,) = plan.edits
    assert edit.old is None
    assert edit.new.decode() == suggestion().code
    assert edit.tests == ("test_add",)
    assert edit.members == ("src/shop/cart.py::test_add",)


def test_plan_edits__a_file_that_only_the_project_names_like_a_test() -> None:
    settings = "[pytest]\npython_files = *test.py\n"
    own = suggestion(test_path="checks/carttest.py")
    tree = MemoryTree({"src/shop/cart.py": b"", "pytest.ini": settings})
    plan = within_bounds(plan_edits([own], tree, [PYTHON]), tree, [PYTHON])
    assert [edit.path for edit in plan.edits] == ["checks/carttest.py"]
    (refused,) = planned(own).refused
    assert refused.reason == "its test path is not in a test folder"


def shown_as(after: str) -> Suggestion:
    """Return a suggestion that was shown as a diff from `EXISTING` to this text."""
    lines = EXISTING.splitlines(keepends=True), after.splitlines(keepends=True)
    code = f"{IMPORTS}\n\ndef test_total():\n    assert Cart.total\n"
    return replace(suggestion("test_total", code=code), patch="".join(unified_diff(*lines)))


def test_plan_edits__a_diff_is_added_as_it_was_shown() -> None:
    after = EXISTING.replace("def test_add", "def test_total():\n    assert Cart.total\n\n\ndef test_add")
    marks = Marking(version="1.0", members={"src/shop/cart.py::test_total": "0123abcd"})
    [edit] = plan_edits([shown_as(after)], MemoryTree({TEST_PATH: EXISTING}), [PYTHON], marks).edits
    mark = r"# testsmith 1\.0 0123abcd [0-9a-f]{8} src/shop/cart\.py::test_total\n(?=def test_total)"
    assert re.sub(mark, "", edit.new.decode()) == after != edit.new.decode()
    assert edit.tests == ("test_total",)


def test_plan_edits__a_diff_of_a_file_that_changed_since_is_placed_anew() -> None:
    after = EXISTING.replace("def test_add", "def test_total():\n    assert Cart.total\n\n\ndef test_add")
    changed = "from shop.cart import Cart as Trolley\n\n\ndef test_trolley():\n    assert Trolley\n"
    [edit] = plan_edits([shown_as(after)], MemoryTree({TEST_PATH: changed}), [PYTHON]).edits
    assert edit.new.decode().endswith(
        f"{changed.partition('def ')[2]}\n\ndef test_total():\n    assert Cart.total\n"
    )
    assert edit.tests == ("test_total",)


def test_plan_edits__several_members_into_one_file_in_order() -> None:
    plan = planned(suggestion(), suggestion("test_b"), files={TEST_PATH: EXISTING})
    (edit,) = plan.edits
    assert edit.old == EXISTING.encode()
    assert edit.tests == ("test_add_2", "test_b")
    assert edit.members == ("src/shop/cart.py::test_add", "src/shop/cart.py::test_b")
    assert edit.new.decode() == dedent("""\
        import pytest

        from shop.cart import Cart


        def test_add():
            assert Cart


        def test_add_2():
            assert pytest and Cart.test_add


        def test_b():
            assert pytest and Cart.test_b
    """)


def test_plan_edits__what_is_added_is_taken_to_the_letter() -> None:
    code = "def test_add( ):\n    assert 'a'\n"
    assert [edit.new.decode() for edit in planned(suggestion(code=code)).edits] == [code]


def test_plan_edits__only_green_ones() -> None:
    labels = (Label.CATCHES, Label.QUESTION, Label.UNCHANGED_BEHAVIOR, None)
    suggestions = [suggestion(f"test_{n}", label=label) for n, label in enumerate(labels)]
    (edit,) = planned(*suggestions).edits
    assert edit.tests == ("test_2", "test_3")


def test_plan_edits__tests_that_are_there_already() -> None:
    plan = planned(suggestion(), files={TEST_PATH: suggestion().code})
    assert plan == EditPlan(unchanged=("src/shop/cart.py::test_add",))


def test_plan_edits__one_that_cannot_be_placed_leaves_the_others() -> None:
    bad = suggestion("test_bad", code="from shop import *\n\n\ndef test_bad(): ...\n")
    plan = planned(bad, suggestion(), files={TEST_PATH: EXISTING})
    (edit,) = plan.edits
    assert edit.tests == ("test_add_2",)
    (refused,) = plan.refused
    assert (refused.member, refused.path) == ("src/shop/cart.py::test_bad", TEST_PATH)
    assert "star import" in refused.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [("def (:\n", "line 1"), (b"x = '\xe9'\n", "not valid UTF-8"), (b"\0", "binary|null|ValueError")],
)
def test_plan_edits__a_file_that_cannot_be_read_is_left_alone(
    content: str | bytes,
    reason: str,
) -> None:
    plan = planned(suggestion(), files={TEST_PATH: content})
    assert plan.edits == ()
    assert [refused.member for refused in plan.refused] == ["src/shop/cart.py::test_add"]
    assert re.search(reason, plan.refused[0].reason)


@pytest.mark.parametrize(
    ("test_path", "reason"),
    [
        ("../tests/test_a.py", "outside the repository"),
        ("/tests/test_a.py", "outside the repository"),
        ("tests/../../test_a.py", "outside the repository"),
        ("tests//test_a.py", "outside the repository"),
        ("tests\\test_a.py", "outside the repository"),
        ("tests/\0/test_a.py", "outside the repository"),
        (".git/hooks/test_a.py", "outside the repository"),
        ("src/shop/cart.py", "not in a test folder"),
        ("tests/test_a.sh", "unsupported file type"),
        ("src/shop/cart.py/test_a.py", "is a file"),
    ],
)
def test_plan_edits__only_inside_a_test_tree_of_the_repository(
    test_path: str,
    reason: str,
) -> None:
    plan = planned(suggestion(test_path=test_path), files={"src/shop/cart.py": ""})
    assert plan.edits == ()
    assert reason in plan.refused[0].reason


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), []),
        (("tests/test_b.py",), []),
        (("tests/__init__.py",), ["tests/a/__init__.py", "tests/a/b/__init__.py"]),
        (("tests/__init__.py", "tests/c/test_c.py"), []),
        (("tests/c/__init__.py",), ["tests/a/__init__.py", "tests/a/b/__init__.py"]),
        (("tests/a/__init__.py",), ["tests/a/b/__init__.py"]),
        (("tests/__init__.py", "tests/a/b/test_c.py"), []),
    ],
)
def test_plan_edits__new_folders_are_packages_where_their_siblings_are(
    files: tuple[str, ...],
    expected: list[str],
) -> None:
    tests = [suggestion(f"test_{n}", test_path=f"tests/a/b/test_{n}.py") for n in (1, 2)]
    plan = planned(*tests, files=dict.fromkeys(files, ""))
    assert [edit.path for edit in plan.edits] == [*expected, "tests/a/b/test_1.py", "tests/a/b/test_2.py"]


def test_plan_edits__what_is_written_runs_in_the_project_with_its_own_conftest(tmp_path: Path) -> None:
    files = {
        "src/shop/cart.py": "class Cart:\n    def add(self, name):\n        return 1\n",
        "src/shop/__init__.py": "",
        "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef cart():\n    return 'conftest'\n",
        TEST_PATH: "import shop\n\n\ndef test_add(cart):\n    assert cart == 'conftest'  # noqa: S101\n",
        "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n",
        "ruff.toml": "lint.select = ['S101']\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    code = (
        "import pytest\nfrom shop.cart import Cart\n\n\n@pytest.fixture\ndef cart():\n    return Cart()\n\n\n"
        'def test_add(cart):\n    assert cart.add("tea") == 1\n'
    )
    plan = plan_edits([suggestion(code=code)], MemoryTree(files), [PYTHON])
    assert write_edits(tmp_path, plan.edits).paths == (TEST_PATH,)
    assert '    assert cart_2.add("tea") == 1  # noqa: S101\n' in (tmp_path / TEST_PATH).read_text()
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:xdist", *plan_ids(plan))
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "2 passed" in run.stdout, run.stdout


def plan_ids(plan: EditPlan) -> list[str]:
    return [f"{edit.path}::{name}" for edit in plan.edits for name in ("test_add", *edit.tests)]


def marking(source: str = "0123abcd", failing: frozenset[str] | None = None) -> Marking:
    return Marking(version="1.2", members={"src/shop/cart.py::test_add": source}, failing=failing)


def placed(existing: str | None, marks: Marking, code: str | None = None) -> str:
    """Return a test file after a suggestion for its member came into it."""
    files: dict[str, bytes | str] = {} if existing is None else {TEST_PATH: existing}
    tree = MemoryTree({"src/shop/cart.py": b"", **files})
    plan = plan_edits([suggestion(code=code)], tree, [PYTHON], marks)
    return plan.edits[0].new.decode() if plan.edits else existing or ""


OTHER = "from shop.cart import Cart\n\n\ndef test_add():\n    assert Cart.test_add(2)\n"
MINE = "\n\ndef test_mine():\n    assert Cart.size\n"


def test_marking__a_test_says_what_it_is_for() -> None:
    text = placed(None, marking())
    (line,) = [line for line in text.splitlines() if line.startswith("#")]
    assert re.fullmatch(r"# testsmith 1\.2 0123abcd [0-9a-f]{8} src/shop/cart\.py::test_add", line)
    assert text.replace(f"{line}\n", "") == suggestion().code


def test_marking__off_leaves_no_mark_and_renews_all_the_same() -> None:
    old = placed(None, marking()) + MINE
    unmarked = Marking(members={"src/shop/cart.py::test_add": "other000"})
    text = placed(old, unmarked, OTHER)
    assert "testsmith" not in text
    assert "Cart.test_add(2)" in text
    assert "def test_add_2" not in text


def test_marking__a_changed_members_test_is_renewed_in_place() -> None:
    old = placed(None, marking()) + MINE
    text = placed(old, marking("cafe0000", frozenset({f"{TEST_PATH}::test_add"})), OTHER)
    assert text.count("def test_add") == 1
    assert text.count("# testsmith 1.2 cafe0000") == text.count("# testsmith") == 1
    assert text.index("def test_add") < text.index("def test_mine")
    assert text.endswith(MINE)
    (one,) = PYTHON.tests.marked_tests(text)
    assert (one.name, one.is_edited) == ("test_add", False)


def test_marking__an_edited_test_is_left_alone() -> None:
    old = placed(None, marking()).replace("pytest and Cart", "Cart")
    text = placed(old, marking("cafe0000"), OTHER)
    assert old.partition("def")[2] in text
    assert "def test_add_2():" in text


def test_marking__a_test_that_still_passes_stays() -> None:
    old = placed(None, marking())
    text = placed(old, marking("cafe0000", frozenset()), OTHER)
    assert "def test_add():\n    assert pytest" in text
    assert "def test_add_2():" in text


def test_marking__more_tests_of_an_unchanged_member_come_beside() -> None:
    old = placed(None, marking())
    text = placed(old, marking(), OTHER)
    assert text.count("# testsmith 1.2 0123abcd") == 2
    assert not any(one.is_edited for one in PYTHON.tests.marked_tests(text))


def test_marking__placed_again_nothing_changes() -> None:
    old = placed(None, marking())
    assert placed(old, marking()) == old


def earlier(name: str, path: str = TEST_PATH) -> GeneratedTest:
    member = "src/shop/cart.py::gone"
    return GeneratedTest(
        path=path, name=name, member=member, fate=StaleTestAction.REMOVE, is_edited=False, fails=True
    )


def test_removals__beside_what_is_added() -> None:
    tree = MemoryTree({TEST_PATH: f"{EXISTING}{MINE}"})
    plan = plan_edits([suggestion("test_size")], tree, [PYTHON])
    tests = [earlier("test_mine"), earlier("test_add", "tests/nowhere.py")]
    (edit,) = with_removals(plan, tests, tree, [PYTHON]).edits
    assert (edit.tests, edit.removed) == (("test_size",), ("test_mine",))
    assert "test_mine" not in edit.new.decode()
    assert "test_size" in edit.new.decode()
    assert not edit.removes_file


def test_removals__the_last_test_goes_with_its_file() -> None:
    tree = MemoryTree({TEST_PATH: EXISTING})
    (edit,) = with_removals(EditPlan(), [earlier("test_add")], tree, [PYTHON]).edits
    assert (edit.path, edit.removed, edit.removes_file) == (TEST_PATH, ("test_add",), True)
    assert with_removals(EditPlan(), [], tree, [PYTHON]) == EditPlan()
