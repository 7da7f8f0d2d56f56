from __future__ import annotations

from testsmith.llm.budget import SpendingMeter
from testsmith.llm.interface import TokenUsage
from testsmith.model import Spending, SpendingReporter


def test_spending__adds_up_calls_and_tokens() -> None:
    meter = SpendingMeter()
    reporter: SpendingReporter = meter
    before = reporter.spending()

    meter.count_call()
    meter.count_call()
    meter.count_tokens(TokenUsage(prompt_tokens=10, completion_tokens=3), 0.25, prefix=0.4)
    meter.count_tokens(TokenUsage(prompt_tokens=1, completion_tokens=4), 0.5)

    assert before == Spending()
    assert reporter.spending() == Spending(
        api_calls=2, prompt_tokens=11, prefix_tokens=4, completion_tokens=7, cost=0.75
    )


def test_spending__knows_no_cost_where_that_of_one_answer_is_not_known() -> None:
    meter = SpendingMeter()
    meter.count_tokens(TokenUsage(prompt_tokens=1), 0.25)
    meter.count_tokens(TokenUsage(prompt_tokens=1), None)
    meter.count_tokens(TokenUsage(prompt_tokens=1), 0.25)
    assert meter.spending() == Spending(prompt_tokens=3, cost=None)
