"""Describe what differs between base and head, from a test that passes on base and fails on head."""

from __future__ import annotations

import ast
import re

from testsmith.languages.judge import short
from testsmith.languages.python.judge.documentation.questions import first_words
from testsmith.languages.python.judge.test_reading.claims import Claim, Claimed, claims_of
from testsmith.languages.python.judge.test_reading.situations import resolved
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

_RAISED_NOTHING = re.compile(r"^Failed: DID NOT RAISE <class '(?:[\w.<>]+\.)?(?P<name>\w+)'>")


def difference(code: str, member: Member, function: str, message: str) -> str:
    """Return a sentence with both results of the call that differs; empty if that call is unknown."""
    try:
        claims = [claim for claim in claims_of(parse_untrusted(code), member) if claim.function == function]
    except CannotParse:
        return ""
    data = {sentence for claim in claims if (sentence := _difference(claim, message))}
    return data.pop() if len(data) == 1 else ""


def _difference(claim: Claim, message: str) -> str:
    call, _ = resolved(claim.call, claim.before)
    outputs = _outputs(claim.claimed, message)
    is_call = any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(call))
    return f"`{short(ast.unparse(call))}` {outputs} now" if is_call and outputs else ""


def _outputs(claimed: Claimed, message: str) -> str:
    """Describe a claimed call's result before and after; empty if the message is not about this claim."""
    if claimed.value is not None:
        before = ast.unparse(claimed.value)
        after = _compared_with(before, message)
        return f"gave `{short(before)}` before this change and gives `{short(after)}`" if after else ""
    raised = _RAISED_NOTHING.match(message)
    if raised is None or raised["name"] != claimed.exception:
        return ""
    return f"raised `{claimed.exception}` before this change and raises nothing"


def _compared_with(claimed: str, message: str) -> str:
    """Return the other side of a failed comparison; empty if the message contains none."""
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
