"""A job's calls as they are remembered, and back. Pure.

A later run has other requests than the run that asked, so what an answer is for is told by the keys of
results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from testsmith.cache.jobs import MOST_MEMBERS_A_CALL, Again, AskedCall, AskedMember, Terms
from testsmith.generation.model.context import STYLE_TIER
from testsmith.generation.model.packing import Batch, BatchLimits
from testsmith.generation.model.rounds import MAX_ASKED_AGAIN
from testsmith.model import Candidate, Change, Member, MemberKind, Request, Result


def limits_of_jobs(limits: BatchLimits) -> BatchLimits:
    """Return limits under which every call can be remembered."""
    least = -(-limits.max_output_tokens // MOST_MEMBERS_A_CALL)
    return replace(limits, tokens_per_member=max(limits.tokens_per_member, least))


def asked_call(batch: Batch, keys: Mapping[str, str]) -> AskedCall:
    """Return what is remembered of a call; `keys` are those of its members' results, by member id."""
    members = (
        AskedMember(key=keys[request.member.id], path=request.member.path, name=request.member.name)
        for request in batch.requests
    )
    return AskedCall(members=tuple(members), terms=_terms(batch))


def batch_of(call: AskedCall, requests: Mapping[str, Sequence[Request]]) -> Batch:
    """Return a remembered call's batch, its requests in the order of the call's members.

    Its members are as the answer calls them, whatever they are called now.

    Args:
        call: What is remembered.
        requests: What is asked for now, by key, for what is to be mended of it.
    """
    return Batch(
        requests=tuple(_as_asked(member, requests.get(member.key, ())) for member in call.members),
        max_tokens=call.terms.max_tokens,
        tiers=call.terms.tiers,
        asked_again=call.terms.asked_again,
    )


def again_of(batch: Batch, keys: Mapping[str, str]) -> Again:
    """Return how a call is to be made the next time."""
    return Again(keys=tuple(keys[request.member.id] for request in batch.requests), terms=_terms(batch))


def batch_again(terms: Terms, requests: Sequence[Request], limits: BatchLimits) -> Batch:
    """Return a call that is made again, as far as what is remembered of it makes sense."""
    usual = limits.allowance(limits.shares_of(requests))
    return Batch(
        requests=tuple(requests),
        max_tokens=min(max(terms.max_tokens, usual), limits.longest),
        tiers=min(max(terms.tiers, 1), STYLE_TIER),
        asked_again=min(terms.asked_again, MAX_ASKED_AGAIN),
    )


def result_for(request: Request, result: Result) -> Result:
    """Return a result as that of a request with the same key."""
    if isinstance(result, Candidate):
        return replace(result, member=request.member.id)
    return replace(result, member=request.member.id, path=request.member.path)


def _terms(batch: Batch) -> Terms:
    return Terms(max_tokens=batch.max_tokens, tiers=batch.tiers, asked_again=batch.asked_again)


def _as_asked(member: AskedMember, requests: Sequence[Request]) -> Request:
    repair = requests[0].repair if requests else None
    return Request(member=_member(member), test_path="", repair=repair)


def _member(asked: AskedMember) -> Member:
    return Member(
        path=asked.path,
        name=asked.name,
        language="",
        change=Change.ADDED,
        line=1,
        end_line=1,
        kind=MemberKind.FUNCTION,
        source="",
        module="",
    )
