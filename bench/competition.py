"""What facts and the offline engine save a model that gets two expected values in five wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.program import run_program
from bench.projects import write_change
from fakes import many_members
from fakes.endpoint import Endpoint
from fakes.guessing_model import GuessingModel

WAYS = {
    "openai": ("--provider", "openai"),
    "openai+offline": ("--provider", "openai+offline"),
    "openai+offline, model-for hard": ("--provider", "openai+offline", "--model-for", "hard"),
}


_TOKENS = "prompts  | answers "


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of one way to ask.

    Attributes:
        way: How was asked.
        report: The run's report.
        calls: Calls of the endpoint.
    """

    way: str
    report: dict[str, Any]
    calls: int

    @property
    def share(self) -> float:
        """The share of members with a suggestion that is not a question, in percent."""
        return 100 * len({one["member"] for one in self._green}) / len(self.report["members"])

    @property
    def shown(self) -> float:
        """The share of changed and affected members with a test that fails on base, in per cent."""
        there = {one["id"] for one in self.report["members"] if one["change"] != "added"}
        failing = {one["member"] for one in self._green if one["evidence"]["base"] == "fails"}
        return 100 * len(failing & there) / len(there)

    @property
    def killed(self) -> int:
        """The mutants that the suggestions kill."""
        return sum(one["evidence"]["mutants_killed"] or 0 for one in self._green)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens of prompts and of answers."""
        stats = self.report["stats"]
        return stats["prompt_tokens"], stats["completion_tokens"]

    @property
    def _green(self) -> list[dict[str, Any]]:
        return [one for one in self.report["suggestions"] if one["label"] not in {"catches", "question"}]

    def __str__(self) -> str:
        prompts, answers = self.tokens
        engine = sum(one["origin"] == "offline" for one in self._green)
        facts = (
            f"{self.share:7.0f} % | {self.shown:7.0f} % | {self.killed:>7} | {engine:>7} | {self.calls:>5}"
        )
        not_asked = self.report["stats"]["not_asked"]
        return f"| {self.way:<31} | {facts} | {prompts:>8,} | {answers:>8,} | {not_asked:>9} |"


def measure_competition(folder: Path) -> Iterator[Figure]:
    """Print the table of a change of 20 members, and of what it takes to have tests for them."""
    repository = write_change(folder / "many_members", many_members.base(), many_members.HEAD)
    print(f"\n| {'asked':<31} | posted    | fail base | killed  | engine  | calls | {_TOKENS} | not asked |")
    print(f"|{'-' * 33}|{'-' * 11}|{'-' * 11}|---------|---------|-------|{'-' * 10}|{'-' * 10}|{'-' * 11}|")
    for number, (way, arguments) in enumerate(WAYS.items()):
        row = measured(repository, folder / f"cache-{number}", way, arguments)
        print(row, flush=True)
        yield Figure(name=f"{len(row.report['members'])} members, {way}", value=row.share, unit="% posted")
        yield Figure(
            name=f"{len(row.report['members'])} members, {way}", value=sum(row.tokens), unit="tokens"
        )


def measured(repository: Path, cache: Path, way: str, arguments: tuple[str, ...]) -> Row:
    """Ask in one way, with a cache of its own."""
    model = GuessingModel(many_members.INPUTS, many_members.namespace())
    with Endpoint(answer=model) as endpoint:
        there = ("--head", "change", "--base-url", endpoint.url, "--model", "guessing", "--strategy", "write")
        ran = run_program(repository, *there, "--cache-dir", str(cache), "--suite-seconds", "0", *arguments)
        return Row(way=way, report=ran.report, calls=len(endpoint.requests))
