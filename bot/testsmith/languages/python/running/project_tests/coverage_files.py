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
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from testsmith.execution.answers import Reached
from testsmith.languages.python.running.project_tests.baseline import (
    EXIT,
    CannotReadCoverage,
    FileCoverage,
    MeasuredCoverage,
    MemberBaseline,
    OwnSuite,
)
from testsmith.languages.python.running.project_tests.lcov import looks_like_lcov, read_lcov
from testsmith.languages.python.running.worker.tracer import ways_on
from testsmith.languages.python.running.workspace import ProjectCopy, Workspace, remove_folder
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import BaselineStatus, Member

MOST_BYTES = 64 * 1024**2
"""Larger files are not read."""

MOST_PLACES = 100_000
"""Maximum number of files in a report, counted once per path where each may be."""

_BOUNDS = {
    "SELECT count(*) FROM arc": 2_000_000,
    "SELECT total(length(numbits)) FROM line_bits": 16 * 1024**2,
    "SELECT total(most) FROM (SELECT max(length(numbits)) most FROM line_bits GROUP BY file_id)": 512 * 1024,
}
"""Limits for a database: arcs, bytes of line bitmaps (8 lines each), bytes of each file's longest bitmap."""

_MOST_SQL_BYTES = 1_000_000

_SQLITE = b"SQLite format 3\0"
_COMPUTES = re.compile(r"\b(?:virtual|generated|as)\b", re.IGNORECASE)


def suite_from_coverage(workspace: Workspace, members: Sequence[Member], path: Path) -> OwnSuite:
    """Return the baseline of members according to a coverage file, without members it does not mention.

    Args:
        workspace: Workspace with the sources.
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
        yield f"{name} is older than the sources of {len(late)} of {len(members)} members: not used for them"
    if unknown > len(late):
        yield f"{name} says nothing of {unknown - len(late)} of {len(members)} members"
    if any(not baseline.branches_known for baseline in known.values()):
        yield f"branches are not known from {name}: none counts as gained"


def _is_newer(workspace: Workspace, member: Member, written: float) -> bool:
    """Return whether the file in the user's working tree was modified after the given time."""
    with contextlib.suppress(OSError):
        return any((root / member.path).stat().st_mtime > written for root in workspace.refused_folders)
    return False


def read_coverage(path: Path, new_folder: Callable[[str], Path]) -> MeasuredCoverage:
    """Read a `.coverage`, `coverage.xml` or `lcov.info` file.

    Args:
        path: The file.
        new_folder: Creates an empty folder for a copy of the file; the folder is removed at the end.

    Raises:
        CannotReadCoverage: The file is too large, broken or of an unsupported format.
        OSError: The file cannot be read.
    """
    if path.stat().st_size > MOST_BYTES:
        raise CannotReadCoverage(f"it is larger than {MOST_BYTES // 1024**2} MiB")
    content = path.read_bytes()[:MOST_BYTES]
    begin = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if content.startswith(_SQLITE):
        return _read_data(content, new_folder("coverage"))
    if begin.startswith(b"<"):
        return _read_xml(content)
    if looks_like_lcov(begin):
        return read_lcov(begin)
    raise CannotReadCoverage("it is not a .coverage, coverage.xml or lcov.info file")


def _read_data(content: bytes, folder: Path) -> MeasuredCoverage:
    try:
        copy = folder / "data"
        copy.write_bytes(content)
        return _read_database(copy)
    finally:
        remove_folder(folder)


def _read_database(copy: Path) -> MeasuredCoverage:
    from coverage import CoverageData
    from coverage.exceptions import CoverageException

    try:
        _refuse_programs(copy)
        data = CoverageData(basename=str(copy))
        data.read()
        files = {file: _of_data(data, file) for file in data.measured_files()}
        has_branches = data.has_arcs()
        data.close(force=True)
    except (CoverageException, sqlite3.Error, ValueError, TypeError) as error:
        raise CannotReadCoverage(f"it is broken ({error})") from error
    return MeasuredCoverage(files=files, has_branches=has_branches)


def _refuse_programs(copy: Path) -> None:
    """Reject a database with triggers, views or anything else that executes or expands when it is read."""
    with contextlib.closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_SQL_BYTES)
        schema = connection.execute("SELECT type, sql FROM sqlite_schema").fetchall()
        if any(kind not in {"table", "index"} or _COMPUTES.search(sql or "") for kind, sql in schema):
            raise CannotReadCoverage("it holds more than tables")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        for question, most in _BOUNDS.items():
            if connection.execute(question).fetchone()[0] > most:
                raise CannotReadCoverage("it holds far more lines than a project has")


def _of_data(data: Any, file: str) -> FileCoverage:
    arcs = data.arcs(file)
    return FileCoverage(
        hit={line for line in data.lines(file) or () if isinstance(line, int) and line > 0},
        arcs=None if arcs is None else {(int(before), int(after)) for before, after in arcs},
    )


def _read_xml(content: bytes) -> MeasuredCoverage:
    from xml.parsers import expat

    reader = _XmlReader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.refuse_entity
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError) as error:
        raise CannotReadCoverage(f"it is broken ({error})") from error
    if not reader.is_coverage:
        raise CannotReadCoverage("it is no Cobertura report")
    return MeasuredCoverage(files=reader.files(), has_branches=reader.has_branches)


class _XmlReader:
    """Event handlers for a Cobertura report as written by coverage.py.

    Attributes:
        is_coverage: Whether the document is such a report.
        has_branches: Whether any line has branches.
    """

    def __init__(self) -> None:
        self.is_coverage = False
        self.has_branches = False
        self._sources: list[str] = []
        self._source: list[str] | None = None
        self._files: dict[str, FileCoverage] = {}
        self._file: FileCoverage | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle the start of an element."""
        if name == "coverage":
            self.is_coverage = True
        elif name == "source":
            self._source = []
        elif name == "class":
            self._file = self._files.setdefault(attributes.get("filename", ""), FileCoverage(missed=set()))
        elif name == "line" and self._file is not None:
            self._take_line(self._file, attributes)

    def end(self, name: str) -> None:
        """Handle the end of an element."""
        if name == "source" and self._source is not None:
            self._sources.append("".join(self._source).strip())
            self._source = None
        elif name == "class":
            self._file = None

    def text(self, text: str) -> None:
        """Handle text."""
        if self._source is not None:
            self._source.append(text)

    def refuse_entity(self, *_: object) -> None:
        """Reject an entity declaration, which could expand without limit or refer to other files."""
        raise CannotReadCoverage("it declares entities")

    def _take_line(self, file: FileCoverage, attributes: Mapping[str, str]) -> None:
        number, hits = int(attributes.get("number", "0")), int(attributes.get("hits", "0"))
        if file.missed is not None:
            (file.hit if hits else file.missed).add(number)
        if attributes.get("branch") == "true":
            self.has_branches = True
            missed = attributes.get("missing-branches", "").split(",")
            file.missed_arcs[number] = {
                int(way) if way.strip().isdecimal() else EXIT for way in missed if way.strip()
            }

    def files(self) -> dict[str, FileCoverage]:
        """Return the coverage by full path, once for each source folder."""
        sources = [source.rstrip("/") for source in self._sources if source] or [""]
        if len(sources) * len(self._files) > MOST_PLACES:
            raise CannotReadCoverage(f"it names files at more than {MOST_PLACES:,} places")
        return {
            f"{source}/{name}" if source and not name.startswith("/") else name: file
            for name, file in self._files.items()
            if name
            for source in sources
        }


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


def _measurement(workspace: Workspace, path: str, measured: MeasuredCoverage) -> _Measurement | None:
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
