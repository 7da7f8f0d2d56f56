"""Run ruff on texts with the settings that apply to given paths.

Ruff does not execute project code, but it reads the project's untrusted settings. It therefore runs outside
the project's folder, on copies of the few files it needs, with memory and time limits and an empty
environment. User settings, which ruff would use if the project has none, are ignored too.
"""

from __future__ import annotations

import ast
import json
import resource
import subprocess
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath
from tempfile import TemporaryDirectory
from typing import TypeAlias

from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.python.test_files.style import LineLayout
from testsmith.languages.source import SourceTree

_NEWEST_KNOWN = (3, 14)
_OLDEST_KNOWN = (3, 7)
_COMPLAINED = 1

_MOST_SETTINGS_BYTES = 1_000_000
_MOST_EXTENDED = 10
_MEMORY_LIMITS = (4 * 1024**3,) * 2


RuffSettings: TypeAlias = tuple[tuple[str, bytes], ...]
"""Path and content of each file with settings."""


class RuffFailed(Exception):
    """Ruff failed: invalid settings, an unsupported required version, or a timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A linter violation.

    Attributes:
        rule: Rule code, such as `F401`; empty for syntax that is too new.
        row: Line where a `noqa` comment would suppress it, 1-based.
        message: Message of the linter.
    """

    rule: str
    row: int
    message: str


def ruff_program() -> str:
    """Return the path of the ruff executable installed with this program.

    Call this before any thread starts: it reads `sysconfig`, which raises `TypeError` in one thread while
    another thread initializes it.
    """
    import ruff  # type: ignore[import-untyped]  # it ships no types

    try:
        return str(ruff.find_ruff_bin())
    except FileNotFoundError:
        return "ruff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruff:
    """Ruff, called on many files of a folder at once. Every method raises `RuffFailed` on failure.

    Attributes:
        program: Path of the executable, as returned by `ruff_program`.
        folder: Working directory, created by `settings_copy`.
        options: Options of every call, such as `--isolated`.
        seconds: Time limit of a call.
    """

    program: str
    folder: Path
    options: tuple[str, ...] = ()
    seconds: float = 20.0

    def write(self, files: Mapping[str, str]) -> None:
        """Write texts by path, as bytes to preserve line ends."""
        try:
            for path, text in files.items():
                _write_inside(self.folder, path, text.encode())
        except (OSError, ValueError) as error:
            raise RuffFailed(str(error)) from error

    def read(self, paths: Iterable[str]) -> dict[str, str]:
        """Return texts by path."""
        try:
            return {path: (self.folder / path).read_bytes().decode() for path in paths}
        except (OSError, UnicodeError) as error:
            raise RuffFailed(str(error)) from error

    def format(self, paths: Collection[str]) -> None:
        """Format the files."""
        self._run(("format",), paths, allowed=0)

    def fix(self, paths: Collection[str], *options: str) -> None:
        """Apply safe fixes.

        Args:
            paths: The files.
            options: Additional options, such as `--select`.
        """
        command = ("check", "--fix-only", "--no-unsafe-fixes", *options)
        self._run(command, paths, allowed=_COMPLAINED)

    def annotate(self, paths: Collection[str]) -> None:
        """Add obvious return types, mostly `-> None`."""
        rules = ("--select", "ANN201,ANN202", "--fixable", "ANN", "--unsafe-fixes")
        self._run(("check", "--fix-only", *rules), paths, allowed=_COMPLAINED)

    def complaints(self, paths: Collection[str], *options: str) -> Mapping[str, Sequence[Complaint]]:
        """Return the linter's violations in each file; none in files that the settings exclude.

        Violations of rules that have only a name are left out, because no `noqa` comment can name them.
        """
        command = (
            "check",
            "--no-fix",
            "--no-fix-only",
            "--force-exclude",
            "--output-format",
            "json",
            *options,
        )
        found: dict[str, list[Complaint]] = {str(self.folder / path): [] for path in paths}
        for entry in json.loads(self._run(command, paths, allowed=_COMPLAINED) or "[]"):
            if entry["filename"] not in found:
                raise RuffFailed(f"it reports on another file: {entry['filename']}")
            if _is_coded(entry):
                found[entry["filename"]].append(_complaint(entry))
        return dict(zip(paths, found.values(), strict=True))

    def _run(self, command: Sequence[str], paths: Collection[str], *, allowed: int) -> str:
        """Return what a call prints."""
        if not paths:
            return ""
        places = [str(self.folder / path) for path in paths]
        try:
            returncode, answer, complaint = self._ended(
                (self.program, *command, "--no-cache", "--quiet", *self.options, *places)
            )
            printed = answer.decode()
        except (OSError, UnicodeError, subprocess.TimeoutExpired) as error:
            raise RuffFailed(str(error)) from error
        if not 0 <= returncode <= allowed:
            raise RuffFailed(complaint.decode(errors="replace").strip())
        return printed

    def _ended(self, command: Sequence[str]) -> tuple[int, bytes, bytes]:
        """Return a call's exit code and output."""
        none, pipe = subprocess.DEVNULL, subprocess.PIPE
        with subprocess.Popen(
            command, cwd=self.folder, stdin=none, stdout=pipe, stderr=pipe, env={}
        ) as process:
            try:
                with suppress(ProcessLookupError):
                    resource.prlimit(process.pid, resource.RLIMIT_AS, _MEMORY_LIMITS)
                stdout, stderr = process.communicate(timeout=self.seconds)
            except BaseException:
                process.kill()
                raise
        return process.returncode, stdout, stderr


@contextmanager
def settings_copy(
    tree: SourceTree, settings: RuffSettings | None, files: Iterable[tuple[str, str]]
) -> Iterator[Path]:
    """Copy the project files that ruff reads to a temporary folder, which is removed on exit.

    These are the settings and, because ruff sorts first-party imports separately, empty files for the modules
    that the files import.

    Args:
        tree: Files of the project.
        settings: The settings that apply to all the files, as returned by `ruff_settings`.
        files: Path and text of each file that ruff will be called on.
    """
    with TemporaryDirectory(prefix="testsmith-ruff-") as name:
        folder = Path(name).resolve()
        modules = dict.fromkeys(_modules(tree, files), b"")
        for place, content in (modules | dict(settings or ())).items():
            with suppress(OSError, ValueError):  # a tree may contain one path as both a file and a folder
                _write_inside(folder, place, content)
        yield folder


def _write_inside(folder: Path, path: str, content: bytes) -> None:
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise ValueError(f"{path!r} is not a path inside the project")
    target = folder / path
    try:
        target.write_bytes(content)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def read_settings(tree: SourceTree, path: str) -> bytes | None:
    """Return a settings file's bytes, or None if there is no such regular file or it is too large."""
    content = tree.read(path)
    return content if content is not None and len(content) <= _MOST_SETTINGS_BYTES else None


def ruff_settings(tree: SourceTree, folder: str) -> RuffSettings | None:
    """Return the settings that apply to a folder, or None if there are none or they leave the tree."""
    found: dict[str, bytes] = {}
    paths = frozenset(tree.paths())
    parents = [folder, *map(str, PurePosixPath(folder).parents)]
    waiting = [
        place
        for parent in parents
        for name in ("pyproject.toml", "ruff.toml", ".ruff.toml")
        if (place := normpath(f"{parent}/{name}")) in paths
    ]
    has_any = False
    while waiting:
        place = waiting.pop()
        content = read_settings(tree, place)
        if content is None or place in found:
            continue
        found[place] = content
        ruff = _ruff_settings(place, content)
        has_any = has_any or ruff is not None
        extended = None if ruff is None else ruff.get("extend")
        if extended is not None:
            there = _extended(place, extended)
            if there not in paths or len(found) > 3 * len(parents) + _MOST_EXTENDED:
                return None
            waiting.append(there)
    return tuple(found.items()) if has_any else None


def _ruff_settings(place: str, content: bytes) -> dict[str, object] | None:
    """Return the ruff section of a settings file; invalid files are left for ruff to reject."""
    is_pyproject = PurePosixPath(place).name == "pyproject.toml"
    try:
        settings = tomllib.loads(content.decode())
    except (ValueError, RecursionError):
        return None if is_pyproject else {}
    tool = settings.get("tool") if is_pyproject else {"ruff": settings}
    ruff = tool.get("ruff") if isinstance(tool, dict) else None
    return ruff if isinstance(ruff, dict) else None


def _extended(place: str, extended: object) -> str:
    """Return the file in the tree that settings extend, or `""` if it is outside the tree."""
    if not isinstance(extended, str) or extended.startswith(("/", "~")) or "$" in extended:
        return ""
    there = normpath(f"{PurePosixPath(place).parent}/{extended}")
    return "" if there.startswith("../") else there


def _modules(tree: SourceTree, files: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the files of modules that texts import, and the `__init__.py` files of the folders above.

    Of an imported package, one file is enough, because ruff only looks whether its folder exists.
    """
    packages: set[str] = set()
    imported: set[str] = set()
    for path, code in files:
        packages |= {normpath(f"{parent}/__init__.py") for parent in PurePosixPath(path).parents}
        imported |= _imported(code)
    shown: set[str] = set()
    for place in tree.paths():
        if not place.endswith((".py", ".pyi")):
            continue
        folder, _, name = place.rpartition("/")
        is_first = folder not in shown and _ends_with_any(folder, imported)
        is_imported = _ends_with_any(f"{folder}/{name.partition('.')[0]}", imported)
        if place in packages or is_first or is_imported:
            shown.add(folder)
            yield place


def _ends_with_any(path: str, modules: Collection[str]) -> bool:
    parts = path.split("/")
    return any(".".join(parts[start:]) in modules for start in range(len(parts)))


def _imported(code: str) -> set[str]:
    """Return the modules that a text may import, and their parent packages."""
    found: set[str] = set()
    for node in ast.walk(parse_untrusted(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in found]
    return {".".join(each[:length]) for each in parts for length in range(1, len(each) + 1)}


def isolated(version: tuple[int, int] | None, layout: LineLayout | None = None) -> tuple[str, ...]:
    """Return options for ruff's own defaults, the oldest Python version to support, and a layout."""
    options = ["--isolated", *with_layout(layout)]
    if version is not None:
        major, minor = min(max(version, _OLDEST_KNOWN), _NEWEST_KNOWN)
        options += ["--target-version", f"py{major}{minor}"]
    return tuple(options)


def with_layout(layout: LineLayout | None) -> tuple[str, ...]:
    """Return options for a layout, if there is one."""
    if layout is None:
        return ()
    settings = [f"line-length={layout.line_length}"]
    settings += ["format.quote-style='preserve'"] if layout.keeps_quotes else []
    settings += ["format.skip-magic-trailing-comma=true"] if layout.ignores_commas else []
    return tuple(word for one in settings for word in ("--config", one))


def _is_coded(entry: dict[str, object]) -> bool:
    return entry.get("code") is not None or entry.get("name") in {None, "invalid-syntax"}


def _complaint(entry: dict[str, object]) -> Complaint:
    rule = entry.get("code")
    place = entry.get("location")
    row = entry.get("noqa_row") or (place.get("row") if isinstance(place, dict) else None)
    is_rule = isinstance(rule, str) and rule != "invalid-syntax"
    return Complaint(
        rule=str(rule) if is_rule else "",
        row=row if isinstance(row, int) else 1,
        message=str(entry.get("message", "")),
    )
