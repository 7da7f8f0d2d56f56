"""What was measured, next to the goals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        name: What was measured.
        value: The number.
        unit: What it counts.
        most: What it may be at most; None for no such bound.
        least: What it must be at least; None for no such bound.
    """

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def target(self) -> str:
        """The bound in words; empty where there is none."""
        if self.most is not None:
            return f"at most {self.most:g}"
        return "" if self.least is None else f"at least {self.least:g}"

    @property
    def is_met(self) -> bool:
        """Whether the number keeps to its bounds."""
        not_too_much = self.most is None or self.value <= self.most
        return not_too_much and (self.least is None or self.value >= self.least)


def print_figures(figures: Iterable[Figure]) -> None:
    """Print figures as a table."""
    print(f"\n| {'measured':<74} | {'figure':>9} | {'unit':<12} | {'target':<14} |     |")
    print(f"|{'-' * 76}|{'-' * 11}|{'-' * 14}|{'-' * 16}|-----|")
    for one in figures:
        met = "" if not one.target else "met" if one.is_met else "NOT"
        print(f"| {one.name:<74} | {one.value:>9.2f} | {one.unit:<12} | {one.target:<14} | {met:<3} |")
