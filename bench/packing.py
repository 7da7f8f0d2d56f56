"""What asking for a real change costs, members packed into few calls, beside one call a member."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.calls import ask
from bench.figures import Figure
from bench.pulls import PAIRS, pull_request
from bench.subjects import NotToBeHad
from fakes.endpoint import Endpoint, Received


def measure_packing(folder: Path) -> Iterator[Figure]:
    """Measure the first pair of releases; the endpoint's answers are short, and as long both ways."""
    name, old, new = PAIRS[0]
    try:
        repository = pull_request(folder / name, name, old, new)
    except NotToBeHad as reason:
        print(f"not measured: {name} from {old} to {new}: {reason}")
        return
    ways = {"packed": (), "one call a member": ("--max-output-tokens", "300")}
    for number, (way, arguments) in enumerate(ways.items()):
        cache = ("--cache-dir", str(folder / f"cache-{number}"), "--head", "change")
        with Endpoint() as endpoint:
            estimate = ask(repository, endpoint.url, *cache, *arguments, "--estimate").report
            report = ask(repository, endpoint.url, *cache, *arguments).report
        what = f"{name} {old} to {new}, {len(report['members'])} members, {way}"
        yield from _figures(what, report["stats"], endpoint.requests)
        yield from _estimated(what, estimate["stats"], report["stats"])


def _figures(what: str, stats: dict[str, int], requests: Sequence[Received]) -> Iterator[Figure]:
    yield Figure(name=what, value=len(requests), unit="calls")
    for kind in ("prompt", "completion"):
        yield Figure(name=what, value=stats[f"{kind}_tokens"], unit=f"{kind} tok.")
    systems = [str(one.body["messages"][0]["content"]) for one in requests]
    texts = [message["content"] for one in requests for message in one.body["messages"]]
    share = _same(systems) * len(systems) / sum(map(len, texts))
    yield Figure(name=f"{what}: same first part", value=100 * share, unit="% of prompts")


def _estimated(what: str, estimated: dict[str, int], counted: dict[str, int]) -> Iterator[Figure]:
    """Answers are short here, so that only calls and prompts can be compared with what was reckoned."""
    for figure, name in {"api_calls": "calls", "prompt_tokens": "prompt tokens"}.items():
        share = estimated[figure] / counted[figure]
        yield Figure(name=f"{what}: {name} by --estimate", value=share, unit="times", most=1.2)


def _same(texts: Sequence[str]) -> int:
    """Return how many characters all texts begin with alike."""
    return next(
        (place for place, here in enumerate(zip(*texts, strict=False)) if len(set(here)) > 1),
        min(map(len, texts)),
    )
