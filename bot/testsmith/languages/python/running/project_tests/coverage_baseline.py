"""Read coverage files from an earlier step instead of running the tests.

Supported are `.coverage`, `coverage.xml` and `lcov.info`, from coverage.py and other tools.

The machine that wrote the file ran the project's code, so the file is untrusted: sizes are limited, XML may
not declare entities, and a database is copied, checked to contain only tables, and read by coverage.py.

The files record statements, while the bot's own tracer records lines and arcs, so results are converted to
lines. Anything not recorded as missed counts as reached, so that no test is credited with coverage that it
may not add.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType

from testsmith.execution.baseline import (
    EXIT,
    CannotReadCoverage,
    FileCoverage,
    MeasuredCoverage,
    MemberBaseline,
    OwnSuite,
)
from testsmith.execution.coverage_files import read_coverage
from testsmith.execution.jobs import Reached
from testsmith.execution.workspace import ProjectCopy
from testsmith.languages.python.running.worker.tracer import ways_on
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import BaselineStatus, Member


def suite_from_coverage(workspace: PythonWorkspace, members: Sequence[Member], path: Path) -> OwnSuite:
    """Return the baseline of members according to a coverage file, without members it does not mention.

    Args:
        workspace: PythonWorkspace with the sources.
        members: Members to look up.
        path: The coverage file.
    """
    try:
        measured = read_coverage(path, workspace.new_folder)
        written = path.stat().st_mtime
    except (CannotReadCoverage, OSError) as error:
        return OwnSuite(status=BaselineStatus.FAILED, notes=(f"{path.name} was not used: {error}",))
    by_path = {path: _measurement(workspace, path, measured) for path in {one.path for one in members}}
    found = {one.id: _baseline(one, by_path[one.path]) for one in members}
    late = {member.id for member in members if _is_newer(workspace, member, written)}
    known = {one: baseline for one, baseline in found.items() if baseline is not None and one not in late}
    status = BaselineStatus.PARTLY if known else BaselineStatus.FAILED
    return OwnSuite(status=status, members=known, notes=tuple(_notes(path.name, members, known, late)))


def _notes(
    name: str, members: Sequence[Member], known: Mapping[str, MemberBaseline], late: set[str]
) -> Iterator[str]:
    unknown = len(members) - len(known)
    if late:
        yield f"{name} was not used for {len(late)} of {len(members)} functions: their source is newer"
    if unknown > len(late):
        yield f"{name} has no data for {unknown - len(late)} of {len(members)} functions"
    if any(not baseline.branches_known for baseline in known.values()):
        yield f"{name} has no branch data, so no branch counts as newly covered"


def _is_newer(workspace: PythonWorkspace, member: Member, written: float) -> bool:
    """Return whether the file in the user's working tree was modified after the given time."""
    with contextlib.suppress(OSError):
        return any((root / member.path).stat().st_mtime > written for root in workspace.refused_folders)
    return False


def _baseline(member: Member, measurement: _Measurement | None) -> MemberBaseline | None:
    """Return the baseline of a member; None if the file was not measured."""
    if measurement is None:
        return None
    lines = [line for line in range(member.line, member.end_line + 1) if measurement.is_reached(line)]
    ways = [way for way in measurement.source.ways if member.line <= way[0] <= member.end_line]
    known = measurement.branches_known
    taken = frozenset(way for way in ways if not known or measurement.is_taken(way))
    reached = Reached(lines=frozenset(lines), branches=taken)
    return MemberBaseline(reached=reached, branches_known=known)


def _measurement(workspace: PythonWorkspace, path: str, measured: MeasuredCoverage) -> _Measurement | None:
    found = _file_of(workspace.head, path, measured.files)
    source = _Source.read(workspace.head.root / path) if found is not None else None
    if found is None or source is None:
        return None
    same_python = workspace.interpreter.version == sys.version_info[:2]  # other versions have other arcs
    return _Measurement(source, found, branches_known=measured.has_branches and same_python)


def _file_of(copy: ProjectCopy, path: str, files: Mapping[str, FileCoverage]) -> FileCoverage | None:
    """Return the coverage of a file wherever the project was located; matching paths are merged."""
    names = {path, *(_below(copy, root, path) for root in copy.source_roots)} - {""}
    for name in sorted(names, key=len, reverse=True):
        matching = [place for place in files if f"/{place}".endswith(f"/{name}")]
        if "/" not in name:  # a bare name may be in any folder: use the one nearest to the root
            matching = sorted(matching, key=lambda place: place.count("/"))[:1]
        if matching:
            return _joined(files[place] for place in matching)
    return None


def _below(copy: ProjectCopy, root: Path, path: str) -> str:
    place = copy.root / path
    return place.relative_to(root).as_posix() if root in place.parents else ""


def _joined(parts: Iterable[FileCoverage]) -> FileCoverage:
    first, *others = parts
    whole = first.copy()
    for other in others:
        whole.add(other)
    return whole


class _Source:
    """A source file: the lines of each statement, and its branches.

    Attributes:
        ways: Arcs from lines with several successors, as the tracer reports them.
    """

    def __init__(self, tree: ast.Module, code: CodeType) -> None:
        self._statements = dict(_lines_of_statements(tree))
        self.ways = frozenset[tuple[int, int]]().union(*(ways_on(one) for one in _functions(code)))

    @classmethod
    def read(cls, path: Path) -> _Source | None:
        """Parse a file; return None if that fails."""
        try:
            content = path.read_bytes()
            tree = parse_untrusted(content.decode("utf-8-sig"))
            return cls(tree, compile(content, str(path), "exec", dont_inherit=True))
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError, CannotParse):
            return None

    def lines(self, line: int) -> range:
        """Return the lines of the statement that contains a line."""
        return self._statements.get(line, range(line, line + 1))

    def statement(self, line: int) -> int:
        """Return the first line of a statement for any of its lines, and `EXIT` for any exit."""
        return EXIT if line < 0 else self.lines(line).start


class _Measurement:
    """Coverage of one source file by line.

    Attributes:
        source: The file.
        branches_known: Whether branches were measured.
    """

    def __init__(self, source: _Source, found: FileCoverage, *, branches_known: bool) -> None:
        self.source = source
        self.branches_known = branches_known
        self._found = found
        statement = source.statement
        self._arcs = {(statement(before), statement(after)) for before, after in found.arcs or ()}
        self._missed_arcs = {
            (statement(line), statement(way)) for line, ways in found.missed_arcs.items() for way in ways
        }

    def is_reached(self, line: int) -> bool:
        """Return whether the statement that contains a line was reached."""
        if self._found.missed is not None:
            return self._found.missed.isdisjoint(self.source.lines(line))
        return not self._found.hit.isdisjoint(self.source.lines(line))

    def is_taken(self, way: tuple[int, int]) -> bool:
        """Return whether an arc was taken."""
        before, after = self.source.statement(way[0]), self.source.statement(way[1])
        if before == after or not self.is_reached(way[0]):
            return self.is_reached(way[0])
        if self._found.arcs is not None:
            return (before, after) in self._arcs
        return (before, after) not in self._missed_arcs


def _functions(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _functions(constant)


def _lines_of_statements(tree: ast.Module) -> Iterator[tuple[int, range]]:
    """Yield each line with the lines of its statement, or of the header of a compound statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            lines = range(node.lineno, max(_last(node), node.lineno) + 1)
            yield from ((line, lines) for line in lines)


def _last(node: ast.stmt) -> int:
    if isinstance(node, ast.Match):
        return node.subject.end_lineno or node.lineno
    body = getattr(node, "body", None)
    return body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno or node.lineno
