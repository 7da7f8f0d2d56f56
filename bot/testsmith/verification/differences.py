"""What a test that held before the change says of it: what a call gave then, and what it does now. Pure."""

from __future__ import annotations

import ast
import re

from testsmith.languages.driver import CannotParse
from testsmith.languages.python.parsing import parse_untrusted
from testsmith.model import Member
from testsmith.verification.guard.questions import first_words, short
from testsmith.verification.reading.claims import Claim, Claimed, claims_of
from testsmith.verification.reading.situations import resolved

_RAISED_NOTHING = re.compile(r"^Failed: DID NOT RAISE <class '(?:[\w.<>]+\.)?(?P<name>\w+)'>")


def difference(code: str, member: Member, function: str, message: str) -> str:
    """Return both outputs of the call that differs, as a sentence; empty where it cannot be told which does.

    Args:
        code: The test module.
        member: The member.
        function: The test function, which passed before the change.
        message: What it fails with now. Untrusted.
    """
    try:
        claims = [claim for claim in claims_of(parse_untrusted(code), member) if claim.function == function]
    except CannotParse:
        return ""
    told = {sentence for claim in claims if (sentence := _difference(claim, message))}
    return told.pop() if len(told) == 1 else ""


def _difference(claim: Claim, message: str) -> str:
    call, _ = resolved(claim.call, claim.before)
    outputs = _outputs(claim.claimed, message)
    is_call = any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(call))
    return f"`{short(ast.unparse(call))}` {outputs} now" if is_call and outputs else ""


def _outputs(claimed: Claimed, message: str) -> str:
    """Say what the claimed call did before and does now; empty where the message is not about this claim."""
    if claimed.value is not None:
        before = ast.unparse(claimed.value)
        after = _compared_with(before, message)
        return f"gave `{short(before)}` before this change and gives `{short(after)}`" if after else ""
    raised = _RAISED_NOTHING.match(message)
    if raised is None or raised["name"] != claimed.exception:
        return ""
    return f"raised `{claimed.exception}` before this change and raises nothing"


def _compared_with(claimed: str, message: str) -> str:
    """Return the other side of a comparison that failed; empty where the message tells of none."""
    try:
        body = parse_untrusted(first_words(message)).body
    except CannotParse:
        return ""
    match body:
        case [ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]))]:
            sides = [ast.unparse(left), ast.unparse(right)]
            if claimed in sides:
                sides.remove(claimed)
                return sides[0]
    return ""
