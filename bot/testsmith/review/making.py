"""The commands that make tests: again for what was looked at, and for what the change does not touch."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from testsmith.forge.commands import Command
from testsmith.forge.settling import Wanted
from testsmith.forge.state import Entry
from testsmith.model import Member, Repair, Report
from testsmith.pipeline import Given
from testsmith.review.choosing import Chosen, chosen_by, told
from testsmith.review.desk import Desk, Told
from testsmith.review.standing import Standing
from testsmith.review.story import review

_OTHERS_WANTED = "A reviewer has asked for other tests of this member: these are not what is wanted."
_EVERYTHING = "."


async def review_again(desk: Desk) -> Told:
    """Review the pull request, as at a push."""
    return told(Chosen(), await review(desk.review_task(), desk.tools.review))


async def retry(desk: Desk, command: Command) -> Told:
    """Make other tests for what is named; else for all that has none."""
    stand = await desk.stand()
    chosen = chosen_by(desk, command, stand)
    asked = [one for one in chosen.standings if one.entry.is_asked]
    chosen = chosen.without(asked, lambda one: f"ask for it by `/testsmith suggest {one.entry.member}`")
    if chosen.troubles and not chosen.standings:
        return told(chosen)
    repairs = {one.entry.member: _other_tests(one) for one in chosen.standings}
    if not chosen.standings:
        repairs = {one.member: _after(one) for one in stand.memory.entries if one.number is None}
    return await _made_anew(desk, chosen, repairs)


def _other_tests(standing: Standing) -> Repair:
    code = standing.code or ""
    return Repair(code=code, failures=(("", _OTHERS_WANTED),), normalised_code=code)


def _after(entry: Entry) -> Repair:
    return Repair(code="", failures=(("", entry.shown),), normalised_code="")


async def _made_anew(desk: Desk, chosen: Chosen, repairs: Mapping[str, Repair]) -> Told:
    """Ask again for some members, and let what comes take the place of what was there."""
    report = await desk.run(repairs.__contains__, Given(repairs=repairs, seed=desk.task.comment))
    found = {one.member for one in report.suggestions}
    reasons = {one.member: one.reason for one in report.skipped if one.member in repairs}
    left = (member for member in repairs if member not in found)
    troubles = (f"`{member}`: {reasons.get(member, 'the change has it no more')}." for member in left)
    reviewed = await desk.post(report, partial(_only_of, members=found))
    return told(replace(chosen, troubles=(*chosen.troubles, *troubles)), reviewed)


def _only_of(wanted: Wanted, members: set[str], *, is_asked: bool = False) -> Wanted:
    outcomes = (one for one in wanted.outcomes if one.member in members)
    return replace(
        wanted, outcomes=tuple(replace(one, is_asked=is_asked) for one in outcomes), is_complete=False
    )


async def suggest_these(desk: Desk, command: Command) -> Told:
    """Look at what is named, whether the change touches it or not; without a name, at all of the change."""
    if not command.targets:
        return await review_again(desk)
    known = await desk.run(lambda _: False)
    touched = {one.id for one in known.members if any(_means(name, one) for name in command.targets)}
    others = [name for name in command.targets if not any(_means(name, one) for one in known.members)]
    parts = list[Told]()
    if touched:
        report = await desk.run(touched.__contains__)
        parts.append(told(Chosen(), await desk.post(report, partial(_only_of, members=touched))))
    if others:
        parts.append(await _suggest_untouched(desk, known, others))
    return _together(parts)


def _means(name: str, member: Member) -> bool:
    """Tell whether a name that was typed means a member: by id, name, or file or folder."""
    path = posixpath.normpath(name)
    return (
        name in {member.id, member.name}
        or member.name.startswith(f"{name}.")
        or path == member.path
        or member.path.startswith(f"{path}/")
    )


async def _suggest_untouched(desk: Desk, known: Report, names: Sequence[str]) -> Told:
    """Look at members that the change does not touch."""
    tree = (await desk.begun()).states.head_tree
    files = tuple(name for name in names if tree.entry(posixpath.normpath(name)) is not None)
    paths = (*files, *(() if len(files) == len(names) else (_EVERYTHING,)))
    report = await desk.run(lambda _: True, Given(paths=paths, only=tuple(names)))
    members = {one.id for one in report.members}
    both = replace(report, members=(*known.members, *report.members), base=known.base)
    reviewed = await desk.post(both, partial(_only_of, members=members, is_asked=True))
    missing = (f"`{one.path}`: {one.reason}." for one in report.skipped if one.member is None)
    return told(Chosen(troubles=tuple(missing)), reviewed)


def _together(parts: Sequence[Told]) -> Told:
    last = next((one.reviewed for one in reversed(parts) if one.reviewed is not None), None)
    words = "\n\n".join(one.words for one in parts if one.words)
    return Told(is_done=all(one.is_done for one in parts), words=words, reviewed=last)
