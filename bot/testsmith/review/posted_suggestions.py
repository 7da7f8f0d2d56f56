"""Read the posted suggestions of a pull request from the bot's own comments. Pure functions.

A comment counts only if the bot wrote it and everyone who edited it since has write access; an edited code
block is then a reviewer's version of the tests. Markers in other people's comments are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from testsmith.forge.comment_markers import content_digest, is_same_login
from testsmith.forge.interface import Comment, Existing, ReviewComment
from testsmith.forge.pr_state import MemberState, State, StateEntry
from testsmith.forge.reconcile import Posted, own_suggestions, own_summaries, remember
from testsmith.model import Origin
from testsmith.reporting.pull_requests.comments import code_in, folds_in, origin_in, shows_change


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedSuggestion:
    """A suggestion posted on a pull request.

    Attributes:
        entry: Its entry in the stored state.
        code: Its test module as the comment shows it now; None if it is not available.
        trouble: Why the code is not available, as a clause; empty if it is.
        content: The digest of that code; differs from the stored one if a reviewer edited it.
        comments: The ids of its comments.
        origin: The generator that made it.
    """

    entry: StateEntry
    code: str | None = None
    trouble: str = ""
    content: str = ""
    comments: tuple[int, ...] = ()
    origin: Origin = Origin.MODEL

    @property
    def number(self) -> int:
        """The suggestion's number."""
        return self.entry.number or 0

    @property
    def is_question(self) -> bool:
        """Whether it is a question rather than a test to keep."""
        return self.entry.outcome is MemberState.QUESTION

    @property
    def is_edited(self) -> bool:
        """Whether a reviewer has changed its code."""
        return self.code is not None and self.content != self.entry.content


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedSuggestions:
    """All trusted suggestions on a pull request.

    Attributes:
        state: The stored state.
        by_number: The suggestions and questions by number, including rejected and committed ones.
    """

    state: State
    by_number: dict[int, PostedSuggestion]

    def open(self) -> tuple[PostedSuggestion, ...]:
        """Return the suggestions that are neither rejected nor committed, lowest number first."""
        done = {*self.state.rejected, *self.state.applied}
        return tuple(one for _, one in sorted(self.by_number.items()) if one.entry.content not in done)

    def of_comment(self, comment: int | None) -> tuple[int, ...]:
        """Return the number of the suggestion that a comment of the bot shows, if any."""
        return tuple(one.number for one in self.by_number.values() if comment in one.comments)


def read_posted(existing: Existing, may_write: Callable[[str], bool]) -> PostedSuggestions:
    """Return the posted suggestions of a pull request.

    Args:
        existing: All comments and reviews of the pull request.
        may_write: Returns whether a user's edits count.
    """
    distrusted = {
        one.node_id
        for one in _shown_comments(existing)
        if one.editor and not is_same_login(one.editor, existing.viewer.login) and not may_write(one.editor)
    }
    trusted = replace(
        existing,
        comments=tuple(one for one in existing.comments if one.node_id not in distrusted),
        review_comments=tuple(one for one in existing.review_comments if one.node_id not in distrusted),
    )
    state = remember(trusted)
    posted = own_suggestions(trusted)
    folds = [fold for one in own_summaries(trusted) for fold in folds_in(one.body).items()]
    found = (
        _read(entry, posted, dict(reversed(folds)), existing, distrusted)
        for entry in state.entries
        if entry.number
    )
    return PostedSuggestions(state=state, by_number={one.number: one for one in found})


def _shown_comments(existing: Existing) -> Iterator[Comment | ReviewComment]:
    yield from own_summaries(existing)
    yield from (one.comment for one in own_suggestions(existing))


def _read(
    entry: StateEntry,
    posted: Iterable[Posted],
    folds: dict[str, str],
    existing: Existing,
    distrusted: set[str],
) -> PostedSuggestion:
    ours = [one.comment for one in posted if one.mark.content == entry.content]
    everyone = (one.comment for one in own_suggestions(existing) if one.mark.content == entry.content)
    edited = [one for one in everyone if one.node_id in distrusted]
    found = PostedSuggestion(entry=entry, comments=tuple(one.id for one in (*ours, *edited)))
    if edited:
        trouble = f"its comment was edited by {edited[0].editor}, who has no write access"
        return replace(found, trouble=trouble)
    text = ours[0].body if ours else folds.get(entry.content, "")
    code = code_in(text)
    if code is None:
        return replace(found, trouble="its comment does not show the full code")
    read = replace(found, code=code, content=content_digest(entry.member, code), origin=origin_in(text))
    return _without_untrusted(read, text, ours)


def _without_untrusted(found: PostedSuggestion, text: str, ours: list[ReviewComment]) -> PostedSuggestion:
    """Drop the code unless it is what was verified or a trusted reviewer's version of it."""
    editor = ours[0].editor if ours else None
    if shows_change(text) and (editor is not None or found.is_edited):
        return replace(
            found, code=None, trouble="its suggested change was edited: commit it from the comment"
        )
    if found.is_edited and ours and editor is None:
        return replace(found, code=None, trouble="its code cannot be shown exactly in a comment")
    return found
