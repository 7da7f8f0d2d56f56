"""Plan how the green suggestions of a run change test files. `write.py` carries the plan out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from testsmith import __version__
from testsmith.languages.language import Language, language_of, of_project
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotPlace, TestMark
from testsmith.model import GeneratedTest, Member, Report, Suggestion
from testsmith.patches import CannotApply, apply_patch
from testsmith.test_files.lifecycle import followed, is_outdated

FORBIDDEN_PARTS = frozenset({"", ".", "..", ".git"})
"""Names that no part of a test file's path may have."""

_MOST_FILE_BYTES = 1_000_000
"""Maximum bytes of a test file that tests are added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """An edit of one file.

    Attributes:
        path: Relative to the git root.
        old: The current content; None for a new file.
        new: The new content.
        tests: Names of the test functions it adds, as they appear in the file.
        removed: Names of the test functions it removes.
        members: Ids of the members whose suggestions it includes, in order.
    """

    path: str
    old: bytes | None
    new: bytes
    tests: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def removes_file(self) -> bool:
        """Whether the edit leaves nothing of an existing file."""
        return bool(self.old) and not self.new.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlaced:
    """A suggestion, by member id, that fits into no test file, and the reason."""

    member: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPlan:
    """The edits, in order, and the suggestions without one.

    Attributes:
        edits: At most one per path.
        refused: Suggestions that cannot be placed.
        unchanged: Members whose tests are in their file already.
    """

    edits: tuple[FileEdit, ...] = ()
    refused: tuple[NotPlaced, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """How new tests are marked, and which marked tests they replace.

    Attributes:
        version: The bot's version; empty for no markers.
        members: Digests of current behavior by member id; see `SourceReader.digest`.
        failing: The project's tests that fail, for example `tests/test_cart.py::test_add`, and test files
            that fail to load; None if nothing was measured.
    """

    version: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    failing: frozenset[str] | None = None

    @classmethod
    def of_members(
        cls,
        members: Sequence[Member],
        languages: Sequence[Language],
        *,
        marks: bool,
        failing: frozenset[str] | None = None,
    ) -> Marking:
        """Return the marking for the tests of some members without known digests."""
        digests = {
            member.id: language.source.digest(member.source)
            for member in members
            for language in languages
            if language.name == member.language
        }
        return cls(version=__version__ if marks else "", members=digests, failing=failing)

    @classmethod
    def of(cls, report: Report, *, marks: bool) -> Marking:
        """Return the marking for a report. Without markers, outdated tests are still replaced."""
        return cls(version=__version__ if marks else "", members=report.digests, failing=report.failing)


_UNMARKED = Marking()


def plan_edits(
    suggestions: Iterable[Suggestion],
    tree: SourceTree,
    languages: Sequence[Language],
    marking: Marking = _UNMARKED,
    *,
    finishes: bool = True,
) -> EditPlan:
    """Return the edits that add the green suggestions, in order, to the project's test files.

    The code is inserted unchanged: it was formatted before it was verified.

    Args:
        suggestions: The suggestions of a report; those that are not green are skipped.
        tree: The files to add the tests to, including the linter's settings.
        languages: The languages.
        marking: How new tests are marked, and which marked tests they replace.
        finishes: Whether the files are finished; see `TestFiles.finish`.
    """
    paths, languages = frozenset(tree.paths()), of_project(languages, tree)
    by_path: dict[str, list[Suggestion]] = {}
    for suggestion in suggestions:
        if suggestion.is_green:
            by_path.setdefault(suggestion.test_path, []).append(suggestion)
    place = _Place(tree, paths, languages, marking, finishes)
    merges = [_merge(path, group, place) for path, group in by_path.items()]
    edits = [merge.edit for merge in merges if merge.edit is not None]
    return EditPlan(
        edits=(*_companions(edits, paths, languages), *edits),
        refused=tuple(each for merge in merges for each in merge.refused),
        unchanged=tuple(member for merge in merges for member in merge.unchanged),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where tests are placed."""

    tree: SourceTree
    paths: frozenset[str]
    languages: Sequence[Language]
    marking: Marking
    finishes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Merge:
    """The result of merging into one file."""

    edit: FileEdit | None = None
    refused: tuple[NotPlaced, ...] = ()
    unchanged: tuple[str, ...] = ()


def _merge(path: str, group: Sequence[Suggestion], place: _Place) -> _Merge:
    language = language_of(path, place.languages)
    if language is None:
        return _Merge(refused=tuple(_not_placed(each, "unsupported file type") for each in group))
    try:
        _refuse_path(path, place.paths, language)
        return _merged(path, _text(place.tree.read(path)), group, language, place)
    except _Unplaceable as reason:
        return _Merge(refused=tuple(_not_placed(each, str(reason)) for each in group))


class _Unplaceable(Exception):
    """The tests cannot be added to the file; the message says why."""


def _refuse_path(path: str, paths: frozenset[str], language: Language) -> None:
    if "\0" in path or "\\" in path or not FORBIDDEN_PARTS.isdisjoint(path.split("/")):
        raise _Unplaceable("its test path is outside the repository")
    if not language.tests.is_test(path):
        raise _Unplaceable("its test path is not in a test folder")
    if any(str(parent) in paths for parent in PurePosixPath(path).parents):
        raise _Unplaceable("a folder of its test path is a file")


def _text(data: bytes | None) -> str | None:
    try:
        if data is not None and len(data) > _MOST_FILE_BYTES:
            raise _Unplaceable(f"its test file is larger than {_MOST_FILE_BYTES:,} bytes")
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        raise _Unplaceable("its test file is not valid UTF-8") from None


def _merged(
    path: str,
    existing: str | None,
    group: Sequence[Suggestion],
    language: Language,
    place: _Place,
) -> _Merge:
    text = existing
    refused: list[NotPlaced] = []
    members: list[str] = []
    unchanged: list[str] = []
    for suggestion in group:
        try:
            placed = _placed(text, suggestion, language, place)
        except (CannotParse, CannotPlace) as error:
            refused.append(_not_placed(suggestion, str(error)))
            continue
        (unchanged if placed == text else members).append(suggestion.member)
        text = placed
    edit = None
    if text is not None and members:
        if place.finishes:
            text = language.tests.finish(text, existing, path, place.tree)
        finished = language.tests.seal(text)
        edit = FileEdit(
            path=path,
            old=None if existing is None else existing.encode(),
            new=finished.encode(),
            tests=_added_tests(existing or "", finished, language),
            removed=_added_tests(finished, existing or "", language),
            members=tuple(members),
        )
    return _Merge(edit=edit, refused=tuple(refused), unchanged=tuple(unchanged))


def _placed(text: str | None, suggestion: Suggestion, language: Language, place: _Place) -> str:
    """Return a file's text with a suggestion's tests added, replacing outdated ones.

    What was shown as a diff is added as shown, if the file is still as it was.

    Raises:
        CannotParse: The file or the tests do not parse.
        CannotPlace: The tests would affect existing tests.
    """
    marking, path = place.marking, suggestion.test_path
    source = marking.members.get(suggestion.member)
    mark = None
    if source is not None and marking.version:
        mark = TestMark(version=marking.version, source=source, member=suggestion.member)
    code = suggestion.code if mark is None else language.tests.mark(suggestion.code, mark)
    marked = () if text is None else language.tests.marked_tests(text)
    outdated = [
        one.name
        for one in marked
        if followed(one.mark, marking.members, place.paths) == suggestion.member
        and is_outdated(one, path, source, marking.failing)
    ]
    placed = language.tests.place(text, code, outdated, suggestion.place)
    if text is None or suggestion.patch is None or outdated or placed == text:
        return placed
    try:
        patched = apply_patch(text, suggestion.patch)
        added = _added_tests(text, patched, language)
        return patched if mark is None else language.tests.mark(patched, mark, added)
    except (CannotApply, CannotParse):  # the file has changed since
        return placed


def with_removals(
    plan: EditPlan, tests: Iterable[GeneratedTest], tree: SourceTree, languages: Sequence[Language]
) -> EditPlan:
    """Return a plan that also deletes tests from their files."""
    edits = {edit.path: edit for edit in plan.edits}
    by_path: dict[str, list[str]] = {}
    for test in tests:
        by_path.setdefault(test.path, []).append(test.name)
    for path, names in by_path.items():
        language, old = language_of(path, languages), tree.read(path)
        if language is not None and old is not None:
            edit = edits.get(path) or FileEdit(path=path, old=old, new=old)
            try:
                new = language.tests.remove(edit.new.decode(), names).encode()
            except CannotParse:  # unreadable file: someone has to delete the tests by hand
                continue
            edits[path] = replace(edit, new=new, removed=(*edit.removed, *names))
    return replace(plan, edits=tuple(edit for edit in edits.values() if edit.new != edit.old))


def _added_tests(before: str, after: str, language: Language) -> tuple[str, ...]:
    there = frozenset(language.tests.test_functions(before))
    return tuple(name for name in language.tests.test_functions(after) if name not in there)


def _companions(
    edits: Sequence[FileEdit],
    paths: frozenset[str],
    languages: Sequence[Language],
) -> Sequence[FileEdit]:
    """Return the empty files that new test files need in their directories, each once."""
    needed: dict[str, None] = {}
    for edit in edits:
        language = language_of(edit.path, languages)
        if edit.old is None and language is not None:
            needed.update(dict.fromkeys(language.tests.companions(edit.path, paths)))
    return [FileEdit(path=path, old=None, new=b"") for path in needed]


def _not_placed(suggestion: Suggestion, reason: str) -> NotPlaced:
    return NotPlaced(member=suggestion.member, path=suggestion.test_path, reason=reason)


def with_support(
    plan: EditPlan, tree: SourceTree, project: str, languages: Sequence[Language]
) -> tuple[EditPlan, dict[str, str]]:
    """Return a plan with the supporting files that its test files need, and the reason for each.

    Nothing is added if the project has tests.

    Args:
        plan: The plan.
        tree: The files it applies to.
        project: The project's directory below the git root.
        languages: The languages.
    """
    inside, languages = f"{project}/" if project else "", of_project(languages, tree)
    paths = [path for path in tree.paths() if path.startswith(inside)]
    new = [edit.path for edit in plan.edits if edit.old is None]
    if not new or any(_has_tests(path, languages) for path in paths):
        return plan, {}
    reasons = {new[0].rpartition("/")[0] + "/": "the project had no tests: this is its first test folder"}
    used = dict.fromkeys(language for path in new if (language := language_of(path, languages)) is not None)
    support = [file for language in used for file in language.tests.support_files(tree, project)]
    edits = (FileEdit(path=file.path, old=None, new=file.text.encode()) for file in support)
    return (
        replace(plan, edits=(*edits, *plan.edits)),
        {**reasons, **{file.path: file.reason for file in support}},
    )


def _has_tests(path: str, languages: Sequence[Language]) -> bool:
    language = language_of(path, languages)
    return language is not None and language.tests.has_tests(path)
