"""Run ruff on a text with the settings that apply to a given path.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath
from tempfile import TemporaryDirectory

from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import SourceTree

_NEWEST_KNOWN = (3, 14)
_OLDEST_KNOWN = (3, 7)
_COMPLAINED = 1

_MOST_SETTINGS_BYTES = 1_000_000
_MOST_EXTENDED = 10
_MEMORY_LIMITS = (4 * 1024**3,) * 2


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
    """Ruff, configured for one path.

    Attributes:
        program: Path of the executable, as returned by `ruff_program`.
        folder: Working directory, created by `settings_copy`.
        path: Path of the text relative to `folder`.
        options: Options of every call, such as `--isolated`.
        seconds: Time limit of a call.
    """

    program: str
    folder: Path
    path: str
    options: tuple[str, ...] = ()
    seconds: float = 20.0

    def formatted(self, code: str) -> str:
        """Return the code formatted.

        Raises:
            RuffFailed: Ruff failed.
        """
        return self._run(("format",), code, allowed=0)

    def mended(self, code: str, *options: str) -> str:
        """Return the code with safe fixes applied.

        Args:
            code: The code.
            options: Additional options, such as `--select`.

        Raises:
            RuffFailed: Ruff failed.
        """
        command = ("check", "--fix-only", "--no-unsafe-fixes", *options)
        return self._run(command, code, allowed=_COMPLAINED)

    def annotated(self, code: str) -> str:
        """Return the code with obvious return types added, mostly `-> None`.

        Raises:
            RuffFailed: Ruff failed.
        """
        rules = ("--select", "ANN201,ANN202", "--fixable", "ANN", "--unsafe-fixes")
        return self._run(("check", "--fix-only", *rules), code, allowed=_COMPLAINED)

    def complaints(self, code: str, *options: str) -> Sequence[Complaint]:
        """Return the linter's violations.

        Raises:
            RuffFailed: Ruff failed.
        """
        command = ("check", "--no-fix", "--no-fix-only", "--output-format", "json", *options)
        answer = self._run(command, code, allowed=_COMPLAINED)
        return [_complaint(entry) for entry in json.loads(answer or "[]")]

    def _run(self, command: Sequence[str], code: str, *, allowed: int) -> str:
        """Return the output of a call; input and output are bytes internally, to preserve line ends."""
        name = str(self.folder / self.path)
        place = ("--no-cache", "--quiet", "--stdin-filename", name, *self.options, "-")
        try:
            returncode, answer, complaint = self._ended((self.program, *command, *place), code.encode())
            text = answer.decode()
        except (OSError, UnicodeError, subprocess.TimeoutExpired) as error:
            raise RuffFailed(str(error)) from error
        if not 0 <= returncode <= allowed:
            raise RuffFailed(complaint.decode(errors="replace").strip())
        return text

    def _ended(self, command: Sequence[str], stdin: bytes) -> tuple[int, bytes, bytes]:
        """Return a call's exit code and output."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, cwd=self.folder, stdin=pipe, stdout=pipe, stderr=pipe, env={}
        ) as process:
            try:
                with suppress(ProcessLookupError):
                    resource.prlimit(process.pid, resource.RLIMIT_AS, _MEMORY_LIMITS)
                stdout, stderr = process.communicate(stdin, timeout=self.seconds)
            except BaseException:
                process.kill()
                raise
        return process.returncode, stdout, stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsCopy:
    """A folder with the project files that ruff reads.

    Attributes:
        folder: The folder.
        has_settings: Whether the project has ruff settings that apply to the text.
    """

    folder: Path
    has_settings: bool


@contextmanager
def settings_copy(tree: SourceTree, path: str, code: str) -> Iterator[SettingsCopy]:
    """Copy the project files that ruff reads to a temporary folder, which is removed on exit.

    These are the settings and, because ruff sorts first-party imports separately, empty files for the modules
    that the text imports.

    Args:
        tree: Files of the project.
        path: Path of the text.
        code: The text.
    """
    with TemporaryDirectory(prefix="testsmith-ruff-") as name:
        folder = Path(name)
        settings = _settings_files(tree, path)
        modules = dict.fromkeys(_modules(tree, path, code), b"")
        for place, content in {**modules, **(settings or {})}.items():
            with suppress(OSError, ValueError):  # a tree may contain one path as both a file and a folder
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        yield SettingsCopy(folder=folder, has_settings=settings is not None)


def read_settings(tree: SourceTree, path: str) -> bytes | None:
    """Return a settings file's bytes, or None if there is no such regular file or it is too large."""
    content = tree.read(path)
    return content if content is not None and len(content) <= _MOST_SETTINGS_BYTES else None


def _settings_files(tree: SourceTree, path: str) -> dict[str, bytes] | None:
    """Return the settings files that apply to a path, or None if there are none or they leave the tree."""
    found: dict[str, bytes] = {}
    paths = frozenset(tree.paths())
    parents = [str(parent) for parent in PurePosixPath(path).parents]
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
    return found if has_any else None


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


def _modules(tree: SourceTree, path: str, code: str) -> Iterator[str]:
    """Yield the files of modules that a text imports, and the `__init__.py` files of the folders above.

    Of an imported package, one file is enough, since ruff only looks whether its folder exists.
    """
    packages = {normpath(f"{parent}/__init__.py") for parent in PurePosixPath(path).parents}
    ends = tuple(f"/{module.replace('.', '/')}" for module in _imported(code))
    shown: set[str] = set()
    for place in tree.paths():
        if not place.endswith((".py", ".pyi")) or not {"", ".", ".."}.isdisjoint(place.split("/")):
            continue
        folder, _, name = f"/{place}".rpartition("/")
        module = f"{folder}/{name.partition('.')[0]}"
        is_first = folder not in shown and folder.endswith(ends)
        if place in packages or module.endswith(ends) or is_first:
            shown.add(folder)
            yield place


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


def isolated(version: tuple[int, int] | None) -> tuple[str, ...]:
    """Return options for ruff's own defaults and the oldest Python version the code must support."""
    if version is None:
        return ("--isolated",)
    major, minor = min(max(version, _OLDEST_KNOWN), _NEWEST_KNOWN)
    return ("--isolated", "--target-version", f"py{major}{minor}")


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
