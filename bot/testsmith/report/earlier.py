"""What people should do to tests that an earlier run has made, in sentences. All pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testsmith.model import EarlierTest, Fate
from testsmith.report.prose import Prose, code, joined, one_line, plain
from testsmith.report.words import count

_MOST_MEMBERS = 20
_MOST_TESTS = 10
_NAME_LIMIT = 200


def earlier_words(tests: Iterable[EarlierTest]) -> Iterator[Prose]:
    """Yield one sentence for each member whose tests somebody should look at."""
    by_member: dict[tuple[str, Fate, bool], list[EarlierTest]] = {}
    for one in tests:
        by_member.setdefault((one.member, one.fate, one.is_edited), []).append(one)
    told = list(by_member.items())
    for (member, fate, is_edited), group in told[:_MOST_MEMBERS]:
        yield (*_subject(member), *plain(_said(fate, is_edited=is_edited)), *_names(group), *plain("."))
    left = len(told) - _MOST_MEMBERS
    if left > 0:
        yield plain(f"… and tests of {count(left, 'more member')}.")


def _subject(member: str) -> Prose:
    return code(one_line(member.rpartition("::")[2], _NAME_LIMIT))


def _said(fate: Fate, *, is_edited: bool) -> str:
    edited = " (edited by hand since)" if is_edited else ""
    if fate is Fate.REMOVE:
        return f" is gone; remove its tests{edited}: "
    return f" has changed; mend or remove its tests that fail{edited}: "


def _names(tests: list[EarlierTest]) -> Prose:
    names = [code(one_line(f"{one.path}::{one.name}", _NAME_LIMIT)) for one in tests[:_MOST_TESTS]]
    left = len(tests) - _MOST_TESTS
    return (*joined(", ", names), *plain(f" and {left} more" if left > 0 else ""))
