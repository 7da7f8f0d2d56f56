"""Formatting test files as the project formats its own, and satisfying its linter.

With the project's settings for ruff where it has some, else with ruff's defaults. Only fixes that ruff, or
the project, calls safe are made, so that a test does afterwards what it did before.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from testsmith.languages.driver import CannotParse, SourceTree
from testsmith.languages.python.annotating import with_argument_types
from testsmith.languages.python.parsing import lines_of, parse_untrusted, refuse_costly_patterns
from testsmith.languages.python.ruff import (
    Complaint,
    Ruff,
    RuffFailed,
    isolated,
    read_settings,
    ruff_program,
    settings_copy,
)
from testsmith.languages.python.style import are_annotated, lowest_python, refuse_newer_syntax
from testsmith.languages.python.syntax import span_of
from testsmith.languages.python.test_modules import test_functions
from testsmith.languages.python.test_paths import is_test_module

_MISSING_RETURN_TYPES = frozenset({"ANN201", "ANN202"})
_ROUNDS = 3
_NEIGHBOURS = 3
_NOQA = re.compile(r"\s*# noqa: (?P<rules>[A-Z0-9, ]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuffFormatter:
    """Formats with ruff.

    Attributes:
        seconds: The time limit of one call of ruff.
        program: The ruff executable, found when the formatter is built, before any thread starts.
    """

    seconds: float = 20.0
    program: str = field(default_factory=ruff_program)

    def format(self, code: str, test_path: str, tree: SourceTree) -> str:
        """See `LanguageDriver.format`. Where ruff fails, the code stays as it is."""
        refuse_costly_patterns(code)
        tests = test_functions(code)
        version = _lowest_python(tree, test_path)
        if version is not None:
            refuse_newer_syntax(code, version)
        annotate = are_annotated(_neighbours(tree, test_path))
        with self._ruffs(tree, test_path, code, version) as (*own, plain):
            for ruff in (*own, plain):
                try:
                    text = _formatted(ruff, plain, code, annotate=annotate)
                except RuffFailed:
                    continue
                return text if test_functions(text) == tests else code
        return code

    def finish(self, text: str, existing: str | None, test_path: str, tree: SourceTree) -> str:
        """See `LanguageDriver.finish`. Where ruff fails, the text stays as it is."""
        if text == existing:
            return text
        version = _lowest_python(tree, test_path)
        with self._ruffs(tree, test_path, text, version) as (*own, plain):
            for ruff in (*own, plain):
                try:
                    finished = _with_sorted_imports(ruff, text, existing)
                    return finished if ruff is plain else _silenced(ruff, finished, existing)
                except RuffFailed:
                    continue
        return text

    @contextmanager
    def _ruffs(
        self, tree: SourceTree, test_path: str, code: str, version: tuple[int, int] | None
    ) -> Iterator[tuple[Ruff, ...]]:
        """Give ruff with the project's own settings, if it has any, and with ruff's defaults."""
        with settings_copy(tree, test_path, code) as copy:
            plain = Ruff(
                program=self.program,
                folder=copy.folder,
                path=test_path,
                options=isolated(version),
                seconds=self.seconds,
            )
            yield (replace(plain, options=()), plain) if copy.has_settings else (plain,)


def _formatted(ruff: Ruff, plain: Ruff, code: str, *, annotate: bool) -> str:
    mended = ruff.mended(code, "--extend-select", "I,F401")
    complaints = ruff.complaints(mended)
    _refuse_syntax(complaints)
    if annotate or any(complaint.rule in _MISSING_RETURN_TYPES for complaint in complaints):
        typed = with_argument_types(plain.annotated(mended))
        mended = ruff.mended(typed, "--extend-select", "I,F401")
    return ruff.formatted(mended)


def _refuse_syntax(complaints: Sequence[Complaint]) -> None:
    for complaint in complaints:
        if not complaint.rule:
            raise CannotParse(f"line {complaint.row}: {complaint.message}")


def _with_sorted_imports(ruff: Ruff, text: str, existing: str | None) -> str:
    """Return the text with its imports sorted, if those of the existing file were."""
    if existing is not None and ruff.complaints(existing, "--select", "I001"):
        return text
    result = ruff.mended(text, "--select", "I001")
    before, after = (Counter(_statements(each, imports=False)) for each in (text, result))
    return result if before == after else text


def _silenced(ruff: Ruff, text: str, existing: str | None) -> str:
    """Return the text with `noqa` comments for what the linter finds fault with in the added lines.

    It is done in rounds, since a comment may be a new reason to complain.
    """
    for _ in range(_ROUNDS):
        own = _added_rows(text, existing)
        complaints = [each for each in ruff.complaints(text) if each.rule and each.row in own]
        if not complaints:
            return text
        silenced = _with_noqa(text, complaints)
        if ast.dump(parse_untrusted(silenced)) != ast.dump(parse_untrusted(text)):
            return text
        text = silenced
    return text


def _with_noqa(text: str, complaints: Sequence[Complaint]) -> str:
    lines = lines_of(text)
    rules: dict[int, list[str]] = {}
    for complaint in complaints:
        rules.setdefault(complaint.row, []).append(complaint.rule)
    for row, found in rules.items():
        lines[row - 1] = _line_with_noqa(lines[row - 1], found)
    return "".join(lines)


def _line_with_noqa(line: str, rules: Sequence[str]) -> str:
    content = line.rstrip("\r\n")
    end = line[len(content) :]
    present = _NOQA.search(content)
    named = present["rules"].replace(",", " ").split() if present else []
    code = content[: present.start()] if present else content.rstrip()
    return f"{code}  # noqa: {', '.join(sorted({*named, *rules}))}{end}"


def _added_rows(text: str, existing: str | None) -> frozenset[int]:
    """Return the lines of the statements that the existing text does not hold, all where there is none."""
    if existing is None:
        return frozenset(range(1, len(lines_of(text)) + 1))
    there = Counter(_statements(existing))
    rows: set[int] = set()
    for statement, span in zip(parse_untrusted(text).body, _statements(text), strict=True):
        if there[span] > 0:
            there[span] -= 1
        else:
            rows.update(span_of(statement).lines())
    return frozenset(rows)


def _statements(text: str, *, imports: bool = True) -> Iterator[str]:
    """Yield the text of each statement of the module's own level, whole lines."""
    lines = lines_of(text)
    for statement in parse_untrusted(text).body:
        if imports or not isinstance(statement, ast.Import | ast.ImportFrom):
            span = span_of(statement)
            yield "".join(lines[span.first - 1 : span.last]).rstrip("\r\n")


def _lowest_python(tree: SourceTree, test_path: str) -> tuple[int, int] | None:
    """Return the oldest Python that the nearest project around a path supports."""
    for parent in PurePosixPath(test_path).parents:
        pyproject, setup_cfg = (_read(tree, str(parent / name)) for name in ("pyproject.toml", "setup.cfg"))
        version = lowest_python(pyproject, setup_cfg)
        if version is not None:
            return version
    return None


def _neighbours(tree: SourceTree, test_path: str) -> Sequence[str]:
    """Return the text of the test file itself, or of some of the nearest ones."""
    own = _read(tree, test_path)
    if own is not None:
        return [own]
    by_folder: dict[str, list[str]] = {}
    for path in tree.paths():
        if is_test_module(PurePosixPath(path).name):
            by_folder.setdefault(str(PurePosixPath(path).parent), []).append(path)
    for parent in PurePosixPath(test_path).parents:
        named = by_folder.get(str(parent), [])[:_NEIGHBOURS]
        texts = [text for path in named if (text := _read(tree, path)) is not None]
        if texts:
            return texts
    return []


def _read(tree: SourceTree, path: str) -> str | None:
    """Return a regular file's text; None where there is none to be had."""
    content = read_settings(tree, path)
    try:
        return None if content is None else content.decode("utf-8-sig")
    except UnicodeError:
        return None
