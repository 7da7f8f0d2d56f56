"""What is known of the project's own tests: the nouns that their measuring and its users share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.execution.answers import Reached


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberBaseline:
    """What the project's own tests do with one member.

    Attributes:
        reached: The member's lines and arcs that they reach.
        tests: The ids of those that reach a line, by line, the quickest first; empty where only a
            coverage file was read. An id is the test's file, relative to the git root, and what follows
            `::` in pytest's node id. What runs when the module is loaded is reached by all of them: there
            they are those that reach another line of the member, or name it.
        branches_known: Whether anything is known of arcs; where it is not, none may be called a gain.
    """

    reached: Reached = field(default_factory=Reached)
    tests: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    branches_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSuite:
    """What is known of the project's own tests.

    Attributes:
        members: By member id; of a member that is not in it, not all is known.
        notes: What a reader of the report should know.
        partly: Members that are not in `members`, with what the tests that did run showed: what these reach
            is reached, and what they notice is noticed; nothing follows from what they do not.
        failed: The tests that did not pass, as `tests/test_cart.py::test_add`, and the test files that could
            not be loaded; None where not all were run.
    """

    members: Mapping[str, MemberBaseline] = field(default_factory=dict)
    partly: Mapping[str, MemberBaseline] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed: frozenset[str] | None = None

    @property
    def known_to_fail(self) -> frozenset[str] | None:
        """What is known not to pass; None where nothing was measured, so that no own test has counted."""
        if self.failed is None and (self.members or self.partly):
            return frozenset()
        return self.failed
