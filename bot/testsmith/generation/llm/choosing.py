"""Ask a model for the test file of members for which it is not clear.

The answer decides which file the call that asks for tests shows. A member without a usable answer keeps the
file that is most likely by rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from testsmith.faults import fault_in_words, is_fault
from testsmith.generation.llm.answers import MAX_ANSWER_CHARACTERS, bare_name, json_objects, member_names
from testsmith.generation.llm.optional_calls import result_or_none
from testsmith.generation.llm.packing import BatchLimits, split, task_of
from testsmith.generation.llm.prompts import Prompts, reason_of, shown
from testsmith.llm.interface import CompletionRequest, Provider
from testsmith.model import Change, Member, Request
from testsmith.settings import ModelSettings
from testsmith.tasks import gather

_MOST_MEMBERS = 20
"""Maximum number of members of one call."""

_MOST_DIFF_CHARACTERS = 8_000
_MOST_FILES = 40
_MOST_FILES_WITH_TESTS = 12
_MOST_TESTS = 10
_MOST_LIKELY = 3
"""How many files are named for each member."""

FILE_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "files": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "file": {"type": "string"}},
                "required": ["name", "file"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["files"],
    "additionalProperties": False,
}
"""JSON Schema of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Undecided:
    """A member in a prompt, with why it is looked at and its most likely files."""

    id: str
    reason: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListedFile:
    """A test file in a prompt, with some of its tests.

    Of all its tests, some call a member, and others use other code of a member's file.
    """

    path: str
    tests: tuple[str, ...] = ()
    calling: int = 0
    near: int = 0


def calls_for_files(requests: Sequence[Request]) -> list[tuple[Request, ...]]:
    """Return the requests whose file is not clear, divided into calls."""
    undecided = [one for one in requests if one.files is not None and task_of(one) == "write"]
    languages = dict.fromkeys(one.member.language for one in undecided)
    of_each = ([one for one in undecided if one.member.language == language] for language in languages)
    return [part for its in of_each for part in split(its, _MOST_MEMBERS)]


def choice_request(
    requests: Sequence[Request], prompts: Prompts, limits: BatchLimits, settings: ModelSettings
) -> CompletionRequest:
    """Return the provider request that asks for the files of some members."""
    members = [
        _Undecided(
            id=shown(one.member.id),
            reason=reason_of(one.member),
            paths=tuple(map(shown, _existing(one)[:_MOST_LIKELY])),
        )
        for one in requests
    ]
    system, user = prompts.choice(requests[0], members, list(_files(requests)), list(_changes(requests)))
    return CompletionRequest(
        system_prompt=system,
        user_prompt=user,
        model=settings.model,
        max_tokens=limits.allowance(len(requests)),
        temperature=settings.temperature,
        effort=settings.reasoning_effort,
        schema=FILE_SCHEMA,
    )


def _files(requests: Sequence[Request]) -> Iterator[_ListedFile]:
    """Yield the files, the most likely of every member before the second of any."""
    firsts: dict[str, Request] = {}
    for rank in zip_longest(*map(_existing, requests)):
        for path, one in zip(rank, requests, strict=True):
            if path is not None:
                firsts.setdefault(path, one)
    for number, (path, request) in enumerate(firsts.items()):
        if number == _MOST_FILES:
            return
        if request.files is None or number >= _MOST_FILES_WITH_TESTS:
            yield _ListedFile(path=shown(path))
            continue
        tests, calling, near = request.files.tests(path)
        named = tuple(_named(tests[:_MOST_TESTS]))
        yield _ListedFile(path=shown(path), tests=named, calling=calling, near=near)


def _named(tests: Iterable[str]) -> Iterator[str]:
    """Yield the ids of tests, a class only if it is another than that of the test before."""
    before = ""
    for test in tests:
        suite, between, name = test.rpartition("::")
        yield shown(name if suite == before else f"{suite}{between}{name}")
        before = suite


def _existing(request: Request) -> Sequence[str]:
    """Return the files that may fit and that exist, the most likely first."""
    files = request.files
    return () if files is None else [path for path in files.paths if path != files.new]


def _changes(requests: Sequence[Request]) -> Iterator[str]:
    """Yield the diffs of what changed, without repetition, as far as they fit."""
    diffs = dict.fromkeys(chain.from_iterable(_diffs(one.member) for one in requests))
    room = _MOST_DIFF_CHARACTERS
    for diff in diffs:
        most = min(room, _MOST_DIFF_CHARACTERS // 2)
        fitting = diff if len(diff) <= most else diff[:most].rpartition("\n")[0]
        if fitting:
            yield fitting
        room -= len(fitting)
        if room <= 0:
            return


def _diffs(member: Member) -> Sequence[str]:
    """Return the diffs of a member, whose hunks name its file, or else of the private code that it uses."""
    change, heading = member.shown_change, f"@@ {member.name} @@"
    own = change.own
    if not own and member.change is Change.ADDED:
        own = "\n".join([heading, *(f"+{line}" for line in member.source.strip("\n").split("\n"))])
    return [own.replace(heading, f"@@ {member.name} in {shown(member.path)} @@")] if own else change.private


def parse_files(text: str, requests: Sequence[Request]) -> dict[str, str]:
    """Return the files in an answer by member id, without entries of any other form."""
    names = member_names([request.member for request in requests])
    listed = {one.member.id: one for one in requests}
    found: dict[str, str] = {}
    for value in json_objects(text[:MAX_ANSWER_CHARACTERS], ("files", "name", "file")):
        for entry in _entries(value):
            request = listed.get(names.get(bare_name(entry.get("name")), ""))
            path = None if request is None else _meant(request, entry.get("file"))
            if request is not None and path:
                found.setdefault(request.member.id, path)
    return found


def _meant(request: Request, given: object) -> str | None:
    """Return the file that an answer means: of those that may fit, or the new one if it is empty."""
    if request.files is None or not isinstance(given, str):
        return None
    known = {shown(path): path for path in request.files.paths}
    return known.get(bare_name(given)) if bare_name(given) else request.files.new


def _entries(value: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    entries = value.get("files", [value])
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


class FileChoices:
    """Asks for the files of many members in few calls."""

    def __init__(
        self, provider: Provider, settings: ModelSettings, limits: BatchLimits, prompts: Prompts
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._limits = limits
        self._prompts = prompts
        self._reasons: dict[str, None] = {}

    async def asked_for(self, requests: Sequence[Request]) -> dict[str, str]:
        """Return the chosen files by member id, without members for which none was chosen."""
        parts = calls_for_files(requests)
        answers = await gather(*(result_or_none(self._ask(part), self._reasons) for part in parts))
        return {member: path for answer in answers for member, path in (answer or {}).items()}

    def applied(self, requests: Sequence[Request], paths: Mapping[str, str]) -> list[Request]:
        """Return requests for tests in the chosen files."""
        return [self._applied(one, paths.get(one.member.id, one.test_path)) for one in requests]

    def note(self) -> str:
        """Return why files were not chosen; empty if all were."""
        reasons = ", ".join(self._reasons)
        return f"the model chose no test file for some members: {reasons}" if reasons else ""

    def _applied(self, request: Request, path: str) -> Request:
        try:
            return request.in_file(path)
        except Exception as error:
            if not is_fault(error):
                raise
            self._reasons[fault_in_words(error)] = None
            return request

    async def _ask(self, requests: Sequence[Request]) -> dict[str, str]:
        asked = choice_request(requests, self._prompts, self._limits, self._settings)
        response = await self._provider.complete(asked)
        return parse_files(response.text, requests)
