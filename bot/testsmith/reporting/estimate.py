"""Render the estimated model calls and cost of a run as text or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from testsmith.model import SCHEMA_VERSION, Estimate, Skipped, SkipStage, Spending
from testsmith.reporting.escaping import one_line
from testsmith.reporting.json_contract import json_document, member_keys, skipped_keys, statistics_keys
from testsmith.reporting.phrases import count, count_members
from testsmith.settings import OutputFormat


def render_estimate(estimate: Estimate, output_format: OutputFormat, model: str) -> str:
    """Render an estimate.

    Args:
        estimate: The estimate.
        output_format: JSON, or text for any other format.
        model: The model id.
    """
    if output_format is OutputFormat.JSON:
        return json_document(estimate_keys(estimate, model))
    return "\n".join(_lines(estimate, model)) + "\n"


def estimate_keys(estimate: Estimate, model: str) -> dict[str, object]:
    """Return an estimate as a dictionary for JSON."""
    statistics = statistics_keys(estimate.statistics)
    del statistics["funnel"]  # no tests were generated
    return {
        "schema": SCHEMA_VERSION,
        "base": estimate.base,
        "head": estimate.head,
        "model": model,
        "members": [member_keys(member) for member in estimate.members],
        "calls": [
            {
                "members": list(call.members),
                "prompt_tokens": call.prompt_tokens,
                "completion_tokens": call.completion_tokens,
            }
            for call in estimate.calls
        ],
        "cached": list(estimate.cached),
        "skipped": [skipped_keys(entry) for entry in estimate.skipped],
        "stats": statistics,
    }


def _lines(estimate: Estimate, model: str) -> Iterator[str]:
    asked = len({member for call in estimate.calls for member in call.members})
    of_all = f"{asked:,} of {count_members(len(estimate.members), estimate.members)}"
    yield one_line(f"{model} would be called for {of_all}; {len(estimate.cached):,} already in the cache.")
    yield ""
    spending = estimate.statistics.spending
    figures = {
        "calls": f"{spending.api_calls:,}",
        "prompt tokens": f"{spending.prompt_tokens:,}",
        "answer tokens": f"{spending.completion_tokens:,}",
        "cost": _cost(spending),
    }
    for name, figure in figures.items():
        yield f"  {name:<14} {figure:>14}"
    if spending.api_calls > 1:
        share = spending.prefix_tokens / max(1, spending.prompt_tokens)
        yield (
            f"  {share:.0%} of the prompt tokens are the same in every call of a kind, and often cost less "
            "from the second one on."
        )
    if spending.cost is None:
        yield "  The price of this model is not known. Set --prompt-price and --completion-price."
    yield from _left_out(estimate)
    yield ""
    yield "This is an estimate: no model was called and no code was run. Retries and repairs cost extra."


def _cost(spending: Spending) -> str:
    return "unknown" if spending.cost is None else f"{spending.cost:.4f} USD"


def _left_out(estimate: Estimate) -> Iterator[str]:
    """Yield what the limits and internal errors leave out, by reason."""
    left_out = [one for one in estimate.skipped if one.stage in {SkipStage.BUDGET, SkipStage.INTERNAL}]
    for reason, ones in groupby(sorted(left_out, key=_reason), _reason):
        members = [one.member or one.path for one in ones]
        yield ""
        yield one_line(f"Skipped, {count(len(members), 'function')}: {reason}")
        yield from (f"  {one_line(member)}" for member in members)


def _reason(entry: Skipped) -> str:
    return entry.reason
