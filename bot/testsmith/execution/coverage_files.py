"""Read coverage files from an earlier step instead of running the tests.

Supported are `.coverage`, `coverage.xml` and `lcov.info`, from coverage.py and other tools.

The machine that wrote the file ran the project's code, so the file is untrusted: sizes are limited, XML may
not declare entities, and a database is copied, checked to contain only tables, and read by coverage.py.

The files record statements, while the bot's own tracer records lines and arcs, so results are converted to
lines. Anything not recorded as missed counts as reached, so that no test is credited with coverage that it
may not add.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from testsmith.execution.baseline import (
    EXIT,
    CannotReadCoverage,
    FileCoverage,
    FileReach,
    MeasuredCoverage,
    WholeSuite,
)
from testsmith.execution.lcov import looks_like_lcov, read_lcov
from testsmith.execution.workspace import remove_folder

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
            raise CannotReadCoverage("it contains more than tables")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        for question, most in _BOUNDS.items():
            if connection.execute(question).fetchone()[0] > most:
                raise CannotReadCoverage("it has far more lines than any project")


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
        raise CannotReadCoverage("it is not a Cobertura report")
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
            raise CannotReadCoverage(f"it lists more than {MOST_PLACES:,} files")
        return {
            f"{source}/{name}" if source and not name.startswith("/") else name: file
            for name, file in self._files.items()
            if name
            for source in sources
        }


def whole_from_coverage(paths: Sequence[str], file: Path, new_folder: Callable[[str], Path]) -> WholeSuite:
    """Return the coverage of source files according to a coverage file.

    Args:
        paths: Source files, relative to the git root.
        file: The coverage file.
        new_folder: Creates an empty folder for a copy of it.

    Raises:
        CannotReadCoverage: The file cannot be used, or contains none of the source files.
        OSError: The file cannot be read.
    """
    measured = read_coverage(file, new_folder)
    found = _matched(paths, measured)
    if paths and not found:
        raise CannotReadCoverage(f"{file.name} has no data on the files to sweep")
    return WholeSuite(
        files={path: FileReach(coverage) for path, coverage in found.items()},
        is_known=True,
        has_branches=measured.has_branches,
        notes=(f"coverage was read from {file.name}",),
    )


def _matched(paths: Sequence[str], measured: MeasuredCoverage) -> dict[str, FileCoverage]:
    """Return the coverage of each path, matched by the longest common suffix.

    A report contains paths as they were where the tests ran: below another folder, or below a source root.
    """
    by_name: dict[str, list[str]] = {}
    for place in measured.files:
        by_name.setdefault(place.rpartition("/")[2], []).append(place)
    found: dict[str, FileCoverage] = {}
    for path in paths:
        places = _longest(path, by_name.get(path.rpartition("/")[2], ()))
        if places:
            whole = measured.files[places[0]].copy()
            for place in places[1:]:
                whole.add(measured.files[place])
            found[path] = whole
    return found


def _longest(path: str, places: Sequence[str]) -> list[str]:
    """Return the names that may refer to a path: one is a suffix of the other."""
    wanted = path.split("/")
    fitting = {
        place: common
        for place in places
        if (common := _common(wanted, place.split("/"))) in {len(wanted), place.count("/") + 1}
    }
    most = max(fitting.values(), default=0)
    return [place for place, common in fitting.items() if common == most]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of parts in the common suffix of two paths."""
    number = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        number += 1
    return number
