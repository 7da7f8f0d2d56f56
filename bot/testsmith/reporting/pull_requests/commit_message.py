"""Render the bot's commit messages and the texts of follow-up pull requests. Pure functions.

Member names are the only project text quoted, because a commit message can close issues and mention people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testsmith import __version__
from testsmith.events import COMMIT_TRAILER
from testsmith.forge.comment_markers import run_digest
from testsmith.model import Evidence, Suggestion
from testsmith.reporting.escaping import code, inline, one_line
from testsmith.reporting.phrases import count, fail_to_pass_words, run_words, verb
from testsmith.settings import CommitSettings

HEADLINE_LIMIT = 72
"""Maximum characters of a message's first line, by git convention."""

_MOST_TOLD = 50
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A commit message: its first line and the rest."""

    headline: str
    body: str


def commit_message(
    suggestions: Sequence[Suggestion], removed: Sequence[str], head: str, settings: CommitSettings
) -> Message:
    """Return the message of a commit that adds suggestions and deletes tests.

    Args:
        suggestions: The added suggestions.
        removed: The deleted tests; at least one if nothing is added.
        head: The commit that the suggestions were verified on.
        settings: Sign-off and co-authors.
    """
    paragraphs = [*_added(suggestions, head), *_taken_out(removed)]
    trailers = "\n".join(_trailers(suggestions, head, settings))
    headline = _headline(suggestions) if suggestions else f"Remove {count(len(removed), 'test')}"
    return Message(headline=headline, body="\n\n".join((*paragraphs, trailers)))


def _added(suggestions: Sequence[Suggestion], head: str) -> Iterator[str]:
    if suggestions:
        yield f"Each test was run and proven on {head}:"
        yield _listed([f"{_name(one)}: {', '.join(_facts(one))}" for one in suggestions])


def _taken_out(removed: Sequence[str]) -> Iterator[str]:
    if removed:
        yield "Removed, because the code that they test has changed or no longer exists:"
        yield _listed([one_line(one.rpartition("::")[2], _NAME_LIMIT) for one in removed])


def _listed(lines: Sequence[str]) -> str:
    left = len(lines) - _MOST_TOLD
    more = [f"- and {left} more"] if left > 0 else []
    return "\n".join((*(f"- {line}" for line in lines[:_MOST_TOLD]), *more))


def _headline(suggestions: Sequence[Suggestion]) -> str:
    names = list(dict.fromkeys(_name(one) for one in suggestions))
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    headline = f"Add tests for {names[0]}{more}"
    tests = count(sum(len(one.tests) for one in suggestions), "test")
    return headline if len(headline) <= HEADLINE_LIMIT else f"Add {tests}"


def _name(suggestion: Suggestion) -> str:
    return one_line(suggestion.member.rpartition("::")[2], _NAME_LIMIT)


def _facts(suggestion: Suggestion) -> Iterator[str]:
    evidence = suggestion.evidence
    if evidence is None:
        yield count(len(suggestion.tests), "test")
        return
    yield fail_to_pass_words(evidence) if evidence.fail_to_pass else count(len(suggestion.tests), "test")
    yield run_words(evidence)
    yield from _gains(evidence)


def _gains(evidence: Evidence) -> Iterator[str]:
    if evidence.mutants:
        mutants = count(evidence.mutants, "mutant")
        yield f"{verb('kill', evidence.tests)} {evidence.mutants_killed or 0} of {mutants}"
    if evidence.lines_gained:
        yield f"{verb('cover', evidence.tests)} {count(evidence.lines_gained, 'more line')}"


def _trailers(suggestions: Sequence[Suggestion], head: str, settings: CommitSettings) -> Iterator[str]:
    yield f"{COMMIT_TRAILER} {run_digest(head, (one.member + one.code for one in suggestions))}"
    yield f"Generated-by: TestSmith Bot {__version__}"
    if settings.co_author:
        yield f"Co-authored-by: {settings.co_author}"
    if settings.sign_off:
        yield f"Signed-off-by: {settings.sign_off}"


_MOST_LISTED = 200


def follow_up_title(number: int) -> str:
    """Return the title of a follow-up pull request.

    Args:
        number: The number of the original pull request.
    """
    return f"Tests for #{number}"


def follow_up_body(suggestions: Sequence[Suggestion], number: int, head: str) -> str:
    """Return the text of a follow-up pull request.

    Args:
        suggestions: The suggestions in its latest commit.
        number: The number of the original pull request.
        head: The commit that the suggestions were verified on.
    """
    tests = count(sum(len(one.tests) for one in suggestions), "test")
    lead = f"Merge this to add tests to #{number}. The last commit adds {tests}, proven on {head}, for"
    names = [f"- {_linked_name(one)}" for one in suggestions[:_MOST_LISTED]]
    left = len(suggestions) - _MOST_LISTED
    return "\n".join((f"{lead}:", "", *names, *([f"- and {left} more"] if left > 0 else ())))


def _linked_name(suggestion: Suggestion) -> str:
    return inline(code(one_line(suggestion.member.rpartition("::")[2], _NAME_LIMIT)))
