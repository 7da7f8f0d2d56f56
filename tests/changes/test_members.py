from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.changes.members import MemberSearch, find_members
from testsmith.changes.tooling import UNTESTED
from testsmith.git.repository import Repository
from testsmith.languages.python.language import PYTHON, PythonSource
from testsmith.languages.registry import languages
from testsmith.languages.source import ComparisonScope, MemberFindings, SourceTree
from testsmith.model import SkipStage, UsageFailure
from testsmith.settings import SelectionSettings


class RaisesForOneFile(PythonSource):
    """Finds members in every file but `guilty.py`."""

    def changed_members(self, scope: ComparisonScope) -> MemberFindings:
        if any(file.head_path == "guilty.py" for file in scope.files):
            raise ZeroDivisionError
        return super().changed_members(scope)

    def all_members(self, tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
        if "guilty.py" in paths:
            raise ZeroDivisionError
        return super().all_members(tree, paths, project)


Files = dict[str, str | bytes | None]

ONE = "def f(): return 1\n"
TWO = "def f(): return 2\n"


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"README.md": "A project.\n"})
    return repository


def _search(
    made: GitRepository, selection: SelectionSettings | None = None, folder: str = "."
) -> MemberSearch:
    return find_members(
        Repository.open(made.folder / folder), selection or SelectionSettings(base="main"), languages()
    )


def _ids(search: MemberSearch) -> list[str]:
    return [member.id for member in search.members]


def _skipped(search: MemberSearch) -> dict[str, str]:
    return {each.member or each.path: each.reason for each in search.skipped}


def test_find_members__from_the_merge_base_to_head(made: GitRepository) -> None:
    parted = made.commit({"shop/a.py": ONE, "shop/b.py": ONE})
    made.git("checkout", "-q", "-b", "topic")
    head = made.commit({"shop/a.py": TWO, "tests/test_a.py": "def test_f(): ...\n"})
    made.git("checkout", "-q", "main")
    made.commit({"shop/b.py": TWO})
    search = _search(made, SelectionSettings(base="main", head="topic"))
    assert _ids(search) == ["shop/a.py::f"]
    assert search.members[0].changed_lines == frozenset({1})
    assert (search.base, search.head) == (parted, head)
    assert [file.head_path for file in search.files] == ["shop/a.py"]
    assert search.base_tree is not None
    assert search.base_tree.read("shop/a.py") == ONE.encode()
    assert search.head_tree.read("shop/a.py") == TWO.encode()
    assert search.skipped == ()


def test_find_members__with_the_text_that_documents_gain(made: GitRepository) -> None:
    made.commit({"a.py": ONE, "docs/changelog.rst": "Changes\n\n- Old\n", "gone.md": "x\n"})
    changelog = "Changes\n\n- New, as in ``f()``\n- Old\n"
    made.write({"a.py": TWO, "docs/changelog.rst": changelog, "gone.md": None})

    assert list(filter(None, _search(made).documents)) == ["- New, as in ``f()``"]


def test_find_members__a_paragraph_is_shown_whole_if_a_line_of_it_is_new(made: GitRepository) -> None:
    guide = "# Guide\n\nRules are compared\nby their path.\nOthers are not.\n\n1. First\n2. Second\n   case\n"
    made.commit({"a.py": ONE, "guide.md": guide})
    new = guide.replace("by their path.", "by their path and methods.").replace("   case", "   case of it")
    made.write({"a.py": TWO, "guide.md": new})

    (added,) = filter(None, _search(made).documents)
    assert (
        added == "\nRules are compared\nby their path and methods.\nOthers are not.\n2. Second\n   case of it"
    )


def test_find_members__working_tree_with_untracked_and_moved_files(made: GitRepository) -> None:
    made.commit({"a.py": ONE, "b.py": "def g(): return 1\n" + "\n" * 20})
    made.write(
        {"a.py": TWO, "new.py": "def h(): ...\n", "b.py": None, "c.py": "def g(): return 1\n" + "\n" * 20}
    )
    search = _search(made)
    assert {member.id: str(member.change) for member in search.members} == {
        "a.py::f": "changed",
        "new.py::h": "added",
    }
    assert search.head is None


def test_find_members__renamed_in_git_and_edited(made: GitRepository) -> None:
    text = "".join(f"def f{n}(): return {n}\n" for n in range(20))
    made.commit({"old.py": text})
    made.git("mv", "old.py", "new.py")
    made.write({"new.py": text.replace("return 3", "return 33")})
    search = _search(made)
    assert [(each.id, str(each.change)) for each in search.members] == [("new.py::f3", "changed")]


def test_find_members__what_is_no_subject_is_not_reported(made: GitRepository) -> None:
    made.commit(
        {
            "tests/test_a.py": "def f(): ...\n",
            "pkg/test_b.py": "def f(): ...\n",
            "conftest.py": "def f(): ...\n",
            "docs/conf.py": "def f(): ...\n",
            "pkg/_vendor/x.py": "def f(): (\n",
            "pkg/api_pb2.py": "def f(): ...\n",
            "setup.py": "def f(): ...\n",
            "notes.txt": "def f(): ...\n",
            "pkg/real.py": "def f(): ...\n",
        }
    )
    search = _search(made, SelectionSettings(base="HEAD~1"))
    assert _ids(search) == ["pkg/real.py::f"]
    assert search.skipped == ()


def test_find_members__files_in_python_files_are_tests(made: GitRepository) -> None:
    settings = "[pytest]\npython_files = *test.py\ntestpaths = checks\n"
    made.commit({"pytest.ini": settings, "pkg/latest.py": ONE, "checks/atest.py": ONE})
    search = _search(made, SelectionSettings(base="HEAD~1"))
    assert _ids(search) == ["pkg/latest.py::f"]
    assert [file.head_path for file in search.test_files] == ["checks/atest.py"]


def test_find_members__include_and_exclude(made: GitRepository) -> None:
    files: Files = {f"{path}.py": ONE for path in ("pkg/a", "pkg/gen/b", "other/c")}
    made.commit(files)
    selection = SelectionSettings(base="HEAD~1", include=("pkg/**",), exclude=("**/gen/**",))
    assert _ids(_search(made, selection)) == ["pkg/a.py::f"]


def test_find_members__what_is_not_included_still_says_what_is_public_and_affected(
    made: GitRepository,
) -> None:
    base: Files = {
        "p/__init__.py": "from ._impl import f\n",
        "p/_impl.py": "from .rates import RATE\ndef f(): return RATE\n",
        "p/rates.py": "RATE = 1\ndef g(): return 1\n",
    }
    made.commit(base)
    made.commit({"p/rates.py": "RATE = 2\ndef g(): return 2\n"})
    search = _search(made, SelectionSettings(base="HEAD~1", include=("p/_impl.py",)))
    assert [(each.id, each.module, each.because) for each in search.members] == [
        ("p/_impl.py::f", "p", ("RATE",))
    ]


def test_find_members__affected_members_of_tests_and_excluded_files_do_not_count(made: GitRepository) -> None:
    use = "from p.a import _x\ndef f(): return _x()\n"
    made.commit({"p/a.py": "def _x(): 1\n", "p/tests/test_a.py": use, "p/vendor/b.py": use, "p/c.py": use})
    made.commit({"p/a.py": "def _x(): return 2\n"})
    assert _ids(_search(made, SelectionSettings(base="HEAD~1"))) == ["p/c.py::f"]


def test_find_members__files_that_are_none_to_read(made: GitRepository, tmp_path: Path) -> None:
    other = GitRepository.create(tmp_path / "other")
    other.commit({"b.py": ONE})
    made.git("submodule", "add", "-q", str(other.folder), "lib.py")
    (made.folder / "link.py").symlink_to("/etc/hostname")
    (made.folder / "odd\udcff.py").write_text(ONE)
    made.commit(
        {
            "large.py": ONE + "#" * 2000,
            "binary.py": b"\0\1",
            "latin.py": b"x = '\xff'\n",
            "broken.py": "def (\n",
            "good.py": ONE,
        }
    )
    search = _search(made, SelectionSettings(base="HEAD~1", head="HEAD", max_file_bytes=1000))
    assert _ids(search) == ["good.py::f"]
    skipped = _skipped(search)
    expected = {
        "lib.py": "submodule",
        "link.py": "symbolic link",
        "odd\\udcff.py": "UTF-8",
        "large.py": "the limit is 1,000",
        "binary.py": "binary",
        "latin.py": "encoding is unknown",
        "broken.py": "line 1",
    }
    assert skipped.keys() == expected.keys()
    assert {path: words for path, words in expected.items() if words not in skipped[path]} == {}, skipped
    assert {(each.stage, each.member) for each in search.skipped} == {(SkipStage.CHANGES, None)}


def test_find_members__project_in_a_folder(made: GitRepository) -> None:
    made.commit({"a/src/shop/x.py": ONE, "a/docs/conf.py": ONE, "b/y.py": ONE})
    search = _search(made, SelectionSettings(base="HEAD~1"), folder="a")
    assert [(each.id, each.module) for each in search.members] == [("a/src/shop/x.py::f", "shop.x")]


def test_find_members__limit_keeps_the_nearest(made: GitRepository) -> None:
    text = "_X = {0}\ndef e(): return d()\ndef d(): return _X\ndef c(): return {0}\ndef b(): return {0}\n"
    made.commit({"m.py": text.format(1)})
    made.commit({"m.py": text.format(2) + "def a(): ...\n"})
    search = _search(made, SelectionSettings(base="HEAD~1"))
    assert _ids(search) == ["m.py::e", "m.py::d", "m.py::c", "m.py::b", "m.py::a"]
    kept = {
        limit: [
            each.name for each in _search(made, SelectionSettings(base="HEAD~1", max_members=limit)).members
        ]
        for limit in range(5)
    }
    assert kept == {0: [], 1: ["a"], 2: ["c", "a"], 3: ["c", "b", "a"], 4: ["d", "c", "b", "a"]}
    limited = _search(made, SelectionSettings(base="HEAD~1", max_members=4))
    assert [(each.member, each.stage) for each in limited.skipped] == [("m.py::e", SkipStage.BUDGET)]
    assert "--max-members" in limited.skipped[0].reason
    assert limited.found == search.found == search.members


def test_find_members__library_comes_before_what_is_beside_it(made: GitRepository) -> None:
    function = "def f(): ...\n"
    beside = ("examples/cart.py", "scripts/release.py")
    library = ("examples.py", "shop/cart.py", "shop/tools/cli.py")
    made.commit({"tests/test_release.py": "from scripts import release\n"})
    made.commit(dict.fromkeys((*beside, *library), function))
    search = _search(made, SelectionSettings(base="HEAD~1"))
    assert [member.path for member in search.members] == [*library, *beside]
    limited = _search(made, SelectionSettings(base="HEAD~1", max_members=3))
    assert [member.path for member in limited.members] == [*library]
    assert [one.path for one in limited.skipped] == [*beside]


def test_find_members__library_of_an_opened_folder_comes_before_what_is_beside_it(
    made: GitRepository,
) -> None:
    made.commit(dict.fromkeys(("packages/shop/examples/a.py", "packages/shop/cart.py"), "def f(): ...\n"))
    search = _search(made, SelectionSettings(base="HEAD~1", max_members=1), "packages/shop")
    assert [member.path for member in search.members] == ["packages/shop/cart.py"]


SCRIPTS: Files = {
    "shop/cart.py": ONE,
    "scripts/release.py": ONE,
    "scripts/ci/report.py": ONE,
    "scripts/ci/upload.py": ONE,
    "tests/test_cart.py": "from shop import cart  # not of scripts: report\n",
}


@pytest.mark.parametrize(
    ("test", "text", "tested"),
    [
        ("tests/test_other.py", "def test_it(): ...\n", []),
        ("tests/test_other.py", "from scripts import release\n", ["scripts/release.py"]),
        ("tests/test_other.py", "RUN = ROOT / 'scripts' / 'release.py'\n", ["scripts/release.py"]),
        (
            "tests/test_other.py",
            "import scripts.ci.report\n",
            ["scripts/ci/report.py", "scripts/ci/upload.py"],
        ),
        ("scripts/ci/test_report.py", "import report\n", ["scripts/ci/report.py"]),
        ("tests/scripts/report_test.py", "", ["scripts/ci/report.py"]),
        ("tests/test_report_of_sales.py", "", []),
    ],
)
def test_find_members__scripts_without_a_test_are_skipped(
    made: GitRepository, test: str, text: str, tested: list[str]
) -> None:
    made.commit({**SCRIPTS, test: text})
    search = _search(made, SelectionSettings(base="HEAD~1"))
    assert [member.path for member in search.members] == ["shop/cart.py", *tested]
    untested = {path for path in SCRIPTS if path.startswith("scripts")}.difference(tested)
    assert _skipped(search) == {f"{path}::f": UNTESTED for path in untested}
    assert len(search.found) == len(SCRIPTS) - 1


@pytest.mark.parametrize(
    "chosen",
    [
        SelectionSettings(base="HEAD~1", only=("scripts",)),
        SelectionSettings(base="HEAD~1", include=("scripts/**",)),
        SelectionSettings(base="HEAD~1", exclude=("shop/**",)),
    ],
)
def test_find_members__scripts_that_are_asked_for_need_no_test(
    made: GitRepository, chosen: SelectionSettings
) -> None:
    made.commit(SCRIPTS)
    search = _search(made, chosen)
    assert len(search.members) == 3


def test_find_members__marked_member_takes_no_place(made: GitRepository) -> None:
    made.commit({"m.py": "# testsmith: skip\ndef f(): ...\ndef g(): ...\n"})
    search = _search(made, SelectionSettings(base="HEAD~1", max_members=1))
    assert _ids(search) == ["m.py::g"]
    assert [member.id for member in search.found] == ["m.py::f", "m.py::g"]
    assert [(each.member, each.stage) for each in search.skipped] == [("m.py::f", SkipStage.CHANGES)]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("p/a.py::Cart.add", ["p/a.py::Cart.add"]),
        ("p/a.py::Cart", ["p/a.py::Cart.add", "p/a.py::Cart.drop"]),
        ("Cart.add", ["p/a.py::Cart.add", "q/b.py::Cart.add"]),
        ("Cart", ["p/a.py::Cart.add", "p/a.py::Cart.drop", "q/b.py::Cart.add"]),
        ("p.a.Cart.add", ["p/a.py::Cart.add"]),
        ("q.b", ["q/b.py::Cart.add"]),
        ("q/b.py", ["q/b.py::Cart.add"]),
        ("./q/", ["q/b.py::Cart.add"]),
        ("q", ["q/b.py::Cart.add"]),
    ],
)
def test_find_members__only(made: GitRepository, only: str, expected: list[str]) -> None:
    cart = "class Cart:\n def add(self): ...\n"
    made.commit({"p/a.py": f"{cart} def drop(self): ...\n", "q/b.py": cart, "q/bad.py": "def ("})
    search = _search(made, SelectionSettings(base="HEAD~1", only=(only,)))
    assert _ids(search) == expected
    assert list(_skipped(search)) == (["q/bad.py"] if only in {"q", "./q/"} else [])


def test_find_members__only_what_is_not_there_is_said(made: GitRepository) -> None:
    made.commit({"a.py": ONE, "bad.py": "def ("})
    selection = SelectionSettings(base="HEAD~1", only=("f", "nothing", "bad.py"))
    search = _search(made, replace(selection, refuses_unknown=False))
    assert _ids(search) == ["a.py::f"]
    assert list(_skipped(search)) == ["bad.py", "nothing"]
    with pytest.raises(UsageFailure, match="--only nothing: no public function"):
        _search(made, selection)


def test_find_members__all_of_files_and_folders(made: GitRepository) -> None:
    made.commit({"p/a.py": ONE, "p/sub/b.py": ONE, "p/test_c.py": ONE, "q.py": ONE, "setup.py": ONE})
    everything = SelectionSettings(all_paths=(".",))
    assert _ids(_search(made, everything)) == ["p/a.py::f", "p/sub/b.py::f", "q.py::f"]
    search = _search(made, SelectionSettings(all_paths=("p/sub/", "./p/sub/b.py", "setup.py")))
    assert _ids(search) == ["p/sub/b.py::f", "setup.py::f"]
    assert {str(member.change) for member in search.members} == {"added"}
    assert (search.base, search.base_tree, search.files) == (None, None, ())
    in_folder = _search(made, SelectionSettings(all_paths=("sub",)), folder="p")
    assert _ids(in_folder) == ["p/sub/b.py::f"]
    absolute = SelectionSettings(all_paths=(str(made.folder.resolve() / "p" / "sub"),))
    assert _ids(_search(made, absolute)) == ["p/sub/b.py::f"]


def test_find_members__all_of_a_commit(made: GitRepository) -> None:
    head = made.commit({"a.py": ONE})
    made.write({"b.py": ONE})
    search = _search(made, SelectionSettings(all_paths=(".",), head=head, base="main"))
    assert _ids(search) == ["a.py::f"]
    assert (search.base, search.head) == (head, head)


def test_find_members__all_says_why_a_named_file_is_no_subject(made: GitRepository) -> None:
    (made.folder / "link.py").symlink_to("a.py")
    made.commit({"a.py": ONE, "test_a.py": ONE, "notes.txt": "", "bad.py": "def ("})
    search = _search(made, SelectionSettings(all_paths=("test_a.py", "notes.txt", "link.py", "bad.py")))
    assert search.members == ()
    assert _skipped(search).keys() == {"test_a.py", "notes.txt", "link.py", "bad.py"}


@pytest.mark.parametrize("path", ["nowhere", "../outside.py", "/etc/hostname", "a"])
def test_find_members__all_of_an_unknown_path(made: GitRepository, path: str) -> None:
    made.commit({"a.py": ONE})
    with pytest.raises(UsageFailure, match="no such file or folder"):
        _search(made, SelectionSettings(all_paths=(path,)))


def test_find_members__nothing_to_compare_with(made: GitRepository) -> None:
    with pytest.raises(UsageFailure, match="--base"):
        _search(made, SelectionSettings())


def test_find_members__unknown_revision(made: GitRepository) -> None:
    selection = SelectionSettings(base="main")
    with pytest.raises(UsageFailure, match="'nowhere'"):
        _search(made, replace(selection, base="nowhere"))
    with pytest.raises(UsageFailure, match="'nowhere'"):
        _search(made, replace(selection, head="nowhere"))


def test_find_members__repository_without_a_commit(tmp_path: Path) -> None:
    empty = GitRepository.create(tmp_path / "empty")
    empty.write({"a.py": ONE})
    assert _ids(_search(empty, SelectionSettings(all_paths=("a.py",)))) == ["a.py::f"]
    with pytest.raises(UsageFailure, match="unknown revision"):
        _search(empty, SelectionSettings(base="HEAD"))


def test_find_members__attributes_that_hide_a_file_from_the_diff(made: GitRepository) -> None:
    made.commit({"a.py": ONE, ".gitattributes": "*.py -diff\n"})
    made.commit({"a.py": TWO})
    assert _ids(_search(made, SelectionSettings(base="HEAD~1"))) == ["a.py::f"]


def test_find_members__file_that_becomes_a_link(made: GitRepository) -> None:
    made.commit({"a.py": ONE, "b.py": TWO})
    (made.folder / "a.py").unlink()
    (made.folder / "a.py").symlink_to("b.py")
    made.commit()
    search = _search(made, SelectionSettings(base="HEAD~1", head="HEAD"))
    assert search.members == ()
    assert list(_skipped(search)) == ["a.py"]


def test_find_members__a_submodule_is_told_whatever_its_name(made: GitRepository, tmp_path: Path) -> None:
    other = GitRepository.create(tmp_path / "other")
    other.commit({"a.py": ONE})
    made.commit({"shop/a.py": ONE})
    made.git("checkout", "-q", "-b", "topic")
    made.git("submodule", "add", "-q", str(other.folder), "lib/other")
    made.git("submodule", "add", "-q", str(other.folder), "vendor/other")
    made.git("commit", "-q", "-m", "Add submodules")
    told = {"lib/other": "it is a submodule"}
    assert _skipped(_search(made, SelectionSettings(base="main", head="topic"))) == told
    assert _skipped(_search(made, SelectionSettings(head="topic", all_paths=("lib/other",)))) == told
    assert _skipped(_search(made, SelectionSettings(head="topic", all_paths=(".",)))) == told
    assert _skipped(_search(made, SelectionSettings(base="main", head="topic"), "shop")) == {}


@pytest.mark.parametrize(
    "folder",
    ["with space", 'quo"te', "it's", "back\\slash", "tab\there", "new\nline", "ünï", "e\u0301", "-dash"],
)
def test_find_members__project_in_a_folder_with_an_odd_name(made: GitRepository, folder: str) -> None:
    made.commit({f"{folder}/src/shop/x.py": ONE, f"{folder}/old.py": f"{ONE}{'#' * 99}\n", "y.py": ONE})
    made.git("mv", "--", f"{folder}/old.py", f"{folder}/moved.py")
    made.commit({f"{folder}/src/shop/x.py": TWO, f"{folder}/moved.py": f"{TWO}{'#' * 99}\n", "y.py": TWO})
    selection = SelectionSettings(base="HEAD~1", include=("src/**", "moved.py"))
    search = _search(made, selection, folder=folder)
    assert [(each.id, each.module) for each in search.members] == [
        (f"{folder}/moved.py::f", "moved"),
        (f"{folder}/src/shop/x.py::f", "shop.x"),
    ]
    assert {str(each.change) for each in search.members} == {"changed"}
    only = replace(selection, only=(f"{folder}/src/shop/x.py::f",))
    assert [each.module for each in _search(made, only, folder=folder).members] == ["shop.x"]


def test_find_members__names_that_no_import_can_say_are_told(made: GitRepository) -> None:
    names = ("a b.py", 'q"uote.py', "new\nline.py", "tab\t.py", "class.py", "e\u0301.py", "\ufb01.py")
    made.commit({**dict.fromkeys(names, ONE), "\u00e9.py": ONE, "日本.py": ONE})
    search = _search(made, SelectionSettings(base="HEAD~1"))
    assert _ids(search) == ["\u00e9.py::f", "日本.py::f"]
    assert _skipped(search).keys() == set(names)


@pytest.mark.parametrize("head", [None, "HEAD"])
def test_find_members__line_ends_alone_are_no_change(made: GitRepository, head: str | None) -> None:
    text = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n\n\ndef g():\n    return 1\n'
    made.git("config", "core.autocrlf", "false")
    made.commit({"a.py": text, "b.py": text.replace("\n", "\r\n")})
    made.commit(
        {
            "a.py": text.replace("\n", "\r\n"),
            "b.py": text.replace("\n", "\r\n").replace("g():\r\n    return 1", "g():\r\n    return 2"),
        }
    )
    search = _search(made, SelectionSettings(base="HEAD~1", head=head))
    assert _ids(search) == ["b.py::g"]
    assert (search.members[0].source, search.members[0].changed_lines) == (
        "def g():\n    return 2",
        frozenset({10}),
    )


@pytest.mark.parametrize("selection", [SelectionSettings(base="main~1"), SelectionSettings(all_paths=(".",))])
def test_find_members__an_exception_for_one_file_costs_that_file(
    made: GitRepository, selection: SelectionSettings
) -> None:
    made.commit({"a.py": ONE, "guilty.py": ONE, "z.py": ONE})
    search = find_members(
        Repository.open(made.folder), selection, [replace(PYTHON, source=RaisesForOneFile())]
    )
    assert _ids(search) == ["a.py::f", "z.py::f"]
    [lost] = search.skipped
    assert (lost.path, lost.member, lost.stage) == ("guilty.py", None, SkipStage.INTERNAL)
    assert "ZeroDivisionError()" in lost.reason
