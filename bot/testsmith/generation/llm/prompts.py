"""Render prompts from the templates in this folder.

The system prompt is byte-identical for all calls of a run with the same task and conventions, and its
beginning for all with the same task, so that endpoints with prefix caching charge less for it. Everything
specific to a call is in the user prompt. Writing, repair and review use separate pairs of prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from testsmith.generation.llm.context import (
    USES_TIER,
    CallSources,
    SharedContext,
    fit_context,
    fit_goals,
    fit_observations,
)
from testsmith.generation.llm.packing import MAX_ASKED_AGAIN, Batch, task_of
from testsmith.model import Change, ExistingTest, Member, Request
from testsmith.patches import LEFT_OUT

if TYPE_CHECKING:
    from jinja2 import Environment

PROMPT_VERSION = 34
"""Part of every result's cache key; increment it when a template changes what is requested."""

_MOST_NAMED = 6
"""Maximum number of existing tests that are named."""

_MOST_REASON = 200
"""Maximum number of characters that say why a patch could not be used."""

_WITHIN = re.compile("::| > ")

_BACKTICKS = re.compile("`{3,}")


def shown(text: str) -> str:
    """Return a name or path on one line, with invisible characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MemberBlock:
    """A member in a user prompt.

    `source` is empty if the diff shows all of it. `within` is the member of the same call whose source
    contains this one, or empty. `test_file` is the path
    of a test file to edit, or empty, as when an earlier edit did not fit. Observations and goals are empty
    if there are none; the last two fields are empty unless tests are repaired.
    """

    id: str
    plain_name: str
    kind: str
    import_line: str
    test_file: str
    tested_by: str
    tables: str
    reason: str
    diff: str
    source: str
    within: str
    uses: tuple[str, ...]
    entry_points: tuple[str, ...]
    observations: tuple[str, ...]
    goals: tuple[str, ...]
    tests: str
    is_diff: bool
    failures: str
    evidence: tuple[str, ...]


class Prompts:
    """Renders system and user prompts.

    The template engine is loaded on first use, so a run with only cached results does not need it.
    """

    @cached_property
    def _environment(self) -> Environment:
        return _environment()

    def system(self, request: Request) -> str:
        """Return the system prompt for all requests with the same language, framework and conventions.

        It also depends on what is asked for: to write, repair or review tests.
        """
        conventions = request.conventions.strip("\n")
        task = task_of(request)
        return self._environment.get_template(_template("system.j2", task)).render(
            language=_language(request),
            framework=request.framework,
            rules=request.rules.strip("\n"),
            names=request.names,
            task=task,
            conventions=conventions,
            fence=_fence([conventions]),
        )

    def probe_system(self, request: Request) -> str:
        """Return the system prompt that asks for inputs of members in a request's language."""
        return self._environment.get_template("probe/system.j2").render(language=_language(request))

    def choice(
        self, request: Request, members: Sequence[object], files: Sequence[object], changes: Sequence[str]
    ) -> tuple[str, str]:
        """Return the system and the user prompt that ask for the test files of members.

        Args:
            request: The first of the requests; what the authors say is the same for all.
            members: What `choose/user.j2` shows of the members.
            files: What it shows of the test files.
            changes: Diffs of what changed.
        """
        user = self._environment.get_template("choose/user.j2").render(
            members=members,
            files=files,
            changes=changes,
            intent=request.intent,
            hint=request.hint,
            fence=_fence((*changes, *map(str, members), *map(str, files), request.intent, request.hint)),
        )
        return self._environment.get_template("choose/system.j2").render(), user

    def user(
        self, batch: Batch, context_budget: int, observation_budget: int = 0, folder: str | None = None
    ) -> str:
        """Return the user prompt for one call.

        Args:
            batch: Requests of the call.
            context_budget: Maximum tokens of context in addition to the members' sources.
            observation_budget: Maximum tokens of observations.
            folder: Folder of the template; None for the batch's own.
        """
        first = batch.requests[0]
        context = fit_context(batch.requests, context_budget, batch.tiers)
        observed = fit_observations(batch.requests, observation_budget, batch.tiers)
        goals = fit_goals(batch.requests, batch.tiers)
        sources = CallSources([request.member for request in batch.requests])
        members = [
            _block(
                request,
                context,
                sources,
                (observed.get(request.member.id, ()), goals.get(request.member.id, ())),
                batch,
            )
            for request in batch.requests
        ]
        diff_problems = [
            shown(f"{member.id}: {batch.diff_problems[member.id][:_MOST_REASON]}")
            for member in (request.member for request in batch.requests)
            if member.id in batch.diff_problems
        ]
        name = _template("user.j2", batch.task if folder is None else folder)
        return self._environment.get_template(name).render(
            language=first.member.language,
            left_out=f"{first.comment} {LEFT_OUT}",
            members=members,
            changes=context.changes,
            shared=context.shared,
            test_files=[
                (shown(path), text, _broken(batch, path, text)) for path, text in context.tests.items()
            ],
            fixtures=context.fixtures,
            style_sample=context.style_sample,
            intent=first.intent if batch.tiers >= USES_TIER else "",
            hint=first.hint,
            runtime=shown(first.runtime),
            fence=_fence((*_fenced_texts(members, context), first.intent, first.hint, *diff_problems)),
            asked_again=batch.asked_again,
            diff_problems=diff_problems,
            may_patch=batch.task != "repair" and any(one.test_file for one in members),
        )


def _language(request: Request) -> str:
    return request.language or request.member.language


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("testsmith.generation.llm"),
        undefined=StrictUndefined,
        # Escaping depends on the file name, and none of the templates is HTML, so nothing is escaped.
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _template(name: str, folder: str) -> str:
    return name if folder == "write" else f"{folder}/{name}"


def _block(
    request: Request,
    context: SharedContext,
    sources: CallSources,
    facts: tuple[Iterable[str], Iterable[str]],
    batch: Batch,
) -> _MemberBlock:
    observed, goals = facts
    member, repair, review = request.member, request.repair, request.review
    diff = member.shown_change.own if batch.tiers >= USES_TIER else ""
    if sources.show_own(member):
        diff = ""
    holder = sources.holder_of(member)
    kind = f"async {member.kind}" if member.is_async else str(member.kind)
    is_last = batch.asked_again == MAX_ASKED_AGAIN  # a module always fits
    is_editable = request.test_path in context.tests and not is_last and repair is None
    return _MemberBlock(
        id=shown(member.id),
        plain_name=shown(member.plain_name),
        kind=kind,
        import_line=shown(request.import_line),
        test_file=shown(request.test_path) if is_editable or (repair and request.test_text) else "",
        tested_by="" if repair else _named(one for one in request.existing[:_MOST_NAMED] if one.calls),
        tables=_named(test for test in request.existing if is_editable and _takes_rows(test, request)),
        reason=reason_of(member),
        diff=diff,
        source="" if _is_whole(diff, member.source) else sources.shown[member.id],
        within="" if holder is None else shown(holder.id),
        uses=context.own.get(member.id, ()),
        entry_points=request.entry_points if batch.tiers >= USES_TIER else (),
        observations=tuple(map(shown, observed)),
        goals=tuple(map(shown, goals)),
        tests=(request.given_code if review is None else review.patch or review.code).strip("\n"),
        is_diff=review is not None and bool(review.patch),
        failures="" if repair is None else "\n\n".join(_failure(*failure) for failure in repair.failures),
        evidence=() if review is None else tuple(map(shown, review.evidence)),
    )


def _named(tests: Iterable[ExistingTest]) -> str:
    return ", ".join(shown(test.id) for test in islice(tests, _MOST_NAMED))


def _broken(batch: Batch, path: str, text: str) -> str:
    """Return the tests in what is shown of a file that the change breaks; empty if there are none."""
    names = next(one.context.broken for one in batch.requests if one.test_path == path)
    there = [shown(name) for name in names if re.search(rf"(?<!\w){re.escape(_last(name))}(?!\w)", text)]
    more = len(there) - _MOST_NAMED
    return ", ".join([*there[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _last(name: str) -> str:
    """Return the name of a test without the classes or blocks that it is in."""
    return _WITHIN.split(name)[-1]


def _takes_rows(test: ExistingTest, request: Request) -> bool:
    is_shown = any(test.line in lines for lines in request.context.test_lines)
    return is_shown and test.has_cases and bool(test.calls) and test.path == request.test_path


def _is_whole(diff: str, source: str) -> bool:
    """Return whether a diff shows all lines of a source on head."""
    lines = (line[1:] for line in diff.split("\n")[1:] if not line.startswith("-"))
    return [line.rstrip() for line in source.strip("\n").split("\n")] == [line.rstrip() for line in lines]


def _failure(function: str, text: str) -> str:
    """Return a test function's failure for a fence; the name is as untrusted as the text."""
    lines = [f"    {shown(line)}" for line in text.splitlines()]
    return "\n".join([f"{shown(function) or 'the module as a whole'}:", *lines])


def reason_of(member: Member) -> str:
    """Describe why the member was selected."""
    if member.change is not Change.AFFECTED:
        return "it is new" if member.change is Change.ADDED else "it changed"
    names = ", ".join(shown(name) for name in member.because)
    route = " and ".join(shown(name) for name in member.shown_change.route)
    reason = f"it uses what changed: {names}" if names else "it uses what changed"
    return f"{reason}, through {route}" if route else reason


def _fenced_texts(members: Iterable[_MemberBlock], context: SharedContext) -> Iterator[str]:
    yield from context.changes
    yield from context.shared
    yield from context.tests.values()
    yield from context.fixtures
    yield context.style_sample
    for member in members:
        yield member.diff
        yield member.source
        yield from member.uses
        yield from member.entry_points
        yield from member.observations
        yield from member.goals
        yield member.tests
        yield member.failures
        yield from member.evidence


def _fence(texts: Iterable[str]) -> str:
    """Return a fence that no line in the texts can close."""
    longest = (len(run) for text in texts for run in _BACKTICKS.findall(text))
    return "`" * (max(longest, default=2) + 1)
