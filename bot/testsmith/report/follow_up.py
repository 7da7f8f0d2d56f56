"""The text of the bot's own pull request onto the branch of another one. All pure."""

from __future__ import annotations

from collections.abc import Sequence

from testsmith.model import Suggestion
from testsmith.report.markup import inline
from testsmith.report.prose import code, one_line
from testsmith.report.words import count

_MOST_TOLD = 200
_NAME_LIMIT = 100


def follow_up_title(number: int) -> str:
    """Return its title.

    Args:
        number: The number of the pull request that it follows.
    """
    return f"Tests for #{number}"


def follow_up_body(suggestions: Sequence[Suggestion], number: int, head: str) -> str:
    """Return its text.

    Args:
        suggestions: What its last commit adds.
        number: The number of the pull request that it follows.
        head: The commit that they were proven on.
    """
    tests = count(sum(len(one.tests) for one in suggestions), "test")
    lead = f"Merging this adds tests to #{number}. The last commit has {tests}, proven on {head}, for"
    names = [f"- {_name(one)}" for one in suggestions[:_MOST_TOLD]]
    left = len(suggestions) - _MOST_TOLD
    return "\n".join((f"{lead}:", "", *names, *([f"- and {left} more"] if left > 0 else ())))


def _name(suggestion: Suggestion) -> str:
    return inline(code(one_line(suggestion.member.rpartition("::")[2], _NAME_LIMIT)))
