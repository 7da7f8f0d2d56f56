"""Write planned test files: path rules, patches, and atomic writes that never follow symbolic links."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path, PurePosixPath

from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.language import Language, of_project
from testsmith.model import Change, Report, Suggestion
from testsmith.settings import Settings
from testsmith.test_files.lifecycle import already_tested
from testsmith.test_files.plan import FORBIDDEN_PARTS, EditPlan, FileEdit, Marking, NotPlaced, plan_edits

_FORGE_FOLDERS = frozenset({".github", ".gitlab", ".forgejo", ".gitea"})


def why_not_allowed(path: str, links: Collection[str], languages: Sequence[Language]) -> str:
    """Return why the bot must not commit a file; empty if it may.

    Args:
        path: The file, relative to the git root.
        links: Symbolic links and submodules in the tree.
        languages: The languages; one of them must recognize the file as a test.
    """
    parts = path.split("/")
    if "\0" in path or "\\" in path or any(part.casefold() in FORBIDDEN_PARTS for part in parts):
        return "its path is outside the repository"
    if parts[0].casefold() in _FORGE_FOLDERS:
        return "it is in a folder that belongs to the code host"
    if not any(language.tests.is_test(path) and language.source.handles(path) for language in languages):
        return "it is not a test file"
    above = (str(one) for one in (PurePosixPath(path), *PurePosixPath(path).parents))
    if any(one in links for one in above):
        return "it is, or is in, a symbolic link or another repository"
    return ""


def within_bounds(plan: EditPlan, tree: RepositoryTree, languages: Sequence[Language]) -> EditPlan:
    """Return a plan without edits that the bot must not commit.

    Args:
        plan: The plan.
        tree: The files it applies to.
        languages: The languages.
    """
    links = frozenset(entry.path for entry in tree.entries() if not entry.is_regular)
    known = of_project(languages, tree)
    reasons = {edit.path: why_not_allowed(edit.path, links, known) for edit in plan.edits}
    kept = tuple(edit for edit in plan.edits if not reasons[edit.path])
    refused = tuple(one for edit in plan.edits if reasons[edit.path] for one in _refusals(edit, reasons))
    return replace(plan, edits=kept, refused=(*plan.refused, *refused))


def _refusals(edit: FileEdit, reasons: Mapping[str, str]) -> Iterator[NotPlaced]:
    for member in edit.members:
        yield NotPlaced(member=member, path=edit.path, reason=reasons[edit.path])


def why_nothing(plan: EditPlan) -> str:
    """Return why a plan has no edits, as a sentence."""
    if plan.refused:
        one = plan.refused[0]
        return f"Nothing could be committed. {one.member}: {one.reason}."
    if plan.unchanged:
        return "There is nothing to commit: the tests are already there."
    return "There is nothing to commit."


_TO_QUOTE = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_NO_LINE_END = "\\ No newline at end of file\n"
_NOWHERE = "/dev/null"
_CONTEXT = 3

_MOST_COMPARED_LINES = 10_000
"""Maximum length of a file that is compared line by line. In a longer one, everything between the first and
the last change is one hunk, because comparing files with many equal lines can take hours.
"""


def patch_of(edits: Iterable[FileEdit]) -> str:
    """Return the patch; empty for no edits."""
    return "".join("".join(_file(edit)) for edit in edits)


def _file(edit: FileEdit) -> Iterator[str]:
    before, after = _quoted(f"a/{edit.path}"), _quoted(f"b/{edit.path}")
    yield f"diff --git {before} {after}\n"
    if edit.old is None:
        yield "new file mode 100644\n"
        if not edit.new:
            yield "index 0000000..e69de29\n"
    if edit.removes_file:
        yield "deleted file mode 100644\n"
    names = _NOWHERE if edit.old is None else before, _NOWHERE if edit.removes_file else after
    old, new = (
        git_lines((edit.old or b"").decode()),
        [] if edit.removes_file else git_lines(edit.new.decode()),
    )
    is_long = len(old) + len(new) > _MOST_COMPARED_LINES
    yield from marked_ends(
        _one_hunk(old, new, names) if is_long else unified_diff(old, new, *names, n=_CONTEXT)
    )


def marked_ends(diff: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a diff, with a mark after each that is the last of a file without a line end."""
    for line in diff:
        yield line if line.endswith("\n") else f"{line}\n{_NO_LINE_END}"


def _one_hunk(old: Sequence[str], new: Sequence[str], names: tuple[str, str]) -> Iterator[str]:
    """Yield one hunk from the first to the last change, in the format of `unified_diff`."""
    start = common_start(old, new)
    after = common_start(old[start:][::-1], new[start:][::-1])
    first, last = max(0, start - _CONTEXT), max(0, after - _CONTEXT)
    counts = (len(lines) - first - last for lines in (old, new))
    places = (f"{first + 1 if count else first},{count}" for count in counts)
    yield from (f"--- {names[0]}\n", f"+++ {names[1]}\n", "@@ -{} +{} @@\n".format(*places))
    yield from (f" {line}" for line in old[first:start])
    yield from (f"-{line}" for line in old[start : len(old) - after])
    yield from (f"+{line}" for line in new[start : len(new) - after])
    yield from (f" {line}" for line in old[len(old) - after : len(old) - last])


def common_start(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of leading lines that two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))


def git_lines(text: str) -> list[str]:
    """Return the lines of a text as git counts them, with their ends."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _quoted(path: str) -> str:
    """Return a path as git writes it: with unusual bytes, it is quoted and the bytes are octal escapes."""
    data = path.encode("utf-8", "surrogatepass")
    if not _TO_QUOTE.search(data):
        return path
    return f'"{_TO_QUOTE.sub(_escaped, data).decode()}"'


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\" + match[0] if match[0] in b'"\\' else b"\\%03o" % match[0][0]


def write_tests(report: Report, settings: Settings, languages: Sequence[Language]) -> tuple[str, ...]:
    """Write a report's green suggestions into the working tree, and return messages about the files."""
    repository = Repository.open(settings.folder)
    tree = repository.working_tree()
    marking = Marking.of(report, marks=settings.commits.mark_tests)
    there = already_tested(marking.members, tree, languages, marking.failing)
    new = [one for one in report.suggestions if one.member not in there or _is_for_a_new_effect(report, one)]
    plan = plan_edits(new, tree, languages, marking)
    left = dict.fromkeys(one.member for one in report.suggestions if one.is_green and one not in new)
    return (*write_plan(plan, repository.root), *map(already_there, left))


def _is_for_a_new_effect(report: Report, suggestion: Suggestion) -> bool:
    """Return whether a suggestion covers more of an affected member than its existing tests.

    An affected member's own source is unchanged. False if the project's own tests were not measured.
    """
    affected = {one.id for one in report.members if one.change is Change.AFFECTED}
    evidence = suggestion.evidence
    return suggestion.member in affected and evidence is not None and evidence.mutants_gained is not None


def already_there(member: str) -> str:
    """Return the message that a member's existing tests were kept."""
    return f"{member} already has these tests. Change its code, or remove them, to get new ones"


def write_plan(plan: EditPlan, root: Path) -> tuple[str, ...]:
    """Write a plan's files below the git root, and return messages about them."""
    done = write_edits(root, plan.edits)
    return (
        *(f"wrote {path}" for path in done.paths),
        *(
            f"replaced {edit.path}::{name}"
            for edit in plan.edits
            if edit.path in done.paths
            for name in edit.removed
        ),
        *map(already_there, plan.unchanged),
        *(f"did not write {one.path}: {one.reason}" for one in plan.refused),
        *(f"did not write {one.path}: {one.reason}" for one in done.refused),
    )


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWritten:
    """A planned file that was not written, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFiles:
    """The result of writing, in order.

    Attributes:
        paths: The files written, relative to the target directory.
        refused: The files not written.
    """

    paths: tuple[str, ...] = ()
    refused: tuple[NotWritten, ...] = ()


def write_edits(folder: Path, edits: Iterable[FileEdit]) -> WrittenFiles:
    """Write planned files below a directory: the git root or a copy of it.

    A file that has changed since the edit was planned is not touched.
    """
    paths: list[str] = []
    refused: list[NotWritten] = []
    for edit in edits:
        try:
            _write(folder, edit)
        except _Refused as reason:
            refused.append(NotWritten(path=edit.path, reason=str(reason)))
        except OSError as error:
            refused.append(NotWritten(path=edit.path, reason=f"could not write it: {error.strerror}"))
        else:
            paths.append(edit.path)
    return WrittenFiles(paths=tuple(paths), refused=tuple(refused))


class _Refused(Exception):
    """The file must not be written; the message says why."""


def _write(folder: Path, edit: FileEdit) -> None:
    *parents, name = edit.path.split("/")
    with _opened_folder(folder, parents) as place:
        mode = _mode_of_unchanged(place, name, edit.old)
        temporary = f".{name}.{secrets.token_hex(4)}.tmp"
        try:
            _fill(place, temporary, edit.new, mode)
            _mode_of_unchanged(place, name, edit.old)
            os.replace(temporary, name, src_dir_fd=place, dst_dir_fd=place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=place)


@contextmanager
def _opened_folder(root: Path, parts: Iterable[str]) -> Iterator[int]:
    """Open a directory below a root without following links; missing directories are created."""
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = _open_or_make(place, part)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


def _open_or_make(place: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=place)
    except FileNotFoundError:
        os.mkdir(name, dir_fd=place)
        return os.open(name, _FOLDER, dir_fd=place)
    except NotADirectoryError as error:
        raise _Refused(f"`{name}` in its path is not a folder, or is a symbolic link") from error


def _mode_of_unchanged(place: int, name: str, expected: bytes | None) -> int | None:
    """Return a file's mode if its content is as expected; None for a new file."""
    try:
        file = os.open(name, _FILE, dir_fd=place)
    except FileNotFoundError:
        if expected is not None:
            raise _Refused("it was deleted while the tests were generated") from None
        return None
    except OSError as error:
        raise _Refused("it is a symbolic link or not a file") from error
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused("it is not a regular file")
        if expected is None or stream.read(len(expected) + 1) != expected:
            raise _Refused("it was changed while the tests were generated")
    return stat.S_IMODE(status.st_mode)


def _fill(place: int, name: str, content: bytes, mode: int | None) -> None:
    """Write a new file. Without a mode, it gets the user's default."""
    file = os.open(name, _NEW_FILE, 0o666, dir_fd=place)
    with os.fdopen(file, "wb") as stream:
        if mode is not None:
            os.fchmod(file, mode)
        stream.write(content)
        stream.flush()
        os.fsync(file)
