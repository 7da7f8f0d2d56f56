from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from coverage import CoverageData

from fakes.workspaces import function_member
from testsmith.execution.baseline import CannotReadCoverage, MemberBaseline, OwnSuite
from testsmith.execution.coverage_files import read_coverage
from testsmith.execution.sandbox.interface import Limits
from testsmith.execution.sandbox.process import ProcessSandbox
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.python.running.project_tests.coverage_baseline import suite_from_coverage
from testsmith.languages.python.running.workspace import Interpreter, PythonWorkspace
from testsmith.model import BaselineStatus

CART = """\
def total(prices, rate=0):
    if (
        rate
        and prices
    ):
        return sum(
            prices
        ) * rate
    for price in prices:
        if price < 0:
            continue
        rate += price
    return rate


def unused(x):
    if x:
        return 1
    return 2


def ignored():  # pragma: no cover
    return 1
"""

RUN = "from shop.cart import total\n\ntotal([1, 2])\ntotal([])\n"
MEMBERS = [function_member(CART, name, "src/shop/cart.py") for name in ("total", "unused", "ignored")]


@pytest.fixture
def workspace(tmp_path: Path) -> PythonWorkspace:
    head = tmp_path / "scratch" / "head"
    (head / "src" / "shop").mkdir(parents=True)
    (head / "src" / "shop" / "cart.py").write_text(CART)
    return PythonWorkspace(
        head=ProjectCopy(root=head, source_roots=(head, head / "src")),
        base=None,
        interpreter=Interpreter(path=Path(sys.executable), version=sys.version_info[:2]),
        scratch=tmp_path / "scratch",
        sandbox=ProcessSandbox(),
        limits=Limits(),
        refused_folders=(tmp_path / "own",),
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The project on another machine, where its tests were run."""
    folder = tmp_path / "elsewhere"
    (folder / "src" / "shop").mkdir(parents=True)
    (folder / "src" / "shop" / "cart.py").write_text(CART)
    (folder / "run.py").write_text(RUN)
    return folder


def cover(folder: Path, *options: str, report: bool = False) -> Path:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "src", "COVERAGE_CORE": "ctrace"}
    commands = [["run", *options, "--source=src", "run.py"], *([["xml", "-q"]] if report else [])]
    for command in commands:
        subprocess.run(
            [sys.executable, "-m", "coverage", *command],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
        )
    return folder / ("coverage.xml" if report else ".coverage")


def of_total(suite: OwnSuite) -> MemberBaseline:
    return suite.members[MEMBERS[0].id]


@pytest.mark.parametrize("report", [False, True])
def test_suite_from_coverage__lines_and_branches(
    workspace: PythonWorkspace, elsewhere: Path, *, report: bool
) -> None:
    suite = suite_from_coverage(workspace, MEMBERS, cover(elsewhere, "--branch", report=report))
    total, unused = of_total(suite), suite.members[MEMBERS[1].id]
    traced = {2, 3, 4, 9, 10, 12, 13}  # what a tracer may tell of the run

    assert total.branches_known
    assert traced <= total.reached.lines
    assert total.reached.lines.isdisjoint({6, 7, 8, 11})
    assert {(9, 10), (9, 13), (10, 12)} <= total.reached.branches
    assert total.reached.branches.isdisjoint({(3, 6), (4, 6), (10, 11)})
    assert unused.reached.lines.isdisjoint({17, 18, 19})
    assert unused.reached.branches == frozenset()
    assert total.tests == {}
    assert suite.notes == ()


def test_suite_from_coverage__what_a_report_leaves_out_is_no_gain(
    workspace: PythonWorkspace, elsewhere: Path
) -> None:
    suite = suite_from_coverage(workspace, MEMBERS, cover(elsewhere, report=True))
    assert 23 in suite.members[MEMBERS[2].id].reached.lines


@pytest.mark.parametrize("report", [False, True])
def test_suite_from_coverage__without_branches_none_is_a_gain(
    workspace: PythonWorkspace, elsewhere: Path, *, report: bool
) -> None:
    path = cover(elsewhere, report=report)
    suite = suite_from_coverage(workspace, MEMBERS, path)
    assert not of_total(suite).branches_known
    assert {(3, 9), (9, 10), (9, 13), (10, 12)} <= of_total(suite).reached.branches
    assert suite.notes == (f"{path.name} has no branch data, so no branch counts as newly covered",)


def xml(source: str, filename: str, lines: str = '<line number="17" hits="1"/>') -> str:
    return (
        '<?xml version="1.0" ?>\n<coverage version="7" timestamp="1">\n'
        f"<sources><source>{source}</source></sources><packages><package><classes>"
        f'<class name="x" filename="{filename}"><lines>{lines}</lines></class>'
        "</classes></package></packages></coverage>\n"
    )


@pytest.mark.parametrize(
    ("source", "filename"),
    [
        ("", "src/shop/cart.py"),
        ("/builds/project", "src/shop/cart.py"),
        ("/builds/project/src", "shop/cart.py"),
        ("/builds/project/src/shop", "cart.py"),
        ("/usr/lib/python3/site-packages", "shop/cart.py"),
        ("", "/anywhere/src/shop/cart.py"),
    ],
)
def test_suite_from_coverage__wherever_the_project_stood(
    workspace: PythonWorkspace, tmp_path: Path, source: str, filename: str
) -> None:
    path = tmp_path / "coverage.xml"
    path.write_text(xml(source, filename))
    assert set(suite_from_coverage(workspace, MEMBERS, path).members) == {member.id for member in MEMBERS}


def test_suite_from_coverage__of_another_file_nothing_is_known(
    workspace: PythonWorkspace, tmp_path: Path
) -> None:
    path = tmp_path / "coverage.xml"
    path.write_text(xml("/builds/other", "pay/cart.py"))
    suite = suite_from_coverage(workspace, MEMBERS, path)
    assert suite == OwnSuite(
        status=BaselineStatus.FAILED, notes=("coverage.xml has no data for 3 of 3 functions",)
    )


def test_suite_from_coverage__several_places_of_one_file_count_together(
    workspace: PythonWorkspace, tmp_path: Path
) -> None:
    path = tmp_path / "coverage.xml"
    one = xml("", "/a/shop/cart.py", '<line number="18" hits="0"/><line number="19" hits="1"/>')
    two = '<class filename="/b/shop/cart.py"><lines><line number="18" hits="3"/></lines></class></classes>'
    path.write_text(one.replace("</classes>", two))
    assert {18, 19} <= suite_from_coverage(workspace, MEMBERS, path).members[MEMBERS[1].id].reached.lines


def test_suite_from_coverage__older_than_the_sources(workspace: PythonWorkspace, tmp_path: Path) -> None:
    path, own = tmp_path / "coverage.xml", tmp_path / "own" / "src" / "shop"
    path.write_text(xml("", "src/shop/cart.py"))
    own.mkdir(parents=True)
    (own / "cart.py").write_text(CART)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    suite = suite_from_coverage(workspace, MEMBERS, path)
    note = "coverage.xml was not used for 3 of 3 functions: their source is newer"
    assert suite == OwnSuite(status=BaselineStatus.FAILED, notes=(note,))
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert len(suite_from_coverage(workspace, MEMBERS, path).members) == 3


def test_suite_from_coverage__another_python_has_other_branches(
    workspace: PythonWorkspace, elsewhere: Path
) -> None:
    path = cover(elsewhere, "--branch")
    object.__setattr__(workspace, "interpreter", Interpreter(path=Path("python"), version=(3, 9)))
    assert not of_total(suite_from_coverage(workspace, MEMBERS, path)).branches_known


BOMB = """\
<?xml version="1.0"?>
<!DOCTYPE coverage [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<coverage><sources><source>&b;</source></sources></coverage>
"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not a .coverage, coverage.xml or lcov.info file"),
        (b'{"meta": {}, "files": {}}', "it is not a .coverage, coverage.xml or lcov.info file"),
        (b"\x00\x01", "it is not a .coverage, coverage.xml or lcov.info file"),
        (b"<coverage><sources>", "it is broken"),
        (b"<report/>", "it is not a Cobertura report"),
        (xml("", "src/shop/cart.py", '<line number="one" hits="1"/>').encode(), "it is broken"),
        (BOMB.encode(), "it declares entities"),
        (b"SQLite format 3\0" + b"x" * 2_000, "it is broken"),
    ],
)
def test_suite_from_coverage__what_cannot_be_used(
    workspace: PythonWorkspace, tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "coverage.xml"
    path.write_bytes(content)
    suite = suite_from_coverage(workspace, MEMBERS, path)
    assert suite.members == {}
    assert suite.notes[0].startswith("coverage.xml was not used: ")
    assert reason in suite.notes[0]


def test_suite_from_coverage__a_database_with_a_view_is_not_read(
    workspace: PythonWorkspace, tmp_path: Path
) -> None:
    path = tmp_path / ".coverage"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE VIEW file AS SELECT 1 AS id, 'x' AS path")
        connection.commit()
    suite = suite_from_coverage(workspace, MEMBERS, path)
    assert suite == OwnSuite(
        status=BaselineStatus.FAILED, notes=(".coverage was not used: it contains more than tables",)
    )


def with_a_virtual_table(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE context")
    connection.execute("CREATE VIRTUAL TABLE context USING fts5(id, ctx)")


def with_a_generated_column(connection: sqlite3.Connection) -> None:
    blob = "(cast(replace(hex(zeroblob(x)), '0', 'w') AS blob))"
    connection.execute("DROP TABLE line_bits")
    connection.execute("CREATE TABLE line_bits (file_id integer, context_id integer, x integer)")
    connection.execute("INSERT INTO line_bits VALUES (1, 1, 400000000)")  # while it takes no time
    connection.execute(f"ALTER TABLE line_bits ADD COLUMN numbits blob GENERATED ALWAYS AS {blob}")


def with_far_too_many_lines(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE line_bits SET numbits = ?", (b"\xff" * 20 * 1024**2,))


def with_too_many_lines_in_one_file(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE line_bits SET numbits = ?", (b"\xff" * 1024**2,))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (with_a_virtual_table, "it contains more than tables"),
        (with_a_generated_column, "it contains more than tables"),
        (with_far_too_many_lines, "it has far more lines than any project"),
        (with_too_many_lines_in_one_file, "it has far more lines than any project"),
    ],
)
def test_read_coverage__a_database_that_would_fill_the_memory_is_refused(
    tmp_path: Path, spoil: Callable[[sqlite3.Connection], None], reason: str
) -> None:
    data = CoverageData(basename=str(tmp_path / "data"))
    data.add_lines({"a.py": [1]})
    data.write()
    data.close(force=True)
    with closing(sqlite3.connect(tmp_path / "data")) as connection:
        spoil(connection)
        connection.commit()
    with pytest.raises(CannotReadCoverage, match=reason):
        read_coverage(tmp_path / "data", _new_folder(tmp_path))


def test_read_coverage__a_report_of_many_files_at_many_places_is_refused(tmp_path: Path) -> None:
    sources = "".join(f"<source>/s{number}</source>" for number in range(3_000))
    classes = "".join(f'<class filename="f{number}"/>' for number in range(3_000))
    (tmp_path / "data").write_text(f"<coverage><sources>{sources}</sources>{classes}</coverage>")
    with pytest.raises(CannotReadCoverage, match="more than 100,000 files"):
        read_coverage(tmp_path / "data", _new_folder(tmp_path))


def _new_folder(folder: Path) -> Callable[[str], Path]:
    def new_folder(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    return new_folder


def test_suite_from_coverage__a_file_that_has_gone(workspace: PythonWorkspace, tmp_path: Path) -> None:
    suite = suite_from_coverage(workspace, MEMBERS, tmp_path / "gone.xml")
    assert suite.notes[0].startswith("gone.xml was not used: ")


def test_suite_from_coverage__nothing_is_left_in_the_scratch_folder(
    workspace: PythonWorkspace, elsewhere: Path
) -> None:
    path = cover(elsewhere)
    content = path.read_bytes()
    suite_from_coverage(workspace, MEMBERS, path)
    assert [place.name for place in workspace.scratch.iterdir()] == ["head"]
    assert path.read_bytes() == content
