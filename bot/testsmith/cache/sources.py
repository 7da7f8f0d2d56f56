"""What the outcome of a member is found from, as one digest: while it stays, the outcome holds. Pure.

A comment on a pull request remembers it, so that a push which leaves a member alone costs nothing for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from testsmith.cache.keys import canonical_digest
from testsmith.model import Request

_SCHEMA = 2
_LENGTH = 16
_LENGTH_OF_TESTS = 8
_BETWEEN = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the outcomes of all members of a run depend on.

    Attributes:
        version: The bot's version.
        generators: Who makes the tests, as `openai gpt-6-luna`.
        rules: The settings that decide what is proven and posted, by name.
    """

    version: str
    generators: str
    rules: tuple[tuple[str, str], ...] = ()


def source_digest(request: Request, ground: Ground, base: bytes | None, own_tests: str) -> str:
    """Return the digest of all that a member's outcome is found from, in two parts.

    A member that moves within its file keeps it; comments and formatting do not count either. The second part
    is that of the tests that there are.

    Args:
        request: What is asked for the member.
        ground: What holds for the whole run.
        base: The member's file on base, with which head is compared; None where there is none.
        own_tests: What stands in the test file that a suggestion would go into, but for tests of the bot's
            own, which change nothing that was found; empty for nothing.
    """
    member = request.member
    parts = {
        "schema": _SCHEMA,
        "ground": [ground.version, ground.generators, sorted(ground.rules)],
        "member": [member.id, member.change.value, member.module, request.test_path],
        "source": request.normalised_source,
        "because": [request.context.dependencies, member.because],
        "signatures": request.context.signatures,
        "conventions": request.conventions,
        "base": None if base is None else hashlib.sha256(base).hexdigest(),
    }
    tests = hashlib.sha256(own_tests.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{canonical_digest(parts)[:_LENGTH]}{_BETWEEN}{tests[:_LENGTH_OF_TESTS]}"


def is_same_but_for_tests(one: str, other: str) -> bool:
    """Tell whether two digests differ in nothing but the tests that there are."""
    return one.partition(_BETWEEN)[0] == other.partition(_BETWEEN)[0]
